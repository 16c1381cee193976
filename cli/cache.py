"""The commands `automl cache list` and `clear`: the images that are kept decoded."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from .options import Cache, Json
from .output import print_json
from .printed_tables import print_table
from .text import duration

if TYPE_CHECKING:
    from ..search.data.cache import Entry

COLUMNS = ("key", "data", "images", "px", "GB", "last used")


def add_to(app: typer.Typer) -> None:
    """Register the command group `cache`."""
    group = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The images that are kept decoded on disk.")
    group.command("list")(list_entries)
    group.command("clear")(clear)
    app.add_typer(group, name="cache")


def list_entries(cache: Cache = None, json: Json = False) -> None:
    """List the data sets that are kept decoded, the one used last first."""
    from ..search.data.kept_images import list_cache

    found = list_cache(cache)
    if json:
        print_json(found.to_dict())
        return
    if found.entries:
        print_table(f"decoded images in {found.folder}", COLUMNS, [_row(entry) for entry in found.entries])
    print(f"{_amount(found.entries)} of at most {found.limit / 1e9:g} GB in {found.folder}")


def clear(
    keys: Annotated[
        list[str] | None,
        typer.Argument(metavar="[KEY]...", help="Entries to remove: keys or beginnings of them. Default: all."),
    ] = None,
    cache: Cache = None,
    json: Json = False,
) -> None:
    """Remove decoded data sets from the disk; those that a search is using stay. They are decoded
    again when they are needed."""
    from ..search.data.kept_images import clear_cache

    done = clear_cache(keys or None, cache=cache)
    if json:
        print_json(done.to_dict())
        return
    print(f"removed {_amount(done.removed)}")
    if done.in_use:
        print(f"{_amount(done.in_use)} stay: they are in use")


def _row(entry: Entry) -> list[str]:
    ago = duration(max(0.0, time.time() - entry.used))
    return [
        entry.key[:12],
        entry.data or "(damaged)",
        f"{entry.images:,}",
        str(entry.size),
        f"{entry.bytes / 1e9:.3g}",
        "in use" if entry.in_use else f"{ago} ago",
    ]


def _amount(entries: Sequence[Entry]) -> str:
    """How many data sets there are, and their bytes."""
    sets = f"{len(entries)} data set{'' if len(entries) == 1 else 's'}"
    return f"{sets} ({sum(entry.bytes for entry in entries) / 1e9:.3g} GB)"
