"""From what a user asks to what a search does: data, space, budget, sizes, recipe, and what makes the study this study."""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, get_args

import numpy as np

from ..blocks import AutomlError, InputError
from ..blocks.documented import documented
from ..blocks.errors import unknown
from ..spaces import Budget, Candidate, Space, load_space, parse_budget
from ..studies import Fidelity, Study, StudySpec
from ..studies.spec import differences
from .data import ImageData, Reading, Split, is_named, load, split
from .samplers import DEFAULT_SAMPLER, Objective, check_sampler
from .scores import score
from .tables import Table, read_table
from .training.course import course, first_rung
from .training.recipe import Recipe, default_epochs, default_fraction

DEFAULT_STORAGE = "sqlite:///automl.db"
DEFAULT_TRIALS = 32
DEFAULT_SECONDS = 480.0
SMALLEST_PROXY, LARGEST_PROXY = 32, 64
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
    """What validates: a folder's name within the data, or a path; for archives and hubs the name of the part. By the usual names without."""
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
    """Share of the training images that a trial sees in an epoch; by the data without. Chosen networks see all."""
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
    """What the sampler aims at: best, the most accurate network within the budget; or front, all of the front."""
    warm_start: Sequence[str] = ()
    """Earlier studies of the same parameters, in the same database, that the sampler learns from."""

    def __post_init__(self) -> None:
        check_sampler(self.sampler)
        kind, _ = self.evaluated
        if self.objective not in get_args(Objective):
            raise unknown("--objective", self.objective, get_args(Objective))
        if kind == "table":
            if self.reading.to_dict():
                raise InputError(f"--validation, --test and --drop-small-classes are for images, but --evaluator {self.evaluator} reads none")
            of_training = {name: getattr(self, name) for name in ("proxy_size", "epochs", "fraction", "flip", "gpus_per_trial", "address")}
            for name, value in of_training.items():
                if value is not None:
                    raise InputError(f"--{name.replace('_', '-')} is for trainings, but --evaluator {self.evaluator} trains nothing")
        elif self.table_seconds is not None:
            raise InputError(f"--table-seconds is for --evaluator table:FILE, but got it with --evaluator {self.evaluator}")
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
        if self.study is not None and (not self.study.strip() or len(self.study) > 120 or not re.fullmatch(r"[^\s./\\][^/\\\n]*", self.study)):
            raise InputError(
                f"--study must be a name without / and \\ that does not begin with a dot or a space, of at most 120 characters, but got {self.study!r}"
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


@dataclass(frozen=True, kw_only=True)
class Settled:
    """A search, settled; whoever evaluates its candidates."""

    space: Space
    """For the data's classes and channels, at the deployment size."""
    budget: Budget
    """Parsed."""
    proxy_size: int
    """Pixels at which a candidate of resolution 1 is trained."""
    epochs: int
    """Of full fidelity."""
    fraction: float
    """Of the training images, for each of them."""
    seed: int
    """Of the split, the sampler and the trainings."""
    spec: StudySpec
    """What makes it this study."""
    trials: int | None
    """Altogether."""
    seconds: float | None
    """Wall time."""
    first_rung: int = 1
    """No candidate is stopped before it has been trained for so many epochs."""

    def fidelity(self, candidate: Candidate) -> Fidelity:
        """Full fidelity of a candidate: the proxy size scaled as its input is."""
        return Fidelity(epochs=self.epochs, size=proxy(self.proxy_size, candidate.image[1], self.space.image[1]), fraction=self.fraction)


@dataclass(frozen=True, kw_only=True)
class Plan(Settled):
    """A search whose candidates are trained."""

    data: ImageData = field(repr=False)
    """In memory."""
    split: Split = field(repr=False)
    """Which rows train, validate, test."""
    recipe: Recipe
    """How every candidate is trained."""


def check_seed(name: str, seed: int) -> None:
    """InputError unless 0 <= seed < 2**31, which every generator of random numbers here takes."""
    if not 0 <= seed < 2**31:
        raise InputError(f"{name} must be at least 0 and below 2**31, but got {seed}")


def proxy(proxy_size: int, height: int, base: int) -> int:
    """Pixels at which a candidate with inputs of `height` is trained, where one with inputs of `base` is trained at `proxy_size`."""
    return max(8, round(proxy_size * height / base))


def prepare(options: SearchOptions) -> Plan:
    """Load data and space, settle sizes and recipe.

    Raises:
        InputError: anything in the options that cannot be.
    """
    space = options.space if isinstance(options.space, Space) else load_space(options.space)
    largest = max((float(value) for p in space.parameters if p.dimension == "resolution" for value in p.values), default=1.0)
    return settle(options, space, images_of(options, largest))


def images_of(options: SearchOptions, largest: float) -> ImageData:
    """The data that `options` name, large enough for candidates of up to `largest` times the proxy size."""
    wanted = None if options.proxy_size is None else math.ceil(options.proxy_size * max(1.0, largest))
    return load(options.data, size=wanted, data_dir=options.data_dir, download=options.download, reading=options.reading)


def settle(options: SearchOptions, space: Space, data: ImageData) -> Plan:
    """The plan of a search of `space` on `data`; raises as `prepare` does."""
    budget = parse_budget(options.budget) if options.budget else Budget()
    space = space.adapted(classes=len(data.classes), channels=data.channels, image_size=options.image_size)
    proxy_size = options.proxy_size or min(space.image[1], max(SMALLEST_PROXY, min(LARGEST_PROXY, data.size)))
    if proxy_size > space.image[1]:
        raise InputError(f"--proxy-size must be at most the deployment size, but got {proxy_size} above {space.image[1]}")
    rows = split(data, seed=options.seed)
    data = data.levelled(rows.train)
    recipe = Recipe.for_data(images=len(rows.train), size=proxy_size, flip=data.flip if options.flip is None else options.flip)
    epochs = options.epochs or default_epochs(len(rows.train))
    fraction = options.fraction or default_fraction(len(rows.train))
    no_limit = options.trials is None and options.seconds is None
    spec = StudySpec(
        name=options.study or default_name(space, data.name, options.budget, options.image_size),
        space=space.to_dict(),
        budget=str(budget),
        data=_described(data, rows, options.reading),
        settings={"image_size": space.image[1], "proxy_size": proxy_size, "epochs": epochs, "fraction": fraction, "seed": options.seed,
                  "recipe": recipe.to_dict(), **_asked(options)},
    )  # fmt: skip
    spec = _continued(options, spec, default_name(space, data.name, options.budget))
    return Plan(
        space=space, budget=budget, data=data, split=rows, recipe=recipe, proxy_size=proxy_size, epochs=epochs, fraction=fraction, spec=spec, seed=options.seed,
        trials=DEFAULT_TRIALS if no_limit else options.trials, seconds=DEFAULT_SECONDS if no_limit else options.seconds,
        first_rung=first_rung(course(recipe, epochs=epochs, size=proxy_size, images=round(fraction * len(rows.train)))),
    )  # fmt: skip


def settle_table(options: SearchOptions, file: str) -> tuple[Settled, Table]:
    """The plan of a search that looks its candidates up in a table, and the table. The space's own classes and channels count.

    Raises:
        InputError: anything in the options or the table that cannot be.
    """
    budget = parse_budget(options.budget) if options.budget else Budget()
    space = options.space if isinstance(options.space, Space) else load_space(options.space)
    space = space.adapted(image_size=options.image_size)
    table = read_table(file, space)
    size = space.image[1]
    spec = StudySpec(
        name=options.study or default_name(space, str(table.path), options.budget, options.image_size),
        space=space.to_dict(),
        budget=str(budget),
        data={"name": str(table.path), "fingerprint": table.fingerprint, "networks": len(table.entries)},
        settings={"image_size": size, "proxy_size": size, "epochs": table.epochs, "fraction": 1.0, "seed": options.seed,
                  "table_seconds": options.table_seconds, **_asked(options)},
    )  # fmt: skip
    no_limit = options.trials is None and options.seconds is None
    plan = Settled(
        space=space, budget=budget, proxy_size=size, epochs=table.epochs, fraction=1.0, spec=spec, seed=options.seed,
        trials=DEFAULT_TRIALS if no_limit else options.trials, seconds=options.seconds,
    )  # fmt: skip
    return plan, table


def _described(data: ImageData, rows: Split, reading: Reading) -> dict[str, Any]:
    """The data as a study keeps them; as the studies of earlier versions know no `reading`, none is left out."""
    from ..studies.preprocessing import Preprocessing

    asked = reading.absolute(data.name).to_dict()
    return {
        "name": data_name(data.name), "fingerprint": data.fingerprint, "images": len(data.labels), "channels": data.channels, "size": data.size,
        "classes": list(data.classes), "split": rows.to_dict(), **({"reading": asked} if asked else {}), "native": data.native,
        "preprocessing": Preprocessing.to(data.size, data.size, channels=data.channels, levels=data.levels).to_dict(),
    }  # fmt: skip


def _continued(options: SearchOptions, spec: StudySpec, former: str) -> StudySpec:
    """The same search under the name that an earlier version gave it, if it stands in the database by that name."""
    if options.study is None and spec.name != former:
        with contextlib.suppress(AutomlError):  # no such study, or no database: then there is nothing to continue
            renamed = replace(spec, name=former)
            if not differences(Study.open(options.storage, former).spec, renamed):
                return renamed
    return spec


def _asked(options: SearchOptions) -> dict[str, str]:
    """What else makes a study this study; as the studies of earlier versions have none of it, defaults are left out."""
    kind, _ = options.evaluated
    return {**({} if kind == "train" else {"evaluator": kind}), **({} if options.objective == "best" else {"objective": options.objective})}


def data_name(name: str) -> str:
    """A data set's name as the study keeps it: paths are absolute, so that the same files are the same from every folder."""
    return name if is_named(name) else str(Path(name).expanduser().resolve())


def default_name(space: Space, data: str, budget: Sequence[str], image_size: int | None = None) -> str:
    """A study's name from what it searches, so that the same command continues the same study."""
    parts = [space.name, Path(data).stem, *budget, *([] if image_size is None else [f"{image_size}px"])]
    return re.sub(r"[^A-Za-z0-9.]+", "-", "-".join(parts)).strip("-")


def arrays(plan: Plan) -> dict[str, Any]:
    """What workers get of the data: everything but which rows are the test's."""
    levels = {} if plan.data.levels is None else {"levels": np.array(plan.data.levels)}
    return {"images": plan.data.images, "labels": plan.data.labels, "train": plan.split.train, "validation": plan.split.validation, **levels}
