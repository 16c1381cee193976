"""Captures functions of tensors as CUDA graphs and replays them.

A small network trains with a thousand short kernels an update, and launching them one by one from
Python takes several times as long as the GPU needs for them. A graph launches them all at once.
Capturing one takes about as long as running the function from Python, so that a graph can be made
for each candidate and batch shape; compiling a network takes a minute.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Hashable, Iterator
from contextlib import contextmanager, suppress
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
        self._doubted: set[Hashable] = set()

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
            with noticing_reads() as reads:
                result = function(*inputs)
            if not reads:
                self._replays[key] = None
            elif key in self._doubted:
                self._give_up(reads[0])
            self._doubted.add(key)  # one call may wait: it may make something that later ones use
            return result
        replay = self._replays[key]
        if replay is None:
            try:
                replay = self._replays[key] = self._capture(function, inputs)
            except RuntimeError as error:
                self._give_up(str(error))
                return function(*inputs)
        return replay(*inputs)

    def forget(self) -> None:
        """Release all graphs, for instance when the tensors that they work on are replaced."""
        self._replays.clear()
        self._doubted.clear()

    def _give_up(self, reason: str) -> None:
        self._capture = None
        self.forget()
        first = reason.strip().splitlines()[0]
        warnings.warn(f"the network trains without CUDA graphs, which is slower: {first}", stacklevel=3)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Graphs of the same kind without captures, which replay on the tensors of the original."""
        return type(self)(self._capture)


@contextmanager
def noticing_reads() -> Iterator[list[str]]:
    """Notice whether Python waits for the GPU within the `with` block, as no graph can.

    A capture that fails leaves torch's generator and allocator in the middle of it, so that what
    cannot be captured is better known before.
    """
    reads: list[str] = []
    if not torch.cuda.is_initialized():
        yield reads
        return
    before = torch.cuda.get_sync_debug_mode()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            yield reads
        finally:
            torch.cuda.set_sync_debug_mode(before)
    for each in said:
        if "called a synchronizing CUDA operation" in str(each.message):
            reads.append(str(each.message))
        elif "Synchronization debug mode" not in str(each.message):  # torch's note on the mode itself
            warnings.warn_explicit(each.message, each.category, each.filename, each.lineno)


def cuda_graph(function: Function, inputs: tuple[Tensor, ...]) -> Function:
    """Capture `function` as a CUDA graph; within `on_own_stream`.

    Random numbers are drawn from the current seed in every replay, in the order in which the
    function itself draws them.

    Raises:
        RuntimeError: the function reads from the device, or the GPU's memory is full.
    """
    static = tuple(tensor.clone() for tensor in inputs)
    graph, random = torch.cuda.CUDAGraph(), torch.cuda.get_rng_state()
    try:
        # "thread_local": other threads, such as those that pin memory, may call CUDA meanwhile
        with torch.cuda.graph(graph, stream=torch.cuda.current_stream(), capture_error_mode="thread_local"):
            result = function(*static)
    except RuntimeError:
        _end_capture(graph, random)
        raise

    def replay(*latest: Tensor) -> Tensor:
        _ = function  # keeps the tensors alive that it holds, whose addresses are in the graph
        for kept, tensor in zip(static, latest, strict=True):
            kept.copy_(tensor)
        graph.replay()
        return result

    return replay


def _end_capture(graph: torch.cuda.CUDAGraph, random: Tensor) -> None:
    """Bring torch's generator and allocator out of a capture that failed."""
    device = torch.cuda.current_device()
    fresh = torch.Generator(torch.device("cuda", device))
    torch.cuda.default_generators[device].graphsafe_set_state(fresh.graphsafe_get_state())
    torch.cuda.set_rng_state(random)
    with suppress(RuntimeError):  # the capture has ended there after all
        torch._C._cuda_endAllocateToPool(device, graph.pool())


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
