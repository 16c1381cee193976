"""Tables of trained networks, on which a search can run without training (docs/tables.md)."""

from .trained_networks import Entry, Seen, Table, read_table

__all__ = ["Entry", "Seen", "Table", "read_table"]
