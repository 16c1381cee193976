"""The data source "npz": an archive of arrays, as `numpy.savez` writes it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ..source import Request

if TYPE_CHECKING:
    from ..images import ImageData


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
        from ..arrays import read_npz

        return read_npz(request.path, name=request.text, size=request.size, reading=request.reading)
