"""Data sets of the Hugging Face hub: `hf:NAME`, through the optional package `datasets`.

Naming one is asking for it: `datasets` downloads what its cache does not hold. The set needs one column of images and one of class labels.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np

from ...blocks.errors import AutomlError, InputError
from .decode import Source
from .files import FOLDER_SIZE, ImageFiles, read_headers, read_images
from .images import ImageData
from .square import side_for

HELD_OUT = ("validation", "valid", "val", "test")


def read_hub(dataset_name: str, *, name: str, size: int | None = None, cache_dir: Path | None = None) -> ImageData:
    """Load the split `train`, and the others as the official test part; one without labels (all -1) is left out.

    Images of one size keep it, unless `size` is smaller; images of many sizes become squares of `size` pixels, 64 when None.

    Raises:
        InputError: `datasets` is not installed, or the set has not just one column of images and one of labels.
        AutomlError: the set could not be loaded.
    """
    if not dataset_name:
        raise InputError("hf: must be followed by the name of a data set, as in hf:owner/name")
    try:
        import datasets  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise InputError(f"{name} needs the package datasets, which is not installed: pip install datasets (it is the extra hf of automl)") from error
    try:
        splits: Any = datasets.load_dataset(dataset_name, cache_dir=None if cache_dir is None else str(cache_dir))
    except Exception as error:  # any of a dozen libraries' errors, from "no such name" to "no network"
        raise AutomlError(f"{name} could not be loaded: {' '.join(str(error).split())}") from error
    if "train" not in splits:
        raise InputError(f"{name} must have a split 'train', but it has: {', '.join(splits)}")

    image_column = _only_column(splits["train"].features, datasets.Image, "images", name)
    label_column = _only_column(splits["train"].features, datasets.ClassLabel, "class labels", name)
    classes = tuple(splits["train"].features[label_column].names)
    parts, labels, part_names = [], [], []
    for part in ["train", *(part for part in HELD_OUT if part in splits)]:
        part_labels = np.asarray(splits[part][label_column][:], np.int64)
        if part == "train" or (part_labels != -1).any():
            parts.append(splits[part].cast_column(image_column, datasets.Image(decode=False)))
            labels.append(part_labels)
            part_names.append(part)

    rows = [(part, row) for part in range(len(parts)) for row in range(len(labels[part]))]

    def opened(number: int) -> Source:
        part, row = rows[number]
        encoded = parts[part][row][image_column]
        return BytesIO(encoded["bytes"]) if encoded["bytes"] is not None else Path(encoded["path"])

    files = ImageFiles(where=name, names=[f"{part_names[part]} row {row}" for part, row in rows], open=opened)
    headers = read_headers(files)
    side = side_for(next(iter(headers.sides))[0], size) if len(headers.sides) == 1 else size or FOLDER_SIZE
    images, kept, skipped = read_images(files, headers, side)
    official_test = np.array([part > 0 for part, _ in rows], np.bool_)[kept]
    return ImageData(name=name, images=images, labels=np.concatenate(labels)[kept], classes=classes, official_test=official_test, flip=True, skipped=skipped)


def _only_column(features: dict[str, Any], kind: type, what: str, name: str) -> str:
    """The one column of that kind."""
    found = [column for column, feature in features.items() if isinstance(feature, kind)]
    if len(found) != 1:
        raise InputError(
            f"{name} must have one column of {what}, but it has {len(found)}{': ' if found else ''}{', '.join(found)} (columns: {', '.join(features)})"
        )
    return found[0]
