"""Brings memory-mapped images to the workers of all machines of a cluster.

A worker maps the file of the driver's cache where its machine has it, or a copy in its own cache,
which the first worker of a machine fetches from the driver's machine, block by block.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data.cache import cache_at
from ..data.copied import copied
from ..data.entry import read_about
from ..data.mapped import Mapped, mapped
from .on_node import on_node

Read = Callable[[int, int], NDArray[np.uint8]]


@dataclass(frozen=True, kw_only=True)
class OnNode:
    """Images in a file of one machine of the cluster."""

    file: Path
    """The file, on that machine."""
    shape: tuple[int, ...]
    """(n, c, h, w)."""
    node: str
    """Ray's id of that machine."""
    fingerprint: str = ""
    """Of the data set; empty if it is not known."""

    def here(self, read: Read | None = None) -> NDArray[np.uint8]:
        """The images on this machine; `read` gives rows from the first number to before the second,
        by default from the other machine."""
        try:
            found = mapped(self.file)  # this machine, or one with the same files
            if fingerprint_of(self.file) == self.fingerprint:
                return found
        except (OSError, ValueError):
            pass
        return copied(cache_at(), self.file.parent.name + self.fingerprint, self.shape, read or self._read)

    def _read(self, start: int, stop: int) -> NDArray[np.uint8]:
        import ray

        return ray.get(on_node(self.node, rows_of_file).remote(self.file, start, stop))


def fingerprint_of(file: Path) -> str:
    """The fingerprint of the data set whose images are in a file of the cache; empty if it is not
    known."""
    try:
        return str(read_about(file.parent).get("fingerprint", ""))
    except (OSError, ValueError):
        return ""


def rows_of_file(file: Path, start: int, stop: int) -> NDArray[np.uint8]:
    """The images `start` to before `stop` of a file of this machine, in memory."""
    return np.array(mapped(file)[start:stop], subok=False)


def sent(arrays: Mapping[str, Any]) -> dict[str, Any]:
    """The arrays as they are sent to the workers: mapped images as their place."""
    import ray

    images = arrays["images"]
    if not isinstance(images, Mapped) or images.file is None:
        return dict(arrays)
    node = ray.get_runtime_context().get_node_id()
    place = OnNode(file=images.file, shape=images.shape, node=node, fingerprint=fingerprint_of(images.file))
    return {**arrays, "images": place}


def received(arrays: Mapping[str, Any]) -> dict[str, Any]:
    """The arrays as a worker uses them: images are mapped where they were sent as their place."""
    images = arrays["images"]
    return {**arrays, "images": images.here() if isinstance(images, OnNode) else images}
