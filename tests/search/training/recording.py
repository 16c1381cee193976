"""Records and replays the operations of a function on the CPU, as a CUDA graph does on a GPU.

What a recording holds are operations and the tensors that they read and write: numbers of Python
are those of the recording, and Python code does not run again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten


class Recorder(TorchDispatchMode):
    """Notes every operation with its arguments and results, and what its tensors held before."""

    def __init__(self) -> None:
        super().__init__()
        self.operations: list[tuple[Any, ...]] = []
        self.before: dict[int, tuple[torch.UntypedStorage, torch.UntypedStorage]] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func is torch.ops.aten._local_scalar_dense.default:
            raise RuntimeError("operation not permitted when stream is capturing")
        kwargs = kwargs or {}
        for tensor in tree_flatten((args, kwargs))[0]:  # any: batch normalisation does not say what it changes
            if isinstance(tensor, Tensor):
                memory = tensor.untyped_storage()
                if memory.data_ptr() not in self.before:
                    self.before[memory.data_ptr()] = memory, memory.clone()
        result = func(*args, **kwargs)
        self.operations.append((func, args, kwargs, result))
        return result


def record(function: Callable[..., Tensor], inputs: tuple[Tensor, ...]) -> Callable[..., Tensor]:
    """Record `function` without a lasting effect; what is returned replays it on other inputs."""
    static = tuple(tensor.clone() for tensor in inputs)
    random = torch.get_rng_state()
    recorder = Recorder()
    try:
        with recorder:
            result = function(*static)
    finally:  # a capture runs no kernel: nothing has changed, and nothing was drawn
        for memory, before in recorder.before.values():
            memory.copy_(before)
        torch.set_rng_state(random)

    def replay(*latest: Tensor) -> Tensor:
        with torch.no_grad():
            for kept, tensor in zip(static, latest, strict=True):
                kept.copy_(tensor)
            for func, args, kwargs, made in recorder.operations:
                for old, new in zip(tree_flatten(made)[0], tree_flatten(func(*args, **kwargs))[0], strict=True):
                    if isinstance(old, Tensor) and old.data_ptr() != new.data_ptr():
                        old.copy_(new)
        return result

    return replay
