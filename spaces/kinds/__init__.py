"""Kinds of spaces: around a skeleton or one network, and several spaces as one."""
