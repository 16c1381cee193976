"""The scores by name. One is described here and computed in a module of its own, which is imported
when it is first used."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from importlib import import_module
from typing import TYPE_CHECKING

from ...blocks.errors import InputError, unknown

if TYPE_CHECKING:
    from .subject import Subject


@dataclass(frozen=True, kw_only=True)
class Score:
    """One zero-cost score."""

    name: str
    """What it is called in options, tables and the database."""
    source: str
    """The paper it is from."""
    module: str = ""
    """The module, importable by this name, whose `score(subject) -> float` computes it; what it
    does otherwise than the paper is in its docstring."""
    function: Callable[[Subject], float] | None = field(default=None, compare=False)
    """In place of a module, the function itself: one of a script or a notebook, say. Workers are
    sent it."""

    gradients: bool = True
    """Whether it takes gradients in the pass that scores share; where none of those asked for does,
    the pass keeps no graph."""

    def of(self, subject: Subject) -> float:
        """The score of a network; larger is better. It may be infinite or NaN: `compute` refuses
        that."""
        return float(self.computed_by()(subject))

    def computed_by(self) -> Callable[[Subject], float]:
        """The function that computes it; imports its module.

        Raises:
            InputError: there is no such module, or it has no function `score`.
        """
        if self.function is not None:
            return self.function
        try:
            return import_module(self.module).score
        except (ImportError, AttributeError) as error:
            raise InputError(
                f"the score {self.name!r} must be computed by `score(subject)` of a module, but of {self.module!r}:"
                f" {error}"
            ) from None


_SCORES: dict[str, Score] = {}


def register(score: Score) -> Score:
    """Make `score` known by its name.

    Raises:
        InputError: the name is taken, or not one of module and function is given.
    """
    if (score.function is None) == (not score.module):
        raise InputError(
            f"a score needs a module or a function, and not both, but {score.name!r} has"
            f" {'both' if score.module else 'none'}"
        )
    if score.name in _SCORES:
        raise InputError(
            f"a score's name must be its own, but {score.name!r} is registered for"
            f" {_SCORES[score.name].module or 'a function'}"
        )
    _SCORES[score.name] = score
    return score


def score(name: str) -> Score:
    """The score called `name`.

    Raises:
        InputError: there is none; the nearest name is in the message.
    """
    if name not in _SCORES:
        raise unknown("score", name, _SCORES)
    return _SCORES[name]


def score_names() -> list[str]:
    """All scores, in the order they were registered in."""
    return list(_SCORES)


def foreign() -> list[Score]:
    """The scores that do not come with automl: workers have to be sent them
    (`automl.search.scores.sending`)."""
    return [score for score in _SCORES.values() if not score.module.startswith(f"{_HERE}.")]


def restore(score: Score) -> None:
    """Make a score of another process known here, under the name that it has there."""
    _SCORES.setdefault(score.name, score)


_HERE = __name__.rpartition(".")[0]
for _name, _source in {
    "synflow": (
        "Tanaka et al., NeurIPS 2020, arXiv:2006.05467; as a score Abdelfattah et al., ICLR 2021, arXiv:2101.08134"
    ),
    "naswot": "Mellor et al., ICML 2021, arXiv:2006.04647v3",
    "jacob_cov": "Mellor et al., arXiv:2006.04647v1 (2020)",
    "zen": "Lin et al., ICCV 2021, arXiv:2102.01063",
    "grad_norm": "Abdelfattah et al., ICLR 2021, arXiv:2101.08134",
    "log_params": "none: the number of parameters",
    "log_macs": "none: the multiply-adds",
}.items():
    register(
        Score(name=_name, source=_source, module=f"{_HERE}.{_name}", gradients=_name in ("jacob_cov", "grad_norm"))
    )
