"""Tables of networks that somebody has trained before: what a search can be run on without
training. The format is in docs/tables.md."""

from .trained_networks import Entry, Seen, Table, read_table

__all__ = ["Entry", "Seen", "Table", "read_table"]
