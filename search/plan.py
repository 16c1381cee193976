"""Settles a search from its options: data, space, budget, sizes, recipe, and its study."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..blocks import InputError
from ..spaces import Budget, Candidate, Space, load_space, parse_budget
from ..spaces.space import shipped_spaces
from ..spaces.surveys.auto import AUTO, for_budget
from ..studies import Fidelity, StudySpec
from ..studies.quality import ACCURACY
from ..studies.records.spec import smallest_map, strides_fitted
from .data import ImageData, Split, load, split
from .data.answers import Answers
from .earlier_studies import continued, share_of_earlier
from .kept_settings import kept_data, not_default, require_measurable, require_scores
from .options import SearchOptions
from .tables import Table, read_table
from .training.recipe import Recipe, default_epochs, default_fraction
from .training.schedule import first_rung, schedule
from .training.task_fit import fitted, require_fitting

PLANNED = ("epochs", "fraction", "proxy_size")
"""What a search with a limit of time plans, but for what the user gives; a study keeps it."""
DEFAULT_TRIALS = 32
DEFAULT_SECONDS = 480.0
TABLE_SPACE = "efficientnet"
"""The space of a table if none is named."""
SMALLEST_PROXY, LARGEST_PROXY = 32, 64
PROXY_MAP = 2
"""Pixels a side that the last map keeps in training. At one pixel a network no longer sees where
things are: EfficientNet-B0 then loses ten points of accuracy on 32 px. Strides fitted to more
pixels cost in proportion to their number: at 2 px a side a training at 32 px costs 4 times as much
as with a 32-fold squeeze, at 4 px 12 to 15 times, as much as one at 128 px."""


@dataclass(frozen=True, kw_only=True)
class Settled:
    """What is searched and how, whatever evaluates the candidates."""

    space: Space
    """The space, for the data's classes and channels, at the deployment size."""
    budget: Budget
    """Bounds on the cost of a candidate."""
    proxy_size: int
    """Pixels at which a candidate of resolution 1 is trained."""
    epochs: int
    """Epochs of a full training."""
    fraction: float
    """Share of the training images seen in an epoch."""
    seed: int
    """Seed of the split, the sampler and the trainings."""
    spec: StudySpec
    """What identifies the study in its database."""
    trials: int | None
    """Trials of the study altogether; None if only time ends the search."""
    seconds: float | None
    """Wall time of the run; None if only trials end the search."""
    first_rung: int = 1
    """Epochs before which no training is stopped."""
    plans: bool = False
    """Whether the study is new, and its fidelity is to be planned from the time given."""
    expected: int | None = None
    """Trials that are expected by the plan of a search that only time ends; None without one."""
    remarks: tuple[str, ...] = ()
    """How the space was chosen, in lines for the reader; empty if it was named."""

    @property
    def smallest_map(self) -> int:
        """Pixels a side that the last map keeps in training, by fitted strides; 0 trains with a
        candidate's own strides."""
        return smallest_map(self.spec.settings)

    @property
    def sized(self) -> str:
        """The size at which candidates are trained, in words."""
        return f"{self.proxy_size} px (times γ{strides_fitted(self.spec.settings)})"

    def fidelity(self, candidate: Candidate) -> Fidelity:
        """Full fidelity of a candidate; the proxy size is scaled as its input is."""
        return Fidelity(
            epochs=self.epochs,
            size=proxy(self.proxy_size, candidate.image[1], self.space.image[1]),
            fraction=self.fraction,
            smallest_map=self.smallest_map,
        )


@dataclass(frozen=True, kw_only=True)
class Plan(Settled):
    """What is searched and how, with the data on which candidates are trained."""

    data: ImageData = field(repr=False)
    """The images, in memory."""
    split: Split = field(repr=False)
    """The rows that train, validate and test."""
    recipe: Recipe
    """How every candidate is trained."""


def proxy(proxy_size: int, height: int, base: int) -> int:
    """Side in pixels at which a candidate with inputs of `height` is trained, if one with inputs
    of `base` is trained at `proxy_size`."""
    return max(8, round(proxy_size * height / base))


def prepare(options: SearchOptions, evaluator: str | None = None) -> Plan:
    """Load data and space, settle sizes and recipe; `evaluator` as in `settle`.

    Raises:
        InputError: anything in the options that cannot be.
    """
    space = options.space if isinstance(options.space, Space) else load_space(options.space)
    largest = max(
        (float(value) for p in space.parameters if p.dimension == "resolution" for value in p.values), default=1.0
    )
    return settle(options, space, images_of(options, largest), evaluator)


def images_of(options: SearchOptions, largest: float) -> ImageData:
    """The data that `options` name, at a size that serves candidates of up to `largest` times the
    proxy size."""
    wanted = None if options.proxy_size is None else math.ceil(options.proxy_size * max(1.0, largest))
    folder, reading, cache = options.data_dir, options.reading, options.cache
    return load(options.data, size=wanted, data_dir=folder, download=options.download, reading=reading, cache=cache)


