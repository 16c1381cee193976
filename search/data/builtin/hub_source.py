"""The data source "hf": data sets of the Hugging Face hub."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..source import Request

if TYPE_CHECKING:
    from ..images import ImageData

PREFIX = "hf:"


class HubSource:
    """Reads a set of the hub through the package `datasets`, as `read_hub` says."""

    name = "hf"
    words = "hf:NAME"
    named = True
    known: tuple[str, ...] = ()

    def recognises(self, text: str) -> bool:
        """Whether the text begins with `hf:`."""
        return text.startswith(PREFIX)

    def read(self, request: Request) -> ImageData:
        """The images; `datasets` downloads them unless its cache holds them."""
        from ..hub import read_hub

        name = request.text.removeprefix(PREFIX)
        return read_hub(name, name=request.text, size=request.size, cache_dir=request.folder, reading=request.reading)
