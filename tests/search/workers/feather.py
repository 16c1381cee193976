"""A worker that trains nothing and imports no torch, so that a trial takes milliseconds; it dies,
waits or gives NaN when asked to."""

import os
import signal
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import ray
from automl.blocks import Attention, Shape, block_class
from automl.blocks.block import adopt
from automl.search.course.job import Job
from ray import tune

GONE = "the worker died: its process crashed in native code, or was killed"
SIGNALS = {"segv": signal.SIGSEGV, "abort": signal.SIGABRT, "kill": signal.SIGKILL}
NOT_A_NUMBER = "the loss must be finite, but got nan in epoch 1 of 6"
DEATHS = {"nan": NOT_A_NUMBER, "die": GONE, "raise": "a fault of the worker itself", **dict.fromkeys(SIGNALS, GONE)}
"""The reason recorded, by the way an evaluation fails: no number as its loss, or a dead worker."""


def taken(folder: str, deaths: Sequence[str], job: Job) -> str | None:
    """The next of `deaths` that no trial has taken; every second trial takes None. A file in
    `folder` says which network it was."""
    for name in (name for death in deaths for name in (f"{death}.lives", death)):
        try:
            with open(Path(folder, name), "x") as file:
                file.write(job.candidate)
        except FileExistsError:
            continue
        return None if name.endswith(".lives") else name
    return None


def meet(folder: Path, count: int, gpus: str) -> None:
    """Return when `count` processes have called this, each of which has written down its GPUs."""
    (folder / str(os.getpid())).write_text(gpus)
    deadline = time.monotonic() + 240
    while len(list(folder.iterdir())) < count:
        assert time.monotonic() < deadline, "the other workers have not come"
        time.sleep(0.02)


class Feather(tune.Trainable):
    """Reports an accuracy that depends on the network alone; misbehaves as its recipe says.

    Its recipe may hold `mode`, what it does in every trial; `dying`, a folder, with `deaths`, of
    which every second trial takes one; and `meeting`, a folder, with `count`, in which workers wait
    for one another.
    """

    def setup(self, config, *, arrays, recipe, blocks, scores, measures):
        assert "torch" not in sys.modules
        assert arrays["images"].shape == (10,)
        assert os.nice(0) < 15  # not that of Ray, with which it would starve on a busy machine
        adopt(blocks)
        self.recipe = recipe
        self.gpus = ",".join(str(gpu) for gpu in ray.get_gpu_ids())
        self.reset_config(config)

    def reset_config(self, new_config):
        self.job = Job.from_json(new_config["job"])
        self.epoch = self.job.start
        self.death = None
        return True

    def step(self):
        self.epoch += 1
        if "dying" in self.recipe and self.epoch == 1:  # only now: Tune may set up a worker for nothing
            self.death = taken(self.recipe["dying"], self.recipe["deaths"], self.job)
        luck = sum(self.job.candidate.encode()) % 97 / 97
        mode = self.death or self.recipe.get("mode")
        if "meeting" in self.recipe:
            meet(Path(self.recipe["meeting"]), self.recipe["count"], self.gpus)
        if mode == "block":
            assert block_class("outside", Attention)().cost(Shape(8, 1, 1)).params == 16
        if mode == "die":
            os._exit(1)
        if mode in SIGNALS and self.epoch == 2:
            os.kill(os.getpid(), SIGNALS[mode])
            time.sleep(60)  # a signal to the process may be taken by another thread
        if mode == "raise":
            raise RuntimeError("a fault of the worker itself")
        place = {"worker": f"w:{os.getpid()}", "device": "cpu", "gpus": self.gpus}
        if mode == "nan":
            return {"failed": NOT_A_NUMBER, "done": True, **place}
        return {
            "epoch": self.epoch,
            "accuracy": 0.99 if self.death else 0.3 + 0.5 * luck + 0.01 * self.epoch,  # no rung stops it before
            "seconds": 0.02,
            "done": self.epoch >= self.job.fidelity.epochs,
            **place,
        }

    def save_checkpoint(self, checkpoint_dir):
        pass

    def load_checkpoint(self, checkpoint):
        pass
