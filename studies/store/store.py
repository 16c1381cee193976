"""The interface of a store of files, which are there whole or not at all."""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from typing import BinaryIO

from ...blocks.errors import AutomlError, InputError


class StoreError(AutomlError):
    """A store cannot be reached, or refuses: a fault of the machine, and of no candidate."""


class Store(ABC):
    """Files by name. The parts of a name are separated by `/`, and lead to no place outside."""

    @property
    @abstractmethod
    def place(self) -> str:
        """The absolute path of the folder, or the URL."""

    @abstractmethod
    def writing(self, name: str) -> AbstractContextManager[BinaryIO]:
        """Yield a file that takes the place of `name` at the end of the `with` block. If anything
        fails, or the process is killed, `name` stays as it was.

        Raises:
            InputError: `name` leads elsewhere.
            OSError: the disk refuses.
            StoreError: the store cannot be reached, or refuses.
        """

    @abstractmethod
    def reading(self, name: str) -> AbstractContextManager[BinaryIO]:
        """Yield the file `name` for reading.

        Raises:
            FileNotFoundError: there is none.
            InputError, OSError, StoreError: as `writing`.
        """

    @abstractmethod
    def exists(self, name: str) -> bool:
        """Whether there is a file of this name; none has a name that leads elsewhere.

        Raises:
            StoreError: the store cannot be reached.
        """

    @abstractmethod
    def remove(self, name: str) -> None:
        """Remove the file `name`, if there is one; raises as `writing`."""

    @abstractmethod
    def names(self, folder: str) -> list[str]:
        """The names of the files in `folder`, without the folder; raises as `exists`."""


def is_url(place: str) -> bool:
    """Whether `place` is a URL, and not the path of a folder."""
    return "://" in place


def leads_inside(name: str) -> bool:
    """Whether `name` can be the name of a file in a store."""
    return not any(sign in name for sign in "\\\0") and all(part not in ("", ".", "..") for part in name.split("/"))


def checked(name: str) -> str:
    """Return `name`, if it can be that of a file in a store.

    Raises:
        InputError: it cannot.
    """
    if not leads_inside(name):
        raise InputError(f"the name of a file must lead to no place outside its store, but got {name[:200]!r}")
    return name
