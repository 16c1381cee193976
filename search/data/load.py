"""Loads the data set that `--data` names, by the source that recognises it: into memory, or from
the cache of decoded images."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from ...blocks.errors import InputError
from ...studies.tasks.task import CLASSIFICATION
from .cache import Cache, cache_at
from .groups import BY_FOLDER
from .images import ImageData
from .names import shown
from .reading_options import Reading
from .source import AS_IT_IS, Request, find_source, source_of

KNOWN = ("fingerprint", "first")
"""What data have computed of themselves, which another way of describing them does not change."""
WITH_COLUMNS = ("paths", "shards")
"""The sources whose columns can be named."""


def load(
    name: str,
    *,
    size: int | None = None,
    data_dir: str | Path | None = None,
    download: bool = False,
    reading: Reading = AS_IT_IS,
    cache: Cache | str | Path | None = None,
) -> ImageData:
    """Load a data set.

    Args:
        name: what a source in `sources` recognises: a known name (`digits`, `fashion-mnist`,
            `cifar10`, `cifar100`), a folder of class folders, an `.npz` file, a table of paths and
            labels, WebDataset shards (`wds:FOLDER`), `hf:NAME`, or what a package adds.
        size: side in pixels. Images of a folder are brought to it (64 when None); all others are
            made smaller when they are larger.
        data_dir: the folder of downloaded sets; by default `automl` in the user's cache folder.
        download: whether to download a known set that is missing.
        reading: which parts validate and test, and which classes are left out, where the data set
            itself does not say so.
        cache: where large sets are kept once they are decoded: a cache, its folder, or "none" to
            keep them in memory; by default AUTOML_CACHE, or `automl/decoded` in the user's cache
            folder.

    Raises:
        InputError: there is no such data set, or it cannot be used; nothing has been started.
        AutomlError: a download failed, or the cache cannot be written and the images are large.
    """
    if size is not None and size < 1:
        raise InputError(f"the size of images must be 1 pixel or more, but got {size}")
    source = find_source(name)
    folder = None if data_dir is None else Path(data_dir).expanduser()
    if source.name not in WITH_COLUMNS and (reading.image_column or reading.label_column):
        raise InputError(
            "--image-column and --label-column name columns of a table of paths and labels, or what samples of shards"
            f" have, but {shown(name)} is neither"
        )
    if source.name not in WITH_COLUMNS and reading.asked_task not in (None, CLASSIFICATION):
        option = "--targets" if reading.targets else f"--task {reading.task}"
        raise InputError(
            f"{option} needs a table of paths and labels or numbers, or shards, but {shown(name)} is neither"
        )
    kept = cache if isinstance(cache, Cache) else cache_at(cache)
    data = source.read(Request(text=name, size=size, folder=folder, download=download, reading=reading, cache=kept))
    data = data if data.fit == reading.fit else with_fit(data, reading.fit)
    if reading.group and not len(data.groups):
        raise InputError(
            f"--group must name a column of a table of paths and labels or of shards, or {BY_FOLDER!r} for the folders"
            f" within class folders, but {shown(name)} has no groups"
        )
    if not reading.drop_small_classes:
        return data
    from .small import without_small_classes

    return without_small_classes(data, reading.drop_small_classes)


def with_fit(data: ImageData, fit: str) -> ImageData:
    """Return the data with `fit` set, which says how its pictures became square; cached properties
    are copied."""
    found = replace(data, fit=fit)
    found.__dict__.update({name: data.__dict__[name] for name in KNOWN if name in data.__dict__})
    return found


def is_named(name: str) -> bool:
    """Whether `name`, as `ImageData.name` has it, names a data set and is not a path."""
    source = source_of(name)
    return source is not None and source.named
