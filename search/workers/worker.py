"""A long-lived Ray Tune worker: torch is imported and the data placed once, then one candidate
after another is trained.

A candidate's failure is a result, not an exception: the worker lives on. It knows neither Optuna
nor the study.
"""

from __future__ import annotations

import os
import socket
import time
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray
from ray import get_gpu_ids, tune

from ...blocks.block import Block, adopt
from ...blocks.errors import AutomlError
from ..course.job import Job
from ..scores.sending import unpacked

if TYPE_CHECKING:
    from ..training.trainer import Trainer


class Worker(tune.Trainable):
    """Trains the candidate of its config, or scores it; one `step` is one epoch."""

    def setup(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        config: dict[str, Any],
        *,
        arrays: Mapping[str, NDArray[Any]],
        recipe: Mapping[str, Any],
        blocks: Mapping[str, type[Block]] | None = None,
        scores: bytes = b"",
    ) -> None:
        """Import torch, place the data on the device, start the first job; `blocks` and `scores`
        (packed) are the user's own, registered in the driver."""
        # timm and torch warn of things that are theirs to change; a worker's standard error reaches
        # nobody
        warnings.simplefilter("ignore")
        import torch

        from ..training.device import describe, pick_device
        from ..training.pixels import Pixels
        from ..training.recipe import Recipe

        torch.set_num_threads(1)
        adopt(blocks or {})
        unpacked(scores)
        # a worker that was given no GPU must not take one that it happens to see
        device = pick_device() if get_gpu_ids() else torch.device("cpu")
        self._device = device
        self._place = {
            "worker": f"{socket.gethostname()}:{os.getpid()}",
            "device": describe(device),
            "gpus": ",".join(str(gpu) for gpu in get_gpu_ids()),
        }
        levels = (float(arrays["levels"][0]), float(arrays["levels"][1])) if "levels" in arrays else None
        self._pixels = Pixels(
            arrays["images"], arrays["labels"], arrays["train"], arrays["validation"], None, device, levels=levels
        )
        self._recipe = Recipe.from_dict(recipe)
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Start another job in the same process."""
        self._job = Job.from_json(new_config["job"])
        self._trainer: Trainer | None = None
        return True

    def step(self) -> dict[str, Any]:
        """One epoch: accuracy and seconds, or why the candidate failed."""
        try:
            return {**self._epoch(), **self._place}
        except AutomlError as error:
            return {"failed": str(error), "done": True, **self._place}
        except Exception as error:  # any fault of a candidate, memory included, is that candidate's alone
            return {"failed": f"{type(error).__name__}: {error}".splitlines()[0][:300], "done": True, **self._place}

    def _epoch(self) -> dict[str, Any]:
        from .job_runner import begun, keep_state, keep_weights, scored

        if self._job.scores:
            started = time.perf_counter()
            found = scored(self._job, self._pixels, self._device)
            seconds = time.perf_counter() - started
            return {
                "epoch": 1,
                "accuracy": found[self._job.scores[0]],
                "scores": found,
                "loss": 0.0,
                "seconds": seconds,
                "images": 0,
                "done": True,
            }
        if self._trainer is None:
            self._trainer = begun(self._job, self._pixels, self._recipe, self._device)
        report = self._trainer.epoch()
        keep_state(self._job, self._trainer)
        if self._trainer.finished:
            keep_weights(self._job, self._trainer, self._pixels)
        return {
            "epoch": report.epoch,
            "accuracy": report.accuracy,
            "loss": report.loss,
            "seconds": report.seconds,
            "images": report.images,
            "done": self._trainer.finished,
        }

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Nothing: a training that waits is kept by the engine's rungs; but without this Tune fails
        every trial at its end."""

    def load_checkpoint(self, checkpoint: Any) -> None:
        """Nothing, likewise."""
