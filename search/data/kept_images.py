"""Lists and removes the data sets that are kept decoded on the disk, with typed results."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ...blocks.documented import documented
from ...blocks.errors import InputError
from .cache import Cache, Entry, cache_at


@documented
@dataclass(frozen=True, kw_only=True)
class KeptImages:
    """The data sets that a folder keeps decoded."""

    folder: Path
    """The folder."""
    limit: int
    """Bytes that all entries together may have, apart from those in use."""
    entries: tuple[Entry, ...]
    """The data sets, the one used last first."""

    @property
    def bytes(self) -> int:
        """Bytes of all entries on the disk."""
        return sum(entry.bytes for entry in self.entries)

    def to_dict(self) -> dict[str, Any]:
        """The entries as plain JSON, as `automl cache list --json` prints them."""
        listed = [asdict(entry) for entry in self.entries]
        return {"folder": str(self.folder), "bytes": self.bytes, "limit": self.limit, "entries": listed}


@documented
@dataclass(frozen=True, kw_only=True)
class ClearedImages:
    """The data sets that were removed from a folder of decoded images."""

    removed: tuple[Entry, ...]
    """Entries that were removed."""
    in_use: tuple[Entry, ...]
    """Entries that stay because a process uses them."""

    def to_dict(self) -> dict[str, Any]:
        """Both as plain JSON, as `automl cache clear --json` prints them."""
        return {name: [asdict(entry) for entry in getattr(self, name)] for name in ("removed", "in_use")}


def list_cache(cache: str | Path | None = None) -> KeptImages:
    """List the data sets that are kept decoded.

    Args:
        cache: the folder; AUTOML_CACHE or automl/decoded in the user's cache folder if None.

    Raises:
        InputError: the folder is "none", or AUTOML_CACHE_GB is no number above 0.
    """
    found = _cache(cache)
    return KeptImages(folder=found.folder, limit=found.limit, entries=tuple(found.entries()))


def clear_cache(keys: str | Sequence[str] | None = None, *, cache: str | Path | None = None) -> ClearedImages:
    """Remove decoded data sets from the disk, except those in use; searches decode them again when
    needed.

    Args:
        keys: a key of an entry, or several, or beginnings of them; all entries if None.
        cache: the folder; AUTOML_CACHE or automl/decoded in the user's cache folder if None.

    Raises:
        InputError: no entry has such a key, or the folder is "none".
    """
    removed, left = _cache(cache).clear([keys] if isinstance(keys, str) else keys)
    return ClearedImages(removed=tuple(removed), in_use=tuple(left))


def _cache(folder: str | Path | None) -> Cache:
    found = cache_at(folder)
    if found is None:
        raise InputError("--cache must name a folder here, but got 'none'")
    return found
