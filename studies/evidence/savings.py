"""What the search spent, and what it did not have to: by stopping losers early, and by refusing
before training.

Spent is the wall time of training in the workers, not of the run. What a stopped training would
still have taken is counted at its own seconds per epoch; what the gate refused (over the budget, or
a network known already) at the mean time of a complete training.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from ..evaluation import Evaluation, Purpose
from ..json_values import JSON
from .rows import WAITING, Row

STATES = ("COMPLETE", "PRUNED", "FAIL", WAITING)


@dataclass(frozen=True, kw_only=True)
class Savings:
    """Evaluations, epochs and seconds, spent and avoided."""

    evaluations: Mapping[str, int]
    """By state (complete, pruned, fail, waiting) and `final`."""
    epochs: Mapping[str, int]
    """Trained, by the same."""
    seconds: Mapping[str, float]
    """Of training, by the same."""
    epochs_avoided: int
    """Not trained, by early stopping."""
    seconds_avoided: float
    """The same in time."""
    untimed: int
    """Stopped trainings without an epoch or without a time, which count for nothing above."""
    refused: int | None
    """Candidates over the budget, refused before training; None where it was not kept."""
    duplicates: int | None
    """Proposals that were known networks."""
    mean_seconds: float | None
    """Of a complete training in the search."""

    @property
    def spent(self) -> float:
        """Seconds of training altogether."""
        return math.fsum(self.seconds.values())

    @property
    def gate_seconds(self) -> float | None:
        """Seconds of training that the gate avoided; None where they cannot be known."""
        if self.refused is None or self.duplicates is None or self.mean_seconds is None:
            return None
        return (self.refused + self.duplicates) * self.mean_seconds

    @property
    def epochs_share(self) -> float | None:
        """Epochs trained in the search, as a part of what training each of its candidates to the
        end takes; failed ones left out."""
        trained = sum(count for state, count in self.epochs.items() if state not in ("fail", "final"))
        whole = trained + self.epochs_avoided
        return trained / whole if whole else None

    def to_dict(self) -> dict[str, JSON]:
        """As plain JSON."""
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
    """From the search's rows, the final trainings among `evaluations`, and the note that the gate
    left."""
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
    stopped = [row for row in rows if row.state in ("PRUNED", WAITING)]
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
