"""The evaluators by name: what `--evaluator` takes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from ...blocks.errors import InputError, unknown
from ...blocks.registry import Registry

if TYPE_CHECKING:
    from ..course.job import Job
    from ..options import SearchOptions
    from ..workers.job_runner import Place
    from .protocol import Evaluator

Evaluate: TypeAlias = "Callable[[Job, Place], Iterator[tuple[int, float]]]"
"""Evaluates the network of a job on a worker: yields (epoch, accuracy) up to the job's epochs."""


@dataclass(frozen=True, kw_only=True)
class EvaluatorKind:
    """One way of evaluating candidates."""

    name: str
    """The name in `--evaluator`."""
    words: str
    """What it does, in one line."""
    argument: str = ""
    """What stands behind the name and a colon: "" nothing, "FILE" required, "[SCORE]" optional."""
    reads_images: bool = True
    """Whether the options of data and training apply to it."""
    prepare: Callable[[SearchOptions, str, float, int | None], Evaluator]
    """Makes the evaluator of one search from the options, the argument, the time at which the
    search began (`time.monotonic`), and the number of GPUs that a private Ray is to count (None
    looks)."""

    @property
    def forms(self) -> list[str]:
        """How `--evaluator` names it, e.g. ["zero-cost", "zero-cost:SCORE"]."""
        with_argument = f"{self.name}:{self.argument.strip('[]')}"
        bare = [] if self.argument and not self.argument.startswith("[") else [self.name]
        return [*bare, with_argument] if self.argument else bare


def on_workers(name: str, words: str, evaluate: Evaluate) -> EvaluatorKind:
    """An evaluator that runs `evaluate` on the Ray workers; chosen networks are trained as usual.

    `evaluate` and what it refers to must be importable on the workers, or defined in the main
    script.
    """

    def prepare(options: SearchOptions, argument: str, began: float, gpus: int | None) -> Evaluator:
        from .training import Training

        return Training.prepared(options, began, gpus, evaluator=name, evaluate=evaluate)

    return EvaluatorKind(name=name, words=words, prepare=prepare)


def _accepted(name: str, kind: object) -> EvaluatorKind:
    if not isinstance(kind, EvaluatorKind) or kind.name != name or ":" in name:
        raise InputError(f"an evaluator must be an EvaluatorKind of the name it is registered under, but got {kind!r}")
    return kind


evaluators: Registry[EvaluatorKind] = Registry("evaluator", "automl.evaluators", accept=_accepted)
"""All evaluators by name."""


def find_evaluator(text: str) -> tuple[EvaluatorKind, str]:
    """The evaluator that `--evaluator` names, and its argument.

    Raises:
        InputError: there is none of this name, or its argument is missing or superfluous.
    """
    name, colon, argument = text.partition(":")
    kind = evaluators.parts().get(name)
    fits = kind is not None and (bool(argument) if kind.argument[:1] not in ("", "[") or colon else True)
    if kind is None or not fits or (colon and not kind.argument):
        if name in evaluators.refused:
            raise InputError(evaluators.refused[name])
        raise unknown("--evaluator", text, evaluator_forms())
    return kind, argument


def evaluator_forms() -> list[str]:
    """Everything that `--evaluator` takes, as people write it."""
    return [form for kind in evaluators.parts().values() for form in kind.forms]


def _train(options: SearchOptions, argument: str, began: float, gpus: int | None) -> Any:
    from .training import Training

    return Training.prepared(options, began, gpus)


def _table(options: SearchOptions, file: str, began: float, gpus: int | None) -> Any:
    from .table import TableLookup

    return TableLookup.prepared(options, file)


def _zero_cost(options: SearchOptions, score: str, began: float, gpus: int | None) -> Any:
    from .zero_cost import ZeroCost

    return ZeroCost.prepared_with(options, score, began, gpus)


for _kind in (
    EvaluatorKind(name="train", words="trains them on Ray workers", prepare=_train),
    EvaluatorKind(
        name="table",
        words="looks them up in a table, in simulated time",
        argument="FILE",
        reads_images=False,
        prepare=_table,
    ),
    EvaluatorKind(
        name="zero-cost",
        words="scores them without training; only the networks chosen are trained",
        argument="[SCORE]",
        prepare=_zero_cost,
    ),
):
    evaluators.add(_kind.name, _kind)
