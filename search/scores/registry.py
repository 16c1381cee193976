"""Looks zero-cost scores up by name, and lists those that come with automl.

A score is described here and computed by a function of another module, which is imported when the
score is first used. A package declares a score in the group of entry points `automl.scores`; a
script registers one with `register`.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING, cast

from ...blocks.errors import InputError
from ...blocks.registry import Registry

if TYPE_CHECKING:
    from .subject import Subject


@dataclass(frozen=True, kw_only=True)
class Score:
    """One zero-cost score."""

    name: str
    """Its name in options, tables and the database."""
    source: str
    """The paper that it is from."""
    module: str = ""
    """Import path of the module with the function `score(subject) -> float` that computes it, or of
    another function, as "module:function". The module's docstring tells how the score differs from
    its paper."""
    function: Callable[[Subject], float] | None = field(default=None, compare=False)
    """The function itself, instead of `module`; it may be defined in a script or a notebook."""
    network: bool = True
    """Whether it needs the network; a score of the cost alone does not."""
    patterns: bool = False
    """Whether it uses `subject.shared.agreeing`, the activation patterns of the shared pass."""
    gradients: bool = True
    """Whether it takes gradients in the shared pass; if no requested score does, the pass keeps no
    graph."""
    backward: bool = True
    """Whether it takes gradients at all, in the shared pass or in one of its own."""
    classes: bool = False
    """Whether it is computed from the classes of the images."""
    if_infinite: str = ""
    """The cause of an infinite score, for the error message."""
    if_nan: str = ""
    """The cause of a score that is not a number, for the error message."""

    def of(self, subject: Subject) -> float:
        """The score of a network; larger is better. It may be infinite or NaN, which `scores_of`
        refuses."""
        return float(self.computed_by()(subject))

    def computed_by(self) -> Callable[[Subject], float]:
        """The function that computes the score; imports its module.

        Raises:
            InputError: the module or its function does not exist.
        """
        if self.function is not None:
            return self.function
        module, _, function = self.module.partition(":")
        try:
            return getattr(import_module(module), function or "score")
        except (ImportError, AttributeError) as error:
            raise InputError(
                f"the score {self.name!r} must be computed by `score(subject)` of a module, but of {self.module!r}:"
                f" {error}"
            ) from None

    @property
    def home(self) -> str:
        """The module that it comes from. A function that is registered under a name of the user's
        is the user's, even if automl defines it."""
        if self.function is None:
            return self.module.partition(":")[0]
        module = getattr(self.function, "__module__", None) or ""
        return "" if module.startswith("automl.") else module


def _accepted(name: str, part: object) -> Score:
    """`part` as a score: one already, or the function that computes it."""
    if not isinstance(part, Score):
        if not callable(part):
            raise InputError(f"the score {name!r} must be a function, but got {type(part).__name__}")
        source = (inspect.getdoc(part) or "none").splitlines()[0]
        return Score(name=name, source=source, function=cast("Callable[[Subject], float]", part))
    if part.name != name:
        raise InputError(f"a score must be registered by its own name, but {part.name!r} is declared as {name!r}")
    if (part.function is None) == (not part.module):
        raise InputError(
            f"a score needs a module or a function, and not both, but {name!r} has {'both' if part.module else 'none'}"
        )
    return part


scores: Registry[Score] = Registry("score", "automl.scores", accept=_accepted, home=lambda score: score.home)
"""All scores by name."""


def register(score: Score) -> Score:
    """Register `score` by its name.

    Raises:
        InputError: the name is taken, or the score has no function and no module, or both.
    """
    return scores.add(score.name, score)


def score(name: str) -> Score:
    """The score called `name`.

    Raises:
        InputError: it does not exist; the nearest name is given.
    """
    return scores.get(name)


def score_names() -> list[str]:
    """Names of all scores, those of installed packages included, in order of registration."""
    return scores.names()


_HERE = __name__.rpartition(".")[0]
for _score in (
    Score(
        name="synflow",
        source=(
            "Tanaka et al., NeurIPS 2020, arXiv:2006.05467; as a score Abdelfattah et al., ICLR 2021, arXiv:2101.08134"
        ),
        module=f"{_HERE}.synflow",
        gradients=False,
    ),
    Score(
        name="naswot",
        source="Mellor et al., ICML 2021, arXiv:2006.04647v3",
        module=f"{_HERE}.naswot",
        patterns=True,
        gradients=False,
        backward=False,
        if_infinite="two images of the batch have one pattern: are two the same?",
        if_nan="the network has no activation",
    ),
    Score(name="jacob_cov", source="Mellor et al., arXiv:2006.04647v1 (2020)", module=f"{_HERE}.jacob_cov"),
    Score(
        name="zen",
        source="Lin et al., ICCV 2021, arXiv:2102.01063",
        module=f"{_HERE}.zen",
        gradients=False,
        backward=False,
        if_infinite="the network has no `forward_features`, or its maps are not finite",
        if_nan="the network has no `forward_features`, or its maps are not finite",
    ),
    Score(
        name="grad_norm",
        source="Abdelfattah et al., ICLR 2021, arXiv:2101.08134",
        module=f"{_HERE}.grad_norm",
        classes=True,
    ),
    *(
        Score(
            name=_name,
            source=f"none: {_what}",
            module=f"{_HERE}.log_cost:{_name}",
            network=False,
            gradients=False,
            backward=False,
        )
        for _name, _what in {"log_params": "the number of parameters", "log_macs": "the multiply-adds"}.items()
    ),
):
    register(_score)
