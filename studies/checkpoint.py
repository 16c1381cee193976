"""Checkpoints on disk: written whole or not at all, and read without running anything.

A checkpoint holds tensors and plain Python values, nothing else: `torch.load(weights_only=True)`
reads it, and no code can hide in it.
"""

from __future__ import annotations

import os
import pickle
import secrets
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..blocks.errors import InputError

PLAIN = (type(None), bool, int, float, str)


def save(path: str | os.PathLike[str], payload: dict[str, Any]) -> None:
    """Writes `payload` to `path`; whenever the process is killed, `path` holds the old checkpoint
    or the new one.

    The file is written beside its destination under a temporary name (`.NAME.….tmp`), synced,
    renamed over it, and the folder synced. A kill may leave a temporary file behind; nothing reads
    it.

    Raises:
        InputError: the payload holds something that `load` would refuse; nothing was written.
    """
    _check_plain(payload, "payload")
    target = Path(path)
    temporary = target.with_name(f".{target.name}.{secrets.token_hex(6)}.tmp")
    try:
        with open(temporary, "xb") as file:
            torch.save(payload, file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    finally:
        temporary.unlink(missing_ok=True)
    _sync_folder(target.parent)


def load(path: str | os.PathLike[str], map_location: str | torch.device = "cpu") -> dict[str, Any]:
    """Reads what `save` wrote.

    Raises:
        InputError: there is no such file, it is damaged, or it holds anything but tensors and plain
            Python values.
    """
    try:
        payload = torch.load(path, map_location=map_location, weights_only=True)
    except pickle.UnpicklingError:
        raise InputError(
            f"a checkpoint must hold tensors and plain Python values only, but {os.fspath(path)} holds something else"
            " or is damaged"
        ) from None
    except OSError as error:
        raise InputError(f"cannot read the checkpoint {os.fspath(path)}: {error.strerror or error}") from None
    except (RuntimeError, EOFError, ValueError, KeyError) as error:
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise InputError(f"cannot read the checkpoint {os.fspath(path)}: {reason}") from None
    if not isinstance(payload, dict):
        raise InputError(f"a checkpoint must hold a dict, but {os.fspath(path)} holds a {type(payload).__name__}")
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


def _sync_folder(folder: Path) -> None:
    # The rename itself is durable once the folder is; Windows cannot open folders and needs no such
    # step.
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
