"""Checkpoints on disk: written whole or not at all, and read without running anything.

A checkpoint holds tensors and plain Python values, nothing else: `torch.load(weights_only=True)`
reads it, and no code can hide in it.
"""

from __future__ import annotations

import os
import pickle
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any

import torch
from torch import Tensor

from ...blocks.errors import InputError, first_line
from ...blocks.regular_file import require_regular
from ..store import Store, StoreError
from ..writing.atomic_file import replacing

PLAIN = (type(None), bool, int, float, str)


def save(path: str | os.PathLike[str], payload: dict[str, Any]) -> None:
    """Writes `payload` to `path`; whenever the process is killed, `path` holds the old checkpoint
    or the new one.

    Raises:
        InputError: the payload holds something that `load` would refuse; nothing was written.
        OSError: the file cannot be written; `path` is as it was.
    """
    _check_plain(payload, "payload")
    with replacing(path) as file:
        torch.save(payload, file)


def save_to(store: Store, name: str, payload: dict[str, Any]) -> None:
    """Writes `payload` to the file `name` of a store, whole or not at all.

    Raises:
        InputError: as `save`.
        OSError, StoreError: the store refuses; `name` is as it was.
    """
    _check_plain(payload, "payload")
    with store.writing(name) as file:
        torch.save(payload, file)


def load(path: str | os.PathLike[str], map_location: str | torch.device = "cpu") -> dict[str, Any]:
    """Reads what `save` wrote.

    Raises:
        InputError: there is no such file, it is damaged, or it holds anything but tensors and plain
            Python values.
    """
    name = os.fspath(path)
    with _told(name):
        require_regular(path)
        with open(path, "rb") as file:
            payload = torch.load(file, map_location=map_location, weights_only=True)
    return _dict(payload, name)


def load_from(store: Store, name: str) -> dict[str, Any]:
    """Reads what `save_to` wrote, to the CPU.

    Raises:
        InputError: as `load`.
        StoreError: the store cannot be reached, or its disk refuses.
    """
    shown = f"{store.place}/{name}"
    try:
        with store.reading(name) as file:
            data = file.read()
    except FileNotFoundError as error:
        raise InputError(f"cannot read the checkpoint {shown}: {error.strerror or error}") from None
    except OSError as error:  # of the machine, which another one may not have
        raise StoreError(f"cannot read the checkpoint {shown}: {error.strerror or error}") from None
    with _told(shown):
        payload = torch.load(BytesIO(data), map_location="cpu", weights_only=True)
    return _dict(payload, shown)


@contextmanager
def _told(name: str) -> Iterator[None]:
    """Puts what reading the checkpoint `name` may raise into one line; says nothing of torch's
    warnings of a file that it then refuses."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except pickle.UnpicklingError:
        raise InputError(
            f"a checkpoint must hold tensors and plain Python values only, but {name} holds something else or is"
            " damaged"
        ) from None
    except OSError as error:
        raise InputError(f"cannot read the checkpoint {name}: {error.strerror or error}") from None
    except Exception as error:  # a damaged pickle raises whatever its opcodes run into
        reason = first_line(error)
        raise InputError(f"cannot read the checkpoint {name}: {reason}") from None


def _dict(payload: object, name: str) -> dict[str, Any]:
    if not isinstance(payload, dict):
        raise InputError(f"a checkpoint must hold a dict, but {name} holds a {type(payload).__name__}")
    return payload


def _check_plain(value: object, where: str) -> None:
    # Exact types: a numpy.float64 is a float to isinstance, and would be pickled as numpy's own.
    if isinstance(value, dict):
        for key, item in value.items():
            _check_plain(key, f"a key of {where}")
            _check_plain(item, f"{where}[{key!r}]")
    elif type(value) in (list, tuple):
        for number, item in enumerate(value):  # pyright: ignore[reportArgumentType]
            _check_plain(item, f"{where}[{number}]")
    elif not isinstance(value, Tensor) and type(value) not in PLAIN:
        raise InputError(
            f"a checkpoint must hold tensors and plain Python values only, but got a {type(value).__qualname__} at"
            f" {where}"
        )
