"""The scores by name. One is described here and computed in a module of its own, which is imported when it is first used."""

from __future__ import annotations

from dataclasses import dataclass
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
    module: str
    """The module, importable by this name, whose `score(subject) -> float` computes it; what it does otherwise than the paper is in its docstring."""

    gradients: bool = True
    """Whether it takes gradients in the pass that scores share; where none of those asked for does, the pass keeps no graph."""

    def of(self, subject: Subject) -> float:
        """The score of a network; larger is better. It may be infinite or NaN: `compute` refuses that."""
        return float(import_module(self.module).score(subject))


_SCORES: dict[str, Score] = {}


def register(score: Score) -> Score:
    """Make `score` known by its name.

    Raises:
        InputError: the name is taken.
    """
    if score.name in _SCORES:
        raise InputError(f"a score's name must be its own, but {score.name!r} is registered for {_SCORES[score.name].module}")
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


_HERE = __name__.rpartition(".")[0]
for _name, _source in {
    "synflow": "Tanaka et al., NeurIPS 2020, arXiv:2006.05467; as a score Abdelfattah et al., ICLR 2021, arXiv:2101.08134",
    "naswot": "Mellor et al., ICML 2021, arXiv:2006.04647v3",
    "jacob_cov": "Mellor et al., arXiv:2006.04647v1 (2020)",
    "zen": "Lin et al., ICCV 2021, arXiv:2102.01063",
    "grad_norm": "Abdelfattah et al., ICLR 2021, arXiv:2101.08134",
    "log_params": "none: the number of parameters",
    "log_macs": "none: the multiply-adds",
}.items():
    register(Score(name=_name, source=_source, module=f"{_HERE}.{_name}", gradients=_name in ("jacob_cov", "grad_norm")))
