"""The verification of a search: its network beside others, all trained alike and tested.

`automl verify` trains the network of a search, the best references, a random network and one that
is scaled by the compound rule, from the same seeds, and measures all of them on the test images,
which had no part in the search. Validation accuracies would not do: the network was chosen by them.

The margin over the best reference chooses that reference without the seed on which it is compared
(`margin`). Only seeds from which all networks have been trained are compared, so that a
verification which was interrupted is fair too. A network that failed from a seed is not compared.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from ...blocks.documented import documented
from ...blocks.errors import InputError
from ..records.evaluation import Evaluation, Purpose, State
from ..records.measure import ACCURACY, as_shown
from ..records.verification_study import NOTE, verification_name, verified_by
from ..statistics.intervals import mean_of, standard_deviation
from ..writing.json_values import JSON
from .margin import Margin, margin_dict, margin_over

if TYPE_CHECKING:
    from ..study import Study

Role = Literal["own", "reference", "random", "compound"]
"""Why a network is compared: the search found it; a published one at its best width; a random draw
from the space; the base network of the space, scaled by the compound rule."""


@documented
@dataclass(frozen=True, kw_only=True)
class VerifiedNetwork:
    """One of the networks that a verification compares."""

    role: Role
    """Why it is compared."""
    id: str
    """Id of the candidate."""
    words: str
    """Its name in words, "resnet18 at width 0.27"."""
    macs: int
    """Multiply-adds for one image, at the deployment size."""
    params: int
    """Number of parameters."""
    accuracies: Mapping[int, float] = field(hash=False)
    """Test accuracy of the complete training from each seed."""
    failed: Mapping[int, str] = field(default_factory=dict, hash=False)
    """Reason for each seed from which the training failed."""
    faults: Mapping[int, str] = field(default_factory=dict, hash=False)
    """What was at fault for each of these seeds, where it is known."""
    seconds: float = 0.0
    """Seconds of its trainings."""
    margin: Margin | None = None
    """Accuracy of the network that the search found minus that of this one, paired by seed; None
    for that network itself, and if one of the two is not compared."""

    def mean(self, seeds: tuple[int, ...]) -> float | None:
        """Mean test accuracy over `seeds`; None if it lacks one of them."""
        values = [self.accuracies[seed] for seed in seeds if seed in self.accuracies]
        return mean_of(values) if len(values) == len(seeds) else None

    def std(self, seeds: tuple[int, ...]) -> float | None:
        """Sample standard deviation over `seeds`; None with fewer than two."""
        return standard_deviation([self.accuracies[seed] for seed in seeds if seed in self.accuracies])

    def to_dict(self) -> dict[str, JSON]:
        """The network as plain JSON with stable keys."""
        return {
            "role": self.role,
            "name": self.words,
            "id": self.id,
            "macs": self.macs,
            "params": self.params,
            "accuracies": {str(seed): value for seed, value in sorted(self.accuracies.items())},
            "failed": {str(seed): reason for seed, reason in sorted(self.failed.items())},
            "faults": {str(seed): fault for seed, fault in sorted(self.faults.items())},
            "seconds": self.seconds,
            **margin_dict(self.margin),
        }


@documented
@dataclass(frozen=True, kw_only=True)
class Verification:
    """The network of a search beside others, trained alike and measured on the test images."""

    study: str
    """Name of the study that is verified."""
    chosen: str
    """Id of the network that the study has chosen."""
    current: bool
    """Whether the study still chooses this network; it may have been searched further."""
    networks: tuple[VerifiedNetwork, ...]
    """The networks that are compared, that of the search first."""
    seeds: tuple[int, ...]
    """The seeds that are compared: all compared networks have been trained from them."""
    left: int
    """Number of trainings that are missing."""
    epochs: int
    """Epochs of each training, on all training images."""
    images: int
    """Number of test images."""
    facts: Mapping[str, str] = field(hash=False)
    """How the networks were trained, and with what: name of a line -> text."""
    left_out: tuple[str, ...] = ()
    """Networks that could not be compared, each with the reason."""
    measure: str = ACCURACY
    """The quality measure that is compared; larger is better in all values."""

    @property
    def own(self) -> VerifiedNetwork | None:
        """The network that the search found: the one chosen, or its own best if it has chosen a
        reference; None if it has found none."""
        return next((one for one in self.networks if one.role == "own"), None)

    @property
    def reference_chosen(self) -> VerifiedNetwork | None:
        """The network chosen if that is a reference."""
        return next((one for one in self.networks if one.id == self.chosen and one.role == "reference"), None)

    @property
    def references(self) -> tuple[VerifiedNetwork, ...]:
        """The references that are compared: none of their trainings has failed."""
        return tuple(one for one in self.networks if one.role == "reference" and not one.failed)

    @property
    def best(self) -> VerifiedNetwork | None:
        """The reference with the highest mean; None before any can be compared."""
        return max(self.references if self.seeds else (), key=lambda one: one.mean(self.seeds) or 0.0, default=None)

    @property
    def margin(self) -> Margin | None:
        """Accuracy of the network that the search found minus that of the best reference; None
        before both have been trained from one seed."""
        own = self.own
        if own is None or not self.seeds:
            return None
        found = margin_over(_on(own, self.seeds), {one.id: _on(one, self.seeds) for one in self.references})
        return None if found is None else found.reversed

    def to_dict(self) -> dict[str, JSON]:
        """The verification as plain JSON with stable keys; unknown values are null."""
        return {
            "study": self.study,
            "chosen": self.chosen,
            "reference": None if self.reference_chosen is None else self.reference_chosen.words,
            "epochs": self.epochs,
            "metric": self.measure,
            "measured_on": "test",
            "images": self.images,
            "seeds": list(self.seeds),
            "left": self.left,
            "best": None if self.best is None else {"name": self.best.words, "id": self.best.id},
            **as_shown(margin_dict(self.margin), self.measure),
            "networks": as_shown(
                [
                    {**one.to_dict(), "mean": one.mean(self.seeds) if self.seeds else None, "std": one.std(self.seeds)}
                    for one in self.networks
                ],
                self.measure,
            ),
            "left_out": list(self.left_out),
            "facts": dict(self.facts),
        }


def verification(study: Study) -> Verification | None:
    """The verification of `study` from the trainings so far; None if it has not been verified."""
    from ..choosing.chosen import best, own_best

    found = find_verification(study)
    noted = None if found is None else found.notes().get(NOTE)
    if found is None or not isinstance(noted, Mapping):
        return None
    kept: dict[str, Any] = dict(noted)
    ended = [each for each in found.evaluations(Purpose.SEARCH) if each.fidelity.epochs == kept["epochs"]]
    networks = tuple(_network(one, ended) for one in kept["networks"])
    own = next((one for one in networks if one.role == "own"), None)
    compared = [one for one in networks if one is own or not one.failed]
    common = set.intersection(*(set(one.accuracies) for one in compared)) if compared else set()
    seeds = tuple(sorted(common))
    chosen, found_best = best(study), own_best(study)
    missing = sum(seed not in one.accuracies and seed not in one.failed for one in networks for seed in kept["seeds"])
    return Verification(
        study=study.spec.name,
        chosen=kept["chosen"],
        current=(
            chosen is not None
            and chosen.candidate.id == kept["chosen"]
            and (own is None or (found_best is not None and found_best.id == own.id))
        ),
        networks=tuple(_compared(one, own, seeds) for one in networks),
        seeds=seeds,
        left=missing,
        epochs=kept["epochs"],
        images=kept["images"],
        facts=_facts(found, kept, ended),
        left_out=tuple(kept["left_out"]),
        measure=study.spec.metric,
    )


def find_verification(study: Study) -> Study | None:
    """The study that holds the trainings of the verification of `study`; None if there is none."""
    from ..study import Study

    if verified_by(study.spec.settings) is not None:
        return None
    try:
        found = Study.open(study.storage_url, verification_name(study.spec.name))
    except InputError:
        return None
    return found if verified_by(found.spec.settings) == study.spec.name else None


def _network(noted: Mapping[str, Any], ended: list[Evaluation]) -> VerifiedNetwork:
    own = [each for each in ended if each.candidate_id == noted["id"]]
    return VerifiedNetwork(
        role=noted["role"],
        id=noted["id"],
        words=noted["words"],
        macs=noted["macs"],
        params=noted["params"],
        accuracies={
            each.seed: each.accuracy for each in own if each.state is State.COMPLETE and each.accuracy is not None
        },
        failed={each.seed: each.reason or "" for each in own if each.state is State.FAIL},
        faults={each.seed: str(each.fault) for each in own if each.fault is not None},
        seconds=sum(each.seconds for each in own),
    )


def _compared(one: VerifiedNetwork, own: VerifiedNetwork | None, seeds: tuple[int, ...]) -> VerifiedNetwork:
    """The network with the margin over it."""
    if own is None or one is own or one.failed or not seeds:
        return one
    return replace(one, margin=margin_over(_on(one, seeds), {own.id: _on(own, seeds)}))


def _on(one: VerifiedNetwork, seeds: tuple[int, ...]) -> dict[int, float]:
    return {seed: one.accuracies[seed] for seed in seeds}


def _facts(found: Study, kept: Mapping[str, Any], ended: list[Evaluation]) -> dict[str, str]:
    devices = sorted({each.device for each in ended})
    workers = {each.worker for each in ended if each.worker}
    recipe = found.spec.settings.get("recipe", {})
    facts = {
        "budget": str(kept["budget"]),
        "data": str(kept["data"]),
        "training": str(kept["training"]),
        "recipe": ", ".join(f"{key} {value}" for key, value in recipe.items() if isinstance(value, int | float | str)),
        "hardware": f"{', '.join(devices)}; {len(workers)} worker process{'' if len(workers) == 1 else 'es'}"
        if devices
        else "",
        "versions": ", ".join(f"{name} {value}" for name, value in kept["versions"].items()),
        "again": str(kept["again"]),
    }
    return {name: value for name, value in facts.items() if value}
