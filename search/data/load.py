"""From what stands after `--data` to images in memory."""

from __future__ import annotations

import os
from pathlib import Path

from ...blocks.errors import InputError, unknown
from .images import ImageData
from .names import check_is_text, shown
from .reading import Reading

AS_IT_IS = Reading()


def load(
    name: str,
    *,
    size: int | None = None,
    data_dir: str | Path | None = None,
    download: bool = False,
    reading: Reading = AS_IT_IS,
) -> ImageData:
    """Load a data set.

    Args:
        name: a known name (`digits`, `fashion-mnist`, `cifar10`, `cifar100`), a folder of class
            folders, an `.npz` file, or `hf:NAME`.
        size: side in pixels. Images of a folder are brought to it (64 when None); all others are
            made smaller when they are larger.
        data_dir: where the files of known sets are; by default `automl` in the user's cache folder.
        download: whether to fetch a known set that is not there.
        reading: which parts validate and test, and which classes are left out, where the data set
            itself does not say so.

    Raises:
        InputError: there is no such data set, or it is not what it should be; nothing has been
            started.
        AutomlError: a download failed.
    """
    if size is not None and size < 1:
        raise InputError(f"the size of images must be 1 pixel or more, but got {size}")
    data = _load(name, size=size, data_dir=data_dir, download=download, reading=reading)
    if not reading.drop_small_classes:
        return data
    from .small import without_small_classes

    return without_small_classes(data, reading.drop_small_classes)


def _load(name: str, *, size: int | None, data_dir: str | Path | None, download: bool, reading: Reading) -> ImageData:
    """The data set, with all its classes."""
    from .named import NAMED, Request, default_data_dir

    check_is_text(name, "a data set")
    folder = default_data_dir() if data_dir is None else Path(data_dir).expanduser()
    path = Path(os.path.expanduser(name))
    if name.startswith("hf:"):
        from .hub import read_hub

        return read_hub(
            name.removeprefix("hf:"),
            name=name,
            size=size,
            cache_dir=folder if data_dir is not None else None,
            reading=reading,
        )
    if name and name not in NAMED and os.path.exists(path):  # no name would be the current folder, which nobody meant
        check_is_text(os.path.realpath(path), "a data set")  # studies keep this one
        return _load_path(path, name=name, size=size, reading=reading)
    spellings = {known.replace("-", ""): known for known in NAMED}
    canonical = spellings.get(name.lower().replace("-", "").replace("_", ""))
    if canonical is None:
        raise InputError(f"{unknown('data set', name, NAMED)}; no folder or .npz file has that path either")
    reading.refuse_parts(canonical)
    return NAMED[canonical](Request(name=canonical, size=size, folder=folder, download=download))


def is_named(name: str) -> bool:
    """Whether `name`, as `ImageData.name` has it, is that of a set and not a path."""
    from .named import NAMED

    return name in NAMED or name.startswith("hf:")


def _load_path(path: Path, *, name: str, size: int | None, reading: Reading) -> ImageData:
    """A folder or an archive."""
    if path.is_dir():
        from .folder import read_folder

        return read_folder(path, name=name, size=size, reading=reading)
    if path.suffix.lower() == ".npz":
        from .arrays import read_npz

        return read_npz(path, name=name, size=size, reading=reading)
    raise InputError(
        f"a data set is a folder of class folders or an .npz file, but {shown(name)} is another kind of file"
    )
