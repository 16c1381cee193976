"""Defines what a data source is, and the registry of them: the kinds of text that `--data` takes.

A source reads one kind of data set: folders, archives, or sets known by a name. An installed
package adds one by an entry point of the group `automl.sources`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from ...blocks.errors import InputError, unknown
from ...blocks.registry import Registry, conforming
from .names import check_is_text, shown
from .places import default_data_dir
from .reading_options import Reading

if TYPE_CHECKING:
    from .cache import Cache
    from .images import ImageData


AS_IT_IS = Reading()


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a source is asked to read."""

    text: str
    """The value of `--data`, as given."""
    size: int | None = None
    """Side in pixels at which images are wanted; larger ones are made smaller. None: the size that
    the source holds."""
    folder: Path | None = None
    """The folder given by `--data-dir`; None if none is given."""
    download: bool = False
    """Whether the source may download what is missing."""
    reading: Reading = AS_IT_IS
    """Which parts validate and test. Small classes are left out later, by `load`."""
    cache: Cache | None = None
    """Where a large data set is kept once it is decoded; None keeps it in memory. A source takes
    part by `cached.cached`."""

    @property
    def path(self) -> Path:
        """The text as a path; `~` is the home folder."""
        return Path(os.path.expanduser(self.text))

    @property
    def data_dir(self) -> Path:
        """The folder of downloaded data sets: the one given, or the default."""
        return default_data_dir() if self.folder is None else self.folder


class Source(Protocol):
    """One kind of data set."""

    name: str
    """The name in the registry."""
    words: str
    """What people write for it, as `automl search --help` lists it, e.g. "an .npz file"."""
    named: bool
    """True: the text is a name, which means the same data in every working folder. False: it is a
    path, which a study keeps as an absolute one."""
    known: tuple[str, ...]
    """The texts it takes, where they can be listed: the error for an unknown text names the nearest
    of them. Empty for paths."""

    def recognises(self, text: str) -> bool:
        """Whether the text names a data set of this kind; quick, and never raises."""
        ...

    def read(self, request: Request) -> ImageData:
        """Read the data set.

        `ImageData.name` must be a text that this source recognises again, since a study keeps it.

        Raises:
            InputError: the data set cannot be used, or `reading` names parts that it does not have.
            AutomlError: a download failed.
        """
        ...


def _accepted(name: str, part: object) -> Source:
    """A source, from itself or from its class."""
    fields = {"name": str, "words": str, "named": bool, "known": tuple}
    return cast(Source, conforming(name, part, a="a data source", fields=fields, methods=("recognises", "read")))


sources: Registry[Source] = Registry("data source", "automl.sources", accept=_accepted)
"""All data sources by name; those of packages come last."""


def source_of(text: str) -> Source | None:
    """The source that recognises the text; None if there is none. Names are tried before paths."""
    in_order = sorted(sources.parts().values(), key=lambda source: not source.named)
    return next((source for source in in_order if source.recognises(text)), None)


def find_source(text: str) -> Source:
    """The source that recognises the text.

    Raises:
        InputError: there is none, or the text is a path that is not valid UTF-8.
    """
    check_is_text(text, "a data set")
    source = source_of(text)
    path = os.path.expanduser(text)
    there = bool(text) and os.path.exists(path)
    if there and (source is None or not source.named):
        check_is_text(os.path.realpath(path), "a data set")  # a study keeps this path
    if source is not None:
        return source
    parts = sources.parts().values()
    if there:
        kinds = " or ".join(each.words for each in parts if not each.named)
        raise InputError(f"a data set is {kinds}, but {shown(text)} is another kind of file")
    known = [name for each in parts for name in each.known]
    raise InputError(f"{unknown('data set', text, known)}; no folder or file has that path either")


def source_words() -> str:
    """Everything that `--data` takes, in one line."""
    return ", ".join(source.words for source in sources.parts().values())
