"""Selects and names the device that trains."""

from __future__ import annotations

import torch

from ...blocks.errors import InputError


def pick_device() -> torch.device:
    """The current CUDA device if there is one, otherwise the CPU.

    Ray makes only the GPU assigned to a worker visible to it, so a worker's current device is its
    own.
    """
    return resolve("cuda" if torch.cuda.is_available() else "cpu")


def resolve(device: torch.device | str) -> torch.device:
    """`device` with its index (`cuda` becomes `cuda:0`), so that names of one device are equal.

    Raises:
        InputError: torch does not know the name, or this machine does not have the device.
    """
    try:
        resolved = torch.device(device)
    except RuntimeError:
        raise InputError(
            f"device must be a name that torch knows, like 'cpu' or 'cuda:0', but got {device!r}"
        ) from None
    if resolved.type != "cuda":
        return resolved
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    index = resolved.index if resolved.index is not None else (torch.cuda.current_device() if count else 0)
    if index >= count:
        raise InputError(
            f"device must be one of the {count} CUDA devices that torch sees here, but got {str(device)!r}"
        )
    return torch.device("cuda", index)


def describe(device: torch.device | str) -> str:
    """The device as shown to the user: `cuda:0 (NVIDIA H200)` or `cpu`."""
    resolved = resolve(device)
    return f"{resolved} ({torch.cuda.get_device_name(resolved)})" if resolved.type == "cuda" else str(resolved)


def has_fast_bf16(device: torch.device) -> bool:
    """Whether bf16 autocast is faster: on CUDA devices with native bf16 (since Ampere).

    On the CPU it slows small networks down, and older GPUs only emulate it.
    """
    return device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 0)
