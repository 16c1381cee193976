"""The data source "folder": a folder of class folders."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from ..source import Request

if TYPE_CHECKING:
    from ..images import ImageData


SMALLEST = 16 * 2**20
"""Bytes of pixels from which they are kept: fewer are decoded within a second or two."""


class FolderSource:
    """Reads the image files of a folder, as `read_folder` says."""

    name = "folder"
    words = "a folder of class folders"
    named = False
    known: tuple[str, ...] = ()

    def recognises(self, text: str) -> bool:
        """Whether the text is the path of a folder."""
        return bool(text) and os.path.isdir(os.path.expanduser(text))  # no text would be the current folder

    def read(self, request: Request) -> ImageData:
        """The images as squares of `request.size` pixels, 64 when None."""
        from ..cached import cached
        from ..image_files import FOLDER_SIZE
        from ..room import Room
        from ..stamps import folder_stamp

        request = replace(request, size=request.size or FOLDER_SIZE)  # the same entry of the cache for both

        def stamp(contents: bool) -> str:
            return folder_stamp(request.path, request.reading, contents)

        def make(room: Room) -> ImageData:
            from ..folder import read_folder

            return read_folder(request.path, name=request.text, size=request.size, reading=request.reading, room=room)

        return cached(request, self.name, stamp=stamp, make=make, smallest=SMALLEST)
