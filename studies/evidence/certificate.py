"""The certificate of a search: how much its network gains over the best reference network.

The two are compared by their final trainings, which have the same recipe, images, epochs and seeds:
the margin is that of their validation accuracies (`margin`). If several networks of the search were
trained again, each seed compares the one that the study would choose without that seed, so that the
margin does not profit from the choice. Further seeds for the two are trained until the time is
over, and not until they differ, which would favour a difference. Where `automl verify` has compared
them on the test images, that comparison takes the place of the final trainings (`verification`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ...blocks.documented import documented
from ..choosing.reference_trials import noted_references
from ..records.evaluation import Evaluation, Purpose
from ..records.measure import ACCURACY, as_shown
from ..records.paused import Paused
from ..writing.json_values import JSON
from .margin import Margin, margin_dict, margin_over
from .verification import Verification, VerifiedNetwork, verification

if TYPE_CHECKING:
    from ..study import Study


@documented
@dataclass(frozen=True, kw_only=True)
class TriedReference:
    """A reference network that a search has tried."""

    id: str
    """Id of the candidate."""
    words: str
    """Its name in words, "resnet18 at width 0.27"."""
    macs: int
    """Multiply-adds for one image, at the deployment size."""
    accuracy: float | None
    """Validation accuracy of its trial, the last one if it was stopped early; None if it failed."""
    state: str
    """COMPLETE, PRUNED, FAIL, WAITING at a rung, or VERIFIED if only a verification trained it."""
    origin: Mapping[str, JSON] = field(hash=False)
    """How the published network was scaled: `name`, `reference`, `rule`, `phi`, `coefficients`,
    `strides`."""

    def to_dict(self) -> dict[str, JSON]:
        """The reference as plain JSON."""
        return {
            "name": self.origin["name"],
            "id": self.id,
            "macs": self.macs,
            "accuracy": self.accuracy,
            "state": self.state,
            "origin": dict(self.origin),
        }


@documented
@dataclass(frozen=True, kw_only=True)
class Certificate:
    """The network of a search beside the best reference network."""

    tried: tuple[TriedReference, ...] = ()
    """The references that the search has tried, in their order."""
    best: TriedReference | None = None
    """The reference that the network is compared with: the best of those tried, or of those of the
    verification; None if no reference was trained to the end."""
    chosen: bool = False
    """Whether it is the network that the study has chosen."""
    margin: Margin | None = None
    """Accuracy of the best network that the search found, which is the one chosen unless that is
    the reference, minus that of the reference; None if there are not both."""
    confirmed: bool = False
    """Whether final trainings are compared; if not, it is the one training of each in the search.
    """
    verification: Verification | None = None
    """The verification that is compared in place of the trainings of the search; None if there is
    none, or it is one of a network that the study does not choose any more."""
    outdated: bool = False
    """Whether there is a verification of a network that the study does not choose any more."""
    measure: str = ACCURACY
    """The quality measure that is compared; larger is better in all values."""

    def to_dict(self) -> dict[str, JSON]:
        """The certificate as plain JSON with stable keys; unknown values are null."""
        tried: list[JSON] = [one.to_dict() for one in self.tried]
        best = None if self.best is None else self.best.to_dict()
        return {
            **as_shown({"tried": tried, "best": best}, self.measure),
            "chosen": self.chosen,
            "confirmed": self.confirmed,
            **as_shown(margin_dict(self.margin), self.measure),
            "verification": None if self.verification is None else self.verification.to_dict(),
        }


def certificate(study: Study) -> Certificate:
    """Compare the network of `study` with the best reference: by its verification if that has been
    done from two seeds or to its end, else by the trainings of the search."""
    searched, verified = _of_search(study), verification(study)
    if verified is None or not verified.current:
        return replace(searched, outdated=verified is not None)
    rival, margin = verified.best, verified.margin
    if rival is None or margin is None or (margin.n < 2 and verified.left):
        return searched
    known = next((one for one in searched.tried if one.id == rival.id), None)
    return replace(
        searched,
        best=known or TriedReference(**_untried(rival)),
        chosen=rival.id == verified.chosen,
        margin=margin,
        confirmed=True,
        verification=verified,
    )


def _untried(one: VerifiedNetwork) -> dict[str, Any]:
    """What is known of a reference that the verification alone has trained."""
    return {
        "id": one.id,
        "words": one.words,
        "macs": one.macs,
        "accuracy": None,
        "state": "VERIFIED",
        "origin": {"name": one.words},
    }


def _of_search(study: Study) -> Certificate:
    """Compare the network of `study` with the best of the references that it has tried."""
    from ..choosing.chosen import best, comparison

    tried = tried_references(study)
    if not tried:
        return Certificate(measure=study.spec.metric)
    compared, names = comparison(study), {one.id: one for one in tried}
    found, finals = compared.among, compared.finals
    rival = next((point for point in found if point.id in names), None)
    if rival is None:
        return Certificate(tried=tried, measure=study.spec.metric)
    own = [point for point in found if point.id not in names]
    margin = margin_over(
        _by_seed(finals.get(rival.id, [])),
        {point.id: _by_seed(finals.get(point.id, [])) for point in own},
        choose=compared.choose,
    )
    confirmed = margin is not None
    if own and margin is None:  # the best of all networks of the search is the first
        margin = Margin(value=own[0].accuracy - rival.accuracy, n=1, interval=None, selection="same seed")
    chosen = best(study)
    return Certificate(
        tried=tried,
        best=names[rival.id],
        chosen=chosen is not None and chosen.candidate.id == rival.id,
        margin=margin,
        confirmed=confirmed,
        measure=study.spec.metric,
    )


def tried_references(study: Study) -> tuple[TriedReference, ...]:
    """The references of a study that have been trained, or are paused at a rung, in the order in
    which they are noted."""
    noted = noted_references(study)
    if not noted:
        return ()
    candidates = study.candidates()
    ended: list[Evaluation | Paused] = [*study.paused(), *study.evaluations(Purpose.SEARCH)]
    trials = {each.candidate.id if isinstance(each, Paused) else each.candidate_id: each for each in ended}
    found = []
    for key, origin in noted.items():
        trial = trials.get(key)
        if trial is None:
            continue
        paused = isinstance(trial, Paused)
        found.append(
            TriedReference(
                id=key,
                words=str(origin["words"]),
                macs=(trial.candidate if paused else candidates[key]).macs,
                accuracy=trial.curve[-1][1] if paused else trial.accuracy,
                state="WAITING" if paused else str(trial.state),
                origin={name: value for name, value in origin.items() if name not in ("id", "words")},
            )
        )
    return tuple(found)


def _by_seed(finals: Sequence[Evaluation]) -> dict[int, float]:
    return {final.seed: final.accuracy for final in finals if final.accuracy is not None}
