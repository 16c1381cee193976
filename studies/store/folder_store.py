"""A store in a folder of this machine, or of a file system that machines share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from ...blocks.regular_file import require_regular
from ..writing.atomic_file import replacing
from .store import Store, checked, leads_inside


class Folder(Store):
    """Files in `folder`, which is made when the first one is written."""

    def __init__(self, folder: str | os.PathLike[str]) -> None:
        self.folder: Path = Path(os.path.abspath(folder))
        """The folder."""

    @property
    def place(self) -> str:
        """The absolute path of the folder."""
        return str(self.folder)

    def path(self, name: str) -> Path:
        """The path of the file `name`."""
        return self.folder / checked(name)

    @contextmanager
    def writing(self, name: str) -> Iterator[BinaryIO]:
        """Yield a file aside, which is synced and renamed at the end."""
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file:
            yield file

    @contextmanager
    def reading(self, name: str) -> Iterator[BinaryIO]:
        """Yield the file, which must be a regular one."""
        path = self.path(name)
        require_regular(path)
        with open(path, "rb") as file:
            yield file

    def exists(self, name: str) -> bool:
        """Whether there is such a file."""
        return leads_inside(name) and self.path(name).is_file()

    def remove(self, name: str) -> None:
        """Remove the file."""
        self.path(name).unlink(missing_ok=True)

    def names(self, folder: str) -> list[str]:
        """The names of the files, but for hidden ones, which are not whole."""
        try:
            return sorted(one.name for one in os.scandir(self.path(folder)) if not one.name.startswith("."))
        except FileNotFoundError:
            return []
