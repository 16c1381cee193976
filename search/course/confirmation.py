"""Plans the final trainings: which networks, from which seeds, for how long."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from ...studies import Evaluation, Fidelity, FrontPoint
from ...studies.chosen import adequate
from ...studies.reference_trials import ORIGIN

FINAL_FACTOR = 2
"""Epochs of a final training, as a multiple of those of a trial; it sees all training images."""
FIRST_SEEDS = 2
"""Seeds from which all networks are trained where time is short. Further ones serve the networks
that may still be the best (`final_trainings`)."""
MOST_SEEDS = 8
"""Seeds from which a network is trained at most."""
Takes = Callable[[Sequence[FrontPoint], int, int], float | None]
"""(networks, seeds of each, epochs of each) -> seconds of their final trainings on all workers."""
FILLED = 0.9
"""Part of the time left that planned trainings fill by what is expected of them: they must end
before it does."""


@dataclass(frozen=True, kw_only=True)
class Final:
    """One final training."""

    point: FrontPoint
    """The network."""
    fidelity: Fidelity
    """Its fidelity, the same for all networks that are compared."""
    seed: int
    """Its seed; the trials have another one."""


def seconds_for(each: Sequence[float], workers: int) -> float:
    """Seconds in which `workers` do trainings of these seconds, the longest first."""
    busy = [0.0] * workers
    for seconds in sorted(each, reverse=True):
        busy[busy.index(min(busy))] += seconds
    return max(busy)


def planned(
    points: Sequence[FrontPoint],
    done: Sequence[Evaluation],
    *,
    seed: int,
    seeds: int,
    factor: int,
    seconds_left: float | None,
    takes: Takes,
) -> list[Final]:
    """The trainings that confirm `points` from `seeds` further seeds after `seed`, each for
    `factor` times the epochs of a trial.

    As many as fit into the time left: rather all networks from fewer seeds than fewer networks, but
    none for fewer images than its trial saw. Slow ones come first, so that workers end together.
    Where time is short, all are trained from `FIRST_SEEDS` at most, and the trainings are so short
    that two of the networks can be trained from the seeds that then remain.

    Of what is `done` nothing is planned again.
    """
    missing = [point for point in points if sum(adequate(final, point) for final in done) < seeds]
    most = seeds if seconds_left is None else min(seeds, FIRST_SEEDS)
    for chosen, count, rest in [
        (missing, most, seeds - most),
        *((missing, count, 0) for count in range(most, 0, -1)),
        *((missing[:many], 1, 0) for many in range(len(missing) - 1, 0, -1)),
    ]:
        if not chosen:
            break
        trial = chosen[0].evaluation.fidelity
        epochs = factor * trial.epochs
        if seconds_left is not None:
            epochs = _most_epochs(epochs, partial(_seconds, takes, chosen, count, rest), FILLED * seconds_left)
        if epochs >= trial.passes:
            return _of(chosen, done, epochs=epochs, seed=seed, seeds=count, takes=takes)
    return []


def _seconds(takes: Takes, points: Sequence[FrontPoint], seeds: int, rest: int, epochs: int) -> float | None:
    """Seconds of `epochs` epochs of all points from `seeds` seeds and of the two costliest from
    `rest` more."""
    two = sorted(points, key=lambda point: -(takes([point], 1, epochs) or 0.0))[:2]
    each = [takes(points, seeds, epochs), takes(two, rest, epochs) if rest else 0.0]
    return None if None in each else sum(seconds or 0.0 for seconds in each)


def _most_epochs(largest: int, seconds: Callable[[int], float | None], limit: float) -> int:
    """The most epochs up to `largest` that take no more than `limit`; `largest` if nothing is
    known."""
    return next((epochs for epochs in range(largest, 0, -1) if (seconds(epochs) or 0.0) <= limit), 0)


def _of(
    points: Sequence[FrontPoint], done: Sequence[Evaluation], *, epochs: int, seed: int, seeds: int, takes: Takes
) -> list[Final]:
    known = {(final.candidate_id, final.fidelity.key, final.seed) for final in done}
    found = []
    for offset in range(1, seeds + 1):
        for point in sorted(points, key=lambda point: -(takes([point], 1, epochs) or 0.0)):
            fidelity = replace(point.evaluation.fidelity, epochs=epochs, fraction=1.0)
            if (point.id, fidelity.key, seed + offset) not in known:
                found.append(Final(point=point, fidelity=fidelity, seed=seed + offset))
    return found


def described(finals: Sequence[Final]) -> str:
    """The planned trainings in words, for the reader."""
    networks, seeds = {final.point.id: final.point for final in finals}, len({final.seed for final in finals})
    references = sum(point.evaluation.origin == ORIGIN for point in networks.values())
    epochs = finals[0].fidelity.epochs
    times = f"{seeds} other seeds" if seeds > 1 else "another seed"
    own = len(networks) - references
    which = [*([f"{own} network{'s' * (own > 1)}"] if own else []), *(["the best reference"] if references else [])]
    return f"confirming {' and '.join(which)}: {epochs} epoch{'s' * (epochs > 1)} each, from {times}"
