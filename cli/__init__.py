"""The commands. Each is a thin layer over a Python function of the same name, imported when the
command runs."""
