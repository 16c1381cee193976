"""Reads the four IDX files of MNIST and similar sets, gzipped or not.

They are not read by torchvision, since it requires its own folders and checksums; here repacked
copies work too.
Format: two zero bytes, 8 for unsigned bytes, the number of axes, each axis' length as four
big-endian bytes, the data.
"""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from io import BufferedIOBase
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ...blocks.errors import InputError

FILES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")

CHUNK = 2**20
"""Bytes unpacked at a time."""


def find_idx(folder: Path) -> list[Path] | None:
    """The four files in `folder`, or None unless all are there."""
    found = [next((path for path in (folder / name, folder / f"{name}.gz") if path.is_file()), None) for name in FILES]
    return [path for path in found if path] if all(found) else None


def read_idx(path: Path, axes: int) -> NDArray[np.uint8]:
    """The array of one file, which must have `axes` axes; it must fit its header exactly.

    Raises:
        InputError: the file cannot be read, or header and length do not fit.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            return _read(file, path, axes)
    except InputError:
        raise
    except (
        OSError,
        EOFError,
        MemoryError,
        ValueError,
        zlib.error,
    ) as error:  # ValueError: an axis of a length that no array can have
        raise InputError(f"{path} cannot be read: {error}") from error


def _read(file: BufferedIOBase, path: Path, axes: int) -> NDArray[np.uint8]:
    """Read the header, then the data in chunks into one array: it is never in memory twice."""
    header = file.read(4 + 4 * axes)
    if header[:4] != bytes((0, 0, 8, axes)) or len(header) < 4 + 4 * axes:
        began = header[:4].hex(" ") or "nothing"
        raise InputError(
            f"{path} must begin as an IDX file of unsigned bytes with {axes} axes (00 00 08 0{axes}), but it begins"
            f" with {began}"
        )
    shape = struct.unpack(f">{axes}I", header[4:])
    array = np.empty(math.prod(shape), np.uint8)
    done = 0
    while count := file.readinto(array.data[done : done + CHUNK]):
        done += count
    more = len(file.read())
    if done + more != len(array):
        raise InputError(
            f"{path} must hold {len(array)} bytes of data for the shape {shape} in its header, but it holds"
            f" {done + more}"
        )
    return array.reshape(shape)
