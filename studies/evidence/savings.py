"""Training time that a search spent, and time it saved by early stopping and the budget gate.

Time spent is the wall time of training in the workers, not that of the run. The rest of a stopped
training is valued at its own seconds per epoch. A proposal that the gate refused (over the budget,
or a network that is already known) is valued at the mean time of a complete training.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..records.evaluation import Evaluation, Purpose
from ..writing.json_values import JSON
from .search_rows import WAITING, Row

STATES = ("COMPLETE", "PRUNED", "FAIL", WAITING)


@dataclass(frozen=True, kw_only=True)
class Savings:
    """Evaluations, epochs and seconds that were spent, and those that were saved."""

    evaluations: Mapping[str, int]
    """Number of evaluations by state (complete, pruned, fail, waiting), and of final trainings
    (`final`)."""
    epochs: Mapping[str, int]
    """Epochs trained, with the same keys."""
    seconds: Mapping[str, float]
    """Seconds of training, with the same keys."""
    epochs_avoided: int
    """Epochs that early stopping saved."""
    seconds_avoided: float
    """Seconds that early stopping saved, estimated from each training's seconds per epoch."""
    untimed: int
    """Stopped trainings without an epoch or a time, which `seconds_avoided` leaves out."""
    refused: int | None
    """Candidates over the budget, refused before training; None if the number was not recorded."""
    duplicates: int | None
    """Proposals of networks that were already known; None if the number was not recorded."""
    mean_seconds: float | None
    """Mean seconds of a complete training in the search; None if there is none."""

    @property
    def spent(self) -> float:
        """Total seconds of training."""
        return math.fsum(self.seconds.values())

    @property
    def gate_seconds(self) -> float | None:
        """Seconds of training that the gate saved; None if they cannot be estimated."""
        if self.refused is None or self.duplicates is None or self.mean_seconds is None:
            return None
        return (self.refused + self.duplicates) * self.mean_seconds

    @property
    def epochs_share(self) -> float | None:
        """Epochs trained in the search, as a share of those without early stopping.

        Failed evaluations are left out; None if there are no others.
        """
        trained = sum(count for state, count in self.epochs.items() if state not in ("fail", "final"))
        whole = trained + self.epochs_avoided
        return trained / whole if whole else None

    def to_dict(self) -> dict[str, JSON]:
        """The savings as plain JSON."""
        return {
            "evaluations": dict(self.evaluations),
            "epochs": dict(self.epochs),
            "seconds": dict(self.seconds),
            "seconds_spent": self.spent,
            "epochs_avoided_by_stopping": self.epochs_avoided,
            "seconds_avoided_by_stopping": self.seconds_avoided,
            "epochs_share": self.epochs_share,
            "stopped_without_time": self.untimed,
            "refused": self.refused,
            "duplicates": self.duplicates,
            "mean_seconds": self.mean_seconds,
            "seconds_avoided_by_gate": self.gate_seconds,
        }


def savings(rows: Sequence[Row], evaluations: Iterable[Evaluation], gate: object = None) -> Savings:
    """Add up the rows of the search and the final trainings among `evaluations`.

    `gate` is the study's note with the numbers of refused and duplicate proposals, if there is one.
    """
    names = {state: state.lower() for state in STATES}
    columns = [*names.values(), "final"]
    counts, epochs, seconds = dict.fromkeys(columns, 0), dict.fromkeys(columns, 0), dict.fromkeys(columns, 0.0)
    for row in rows:
        name = names[row.state]
        counts[name] += 1
        epochs[name] += row.epochs
        seconds[name] += row.seconds
    for final in (each for each in evaluations if each.purpose is Purpose.FINAL):
        counts["final"] += 1
        epochs["final"] += final.curve[-1][0] if final.curve else 0
        seconds["final"] += final.seconds
    stopped = [row for row in rows if row.state in ("PRUNED", WAITING) and not row.cut]
    timed = [row for row in stopped if row.epochs and row.seconds > 0]
    avoided = math.fsum((row.full - row.epochs) * row.seconds / row.epochs for row in timed)
    times = [row.seconds for row in rows if row.complete]
    note = gate if isinstance(gate, Mapping) else {}
    return Savings(
        evaluations=counts,
        epochs=epochs,
        seconds=seconds,
        epochs_avoided=sum(row.full - row.epochs for row in stopped),
        seconds_avoided=avoided,
        untimed=len(stopped) - len(timed),
        refused=_count(note, "refused"),
        duplicates=_count(note, "duplicates"),
        mean_seconds=math.fsum(times) / len(times) if times else None,
    )


def _count(note: Mapping[object, object], key: str) -> int | None:
    value = note.get(key)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
