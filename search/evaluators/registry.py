"""The evaluators by name: what `--evaluator` takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from ...blocks.errors import InputError, unknown
from ...blocks.registry import Registry
from ..options import SearchOptions
from ..pretrained.kept import NONE
from ..workers.place import Evaluate
from .protocol import Evaluator
from .table import TableLookup
from .training import Training
from .zero_cost import ZeroCost


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
        bare = [self.name] if self.argument[:1] in ("", "[") else []
        return [*bare, f"{self.name}:{self.argument.strip('[]')}"] if self.argument else bare


def on_workers(name: str, words: str, evaluate: Evaluate) -> EvaluatorKind:
    """An evaluator that runs `evaluate` on the Ray workers; chosen networks are trained as usual.

    `evaluate` and what it refers to must be importable on the workers, or defined in the main
    script.
    """

    def prepare(options: SearchOptions, argument: str, began: float, gpus: int | None) -> Evaluator:
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
    kind = evaluators.find(name)
    form = f"{name}:{kind.argument.strip('[]')}" if kind is not None and colon and argument else text
    if kind is None or form not in kind.forms:
        raise evaluators.missing(name, unknown("--evaluator", text, evaluator_forms()))
    return kind, argument


def evaluator_forms() -> list[str]:
    """Everything that `--evaluator` takes, as people write it."""
    return [form for kind in evaluators.parts().values() for form in kind.forms]


def check_options(kind: EvaluatorKind, options: SearchOptions) -> None:
    """Check that the options apply to an evaluator.

    Raises:
        InputError: one is for images or trainings, and the evaluator has none; or for a table.
    """
    if not kind.reads_images:
        if options.reading.to_dict():
            raise InputError(
                f"--validation, --test and --drop-small-classes are for images, but --evaluator {options.evaluator}"
                " reads none"
            )
        for name in ("proxy_size", "epochs", "fraction", "flip", "gpus_per_trial", "address"):
            if getattr(options, name) is not None:
                flag = name.replace("_", "-")
                raise InputError(f"--{flag} is for trainings, but --evaluator {options.evaluator} trains nothing")
    if options.pretrained not in (None, NONE) and kind.name in ("table", "zero-cost"):
        raise InputError(f"--pretrained begins trainings, but --evaluator {options.evaluator} trains no candidate")
    if options.table_seconds is not None and kind.name != "table":
        raise InputError(
            f"--table-seconds is for --evaluator table:FILE, but got it with --evaluator {options.evaluator}"
        )


def _train(options: SearchOptions, argument: str, began: float, gpus: int | None) -> Evaluator:
    return Training.prepared(options, began, gpus)


def _table(options: SearchOptions, file: str, began: float, gpus: int | None) -> Evaluator:
    return TableLookup.prepared(options, file)


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
        prepare=ZeroCost.prepared_with,
    ),
):
    evaluators.add(_kind.name, _kind)
