"""Chooses the network of a study: of those that were confirmed, the one believed best.

`comparison` gathers the evidence and `_choose` decides. Another criterion replaces `_choose` alone.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from ...blocks import InputError
from ..records.evaluation import CandidateRow, Evaluation, Purpose, State
from ..records.front_point import FrontPoint
from ..records.verification_study import require_search, verified_by
from ..statistics.posterior import Normal, posterior
from ..store import StoreError
from ..study import Study
from ..trained.artifacts import PlaceNotNamed, weights_file, weights_place
from .belief import Noted, noted_belief
from .best_network import Best
from .finalists import LEADERS, complete_points, finalists
from .finals import amount_of, comparable_finals, trainings
from .reference_trials import noted_references, reference_words

__all__ = [
    "LEADERS",
    "Best",
    "Comparison",
    "best",
    "best_json",
    "chosen_candidate",
    "comparison",
    "confirmed_accuracies",
    "finalists",
    "own_best",
]


def best(study: Study) -> Best | None:
    """The network that the study has chosen.

    None if no training has ended an epoch, and for the study of a verification: its accuracies are
    of test images, by which no network may be chosen.

    It is the network with the highest posterior mean by the trials and the final trainings (see
    `comparison`), of those that were confirmed; in a study that has noted no belief, the one of
    `finalists` with the highest mean accuracy over its final trainings. Without final trainings it
    is the first of `finalists`. A compound-scaling grid has already chosen by the mean over its
    seeds.
    """
    with study.snapshot():
        return study.once("best", lambda: _best(study))


def _best(study: Study) -> Best | None:
    if verified_by(study.spec.settings) is not None:
        return None
    grid = study.notes().get("grid")
    if isinstance(grid, dict):
        return _of_grid(study, str(grid["id"]))
    found = comparison(study)
    if not found.among:
        return None
    point, trained = _choose(found.among, found)
    shown = max(trained, key=_worth_showing, default=point.evaluation)
    return Best(
        candidate=point.candidate,
        evaluation=shown,
        confirmed=any(final.seed != point.evaluation.seed for final in trained),
        accuracies=tuple(final.accuracy or 0.0 for final in trained),
        reference=reference_words(study).get(point.id),
        **_weights(study, shown),
    )


def own_best(study: Study) -> CandidateRow | None:
    """The best network that the search of `study` itself has found: the one chosen, or if that is a
    reference the best of the others; None if no other has been trained to the end."""
    chosen = best(study)
    if chosen is None or chosen.reference is None:
        return None if chosen is None else chosen.candidate
    found, noted = comparison(study), noted_references(study)
    own = [point for point in found.among if point.id not in noted]
    return _choose(own, found)[0].candidate if own else None


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


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The networks of which a study chooses one, and what is known of them."""

    among: Sequence[FrontPoint]
    """The networks, in the order of `finalists`."""
    finals: Mapping[str, Sequence[Evaluation]]
    """Candidate id -> the final trainings by which it is compared."""
    belief: Noted | None
    """What the search has noted; None if it has noted nothing."""
    shifted: bool
    """Whether the final trainings have another fidelity than the trials, so that all their
    accuracies may differ from those of the trials by the same."""

    @property
    def posterior(self) -> dict[str, Normal]:
        """Candidate id -> what is believed of its accuracy, the final trainings included. Without a
        belief of the search, it is by the final trainings alone.

        It is on the scale of the trials: a gain that all final trainings have is left out.
        """
        return self._by({key: [each.accuracy or 0.0 for each in several] for key, several in self.finals.items()})

    def choose(self, networks: Mapping[str, Mapping[int, float]]) -> str | None:
        """The id of the network that would be chosen if the final trainings were these.

        Args:
            networks: candidate id -> seed -> accuracy. None is returned if it is empty, or if a
                network in it has no training.
        """
        if not networks or not all(networks.values()):
            return None
        found = self._by({key: list(values.values()) for key, values in networks.items()})
        return max(networks, key=lambda key: round(found[key].mean, 12))  # rounded: equal networks keep their order

    def _by(self, finals: Mapping[str, Sequence[float]]) -> dict[str, Normal]:
        noted = self.belief
        if noted is not None and not finals and all(point.id in noted.networks for point in self.among):
            return {point.id: noted.networks[point.id] for point in self.among}  # it has been computed
        expected = {} if noted is None else noted.belief.expected
        return posterior(
            {point.id: expected.get(point.id, Normal(point.accuracy, math.inf)) for point in self.among},
            {} if noted is None else noted.trials,
            finals,
            scatter=None if noted is None else noted.belief.scatter,
            shifted=self.shifted and noted is not None,
        )


