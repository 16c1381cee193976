"""How many threads train on the CPU: as many as were measured to be faster, and never more than one
where one is as fast.

Small networks spend a step in many short operations, and the threads wait for each other after each
of them. Measured on 2 cores of an AMD EPYC with PyTorch 2.15, n = 15 updates of 64 images,
milliseconds with one and with two threads:

    ResNet of 8 to 24 channels, 32 px      idle  12.9 ± 0.3   11.3 ± 0.2     beside two busy processes   43 ± 5    821 ± 807
    EfficientNet of width 0.35, 32 px            45.9 ± 1.0   39.2 ± 1.9                                141 ± 18   777 ± 1669
    ResNet of width 0.5, 32 px                   74.1 ± 3.7   46.3 ± 1.2                                 75 ± 4    939 ± 754
    ResNet of width 0.5, 64 px                    188 ± 2      109 ± 6                                  300 ± 30   870 ± 209

What a machine will do cannot be told from its number of cores, so it is tried at the start, and
looked at again after each epoch.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from types import TracebackType
from typing import NamedTuple, Self

import torch

from ...blocks.errors import InputError

GAIN = 1.1
"""More threads must be this many times as fast: they cost others the cores, and their times vary
more."""
SLOW = 1.5
"""A number of threads whose first step takes this many times that of the best one so far is not
tried further."""
REPEATS = 5
"""Steps timed after the first, which also compiles kernels."""
SECONDS = 4.0
"""For all measurements together, above the one step that each number of threads takes at least."""


class Timing(NamedTuple):
    """Seconds a step with one number of threads."""

    first: float
    fastest: float
    mean: float


class Threads:
    """Chooses the threads of a training, and as a context manager puts back the number of before.

    >>> with Threads(device) as threads:
    ...     threads.measure(trainer.rehearsal())
    ...     while not trainer.finished:
    ...         report = trainer.epoch()
    ...         threads.ended(report.images, report.training)
    """

    def __init__(
        self,
        device: torch.device,
        count: int | None = None,
        *,
        cpus: int | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """Takes `count` threads, or measures with up to `cpus` of them (all that this process may
        use). On a CUDA device nothing is ever changed.

        Raises:
            InputError: the count is below 1.
        """
        if count is not None and count < 1:
            raise InputError(f"the number of threads must be at least 1, but got {count}")
        self._on_cpu, self._fixed, self._clock = device.type == "cpu", count, clock
        self._cpus = cpus if cpus is not None else usable_cpus()
        self._before = torch.get_num_threads()
        self._alone: float | None = None  # seconds an image with one thread, as long as several may train

    def __enter__(self) -> Self:
        self._before = torch.get_num_threads()
        if self._on_cpu and self._fixed is not None:
            torch.set_num_threads(self._fixed)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._on_cpu:
            torch.set_num_threads(self._before)

    def measure(self, step: Callable[[], int]) -> int:
        """Sets and returns the number of threads that `step` is fastest with; `step` is one update
        and returns its number of images.

        Takes at most `SECONDS`, and besides one step for each number of threads tried; numbers are
        1, 2, 4, … and all CPUs. One thread is judged by its fastest step and more by their mean:
        where times vary, one wins. Where the count is given, or there is one CPU, no step is taken.
        """
        if not self._on_cpu:
            return torch.get_num_threads()
        counts = [1] if self._fixed is not None else _counts(self._cpus)
        chosen = self._fixed or 1
        if len(counts) > 1:
            chosen = self._fastest(step, counts)
        torch.set_num_threads(chosen)
        return chosen

    def ended(self, images: int, seconds: float) -> int:
        """Takes what an epoch trained on and its seconds of training alone; returns the number of
        threads for the next one.

        Goes back to one thread, for good, if several took longer for an image than one thread did
        when measured: the machine has become busy.
        """
        if self._alone is not None and seconds > self._alone * images:
            self._alone = None
            torch.set_num_threads(1)
        return torch.get_num_threads()

    def _fastest(self, step: Callable[[], int], counts: list[int]) -> int:
        share = SECONDS / len(counts)
        end = self._clock() + SECONDS
        torch.set_num_threads(1)
        best, images = self._timed(step, share)
        alone, chosen = best.fastest / images, 1
        for count in counts[1:]:
            torch.set_num_threads(count)
            timing, _ = self._timed(step, share, best)
            if timing.mean * GAIN <= best.fastest:
                best, chosen = timing, count
            elif self._clock() > end:
                break  # slow steps go on only as long as more threads help: each is then shorter than the one before
        self._alone = alone if chosen > 1 else None
        return chosen

    def _timed(self, step: Callable[[], int], share: float, best: Timing | None = None) -> tuple[Timing, int]:
        """At most `share` seconds and a step; as soon as it cannot be faster than `best` any more,
        not a step further."""
        began = self._clock()
        images = step()
        first, times = self._clock() - began, list[float]()
        hopeless = best is not None and first > SLOW * best.first
        while not hopeless and len(times) < REPEATS and self._clock() - began < share:
            start = self._clock()
            step()
            times.append(self._clock() - start)
            hopeless = best is not None and sum(times) * GAIN > REPEATS * best.fastest
        times = times or [first]
        return Timing(first, min(times), sum(times) / len(times)), images


def usable_cpus() -> int:
    """The CPUs that this process may run on, where the system says so; else those there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _counts(cpus: int) -> list[int]:
    """1, 2, 4, … and `cpus` itself."""
    return [*(2**power for power in range(cpus.bit_length()) if 2**power < cpus), cpus]
