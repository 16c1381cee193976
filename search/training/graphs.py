"""Captures functions of tensors as CUDA graphs and replays them.

A small network trains with a thousand short kernels an update, and launching them one by one from
Python takes several times as long as the GPU needs for them. A graph launches them all at once.
Capturing one takes about as long as running the function from Python, so that a graph can be made
for each candidate and batch shape; compiling a network takes a minute.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any, Self

import torch
from torch import Tensor

Function = Callable[..., Tensor]
Capture = Callable[[Function, tuple[Tensor, ...]], Function]
"""Captures a function of tensors; the inputs given have the shapes and types of those to come."""


class Graphs:
    """Runs functions of tensors, those that are called repeatedly as graphs."""

    def __init__(self, capture: Capture | None) -> None:
        """Capture by `capture`; None runs every call from Python."""
        self._capture = capture
        self._replays: dict[Hashable, Function | None] = {}

    def run(self, name: Hashable, function: Function, *inputs: Tensor) -> Tensor:
        """The result of `function(*inputs)`, valid until the next call.

        The first call with a name and input shapes runs the function itself, since kernels are
        chosen and optimisers make their state then; the next one captures. `function` must do the
        same work in every call with the same name and shapes, on the same tensors besides the
        inputs, and read nothing from the device. A function that cannot be captured goes on being
        run itself.
        """
        if self._capture is None:
            return function(*inputs)
        key = (name, *(tensor.shape for tensor in inputs))
        if key not in self._replays:
            self._replays[key] = None
            return function(*inputs)
        replay = self._replays[key]
        if replay is None:
            try:
                replay = self._replays[key] = self._capture(function, inputs)
            except RuntimeError as error:
                self._capture = None
                self.forget()
                reason = str(error).strip().splitlines()[0]
                warnings.warn(f"the network trains without CUDA graphs, which is slower: {reason}", stacklevel=2)
                return function(*inputs)
        return replay(*inputs)

    def forget(self) -> None:
        """Release all graphs, for instance when the tensors that they work on are replaced."""
        self._replays.clear()

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """An empty one of the same kind, as graphs here work on the tensors of the original."""
        return type(self)(self._capture)


def cuda_graph(function: Function, inputs: tuple[Tensor, ...]) -> Function:
    """Capture `function` as a CUDA graph; within `on_own_stream`.

    Random numbers are drawn from the current seed in every replay, in the order in which the
    function itself draws them.

    Raises:
        RuntimeError: the function reads from the device, or the GPU's memory is full.
    """
    static = tuple(tensor.clone() for tensor in inputs)
    graph = torch.cuda.CUDAGraph()
    # "thread_local": other threads, such as those that pin memory, may call CUDA during the capture
    with torch.cuda.graph(graph, stream=torch.cuda.current_stream(), capture_error_mode="thread_local"):
        result = function(*static)

    def replay(*latest: Tensor) -> Tensor:
        _ = function  # keeps the tensors alive that it holds, whose addresses are in the graph
        for kept, tensor in zip(static, latest, strict=True):
            kept.copy_(tensor)
        graph.replay()
        return result

    return replay


@contextmanager
def on_own_stream(device: torch.device) -> Iterator[None]:
    """Run the `with` block on a CUDA stream other than the default one, which cannot be captured.

    It does nothing on the CPU.
    """
    if device.type != "cuda":
        yield
        return
    own, usual = _stream(device), torch.cuda.current_stream(device)
    own.wait_stream(usual)
    try:
        with torch.cuda.stream(own):
            yield
    finally:
        usual.wait_stream(own)


@cache
def _stream(device: torch.device) -> torch.cuda.Stream:
    return torch.cuda.Stream(device)
