"""From what a user asks to what a search does: data, space, budget, sizes, recipe, and what makes
the study this study."""

from __future__ import annotations

import contextlib
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..blocks import AutomlError, InputError
from ..spaces import Budget, Candidate, Space, load_space, parse_budget
from ..studies import Fidelity, Study, StudySpec
from ..studies.spec import differences
from .data import ImageData, Reading, Split, is_named, load, split
from .options import SearchOptions
from .tables import Table, read_table
from .training.recipe import Recipe, default_epochs, default_fraction
from .training.schedule import course, first_rung

DEFAULT_TRIALS = 32
DEFAULT_SECONDS = 480.0
SMALLEST_PROXY, LARGEST_PROXY = 32, 64


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
        return Fidelity(
            epochs=self.epochs,
            size=proxy(self.proxy_size, candidate.image[1], self.space.image[1]),
            fraction=self.fraction,
        )


@dataclass(frozen=True, kw_only=True)
class Plan(Settled):
    """A search whose candidates are trained."""

    data: ImageData = field(repr=False)
    """In memory."""
    split: Split = field(repr=False)
    """Which rows train, validate, test."""
    recipe: Recipe
    """How every candidate is trained."""


def proxy(proxy_size: int, height: int, base: int) -> int:
    """Pixels at which a candidate with inputs of `height` is trained, where one with inputs of
    `base` is trained at `proxy_size`."""
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
    """The data that `options` name, large enough for candidates of up to `largest` times the proxy
    size."""
    wanted = None if options.proxy_size is None else math.ceil(options.proxy_size * max(1.0, largest))
    return load(
        options.data, size=wanted, data_dir=options.data_dir, download=options.download, reading=options.reading
    )


def settle(options: SearchOptions, space: Space, data: ImageData, evaluator: str | None = None) -> Plan:
    """The plan of a search of `space` on `data`; raises as `prepare` does.

    `evaluator` is the name that the study keeps of the way in which candidates are evaluated; None
    if they are trained.
    """
    budget = parse_budget(options.budget) if options.budget else Budget()
    space = space.adapted(classes=len(data.classes), channels=data.channels, image_size=options.image_size)
    proxy_size = options.proxy_size or min(space.image[1], max(SMALLEST_PROXY, min(LARGEST_PROXY, data.size)))
    if proxy_size > space.image[1]:
        raise InputError(
            f"--proxy-size must be at most the deployment size, but got {proxy_size} above {space.image[1]}"
        )
    rows = split(data, seed=options.seed)
    data = data.levelled(rows.train)
    recipe = Recipe.for_data(
        images=len(rows.train), size=proxy_size, flip=data.flip if options.flip is None else options.flip
    )
    epochs = options.epochs or default_epochs(len(rows.train))
    fraction = options.fraction or default_fraction(len(rows.train))
    no_limit = options.trials is None and options.seconds is None
    spec = StudySpec(
        name=options.study or default_name(space, data.name, options.budget, options.image_size),
        space=space.to_dict(),
        budget=str(budget),
        data=_described(data, rows, options.reading),
        settings={
            "image_size": space.image[1],
            "proxy_size": proxy_size,
            "epochs": epochs,
            "fraction": fraction,
            "seed": options.seed,
            "recipe": recipe.to_dict(),
            **_not_default(options, evaluator),
        },
    )
    spec = _continued(options, spec, default_name(space, data.name, options.budget))
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
        first_rung=first_rung(course(recipe, epochs=epochs, size=proxy_size, images=round(fraction * len(rows.train)))),
    )


def settle_table(options: SearchOptions, file: str) -> tuple[Settled, Table]:
    """The plan of a search that looks its candidates up in a table, and the table. The space's own
    classes and channels count.

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
        settings={
            "image_size": size,
            "proxy_size": size,
            "epochs": table.epochs,
            "fraction": 1.0,
            "seed": options.seed,
            "table_seconds": options.table_seconds,
            **_not_default(options, "table"),
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


def _described(data: ImageData, rows: Split, reading: Reading) -> dict[str, Any]:
    """The data as a study keeps them; as the studies of earlier versions know no `reading`, none is
    left out."""
    from ..studies.preprocessing import Preprocessing

    asked = reading.absolute(data.name).to_dict()
    return {
        "name": data_name(data.name),
        "fingerprint": data.fingerprint,
        "images": len(data.labels),
        "channels": data.channels,
        "size": data.size,
        "classes": list(data.classes),
        "split": rows.to_dict(),
        **({"reading": asked} if asked else {}),
        "native": data.native,
        "preprocessing": Preprocessing.to(data.size, data.size, channels=data.channels, levels=data.levels).to_dict(),
    }


def _continued(options: SearchOptions, spec: StudySpec, former: str) -> StudySpec:
    """The same search under the name that an earlier version gave it, if it stands in the database
    by that name."""
    if options.study is None and spec.name != former:
        with contextlib.suppress(AutomlError):  # no such study, or no database: then there is nothing to continue
            renamed = replace(spec, name=former)
            if not differences(Study.open(options.storage, former).spec, renamed):
                return renamed
    return spec


def _not_default(options: SearchOptions, evaluator: str | None) -> dict[str, str]:
    """Settings that make a study another study; defaults are left out, since the studies of earlier
    versions have none of them."""
    objective = {} if options.objective == "best" else {"objective": options.objective}
    return {**({} if evaluator is None else {"evaluator": evaluator}), **objective}


def data_name(name: str) -> str:
    """A data set's name as the study keeps it: paths are absolute, so that the same files are the
    same from every folder."""
    return name if is_named(name) else str(Path(name).expanduser().resolve())


def default_name(space: Space, data: str, budget: Sequence[str], image_size: int | None = None) -> str:
    """A study's name from what it searches, so that the same command continues the same study."""
    parts = [space.name, Path(data).stem, *budget, *([] if image_size is None else [f"{image_size}px"])]
    return re.sub(r"[^A-Za-z0-9.]+", "-", "-".join(parts)).strip("-")


def arrays(plan: Plan) -> dict[str, Any]:
    """What workers get of the data: everything but which rows are the test's."""
    levels = {} if plan.data.levels is None else {"levels": np.array(plan.data.levels)}
    return {
        "images": plan.data.images,
        "labels": plan.data.labels,
        "train": plan.split.train,
        "validation": plan.split.validation,
        **levels,
    }
