"""Chooses the network of a study: of the leaders of the front and the best reference network, the
one with the best final trainings.

`best` gathers the evidence and `_choose` decides. Another criterion, for example the network that
a posterior over accuracies believes best, replaces `_choose` alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from ..blocks import InputError
from .artifacts import weights_file
from .best_network import Best
from .evaluation import CandidateRow, Evaluation, Purpose, State
from .reference_trials import noted_references, own_front_and_references, reference_words
from .study import FrontPoint, Study
from .verification_study import require_search, verified_by

LEADERS = 3
"""Number of networks of the front, the most accurate ones, among which one is chosen."""


def best(study: Study) -> Best | None:
    """The network that the study has chosen; None if nothing was trained for an epoch, and
    for a verification, by whose accuracies on test images nothing is chosen.

    It is the one of `finalists` with the highest mean accuracy over its final trainings (see
    `comparable_finals`). Without final trainings it is the most accurate of them. A
    compound-scaling grid has already chosen by the mean over its seeds.
    """
    if verified_by(study.spec.settings) is not None:
        return None
    grid = study.notes().get("grid")
    if isinstance(grid, dict):
        return _of_grid(study, str(grid["id"]))
    found = finalists(study, LEADERS)
    if not found:
        return None
    point, trained = _choose(found, comparable_finals(trainings(study), found))
    shown = max(trained, key=_worth_showing, default=point.evaluation)
    return Best(
        candidate=point.candidate,
        evaluation=shown,
        confirmed=any(final.seed != point.evaluation.seed for final in trained),
        accuracies=tuple(final.accuracy or 0.0 for final in trained),
        reference=reference_words(study).get(point.id),
        weights=_weights(study, shown),
    )


def own_best(study: Study) -> CandidateRow | None:
    """The best network that the search of `study` itself has found: the one chosen, or if that is a
    reference the best of the others; None if no other has been trained to the end."""
    chosen = best(study)
    if chosen is None or chosen.reference is None:
        return None if chosen is None else chosen.candidate
    found, noted = finalists(study, LEADERS), noted_references(study)
    own = [point for point in found if point.id not in noted]
    return _choose(own, comparable_finals(trainings(study), found))[0].candidate if own else None


def best_json(storage: str, study: str, _: str = "best") -> str:
    """The network that a study has chosen, as canonical JSON; used by `spaces.find_candidate`.

    Raises:
        InputError: no trial has finished yet.
    """
    opened = Study.open(storage, study)
    require_search(opened.spec)
    chosen = best(opened)
    if chosen is None:
        raise InputError(f"the study {study!r} has no finished trial yet")
    return chosen.candidate.spec


def chosen_candidate(study: Study) -> CandidateRow:
    """The candidate of the network that a study has chosen.

    Raises:
        InputError: no trial has finished yet, or the study is a verification.
    """
    require_search(study.spec)
    chosen = best(study)
    if chosen is None:
        raise InputError(
            f"the study {study.spec.name!r} has no finished trial to choose from; continue the search first"
        )
    return chosen.candidate


def leaders(front: Iterable[FrontPoint], count: int) -> list[FrontPoint]:
    """The `count` most accurate networks of the front, the most accurate first."""
    return sorted(front, key=lambda point: (-point.accuracy, point.cost))[:count]


def finalists(study: Study, count: int) -> list[FrontPoint]:
    """The networks that are confirmed, and of which one is chosen: those of `_finished`, and before
    them a training that the time of the search has cut although it was better than they are.

    If no training is complete, it is the best of all that were stopped.
    """
    found = _finished(study, count)
    leader = _unfinished(study) if count else None
    return found if leader is None else [leader, *found]


def _unfinished(study: Study) -> FrontPoint | None:
    """The most accurate trial that the clock has cut, if none that is complete was as accurate;
    without any complete one, the most accurate that was stopped."""
    complete = study.evaluations(Purpose.SEARCH, State.COMPLETE)
    known = {each.candidate_id for each in complete}
    best_complete = max((each.accuracy or 0.0 for each in complete), default=None)
    able = [
        each
        for each in study.evaluations(Purpose.SEARCH, State.PRUNED)
        if each.accuracy is not None
        and each.candidate_id not in known
        and (best_complete is None or (each.cut and each.accuracy > best_complete))
    ]
    if not able:
        return None
    chosen = max(able, key=lambda each: each.accuracy or 0.0)
    candidate = study.candidates()[chosen.candidate_id]
    return FrontPoint(candidate=candidate, evaluation=chosen, axis=study.spec.cost)


def _finished(study: Study, count: int) -> list[FrontPoint]:
    """The networks of `finalists` that were trained to the end.

    These are the `count` most accurate networks of the front. In a study that has tried references
    they are those of the front of its other networks, and the most accurate reference is compared
    with them, whether or not it is on the front. It is the first or the second, so that the two
    are compared even if the time suffices for no others.
    """
    if not count or not noted_references(study):
        return leaders(study.front(), count)
    own, references = own_front_and_references(study)
    found = leaders(own, count)
    return leaders([*found[:1], *leaders(references, 1)], 2) + found[1:]


def trainings(study: Study) -> list[Evaluation]:
    """The completed final trainings of a study in the order in which they were recorded.

    Commands and messages number them from 1.
    """
    return study.evaluations(Purpose.FINAL, State.COMPLETE)


def adequate(final: Evaluation, point: FrontPoint) -> bool:
    """Whether a final training can confirm `point`: it is complete and long enough.

    It must have seen at least as many images as the trial of the search.
    """
    return (
        final.state is State.COMPLETE
        and final.candidate_id == point.id
        and final.fidelity.passes >= point.evaluation.fidelity.passes
    )


def comparable_finals(finals: Iterable[Evaluation], among: Sequence[FrontPoint]) -> dict[str, list[Evaluation]]:
    """The final trainings by which the networks `among` are compared: candidate id -> trainings.

    Only adequate trainings at the input size of the trial count, and only trainings of the same
    epochs and fraction are compared: those that most networks have, and of several the longest.
    """
    points = {point.id: point for point in among}
    groups: dict[tuple[int, float], dict[str, list[Evaluation]]] = {}
    for final in finals:
        point = points.get(final.candidate_id)
        if point is not None and adequate(final, point) and final.fidelity.size == point.evaluation.fidelity.size:
            group = groups.setdefault((final.fidelity.epochs, final.fidelity.fraction), {})
            group.setdefault(final.candidate_id, []).append(final)
    return max(
        groups.values(),
        key=lambda trained: (len(trained), max(each[0].fidelity.passes for each in trained.values())),
        default={},
    )


def confirmed_accuracies(study: Study) -> dict[str, float]:
    """Mean validation accuracy of each network's final trainings: candidate id -> accuracy.

    Only trainings at the input size of the search count.
    """
    sizes: dict[str, int] = {
        each.candidate_id: each.fidelity.size for each in study.evaluations(Purpose.SEARCH, State.COMPLETE)
    }
    found: dict[str, list[float]] = {}
    for evaluation in trainings(study):
        if (
            evaluation.accuracy is not None
            and sizes.get(evaluation.candidate_id, evaluation.fidelity.size) == evaluation.fidelity.size
        ):
            found.setdefault(evaluation.candidate_id, []).append(evaluation.accuracy)
    return {key: _mean(values) for key, values in found.items()}


def _choose(
    among: Sequence[FrontPoint], finals: Mapping[str, Sequence[Evaluation]]
) -> tuple[FrontPoint, Sequence[Evaluation]]:
    """The network chosen among the leaders, and its final trainings: this is the criterion.

    Highest mean validation accuracy; of equal ones the cheaper network.
    """
    trained = [point for point in among if point.id in finals]
    if not trained:
        return among[0], ()
    point = max(trained, key=lambda point: (_mean([each.accuracy or 0.0 for each in finals[point.id]]), -point.cost))
    return point, finals[point.id]


def _worth_showing(final: Evaluation) -> tuple[bool, bool, float]:
    return final.test_accuracy is not None, final.checkpoint is not None, final.accuracy or 0.0


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _of_grid(study: Study, candidate_id: str) -> Best:
    """The network that a compound-scaling grid chose, with its last final training if it has one.

    Otherwise it is shown with its first training in the grid.
    """
    trained = [each for each in study.evaluations(state=State.COMPLETE) if each.candidate_id == candidate_id]
    finals = [each for each in trained if each.purpose is Purpose.FINAL]
    seeds = {each.seed for each in trained if each.purpose is Purpose.SEARCH}
    shown = finals[-1] if finals else trained[0]
    return Best(
        candidate=study.candidates()[candidate_id],
        evaluation=shown,
        confirmed=len(seeds) > 1,
        weights=_weights(study, shown),
    )


def _weights(study: Study, shown: Evaluation) -> Path | None:
    """The weights of `shown`, else of its network's last final training that kept any."""
    own = [each for each in trainings(study) if each.candidate_id == shown.candidate_id]
    kept = (weights_file(study, each) for each in (shown, *reversed(own)))
    return next((file for file in kept if file is not None), None)
