"""Typed results of the commands about a study: its progress, its front and its report."""
