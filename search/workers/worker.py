"""A long-lived Ray Tune worker: imports torch and places the data once, then runs job after job.

A candidate's failure is a result, not an exception: the worker lives on. It knows neither Optuna
nor the study.
"""

from __future__ import annotations

import os
import socket
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from ray import get_gpu_ids, tune

from ...blocks.block import Block, adopt
from ...blocks.errors import AutomlError
from ...studies.records.evaluation import Fault
from ...studies.store import StoreError
from ..course.job import Job
from ..own_parts import unpacked_measures
from ..pretrained.source_weights import Source
from ..scores.sending import unpacked
from .place import Evaluate, Place
from .stores import reached


class Worker(tune.Trainable):
    """Runs the job of its config; one `step` is one epoch, or one scoring."""

    _node = ""

    def setup(  # pyright: ignore[reportIncompatibleMethodOverride]
        self,
        config: dict[str, Any],
        *,
        arrays: Mapping[str, Any],
        recipe: Mapping[str, Any],
        blocks: Mapping[str, type[Block]] | None = None,
        scores: bytes = b"",
        measures: bytes = b"",
        evaluate: Evaluate | None = None,
        source: Source | None = None,
        node: str = "",
    ) -> None:
        """Import torch, place the data on the device, and start the first job.

        Args:
            config: holds the job as JSON.
            arrays: images (uint8, bhwc), labels, the rows that train and validate, and `answers` if
                networks give something else than a class.
            recipe: of all trainings.
            blocks: the user's own block classes, registered in the driver.
            scores: the user's own scores, packed.
            measures: the user's own quality measures, packed.
            evaluate: evaluates trials in place of the usual training.
            source: the network from whose weights candidates begin.
            node: Ray's id of the driver's machine; empty for a private Ray, whose only machine is
                this one.
        """
        # timm and torch warn about themselves; a worker's standard error reaches nobody
        warnings.simplefilter("ignore")
        import torch

        from ..training.device import describe, pick_device
        from ..training.pixels import Pixels
        from ..training.recipe import Recipe
        from .image_delivery import received

        torch.set_num_threads(1)
        adopt(blocks or {})
        unpacked(scores)
        unpacked_measures(measures)
        # a worker that was given no GPU must not take one that it happens to see
        device = pick_device() if get_gpu_ids() else torch.device("cpu")
        self._origin = {
            "worker": f"{socket.gethostname()}:{os.getpid()}",
            "device": describe(device),
            "gpus": ",".join(str(gpu) for gpu in get_gpu_ids()),
        }
        arrays = received(arrays)
        levels = (float(arrays["levels"][0]), float(arrays["levels"][1])) if "levels" in arrays else None
        fit = str(arrays["fit"]) if "fit" in arrays else "crop"
        parts = arrays["train"], arrays["validation"], None
        answers = arrays.get("answers")
        pixels = Pixels(arrays["images"], arrays["labels"], *parts, device, levels=levels, fit=fit, answers=answers)
        self._place = Place(pixels=pixels, recipe=Recipe.from_dict(recipe), device=device, source=source)
        self._evaluate, self._node = evaluate, node
        self.reset_config(config)

    def reset_config(self, new_config: dict[str, Any]) -> bool:
        """Start another job in the same process."""
        job = Job.from_json(new_config["job"])
        self._job = replace(job, store=reached(job.store, self._node))
        self._steps: Iterator[dict[str, Any]] | None = None
        return True

    def step(self) -> dict[str, Any]:
        """Run one epoch; returns its accuracy and seconds, or why the candidate failed."""
        from .job_runner import steps

        try:
            if self._steps is None:
                self._steps = steps(self._job, self._place, self._evaluate)
            return {**next(self._steps), **self._origin}
        except (StoreError, OSError) as error:
            return {"failed": _reason(error), "fault": Fault.MACHINE.value, "done": True, **self._origin}
        except AutomlError as error:
            return {"failed": str(error), "fault": Fault.CANDIDATE.value, "done": True, **self._origin}
        except Exception as error:  # any fault of a candidate, memory included, is that candidate's alone
            memory = isinstance(error, MemoryError) or "out of memory" in str(error).lower()
            fault = Fault.MEMORY if memory else Fault.CANDIDATE
            return {"failed": _reason(error), "fault": fault.value, "done": True, **self._origin}

    def save_checkpoint(self, checkpoint_dir: str) -> None:
        """Save nothing: states are kept at rungs. Without this method Tune fails every trial."""

    def load_checkpoint(self, checkpoint: Any) -> None:
        """Load nothing: a training resumes from the state of its rung."""


def _reason(error: Exception) -> str:
    """An error in one line."""
    return f"{type(error).__name__}: {error}".splitlines()[0][:300]
