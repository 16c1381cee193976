"""Describes a search as its study keeps it: its data, and the settings that are not the usual
ones."""

from __future__ import annotations

import os
from typing import Any

from ..blocks import InputError
from ..spaces.metrics import DEFAULT_AXIS
from ..studies.quality import ACCURACY, Measure, measure, measures
from ..studies.tasks.task import CLASSIFICATION, DEFAULT_METRIC
from .data import ImageData, Reading, Split, is_named
from .options import SearchOptions
from .pretrained.kept import setting
from .scores import score


def kept_data(data: ImageData, rows: Split, reading: Reading) -> dict[str, Any]:
    """The data as a study keeps them. `reading` is left out if nothing was asked, because the
    studies of earlier versions have none."""
    from ..studies.tasks.preprocessing import Preprocessing

    asked = reading.absolute(data.name).to_dict()
    return {
        "name": data_name(data.name),
        "fingerprint": data.fingerprint,
        "images": len(data.labels),
        "channels": data.channels,
        "size": data.size,
        "classes": list(data.classes),
        **({} if data.task == CLASSIFICATION else {"task": data.task}),
        "split": rows.to_dict(),
        **({"reading": asked} if asked else {}),
        "native": data.native,
        "preprocessing": Preprocessing.to(
            data.size, data.size, channels=data.channels, levels=data.levels, fit=data.fit
        ).to_dict(),
    }


def not_default(options: SearchOptions, evaluator: str | None, task: str = CLASSIFICATION) -> dict[str, Any]:
    """Settings that make a study another one. Defaults are left out, because the studies of
    earlier versions have none."""
    measured = options.metric or DEFAULT_METRIC[task]
    objective = {} if options.objective == "best" else {"objective": options.objective}
    cost = {} if options.cost == DEFAULT_AXIS else {"cost": options.cost}
    metric = {} if measured == ACCURACY else {"metric": measured}
    begun = setting(options.pretrained)
    return {**({} if evaluator is None else {"evaluator": evaluator}), **objective, **cost, **metric, **begun}


def require_measurable(metric: str, data: ImageData, rows: Split) -> None:
    """Check that a quality measure can be computed on the images that validate and test.

    Raises:
        InputError: it is for another task, needs another number of classes, or images of each of
            them in both parts, or labels or numbers that a part does not have.
    """
    found = measure(metric)
    if found.task != data.task:
        fitting = ", ".join(name for name, one in measures.parts().items() if one.task == data.task)
        raise InputError(f"--metric {metric} is for {found.task}, but {data.name} is for {data.task}: {fitting}")
    if data.task != CLASSIFICATION:
        return _require_value(found, data, rows)
    wanted = found.classes
    if wanted is None:
        return None
    if len(data.classes) != wanted:
        raise InputError(f"--metric {metric} is for {wanted} classes, but {data.name} has {len(data.classes)}")
    for part, of_part in (("validate", rows.validation), ("test", rows.test)):
        if len(of_part) and len(set(data.labels[of_part].tolist())) < wanted:
            raise InputError(f"--metric {metric} needs images of all {wanted} classes that {part}, but one has none")
    return None


def _require_value(found: Measure, data: ImageData, rows: Split) -> None:
    """Check that a measure of labels or numbers has a value, as for predictions that are right."""
    from torch import from_numpy

    for part, of_part in (("validate", rows.validation), ("test", rows.test)):
        truth_nk = from_numpy(data.targets[of_part])
        try:
            found.of(truth_nk, truth_nk)
        except InputError as error:
            raise InputError(f"--metric {found.name} cannot be computed on the images that {part}: {error}") from None


def require_scores(options: SearchOptions, data: ImageData) -> None:
    """Check that the zero-cost scores asked for can be computed.

    Raises:
        InputError: one needs classes, and there are none.
    """
    _, _, named = options.evaluator.partition("zero-cost:")
    for name in (*options.hints, *([named] if named else [])):
        if data.task != CLASSIFICATION and score(name).classes:
            raise InputError(f"the score {name} is computed from classes, but {data.name} is for {data.task}")


def data_name(name: str) -> str:
    """The name of a data set as the study keeps it; paths are absolute, so that the same files have
    the same name in every folder."""
    return name if is_named(name) else os.path.realpath(os.path.expanduser(name))
