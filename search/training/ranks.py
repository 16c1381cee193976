"""The processes that train one network together, each on a GPU of its own (data parallelism).

Every process holds the whole network and a part of each batch. Gradients are summed over the
processes before each step of the optimiser, so that all take the same step. Statistics of batch
normalisation are those of each process's part, as in PyTorch's DistributedDataParallel, and are
averaged after each epoch. Shape letters: b batch.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor, nn

from ...blocks.errors import InputError

PATIENCE = timedelta(days=7)
"""How long a process waits for the others: the first validates and writes files meanwhile."""
_since: float | None = None
_last: tuple[float, dist.Work] | None = None


@contextmanager
def exchanging() -> Iterator[None]:
    """Inside, this process waits for the others."""
    global _since
    _since = time.monotonic()
    try:
        yield
    finally:
        _since = None


def waited() -> float:
    """Seconds for which this process, or its GPU, has waited for the others; 0 if it does not."""
    since, last = _since, _last
    if since is None and last is not None and not last[1].is_completed():
        since = last[0]
    return 0.0 if since is None else time.monotonic() - since


def _exchanged(work: dist.Work | None) -> None:
    """Wait for an exchange that has been begun. On a GPU that is only noted for its stream: it is
    remembered, since the process will wait elsewhere."""
    global _last
    if work is not None:
        _last = time.monotonic(), work
        with exchanging():
            work.wait()


@contextmanager
def on_loopback() -> Iterator[None]:
    """Inside, processes that exchange tensors listen to this machine alone."""
    before = {name: os.environ.get(name) for name in ("GLOO_SOCKET_IFNAME", "NCCL_SOCKET_IFNAME")}
    for name in before:
        os.environ.setdefault(name, "lo0" if sys.platform == "darwin" else "lo")
    try:
        yield
    finally:
        for name in (name for name, value in before.items() if value is None):
            os.environ.pop(name, None)


def join(rank: int, devices: Sequence[str], meeting: Path) -> Ranks:
    """Join the processes that train on `devices` as number `rank`; all are given the same new file
    `meeting`."""
    on_gpu = devices[rank].startswith("cuda")
    if on_gpu:
        torch.cuda.set_device(devices[rank])
    backend, address = "nccl" if on_gpu else "gloo", meeting.absolute().as_uri()
    with exchanging():
        dist.init_process_group(backend, address, rank=rank, world_size=len(devices), timeout=PATIENCE)
    return Ranks(rank, len(devices))


def leave_alone() -> None:
    """Leave the others, which have ended; NCCL would wait for them."""
    if dist.is_initialized():
        with suppress(RuntimeError):
            if dist.get_backend() == "nccl":
                dist.distributed_c10d._abort_process_group()
            else:
                dist.destroy_process_group()


@dataclass(frozen=True)
class Ranks:
    """This process among `count` that train together; the first is number 0."""

    rank: int = 0
    """Number of this process."""
    count: int = 1
    """Number of processes."""

    @property
    def alone(self) -> bool:
        """Whether there is no other process."""
        return self.count == 1

    @property
    def purpose(self) -> tuple[str | int, ...]:
        """What a stream of random numbers of this process is for, so that those of others differ
        (`randomness.derive`)."""
        return () if self.rank == 0 else ("rank", self.rank)

    def require_batch(self, images: int) -> None:
        """Check the smallest batch: batch normalisation needs two images in each process.

        Raises:
            InputError: it is too small.
        """
        if not self.alone and images < 2 * self.count:
            raise InputError(
                f"{self.count} processes need batches of at least {2 * self.count} images, but the smallest has"
                f" {images}: give fewer --gpus"
            )

    def own(self, each_b: Tensor) -> Tensor:
        """The part of a batch that is this process's; parts differ by one image at most."""
        return each_b if self.alone else each_b.tensor_split(self.count)[self.rank]

    @torch.no_grad()
    def sum_gradients(self, network: nn.Module, share: float) -> None:
        """Replace the gradients, those of this process's part of a batch, by those of the batch.

        Args:
            network: has the gradients of the mean loss over this process's part.
            share: size of the part divided by that of the batch.
        """
        if self.alone:
            return
        gradients = [weights.grad for weights in network.parameters() if weights.grad is not None]
        torch._foreach_mul_(gradients, share)
        self._reduce(gradients)

    def sum(self, value: Tensor) -> float:
        """The sum of a number over the processes."""
        if self.alone:
            return value.item()
        total = value.clone()
        _exchanged(dist.all_reduce(total, async_op=True))
        return total.item()

    @torch.no_grad()
    def average_buffers(self, networks: Iterable[nn.Module]) -> None:
        """Replace buffers of floats, the running statistics, by their means over the processes."""
        if self.alone:
            return
        buffers = [buffer for each in networks for buffer in each.buffers() if buffer.is_floating_point()]
        if buffers:
            torch._foreach_div_(buffers, self.count)
            self._reduce(buffers)

    @torch.no_grad()
    def begin_alike(self, networks: Iterable[nn.Module]) -> None:
        """Give all processes the parameters and buffers of the first."""
        for each in () if self.alone else networks:
            for tensor in (*each.parameters(), *each.buffers()):
                _exchanged(dist.broadcast(tensor, src=0, async_op=True))

    def _reduce(self, tensors: Sequence[Tensor]) -> None:
        """Sum tensors over the processes, in place and in one message for each type."""
        for kind in {tensor.dtype for tensor in tensors}:
            several = [tensor for tensor in tensors if tensor.dtype == kind]
            flat = torch.cat([tensor.reshape(-1) for tensor in several])
            _exchanged(dist.all_reduce(flat, async_op=True))
            parts = zip(flat.split([tensor.numel() for tensor in several]), several, strict=True)
            torch._foreach_copy_(several, [part.view(tensor.shape) for part, tensor in parts])


ALONE = Ranks()
"""A training in one process."""
