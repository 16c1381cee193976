"""Which device trains, and what it is called."""

from __future__ import annotations

import torch

from ...blocks.errors import InputError


def pick_device() -> torch.device:
    """The current CUDA device where there is one, otherwise the CPU.

    Ray shows a worker only the GPU it was given, so the current device of a worker is its own.
    """
    return resolve("cuda" if torch.cuda.is_available() else "cpu")


def resolve(device: torch.device | str) -> torch.device:
    """`device` with its index spelled out (`cuda` becomes `cuda:0`), so that two names of one
    device compare equal.

    Raises:
        InputError: the name is none of torch's, or the device is not on this machine.
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
    """The device for a person: `cuda:0 (NVIDIA H200)` or `cpu`."""
    resolved = resolve(device)
    return f"{resolved} ({torch.cuda.get_device_name(resolved)})" if resolved.type == "cuda" else str(resolved)


def has_fast_bf16(device: torch.device) -> bool:
    """Whether bf16 autocast gains anything: CUDA devices with bf16 of their own (since Ampere).

    On the CPU it loses for small networks, and older GPUs only emulate it.
    """
    return device.type == "cuda" and torch.cuda.get_device_capability(device) >= (8, 0)
