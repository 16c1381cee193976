"""The data source "shards": WebDataset shards, tar files of samples."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING

from ....studies.tasks.task import CLASSIFICATION
from ..shard_names import PREFIX
from ..source import Request

if TYPE_CHECKING:
    from ..images import ImageData

SMALLEST = 16 * 2**20
"""Bytes of pixels from which they are kept: fewer are decoded within a second or two."""


class ShardsSource:
    """Reads the samples of shards, as `shard_list` says."""

    name = "shards"
    words = "wds:FOLDER or wds:train-{000..010}.tar of WebDataset shards"
    named = True
    known: tuple[str, ...] = ()

    def recognises(self, text: str) -> bool:
        """Whether the text begins with `wds:`."""
        return text.startswith(PREFIX)

    def read(self, request: Request) -> ImageData:
        """The images as squares of `request.size` pixels, 64 when None. The name of the data has an
        absolute path, so that a study finds the shards from every folder."""
        from ..cached import cached, kept_task
        from ..image_files import FOLDER_SIZE
        from ..path_list import read_path_list
        from ..room import Room
        from ..shard_list import CLASSES, list_samples
        from ..shard_names import absolute, find_shards
        from ..stamps import list_stamp

        request = replace(request, text=absolute(request.text), size=request.size or FOLDER_SIZE)
        root, shards = find_shards(request.text)
        names = dict.fromkeys(folder / CLASSES for folder in (root, shards[0].parent))

        @cache
        def stamp(contents: bool) -> str:
            return list_stamp(root, [*shards, *names], contents)

        def make(room: Room) -> ImageData:
            found = list_samples(root, shards, name=request.text, reading=request.reading)
            how = {"tolerant": request.reading.tolerant, "fit": request.reading.fit}
            return read_path_list(found, name=request.text, size=request.size, room=room, **how)

        # A kept set is opened without reading the samples, which say the task where none is given.
        task = request.reading.asked_task
        if task == CLASSIFICATION and kept_task(request, self.name, stamp) == CLASSIFICATION:
            task = None
        kind = self.name if task is None else f"{self.name}-{task}"
        return cached(request, kind, stamp=stamp, make=make, smallest=SMALLEST, root=root)
