"""Plans the final trainings: which networks, from which seeds, for how long."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

from ...studies import Evaluation, Fidelity, FrontPoint
from ...studies.choosing.finals import adequate
from ...studies.choosing.reference_trials import ORIGIN

FINAL_FACTOR = 2
"""Epochs of a final training, as a multiple of those of a trial; it sees all training images."""
FIRST_SEEDS = 2
"""Seeds from which all networks are trained where time is short. Further ones serve the networks
that may still be the best (`final_trainings`)."""
MOST_SEEDS = 8
"""Seeds from which a network is trained at most."""
Takes = Callable[[FrontPoint, Fidelity], float | None]
"""(network, fidelity) -> seconds of its final training; None if they are not known."""
FILLED = 0.9
"""Part of the time left that planned trainings fill by what is expected of them: they must end
before it does."""
CERTIFIED_SHARE = 0.4
"""The largest part of the time given that is kept so that the certificate compares two networks."""
FIRST_SHARE = 0.5
"""The largest part of the time that is kept so that one network is confirmed at all."""
STRAGGLERS = 0.8
"""Part of the time kept for confirming that is left once the last trainings of the search have
ended."""
STEP = 0.85
"""Factor between neighbouring shares of the images that are considered."""


@dataclass(frozen=True, kw_only=True)
class Final:
    """One final training."""

    point: FrontPoint
    """The network."""
    fidelity: Fidelity
    """Its fidelity, the same for all networks that are compared."""
    seed: int
    """Its seed; the trials have another one."""

    @property
    def key(self) -> tuple[str, str, int]:
        """What makes it unique in its study: network, fidelity and seed."""
        return self.point.id, self.fidelity.key, self.seed


def seconds_for(each: Sequence[float], workers: int) -> float:
    """Seconds in which `workers` do trainings of these seconds, begun in this order."""
    busy = [0.0] * workers
    for seconds in each:
        busy[busy.index(min(busy))] += seconds
    return max(busy)


def lengths(trial: Fidelity, factor: int) -> list[Fidelity]:
    """The fidelities that a final training may have, the longest first: `factor` times the epochs
    of a trial on all images, then fewer epochs, then a smaller share of the images. None has fewer
    epochs than the trial, or a smaller share."""
    shares = [1.0]
    while STEP * shares[-1] > trial.fraction:
        shares.append(STEP * shares[-1])
    shares = [round(share, 3) for share in shares if share > trial.fraction] + [trial.fraction]
    longer = [(epochs, 1.0) for epochs in range(factor * trial.epochs, trial.epochs, -1)]
    amounts = [*longer, *((trial.epochs, share) for share in shares)]
    return [replace(trial, epochs=epochs, fraction=fraction) for epochs, fraction in amounts]


def certified(points: Sequence[FrontPoint]) -> list[FrontPoint]:
    """The two networks that the certificate compares, of `points` as `finalists` orders them: the
    best of the search and the best reference; none if there are not both."""
    own = [point for point in points if point.evaluation.origin != ORIGIN]
    references = [point for point in points if point.evaluation.origin == ORIGIN]
    return [own[0], references[0]] if own and references else []


def planned(
    points: Sequence[FrontPoint],
    done: Sequence[Evaluation],
    *,
    seed: int,
    seeds: int,
    factor: int,
    seconds_left: float | None,
    workers: int,
    takes: Takes,
) -> list[Final]:
    """The trainings that confirm `points` from `seeds` further seeds after `seed`, in the order in
    which they are done; of what is `done` nothing is planned again.

    Their fidelity is the longest of `lengths` with which they end in the time left on the
    `workers`. The two networks of the certificate come first, from `FIRST_SEEDS` seeds, so that
    their comparison is the first to become sure. Where time is short, all are trained from
    `FIRST_SEEDS` at most, and the trainings are so short that two of the networks can be trained
    from the seeds that then remain; where it is shorter, first the other networks are dropped, then
    seeds; without a certificate first seeds, then networks. No training is shorter than its trial.
    """
    missing = [point for point in points if sum(adequate(final, point) for final in done) < seeds]
    if not missing:
        return []
    known = {final.key for final in done}
    fidelities = lengths(missing[0].evaluation.fidelity, factor)
    first = [point for point in certified(points) if point in missing]
    if seconds_left is None:
        return _ordered(dict.fromkeys(_ids(missing), seeds), missing, first, fidelities[0], seed, known, takes)
    most = min(seeds, FIRST_SEEDS)
    for number, counts in enumerate(_stages(missing, first, most)):
        for fidelity in fidelities:
            found = _ordered(counts, missing, first, fidelity, seed, known, takes)
            each = [takes(final.point, final.fidelity) for final in found]
            if number == 0:
                costliest = sorted((takes(point, at(point, fidelity)) or 0.0 for point in missing), reverse=True)
                each += costliest[:2] * (seeds - most)
            unknown = None in each
            if unknown or seconds_for([one or 0.0 for one in each], workers) <= FILLED * seconds_left:
                return found
    return []


def left_out(
    points: Sequence[FrontPoint], plan: Sequence[Final], done: Sequence[Evaluation], *, seed: int, seeds: int
) -> list[Final]:
    """The trainings of `points` from up to `FIRST_SEEDS` seeds that a plan has left out for want of
    time, in their order."""
    if not plan:
        return []
    known = {final.key for final in done} | {final.key for final in plan}
    counts = dict.fromkeys(_ids(points), min(seeds, FIRST_SEEDS))
    return _ordered(counts, points, certified(points), plan[0].fidelity, seed, known, lambda point, fidelity: None)


def described(finals: Sequence[Final]) -> str:
    """The planned trainings in words, for the reader."""
    networks = {final.point.id: final.point for final in finals}
    seeds = {sum(final.point.id == key for final in finals) for key in networks}
    references = sum(point.evaluation.origin == ORIGIN for point in networks.values())
    fidelity = finals[0].fidelity
    part = "" if fidelity.fraction == 1 else f" of {fidelity.fraction:.0%} of the images"
    times = f"{max(seeds)} other seeds" if max(seeds) > 1 else "another seed"
    own = len(networks) - references
    which = [*([f"{own} network{'s' * (own > 1)}"] if own else []), *(["the best reference"] if references else [])]
    return (
        f"confirming {' and '.join(which)}: {fidelity.epochs} epoch{'s' * (fidelity.epochs > 1)}{part} each, from"
        f" {'up to ' * (len(seeds) > 1)}{times}"
    )


def _stages(missing: Sequence[FrontPoint], first: Sequence[FrontPoint], most: int) -> Iterator[dict[str, int]]:
    """Seeds of each network in plans that take less and less time."""
    ids, pair = _ids(missing), _ids(first)
    yield dict.fromkeys(ids, most)  # and further seeds of two
    yield dict.fromkeys(ids, most)
    if pair:
        others = [key for key in ids if key not in pair]
        yield dict.fromkeys(pair, most) | dict.fromkeys(others, 1)
        for count in range(most, 0, -1):
            yield dict.fromkeys(pair, count)
        yield {ids[0]: 1}
        return
    for count in range(most - 1, 0, -1):
        yield dict.fromkeys(ids, count)
    for many in range(len(ids) - 1, 0, -1):
        yield dict.fromkeys(ids[:many], 1)


def _ordered(
    counts: dict[str, int],
    points: Sequence[FrontPoint],
    first: Sequence[FrontPoint],
    fidelity: Fidelity,
    seed: int,
    known: set[tuple[str, str, int]],
    takes: Takes,
) -> list[Final]:
    """The trainings of each network from as many seeds as `counts` says, without those that are
    `known`: those that come `first` from `FIRST_SEEDS` seeds, then all seed by seed. The slowest of
    a seed come first, so that workers end together, but the first training is that of the network
    believed best."""
    slow = sorted(points, key=lambda point: -(takes(point, at(point, fidelity)) or 0.0))
    offsets = range(1, max(counts.values(), default=0) + 1)
    pair = [(1, point) for point in first] + [
        (offset, point) for offset in offsets[1:FIRST_SEEDS] for point in slow if point in first
    ]
    order = [*pair, *product(offsets, slow)]
    found = {}
    for offset, point in order:
        final = Final(point=point, fidelity=at(point, fidelity), seed=seed + offset)
        if offset <= counts.get(point.id, 0) and final.key not in known:
            found.setdefault(final.key, final)
    return list(found.values())


def at(point: FrontPoint, fidelity: Fidelity) -> Fidelity:
    """The fidelity of a network, with the epochs and the share of the images of another."""
    return replace(point.evaluation.fidelity, epochs=fidelity.epochs, fraction=fidelity.fraction)


def _ids(points: Sequence[FrontPoint]) -> list[str]:
    return [point.id for point in points]
