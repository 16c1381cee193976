"""The data source "npz": an archive of arrays, as `numpy.savez` writes it."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING

from ..source import Request

if TYPE_CHECKING:
    from ..images import ImageData


SMALLEST = 256 * 2**20
"""Bytes of pixels from which they are kept: fewer are read within a second, and fit into memory."""


class NpzSource:
    """Reads the arrays of an archive, as `read_npz` says."""

    name = "npz"
    words = "an .npz file"
    named = False
    known: tuple[str, ...] = ()

    def recognises(self, text: str) -> bool:
        """Whether the text is the path of a file whose name ends in .npz."""
        path = os.path.expanduser(text)
        return path.lower().endswith(".npz") and os.path.exists(path) and not os.path.isdir(path)

    def read(self, request: Request) -> ImageData:
        """The images, made smaller where they are larger than `request.size`."""
        from ..cached import cached
        from ..room import Room
        from ..stamps import file_stamp

        def make(room: Room) -> ImageData:
            from ..arrays import read_npz

            return read_npz(request.path, name=request.text, size=request.size, reading=request.reading, room=room)

        return cached(request, self.name, stamp=partial(file_stamp, request.path), make=make, smallest=SMALLEST)
