"""The data source "paths": a table of paths and labels, as CSV, Parquet or JSON lines."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from ....studies.tasks.task import CLASSIFICATION
from ..source import Request

if TYPE_CHECKING:
    from ..images import ImageData

SMALLEST = 16 * 2**20
"""Bytes of pixels from which they are kept: fewer are decoded within a second or two."""
ENDINGS = (".csv", ".tsv", ".parquet", ".pq", ".jsonl", ".ndjson")
"""Endings of the names of such tables."""


class PathsSource:
    """Reads the image files that a table lists, as `path_list` says."""

    name = "paths"
    words = "a .csv, .parquet or .jsonl file of paths and labels"
    named = False
    known: tuple[str, ...] = ()

    def recognises(self, text: str) -> bool:
        """Whether the text is the path of a file whose name ends as that of a table."""
        path = os.path.expanduser(text)
        return path.lower().endswith(ENDINGS) and os.path.exists(path) and not os.path.isdir(path)

    def read(self, request: Request) -> ImageData:
        """The images as squares of `request.size` pixels, 64 when None."""
        from ..cached import cached
        from ..image_files import FOLDER_SIZE
        from ..path_list import list_paths, read_path_list
        from ..room import Room
        from ..stamps import files_stamp

        request = replace(request, size=request.size or FOLDER_SIZE)  # the same entry of the cache for both
        found = list_paths(request.path, name=request.text, reading=request.reading)

        def stamp(contents: bool) -> str:
            return files_stamp(request.path, map(found.file, range(len(found.paths))), contents)

        def make(room: Room) -> ImageData:
            how = {"tolerant": request.reading.tolerant, "fit": request.reading.fit}
            return read_path_list(found, name=request.text, size=request.size, room=room, **how)

        kind = self.name if found.task == CLASSIFICATION else f"{self.name}-{found.task}"
        return cached(request, kind, stamp=stamp, make=make, smallest=SMALLEST)
