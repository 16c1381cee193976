"""Reads the trials of an earlier study, from which a sampler starts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..blocks import InputError
from ..spaces import Space
from ..studies import Study
from .plan import Settled
from .proposing.earlier_trials import sampled_trials

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial


def trials_of(storage: str, name: str, plan: Settled) -> list[FrozenTrial]:
    """Optuna's trials of an earlier study, for a sampler to learn from.

    Raises:
        InputError: there is no such study, it is the search's own, or its quality measure or its
            parameters differ.
    """
    if name == plan.spec.name:
        raise InputError(f"--warm-start names an earlier study, but {name!r} is this search's own")
    study = Study.open(storage, name)
    if study.spec.metric != plan.spec.metric:
        raise InputError(
            f"a study to start from must have the metric of this search, but {name!r} has {study.spec.metric} and this"
            f" one {plan.spec.metric}"
        )
    theirs = {parameter.name: parameter.values for parameter in Space.from_dict(study.spec.space, name).parameters}
    ours = {parameter.name: parameter.values for parameter in plan.space.parameters}
    for parameter in {**ours, **theirs}:
        if ours.get(parameter) != theirs.get(parameter):
            there, here = (_values(of.get(parameter)) for of in (theirs, ours))
            raise InputError(
                f"a study to start from must have the parameters of this search, but {parameter!r} is {there} in"
                f" {name!r} and {here} here"
            )
    return sampled_trials(study)


def _values(values: tuple[Any, ...] | None) -> str:
    return "absent" if values is None else ", ".join(map(str, values[:8])) + (", …" if len(values) > 8 else "")
