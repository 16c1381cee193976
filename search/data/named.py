"""The data sets known by name.

`digits` lies in scikit-learn itself; the others are looked for in `data_dir` and downloaded, by
torchvision, only when asked.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ...blocks.errors import AutomlError, InputError
from .idx import find_idx, read_idx
from .images import ImageData
from .source import Request
from .square import squares

FASHION_CLASSES = (
    "T-shirt/top",
    "Trouser",
    "Pullover",
    "Dress",
    "Coat",
    "Sandal",
    "Shirt",
    "Sneaker",
    "Bag",
    "Ankle boot",
)


def _digits(request: Request) -> ImageData:
    """scikit-learn's 1,797 digits of 8x8 pixels, with 17 shades of grey."""
    from sklearn.datasets import load_digits

    bunch: Any = load_digits()
    pixels = np.rint(bunch.images * (255 / 16)).astype(np.uint8)
    labels = bunch.target.astype(np.int64)
    return ImageData(
        name=request.text,
        images=squares([pixels[..., None]], request.size),
        labels=labels,
        classes=tuple(str(digit) for digit in bunch.target_names),
        official_test=np.zeros(len(labels), np.bool_),
        flip=False,
        native=pixels.shape[1],
    )


def _fashion_mnist(request: Request) -> ImageData:
    """Fashion-MNIST: 60,000 + 10,000 grey images of clothes, 28x28. The IDX files lie in the folder
    itself, or where torchvision puts them."""
    places = (request.data_dir, request.data_dir / "FashionMNIST" / "raw", request.data_dir / request.text)
    paths = next(filter(None, map(find_idx, places)), None)
    if paths is None and request.download:
        _torchvision("FashionMNIST", request, train=True)
        paths = find_idx(places[1])
    if paths is None:
        raise _missing(request)
    images = [read_idx(paths[0], 3), read_idx(paths[2], 3)]
    labels = [read_idx(paths[1], 1), read_idx(paths[3], 1)]
    for part, part_labels, path in zip(images, labels, paths[1::2], strict=True):
        if len(part) != len(part_labels) or not part.size or part.shape[1:] != images[0].shape[1:]:
            raise InputError(
                f"{path} must have one label for each image of one size, but it has {len(part_labels)} for images of"
                f" shape {part.shape}"
            )
    return _two_parts(request, [part[..., None] for part in images], labels, FASHION_CLASSES)


def _cifar(request: Request) -> ImageData:
    """CIFAR-10 or CIFAR-100: 50,000 + 10,000 images of things and animals, 32x32, in colour."""
    kind, inner = {"cifar10": ("CIFAR10", "cifar-10-batches-py"), "cifar100": ("CIFAR100", "cifar-100-python")}[
        request.text
    ]
    if request.data_dir.name == inner:
        request = replace(request, folder=request.data_dir.parent)
    train, test = (_torchvision(kind, request, train=part) for part in (True, False))
    if train is None or test is None:
        raise _missing(request, damaged=request.data_dir / inner)
    return _two_parts(request, [train.data, test.data], [train.targets, test.targets], tuple(train.classes))


def _two_parts(request: Request, parts_nhwc: list[Any], labels: list[Any], classes: tuple[str, ...]) -> ImageData:
    """A data set with an official test part, of things that may be mirrored."""
    together = np.concatenate([np.asarray(part, np.int64) for part in labels])
    official_test = np.zeros(len(together), np.bool_)
    official_test[len(labels[0]) :] = True
    return ImageData(
        name=request.text,
        images=squares(parts_nhwc, request.size),
        labels=together,
        classes=classes,
        official_test=official_test,
        flip=True,
        native=min(parts_nhwc[0].shape[1:3]),
        sources=(("train", "the set's training part"), ("test", "its test part")),
    )


def _torchvision(kind: str, request: Request, *, train: bool) -> Any:
    """torchvision's data set of that class, or None where its files are missing or fail their
    checksum.

    Raises:
        AutomlError: the download failed.
    """
    from torchvision import datasets

    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # the pickles of CIFAR (checked by torchvision against known checksums) use what numpy has deprecated
        try:
            if request.download:
                request.data_dir.mkdir(parents=True, exist_ok=True)
            return getattr(datasets, kind)(request.data_dir, train=train, download=request.download)
        except (OSError, RuntimeError) as error:
            if request.download:
                raise AutomlError(
                    f"{request.text} could not be downloaded into {request.data_dir}: {' '.join(str(error).split())}"
                ) from error
            return None


def _missing(request: Request, damaged: Path | None = None) -> InputError:
    if damaged and damaged.exists():
        return InputError(
            f"{request.text}: the files in {damaged} are incomplete or damaged; give --download to fetch them anew, or"
            " --data-dir DIR"
        )
    return InputError(
        f"{request.text} is not in {request.data_dir}; give the folder it is in by --data-dir DIR, or --download to"
        " fetch it"
    )


READERS: dict[str, Callable[[Request], ImageData]] = {
    "digits": _digits,
    "fashion-mnist": _fashion_mnist,
    "cifar10": _cifar,
    "cifar100": _cifar,
}
"""Known name -> the function that reads the set."""


def read_named(request: Request) -> ImageData:
    """Read the set of the known name `request.text`; images larger than `request.size` are made
    smaller.

    Raises:
        InputError: its files are missing or damaged.
        AutomlError: the download failed.
    """
    return READERS[request.text](request)