def settle(options: SearchOptions, space: Space, data: ImageData, evaluator: str | None = None) -> Plan:
    """The plan of a search of `space` on `data`; raises as `prepare` does.

    `evaluator` is the name that the study keeps of the way in which candidates are evaluated; None
    if they are trained.
    """
    budget = parse_budget(options.budget) if options.budget else Budget()
    space = space.adapted(classes=len(data.classes), channels=data.channels, image_size=options.image_size)
    space, remarks = for_budget(space, budget) if options.space == AUTO else (space, [])
    proxy_size = options.proxy_size or min(space.image[1], max(SMALLEST_PROXY, min(LARGEST_PROXY, data.size)))
    if proxy_size > space.image[1]:
        raise InputError(
            f"--proxy-size must be at most the deployment size, but got {proxy_size} above {space.image[1]}"
        )
    name = options.study or default_name(space, data.name, options.budget, options.image_size)
    names = [name] if options.study else [name, default_name(space, data.name, options.budget)]
    rows = split(data, seed=options.seed, validation=share_of_earlier(options.storage, names))
    data = data.levelled(rows.train)
    recipe = Recipe.for_data(
        images=len(rows.train), size=proxy_size, flip=data.flip if options.flip is None else options.flip
    )
    recipe = fitted(recipe, data.task)
    recipe = recipe if options.balance is None else replace(recipe, balance=options.balance)
    require_fitting(recipe, data.task)
    epochs = options.epochs or default_epochs(len(rows.train))
    fraction = options.fraction or default_fraction(len(rows.train))
    no_limit = options.trials is None and options.seconds is None
    spec = StudySpec(
        name=name,
        space=space.to_dict(),
        budget=str(budget),
        data=kept_data(data, rows, options.reading),
        settings={
            "image_size": space.image[1],
            "proxy_size": proxy_size,
            **({"proxy_map": PROXY_MAP} if proxy_size < space.image[1] else {}),
            "epochs": epochs,
            "fraction": fraction,
            "seed": options.seed,
            "recipe": recipe.to_dict(),
            **not_default(options, evaluator, data.task),
        },
    )
    free = [name for name in (*PLANNED, "metric") if getattr(options, name) is None]
    shipped = not isinstance(options.space, Space) and {*str(options.space).split(",")} <= {*shipped_spaces()}
    described, spec = spec, continued(options.storage, spec, names, free, shipped=shipped)
    if spec.space != described.space:
        space = Space.from_dict(spec.space, space.name)
    require_measurable(spec.metric, data, rows)
    require_scores(options, data)
    epochs, fraction, proxy_size = (spec.settings[name] for name in PLANNED)
    return Plan(
        space=space,
        budget=budget,
        data=data,
        split=rows,
        recipe=recipe,
        proxy_size=proxy_size,
        epochs=epochs,
        fraction=fraction,
        spec=spec,
        seed=options.seed,
        trials=DEFAULT_TRIALS if no_limit else options.trials,
        seconds=DEFAULT_SECONDS if no_limit else options.seconds,
        plans=evaluator is None and spec is described and (no_limit or options.seconds is not None),
        remarks=tuple(remarks),
        first_rung=first_rung_of(recipe, epochs=epochs, size=proxy_size, fraction=fraction, images=len(rows.train)),
    )


def first_rung_of(recipe: Recipe, *, epochs: int, size: int, fraction: float, images: int) -> int:
    """The epoch before which no training is stopped, on the share `fraction` of `images`."""
    return first_rung(schedule(recipe, epochs=epochs, size=size, images=max(2, round(fraction * images))))


def settle_table(options: SearchOptions, file: str) -> tuple[Settled, Table]:
    """The plan of a search that looks its candidates up in a table, and the table; the space's own
    classes and channels count.

    Raises:
        InputError: anything in the options or the table that cannot be.
    """
    budget = parse_budget(options.budget) if options.budget else Budget()
    # `auto` suits a budget, and a table has its own networks
    named = TABLE_SPACE if options.space == AUTO else options.space
    space = named if isinstance(named, Space) else load_space(named)
    space = space.adapted(image_size=options.image_size)
    table = read_table(file, space, options.metric or ACCURACY)
    size = space.image[1]
    spec = StudySpec(
        name=options.study or default_name(space, str(table.path), options.budget, options.image_size),
        space=space.to_dict(),
        budget=str(budget),
        data={"name": str(table.path), "fingerprint": table.fingerprint, "networks": len(table.entries)},
        settings={
            "image_size": size,
            "proxy_size": size,
            "epochs": table.epochs,
            "fraction": 1.0,
            "seed": options.seed,
            "table_seconds": options.table_seconds,
            **not_default(options, "table"),
        },
    )
    no_limit = options.trials is None and options.seconds is None
    plan = Settled(
        space=space,
        budget=budget,
        proxy_size=size,
        epochs=table.epochs,
        fraction=1.0,
        spec=spec,
        seed=options.seed,
        trials=DEFAULT_TRIALS if no_limit else options.trials,
        seconds=options.seconds,
    )
    return plan, table


def default_name(space: Space, data: str, budget: Sequence[str], image_size: int | None = None) -> str:
    """The name of a study from what it searches; the same command continues the same study."""
    parts = [space.name, Path(data).stem, *budget, *([] if image_size is None else [f"{image_size}px"])]
    return re.sub(r"[^A-Za-z0-9.]+", "-", "-".join(parts)).strip("-")


def arrays(plan: Plan) -> dict[str, Any]:
    """The data as workers get them: everything except the rows of the test data."""
    return arrays_of(plan.data, train=plan.split.train, measured=plan.split.validation)


def arrays_of(data: ImageData, *, train: NDArray[np.int64], measured: NDArray[np.int64]) -> dict[str, Any]:
    """Images as workers get them, with the rows that train and those that accuracy is measured
    on."""
    levels = {} if data.levels is None else {"levels": np.array(data.levels)}
    answers = Answers.of(data, train)
    other = {} if answers is None else {"answers": answers}
    fit = {} if data.fit == "crop" else {"fit": np.array(data.fit)}
    parts = {"train": train, "validation": measured}
    return {"images": data.images, "labels": data.labels, **parts, **levels, **fit, **other}
