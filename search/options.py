"""What `automl search` takes, checked."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from ..blocks import InputError
from ..blocks.documented import documented
from ..blocks.errors import unknown
from ..spaces import Space
from .data import Reading
from .proposing.samplers import DEFAULT_SAMPLER, Objective, check_sampler
from .scores import score

DEFAULT_STORAGE = "sqlite:///automl.db"
EVALUATORS = {"train": "train", "table:FILE": "table:.+", "zero-cost": "zero-cost", "zero-cost:SCORE": "zero-cost:.+"}
"""What `--evaluator` takes: as shown, and as a regular expression."""


@documented
@dataclass(frozen=True, kw_only=True)
class SearchOptions:
    """What `automl search` takes; the field names are the options'."""

    budget: Sequence[str] = ()
    """Bounds on cost; none admits everything."""
    space: str | Path | Space = "efficientnet"
    """A shipped space, a file, or a space."""
    data: str = "digits"
    """A data set's name, a folder of class folders, or an .npz file."""
    data_dir: str | None = None
    """Where torchvision's data sets lie."""
    download: bool = False
    """Whether they may be downloaded."""
    validation: str | None = None
    """What validates: a folder's name within the data, or a path; for archives and hubs the name of
    the part. By the usual names without."""
    test: str | None = None
    """What tests, likewise."""
    drop_small_classes: int = 0
    """Classes with fewer images than this are left out."""
    trials: int | None = None
    """Trials in the study altogether."""
    seconds: float | None = None
    """Wall time of this run. Without trials and seconds: 32 trials, 8 minutes at most."""
    sampler: str = DEFAULT_SAMPLER
    """Who proposes."""
    workers: int | None = None
    """How many train at once; as many as fit without."""
    gpus_per_trial: float | None = None
    """GPUs for each; 1 where there are any."""
    storage: str = DEFAULT_STORAGE
    """Database URL."""
    study: str | None = None
    """Name; made of space, data and budget without."""
    seed: int = 0
    """Of the split, the sampler and the trainings."""
    address: str | None = None
    """Ray cluster; a private local one without."""
    image_size: int | None = None
    """Deployment size in pixels at which the budget is counted; the space's without."""
    proxy_size: int | None = None
    """Size in pixels at which candidates are trained, before the resolution coefficient."""
    epochs: int | None = None
    """Epochs of full fidelity."""
    fraction: float | None = None
    """Share of the training images that a trial sees in an epoch; by the data without. Chosen
    networks see all."""
    flip: bool | None = None
    """Whether images are mirrored at random in training; as suits the data set without."""
    finals: int = 3
    """How many networks of the front are confirmed at the end."""
    hints: Sequence[str] = ("naswot",)
    """Zero-cost scores that the predictor is given of some random candidates."""
    seeds: int = 2
    """From how many further seeds each of them is."""
    evaluator: str = "train"
    """How candidates are evaluated: train, or table:FILE."""
    table_seconds: float | None = None
    """Simulated seconds of a full training from a table; the table's without."""
    objective: Objective = "best"
    """What the sampler aims at: best, the most accurate network within the budget; or front, all of
    the front."""
    warm_start: Sequence[str] = ()
    """Earlier studies of the same parameters, in the same database, that the sampler learns from.
    """

    def __post_init__(self) -> None:
        check_sampler(self.sampler)
        kind, _ = self.evaluated
        if self.objective not in get_args(Objective):
            raise unknown("--objective", self.objective, get_args(Objective))
        if kind == "table":
            if self.reading.to_dict():
                raise InputError(
                    f"--validation, --test and --drop-small-classes are for images, but --evaluator {self.evaluator}"
                    " reads none"
                )
            of_training = {
                name: getattr(self, name)
                for name in ("proxy_size", "epochs", "fraction", "flip", "gpus_per_trial", "address")
            }
            for name, value in of_training.items():
                if value is not None:
                    raise InputError(
                        f"--{name.replace('_', '-')} is for trainings, but --evaluator {self.evaluator} trains nothing"
                    )
        elif self.table_seconds is not None:
            raise InputError(
                f"--table-seconds is for --evaluator table:FILE, but got it with --evaluator {self.evaluator}"
            )
        if self.table_seconds is not None and not (self.table_seconds > 0 and math.isfinite(self.table_seconds)):
            raise InputError(f"--table-seconds must be positive, but got {self.table_seconds:g}")
        for name, least in (
            ("trials", 1),
            ("workers", 1),
            ("epochs", 1),
            ("image_size", 8),
            ("proxy_size", 8),
            ("finals", 0),
            ("seeds", 1),
            ("drop_small_classes", 0),
        ):
            value = getattr(self, name)
            if value is not None and value < least:
                raise InputError(f"--{name.replace('_', '-')} must be at least {least}, but got {value}")
        check_seed("--seed", self.seed)
        for name in self.hints:
            score(name)
        if self.study is not None and (
            not self.study.strip() or len(self.study) > 120 or not re.fullmatch(r"[^\s./\\][^/\\\n]*", self.study)
        ):
            raise InputError(
                "--study must be a name without / and \\ that does not begin with a dot or a space, of at most 120"
                f" characters, but got {self.study!r}"
            )
        if self.seconds is not None and not (self.seconds > 0 and math.isfinite(self.seconds)):
            raise InputError(f"--time must be positive, but got {self.seconds:g} s")
        if self.fraction is not None and not 0 < self.fraction <= 1:
            raise InputError(f"--fraction must lie above 0 and be at most 1, but got {self.fraction:g}")
        if self.gpus_per_trial is not None and not 0 <= self.gpus_per_trial <= 64:
            raise InputError(f"--gpus-per-trial must be 0 or more, but got {self.gpus_per_trial:g}")

    @property
    def reading(self) -> Reading:
        """How the data are read."""
        return Reading(validation=self.validation, test=self.test, drop_small_classes=self.drop_small_classes)

    @property
    def evaluated(self) -> tuple[str, str]:
        """Kind of the evaluator, and what stands behind its colon.

        Raises:
            InputError: there is no such evaluator, or its file is missing.
        """
        if not any(re.fullmatch(form, self.evaluator) for form in EVALUATORS.values()):
            raise unknown("--evaluator", self.evaluator, EVALUATORS)
        kind, _, rest = self.evaluator.partition(":")
        return kind, rest


def check_seed(name: str, seed: int) -> None:
    """InputError unless 0 <= seed < 2**31, which every generator of random numbers here takes."""
    if not 0 <= seed < 2**31:
        raise InputError(f"{name} must be at least 0 and below 2**31, but got {seed}")
