"""Processes that train a network together with this one, each on a GPU of its own.

This process is the first: it validates, keeps the states and the weights, and writes the database.
The others load the same images and do the same updates on their part of each batch (`ranks`). They
end when it ends, however that happens.
"""

from __future__ import annotations

import os
import signal
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeAlias

import torch
import torch.distributed as dist

from ...blocks.errors import AutomlError, InputError, first_line
from ...studies import StudySpec
from ...studies.trained.checkpoint import load
from ..course import stop_signals
from ..course.job import Job
from ..training.ranks import Ranks, exchanging, join, leave_alone, on_loopback, waited
from ..training.recipe import Recipe
from .study_data import study_data
from .training_images import pixels_of, used

if TYPE_CHECKING:
    from multiprocessing.connection import Connection, PipeConnection
    from multiprocessing.process import BaseProcess

    from ..training.trainer import Trainer

Pipe: TypeAlias = "Connection[Any, Any] | PipeConnection[Any, Any]"
"""An end of a pipe between two processes; the second kind is that of Windows."""
GRACE = 20.0
"""Seconds after which a process that waits for a dead one is ended: where GPUs exchange tensors it
would not notice."""


@dataclass(frozen=True, kw_only=True)
class Together:
    """What the processes train, as they are told of it."""

    spec: StudySpec
    """The study."""
    data: str | None
    """Where its data are now, if they have moved."""
    data_dir: str | None
    """The folder of downloaded data sets."""
    cache: str | None
    """The folder of decoded images."""
    job: Job
    """Network, fidelity and seed."""
    recipe: Recipe
    """How it is trained."""
    devices: Sequence[str]
    """The device of each process, that of this one first."""


def devices_of(gpus: int | None) -> list[str]:
    """The devices of a training: the first GPUs of this machine if several are asked for, else one
    device.

    Raises:
        InputError: there are not so many GPUs.
    """
    from ..training.device import pick_device

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if gpus is None or gpus == 1 <= count:
        return [str(pick_device())]
    if not 1 <= gpus <= count:
        there = f"between 1 and {count}, the number of GPUs here" if count else "left out, since there is no GPU here"
        raise InputError(f"--gpus must be {there}, but got {gpus}")
    return [f"cuda:{index}" for index in range(gpus)]


@contextmanager
def companions(together: Together, state: Path | None) -> Iterator[Ranks]:
    """Start the other processes, and end them with the block; yields this process's rank.

    This process is ended, with a line on standard error, if it waits for one that has died and does
    not notice.

    Args:
        together: what is trained.
        state: the file of the state from which the training goes on; None begins.

    Raises:
        AutomlError: one of them could not begin, or died.
    """
    spawning = get_context("spawn")
    processes: list[BaseProcess] = []
    with tempfile.TemporaryDirectory(prefix="automl-train-") as folder, on_loopback():
        meeting = Path(folder, "ranks")
        pipes: list[Pipe] = []
        try:
            for rank in range(1, len(together.devices)):
                ours, theirs = spawning.Pipe(duplex=False)
                pipes.append(ours)
                given = (rank, together, state, meeting, theirs, os.getpid())
                processes.append(spawning.Process(target=_companion, args=given, daemon=True))
                processes[-1].start()
                theirs.close()
            for pipe in pipes:
                if (trouble := _received(pipe)) is not None:
                    raise AutomlError(f"a process that was to train too could not begin: {trouble}")
            with _Watch(processes, pipes) as watch:
                with watch.translating():
                    yield join(0, together.devices, meeting)
                with exchanging(), suppress(RuntimeError):  # all is trained
                    dist.destroy_process_group()  # where GPUs have exchanged tensors, all leave together
        finally:
            for process in processes:
                if process.pid is not None:
                    process.kill()
                    process.join()


class _Watch:
    """Notices the death of a companion, for which this process would wait for ever."""

    def __init__(self, processes: Sequence[BaseProcess], pipes: Sequence[Pipe]) -> None:
        self._processes, self._pipes = processes, pipes
        self._over, self._lock = threading.Event(), threading.Lock()
        self._said: str | None = None
        self._noticed = 0.0

    def __enter__(self) -> Self:
        threading.Thread(target=self._watch, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()

    @contextmanager
    def translating(self) -> Iterator[None]:
        """Inside, an error that a companion's death has caused says so. After an error the others
        are ended, and the group is left without them."""
        try:
            yield
        except BaseException as error:
            if not isinstance(error, AutomlError | KeyboardInterrupt):
                time.sleep(0.5)  # a process that dies closes its connections first
            died = None if isinstance(error, KeyboardInterrupt) else self._died()
            self._over.set()
            for process in self._processes:
                process.kill()
            leave_alone()
            if died is not None and not isinstance(error, AutomlError):
                raise AutomlError(f"{died}; {stop_signals.go_on}") from None
            raise

    def _watch(self) -> None:
        while not self._over.wait(1.0):
            if (died := self._died()) is None:
                continue
            self._noticed = self._noticed or time.monotonic()
            late = min(waited(), time.monotonic() - self._noticed) > GRACE
            if late and not self._over.is_set():
                stop_signals.end_at_once(f"{died}; {stop_signals.go_on}", 1)

    def _died(self) -> str | None:
        """What is said of a process that has died; None while all live, or have done their part."""
        with self._lock:
            for process, pipe in zip(self._processes, self._pipes, strict=True):
                if self._said is None and process.exitcode not in (None, 0):
                    words = f"exit code {process.exitcode}"
                    with suppress(EOFError, OSError):  # one that was killed has left no word
                        words = (pipe.recv() if pipe.poll() else None) or words
                    self._said = f"a process that trained too has died: {words}"
            return self._said


def _received(pipe: Pipe) -> str | None:
    """What a companion says: its trouble, or None once it is ready."""
    try:
        return pipe.recv()
    except (EOFError, OSError):
        return 'it ended without a word; a script must train under `if __name__ == "__main__"`'


def _companion(rank: int, together: Together, state: Path | None, meeting: Path, pipe: Pipe, first: int) -> None:
    """The life of a companion."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP"):  # a terminal tells all processes; the first one decides
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    threading.Thread(target=_end_with, args=(first,), daemon=True).start()
    try:
        trainer = _trainer(rank, together, state)
        pipe.send(None)
        trainer.train_with(join(rank, together.devices, meeting))
        while not trainer.finished:
            trainer.epoch()
        dist.destroy_process_group()
    except Exception as error:
        with suppress(OSError):
            pipe.send(first_line(error))
        os._exit(1)


def _trainer(rank: int, together: Together, state: Path | None) -> Trainer:
    """The trainer of a companion, on its device."""
    from ..workers.job_runner import trainer_for

    device, job = torch.device(together.devices[rank]), together.job
    if device.type == "cuda":
        torch.cuda.set_device(device)
    else:
        torch.set_num_threads(1)
    where = {"data": together.data, "data_dir": together.data_dir, "cache": together.cache}
    loaded, rows = study_data(together.spec, **where, size=lambda native: job.fidelity.size)
    pixels = pixels_of(loaded, used(rows, job.fidelity), job.fidelity, device)
    trainer = trainer_for(job, pixels, together.recipe, device)  # the first one's weights come with `train_with`
    if state is not None:
        trainer.load_state_dict(load(state)["trainer"])
    return trainer


def _end_with(first: int) -> None:
    """End this process when the process `first` has ended, however it died."""
    while os.getppid() == first:
        time.sleep(1.0)
    os._exit(0)
