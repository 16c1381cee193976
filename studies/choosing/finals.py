"""Final trainings: which there are, and by which of them networks are compared."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ..records.evaluation import Evaluation, Purpose, State
from ..records.front_point import FrontPoint
from ..study import Study


def trainings(study: Study) -> list[Evaluation]:
    """The completed final trainings by which networks may be compared, in the order in which they
    were recorded: all but refits."""
    return [each for each in numbered_trainings(study) if each.confirms]


def numbered_trainings(study: Study) -> list[Evaluation]:
    """All completed final trainings, refits included, in the order in which they were recorded.

    Commands and messages number them from 1.
    """
    return study.evaluations(Purpose.FINAL, State.COMPLETE)


def adequate(final: Evaluation, point: FrontPoint) -> bool:
    """Whether a final training can confirm `point`: it is complete and long enough.

    It must have seen at least as many images as the trial of the search, by the same recipe.
    """
    return (
        final.state is State.COMPLETE
        and final.confirms
        and final.candidate_id == point.id
        and final.fidelity.passes >= point.evaluation.fidelity.passes
        and final.fidelity.recipe == point.evaluation.fidelity.recipe
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
            group = groups.setdefault(amount_of(final), {})
            group.setdefault(final.candidate_id, []).append(final)
    return max(
        groups.values(),
        key=lambda trained: (len(trained), max(each[0].fidelity.passes for each in trained.values())),
        default={},
    )


def amount_of(final: Evaluation) -> tuple[int, float]:
    """Epochs and fraction of a final training."""
    return final.fidelity.epochs, final.fidelity.fraction