def comparison(study: Study, among: Sequence[FrontPoint] | None = None) -> Comparison:
    """Compare the networks `among`; if None, those of which `study` chooses one: its finalists, and
    where it has noted a belief all other networks with the same final trainings."""
    belief, every = noted_belief(study), trainings(study)
    points = finalists(study, LEADERS) if among is None else list(among)
    finals = comparable_finals(every, points)
    if among is None and finals and belief is not None:
        amount = {amount_of(final) for several in finals.values() for final in several}
        every = [final for final in every if amount_of(final) in amount]
        others = {final.candidate_id for final in every} - {point.id for point in points}
        points += [point for point in complete_points(study) if point.id in others]
        finals = comparable_finals(every, points)
    trials = {point.id: point.evaluation.fidelity for point in points}
    shifted = any(each.fidelity != trials[key] for key, several in finals.items() for each in several)
    return Comparison(among=points, finals=finals, belief=belief, shifted=shifted)


def confirmed_accuracies(study: Study) -> dict[str, float]:
    """Mean validation accuracy of each network's final trainings: candidate id -> accuracy.

    Only trainings at the input size of the search and by its recipe count.
    """
    found: dict[str, list[float]] = {}
    if not (finals := trainings(study)):
        return {}
    sizes: dict[str, int] = {
        each.candidate_id: each.fidelity.size for each in study.evaluations(Purpose.SEARCH, State.COMPLETE)
    }
    for evaluation in finals:
        if (
            evaluation.accuracy is not None
            and not evaluation.fidelity.recipe
            and sizes.get(evaluation.candidate_id, evaluation.fidelity.size) == evaluation.fidelity.size
        ):
            found.setdefault(evaluation.candidate_id, []).append(evaluation.accuracy)
    return {key: _mean(values) for key, values in found.items()}


def _choose(among: Sequence[FrontPoint], found: Comparison) -> tuple[FrontPoint, Sequence[Evaluation]]:
    """The network chosen of `among`, and its final trainings: this is the criterion.

    Highest posterior mean of those with final trainings; of equal ones the cheaper network.
    """
    trained = [point for point in among if point.id in found.finals]
    if not trained:
        return among[0], ()
    believed = found.posterior
    point = max(trained, key=lambda point: (round(believed[point.id].mean, 12), -point.cost))
    return point, found.finals[point.id]


def _worth_showing(final: Evaluation) -> tuple[bool, bool, float]:
    return final.test_accuracy is not None, final.checkpoint is not None, final.accuracy or 0.0


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _of_grid(study: Study, candidate_id: str) -> Best:
    """The network that a compound-scaling grid chose, with its last final training if it has one.

    Otherwise it is shown with its first training in the grid.
    """
    trained = [each for each in study.evaluations(state=State.COMPLETE) if each.candidate_id == candidate_id]
    finals = [each for each in trained if each.confirms]
    seeds = {each.seed for each in trained if each.purpose is Purpose.SEARCH}
    shown = finals[-1] if finals else trained[0]
    return Best(
        candidate=study.candidates()[candidate_id], evaluation=shown, confirmed=len(seeds) > 1, **_weights(study, shown)
    )


def _weights(study: Study, shown: Evaluation) -> dict[str, Any]:
    """The weights of `shown`, else of its network's last final training that kept any, and what
    fetches them."""
    own = [each for each in trainings(study) if each.candidate_id == shown.candidate_id]
    with suppress(PlaceNotNamed, StoreError, OSError):  # the network is known without its weights
        for each in (shown, *reversed(own)):
            if (file := weights_place(study, each)) is not None:
                # without the study where it can be: that cannot be pickled
                return {"weights": file, "fetch": None if file.exists() else partial(weights_file, study, each)}
    return {}
