"""The network that a study has chosen, by its final trainings."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import stdev
from typing import TYPE_CHECKING

from ..blocks import InputError
from ..blocks.documented import documented
from .artifacts import weights_file
from .evaluation import CandidateRow, Evaluation, Fidelity, Purpose, State
from .measure import SCORE, measured
from .study import FrontPoint, Study

if TYPE_CHECKING:
    from torch import nn

LEADERS = 3
"""How many of the front, by accuracy, may become the network chosen."""


@documented
@dataclass(frozen=True, kw_only=True)
class Best:
    """The network a study has chosen."""

    candidate: CandidateRow
    """The network and its cost."""
    evaluation: Evaluation
    """What it was chosen by; of several final trainings the one whose weights are handed over, the
    most accurate on the validation data."""
    confirmed: bool
    """Whether it was trained afresh after the search, from another seed, so that it is not merely
    the luckiest of many."""
    accuracies: tuple[float, ...] = ()
    """Validation accuracies of its final trainings, by whose mean it was chosen."""
    weights: Path | None = field(default=None, repr=False)
    """File of its trained weights: those of `evaluation`, else of its last final training; None
    if no training kept any."""

    def load(self) -> nn.Module:
        """The trained network in eval mode on the CPU: bchw images -> logits.

        Images must be prepared as in training; `automl.export` writes a folder that does so.

        Raises:
            InputError: no training has kept weights, or their file is missing or damaged; the
                message says what to do.
        """
        if self.weights is None:
            raise InputError(
                f"the network {self.candidate.id[:12]} has no trained weights yet: train it with automl.train(study) or"
                " `automl train STUDY`, then call automl.search.best(study).load()"
            )
        if not self.weights.is_file():
            raise InputError(
                f"the trained weights are missing: there is no file {self.weights}; keep the folder beside the"
                " database of the study, or train again with automl.train(study)"
            )
        from .weights import load_trained

        return load_trained(self.weights)[0]

    @property
    def accuracy(self) -> float:
        """Mean validation accuracy, or zero-cost score where nothing has been trained yet, of what
        it was chosen by."""
        return sum(self.accuracies) / len(self.accuracies) if self.accuracies else self.evaluation.accuracy or 0.0

    def __str__(self) -> str:
        """Its accuracy in words, with how it is known."""
        if measured(self.evaluation) == SCORE:
            return f"score {self.accuracy:.4f} (not trained)"
        if not self.confirmed:
            return f"validation accuracy {self.accuracy:.4f} (not confirmed: one seed)"
        count = len(self.accuracies)
        spread = f" ± {stdev(self.accuracies):.4f}" if count > 1 else ""
        return (
            f"validation accuracy {self.accuracy:.4f}{spread} (confirmed with"
            f" {f'{count} other seeds' if count > 1 else 'another seed'})"
        )


def best(study: Study) -> Best | None:
    """The network of the highest mean among the front's leaders, over their final trainings, or of
    the search where there are none; None without a trial.

    A final training counts that saw at least as many images as the trial did, at the trial's size,
    and only trainings of one fidelity are compared: that which most leaders have, of several the
    longest. A grid of compound scaling has chosen by the mean over its seeds.
    """
    grid = study.notes().get("grid")
    if isinstance(grid, dict):
        return _of_grid(study, str(grid["id"]))
    found = {point.id: point for point in leaders(study.front(), LEADERS)}
    if not found:
        return None
    finals: dict[str, dict[str, list[Evaluation]]] = {}
    for final in study.evaluations(Purpose.FINAL, State.COMPLETE):
        point = found.get(final.candidate_id)
        if point is not None and adequate(final, point) and final.fidelity.size == point.evaluation.fidelity.size:
            finals.setdefault(
                Fidelity(epochs=final.fidelity.epochs, size=1, fraction=final.fidelity.fraction).key, {}
            ).setdefault(final.candidate_id, []).append(final)
    if finals:
        compared = max(
            finals.values(),
            key=lambda trained: (len(trained), max(images(each[0].fidelity) for each in trained.values())),
        )
        chosen, trained = max(compared.items(), key=lambda item: (_mean(item[1]), -found[item[0]].macs))
        point = found[chosen]
        shown = max(
            trained,
            key=lambda final: (final.test_accuracy is not None, final.checkpoint is not None, final.accuracy or 0.0),
        )
        others = [final for final in trained if final.seed != point.evaluation.seed]
        return Best(
            candidate=point.candidate,
            evaluation=shown,
            confirmed=bool(others),
            accuracies=tuple(final.accuracy or 0.0 for final in trained),
            weights=_weights(study, shown),
        )
    top = next(iter(found.values()))
    return Best(
        candidate=top.candidate, evaluation=top.evaluation, confirmed=False, weights=_weights(study, top.evaluation)
    )


def _mean(finals: Sequence[Evaluation]) -> float:
    return sum(final.accuracy or 0.0 for final in finals) / len(finals)


def _of_grid(study: Study, candidate_id: str) -> Best:
    """The network with the highest mean: with its last final training, else its first in the
    grid."""
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
    """The weights of `shown`, else of the last final training of its network that kept any."""
    own = [each for each in trainings(study) if each.candidate_id == shown.candidate_id]
    kept = (weights_file(study, each) for each in (shown, *reversed(own)))
    return next((file for file in kept if file is not None), None)


def best_json(storage: str, study: str, _: str = "best") -> str:
    """The network that a study has chosen, as canonical JSON: what `automl.spaces.find_candidate`
    asks for. Raises: InputError if there is none yet."""
    chosen = best(Study.open(storage, study))
    if chosen is None:
        raise InputError(f"the study {study!r} has no finished trial yet")
    return chosen.candidate.spec


def confirmed_accuracies(study: Study) -> dict[str, float]:
    """Validation accuracy of each network's final trainings at the size it was searched at; of
    several the mean."""
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
    return {key: sum(values) / len(values) for key, values in found.items()}


def trainings(study: Study) -> list[Evaluation]:
    """The final trainings of a study that came to their end, in the order in which they were
    recorded; a person counts them from 1."""
    return study.evaluations(Purpose.FINAL, State.COMPLETE)


def chosen_candidate(study: Study) -> CandidateRow:
    """The network that a study has chosen. Raises: InputError if there is none yet."""
    chosen = best(study)
    if chosen is None:
        raise InputError(
            f"the study {study.spec.name!r} has no finished trial to choose from; continue the search first"
        )
    return chosen.candidate


def leaders(front: Iterable[FrontPoint], count: int) -> list[FrontPoint]:
    """The most accurate networks of the front."""
    return sorted(front, key=lambda point: (-point.accuracy, point.macs))[:count]


def images(fidelity: Fidelity) -> float:
    """How often it sees the training data."""
    return fidelity.epochs * fidelity.fraction


def adequate(final: Evaluation, point: FrontPoint) -> bool:
    """Whether a final training confirms: it came to its end and saw at least as many images as the
    trial did."""
    return (
        final.state is State.COMPLETE
        and final.candidate_id == point.id
        and images(final.fidelity) >= images(point.evaluation.fidelity)
    )
