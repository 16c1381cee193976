"""Data sets of the Hugging Face hub: `hf:NAME`, through the optional package `datasets`.

Naming one is asking for it: `datasets` downloads what its cache does not hold. The set needs one
column of images and one of class labels.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...blocks.errors import AutomlError, InputError
from .decode import Openable
from .image_files import FOLDER_SIZE, ImageFiles, read_headers, read_images
from .images import ImageData
from .reading_options import Reading
from .skipped import UNUSED
from .split_names import parts_by_split
from .square import side_for


def read_hub(
    dataset_name: str,
    *,
    name: str,
    size: int | None = None,
    cache_dir: Path | None = None,
    reading: Reading | None = None,
) -> ImageData:
    """Load the training split, and those of validation and test; one without labels (all -1, or no
    such column) is left out.

    Images of one size keep it, unless `size` is smaller; images of many sizes become squares of
    `size` pixels, 64 when None.

    Raises:
        InputError: `datasets` is not installed, an option names no split, or the set has not just
            one column of images and one of labels.
        AutomlError: the set could not be loaded.
    """
    if not dataset_name:
        raise InputError("hf: must be followed by the name of a data set, as in hf:owner/name")
    try:
        import datasets  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise InputError(
            f"{name} needs the package datasets, which is not installed: pip install datasets (it is the extra hf of"
            " automl)"
        ) from error
    try:
        splits: Any = datasets.load_dataset(dataset_name, cache_dir=None if cache_dir is None else str(cache_dir))
    except Exception as error:  # any of a dozen libraries' errors, from "no such name" to "no network"
        raise AutomlError(f"{name} could not be loaded: {' '.join(str(error).split())}") from error
    found = parts_by_split(list(splits), reading or Reading(), name)
    training = splits[found["train"]]
    image_column = _only_column(training.features, datasets.Image, "images", name)
    label_column = _only_column(training.features, datasets.ClassLabel, "class labels", name)
    parts: dict[str, Any] = {}
    labels: dict[str, NDArray[np.int64]] = {}
    skipped = [f"{split}: {UNUSED}, its name means no part" for split in splits if split not in found.values()]
    for part, split in found.items():
        has_columns = {image_column, label_column} <= set(splits[split].features)
        part_labels = np.asarray(splits[split][label_column][:] if has_columns else [-1], np.int64)
        if part == "train" or (part_labels != -1).any():
            parts[part] = splits[split].cast_column(image_column, datasets.Image(decode=False))
            labels[part] = part_labels
        else:
            skipped.append(f"{split}: {UNUSED}, it has no labels")

    rows = [(part, row) for part in parts for row in range(len(labels[part]))]

    def opened(number: int) -> Openable:
        part, row = rows[number]
        encoded = parts[part][row][image_column]
        if encoded is None:
            raise ValueError("the row has no image")
        return BytesIO(encoded["bytes"]) if encoded["bytes"] is not None else Path(encoded["path"])

    files = ImageFiles(
        where=name,
        names=[f"{found[part]} row {row}" for part, row in rows],
        open=opened,
        certain=True,
        tolerant=reading is not None and reading.tolerant,
        fit="crop" if reading is None else reading.fit,
    )
    headers = read_headers(files)
    native = {sides[files.fit != "crop"] for sides in headers.sides}
    side = side_for(native.pop(), size) if len(headers.sides) == 1 else size or FOLDER_SIZE
    images = read_images(files, headers, side)
    part_of_row = np.array([part for part, _ in rows])[images.numbers]
    return ImageData(
        name=name,
        images=images.pixels,
        labels=np.concatenate(list(labels.values()))[images.numbers],
        classes=tuple(training.features[label_column].names),
        official_test=part_of_row == "test",
        official_validation=part_of_row == "validation",
        deep=images.deep,
        flip=True,
        native=images.native,
        kinds=images.kinds,
        sources=tuple((part, f"split {found[part]}") for part in parts) if len(parts) > 1 else (),
        skipped=(*images.skipped, *skipped),
    )


def _only_column(features: dict[str, Any], kind: type, what: str, name: str) -> str:
    """The name of the only column of that kind; InputError if there is none or several."""
    found = [column for column, feature in features.items() if isinstance(feature, kind)]
    if len(found) != 1:
        raise InputError(
            f"{name} must have one column of {what}, but it has {len(found)}{': ' if found else ''}{', '.join(found)}"
            f" (columns: {', '.join(features)})"
        )
    return found[0]
