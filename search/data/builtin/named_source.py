"""The data source "named": digits, and the sets that torchvision downloads."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from ..source import Request

if TYPE_CHECKING:
    from ..images import ImageData


class NamedSource:
    """Reads a set known by its name, as `read_named` says."""

    name = "named"
    known: tuple[str, ...] = ("digits", "fashion-mnist", "cifar10", "cifar100")
    words: str = ", ".join(known)
    named = True

    def recognises(self, text: str) -> bool:
        """Whether the text is a known name. A name in another spelling, such as CIFAR-10, gives way
        to a folder or file of that name."""
        if text in self.known:
            return True
        return _canonical(text) is not None and not os.path.exists(os.path.expanduser(text))

    def read(self, request: Request) -> ImageData:
        """The images, made smaller where they are larger than `request.size`."""
        from ..named import read_named

        name = _canonical(request.text) or request.text
        request.reading.refuse_parts(name)
        return read_named(replace(request, text=name))


def _canonical(text: str) -> str | None:
    """The known name that the text spells; hyphens, underscores and capitals do not matter."""
    spellings = {known.replace("-", ""): known for known in NamedSource.known}
    return spellings.get(text.lower().replace("-", "").replace("_", ""))
