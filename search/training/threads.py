"""Chooses the number of CPU threads of a training by measuring which is fastest.

A step of a small network consists of many short operations, and the threads wait for each other
after each of them. Several threads are used only where they are measurably faster than one.
Measured on 2 cores of an AMD EPYC with PyTorch 2.15, n = 15 updates of 64 images, milliseconds per
update (mean ± sd) with one and two threads, on an idle machine and beside two busy processes:

                                         idle: 1      2             busy: 1     2
    ResNet of 8 to 24 channels, 32 px    12.9 ± 0.3   11.3 ± 0.2     43 ± 5    821 ± 807
    EfficientNet of width 0.35, 32 px    45.9 ± 1.0   39.2 ± 1.9    141 ± 18   777 ± 1669
    ResNet of width 0.5, 32 px           74.1 ± 3.7   46.3 ± 1.2     75 ± 4    939 ± 754
    ResNet of width 0.5, 64 px            188 ± 2      109 ± 6      300 ± 30   870 ± 209

The best number cannot be predicted from the number of cores. It is therefore measured at the start
and checked again after each epoch.
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
"""Speed-up that a larger number of threads needs: threads take cores from other processes, and
their times vary more."""
SLOW = 1.5
"""A number of threads is given up if its first step takes this many times the best first step."""
REPEATS = 5
"""Number of steps timed after the first one, which also compiles kernels."""
SECONDS = 4.0
"""Time for all measurements in seconds, besides one step for each number of threads tried."""


class Timing(NamedTuple):
    """Seconds per step with one number of threads."""

    first: float
    fastest: float
    mean: float


class Threads:
    """Sets the number of threads of a training; on exit the previous number is restored.

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
        """Use `count` threads, or measure with up to `cpus` (by default all usable ones) if None.

        On a CUDA device the number of threads is never changed.

        Raises:
            InputError: the count is below 1.
        """
        if count is not None and count < 1:
            raise InputError(f"the number of threads must be at least 1, but got {count}")
        self._on_cpu, self._fixed, self._clock = device.type == "cpu", count, clock
        self._cpus = cpus if cpus is not None else usable_cpus()
        self._before = torch.get_num_threads()
        self._alone: float | None = None  # seconds per image with one thread, while several are in use

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
        """Set and return the number of threads with which `step` is fastest.

        `step` does one update and returns its number of images. Numbers tried are 1, 2, 4, … and
        all CPUs, within `SECONDS` and at least one step each. One thread is judged by its fastest
        step, several by their mean step, so that one thread wins where times vary. No step is taken
        if the number is given or there is one CPU.
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
        """Record an epoch's images and seconds of training; return the threads for the next epoch.

        If several threads took longer per image than one thread did when measured, the machine has
        become busy, and the rest of the training uses one thread.
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
                break  # over time: go on only while more threads help, as each step is then shorter
        self._alone = alone if chosen > 1 else None
        return chosen

    def _timed(self, step: Callable[[], int], share: float, best: Timing | None = None) -> tuple[Timing, int]:
        """Time `step` for at most `share` seconds and one step; return the times and its images.

        Timing ends early when it can no longer be faster than `best`.
        """
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
    """The number of CPUs that this process may use; all CPUs if the system does not tell."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _counts(cpus: int) -> list[int]:
    """The numbers of threads to try: 1, 2, 4, … and `cpus`."""
    return [*(2**power for power in range(cpus.bit_length()) if 2**power < cpus), cpus]
