"""Plans a verification: which networks are trained from which seeds, for how long and on what."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ...spaces import Candidate
from ...studies import Fidelity, Purpose, Study, StudySpec
from ...studies.choosing.chosen import LEADERS, chosen_candidate, finalists
from ...studies.choosing.finals import comparable_finals, trainings
from ...studies.records.spec import smallest_map
from ...studies.records.verification_study import VERIFIES, verification_name
from ...studies.records.versions import versions
from ...studies.writing.json_values import JSON
from ..course.engine import Engine
from ..course.events import Listener
from ..course.limits import Trials
from ..listed_trainings import listed_engine
from ..plan import proxy
from ..proposing.listed import Listed, Points
from .networks import Compared, budget_of

if TYPE_CHECKING:
    from ..data import Split

LONGER = 2
"""By default networks are trained for this many times the epochs of the final trainings, which are
`LONGER` times those of a trial."""
FIRST_SEED = 1000
"""The trainings have the seeds that follow that of the study by this number: the search has used
none of them."""
KEPT = ("image_size", "proxy_size", "proxy_map", "seed", "recipe", "cost", "metric", "pretrained")
"""The settings of a study that its verification has too."""


@dataclass(frozen=True, kw_only=True)
class VerificationPlan:
    """What a verification trains."""

    study: Study
    """The study that is verified."""
    compared: list[Compared]
    """The networks, that of the search first."""
    left_out: list[str]
    """Networks that could not be found, each with the reason."""
    epochs: int
    """Epochs of each training, on all training images."""
    seeds: int
    """Trainings of each network."""
    references: int
    """Number of references asked for."""
    controls: bool
    """Whether a random network and one scaled by the compound rule are compared."""
    rows: Split = field(repr=False)
    """The images that train and test."""

    @property
    def own_seeds(self) -> list[int]:
        """The seeds of the trainings."""
        first = int(self.study.spec.settings["seed"]) + FIRST_SEED
        return [(first + index) % 2**31 for index in range(self.seeds)]

    def fidelity(self, candidate: Candidate) -> Fidelity:
        """The fidelity of a network: the size of the search, on all training images."""
        settings = self.study.spec.settings
        size = proxy(int(settings["proxy_size"]), candidate.image[1], int(settings["image_size"]))
        return Fidelity(epochs=self.epochs, size=size, smallest_map=smallest_map(settings))

    def waiting(self, found: Study) -> Points:
        """The trainings that the verification `found` lacks."""
        listed = [Listed(candidate=one.candidate, cost=one.cost, settings={}, stoppable=False) for one in self.compared]
        known = [each for each in found.evaluations(Purpose.SEARCH) if each.fidelity.epochs == self.epochs]
        return Points(listed, seeds=self.own_seeds, distributions={}, known=known)

    def engine(self, found: Study, *, seconds: float | None, listener: Listener, began: float) -> Engine:
        """What runs them."""
        return listed_engine(
            found,
            self.waiting(found),
            Trials(fidelity=self.fidelity, epochs=self.epochs, seed=self.own_seeds[0], pauses=False),
            target=len(self.compared) * self.seeds,
            seconds=seconds,
            listener=listener,
            began=began,
        )

    def to_dict(self) -> dict[str, JSON]:
        """What the verification notes, as plain JSON."""
        study, name = self.study, self.study.spec.name
        counts = f"--epochs {self.epochs} --seeds {self.seeds} --references {self.references}"
        return {
            "chosen": chosen_candidate(study).id,
            "networks": [one.to_dict() for one in self.compared],
            "left_out": self.left_out,
            "epochs": self.epochs,
            "seeds": self.own_seeds,
            "references": self.references,
            "controls": self.controls,
            "images": len(self.rows.test),
            "budget": study.spec.budget or f"{budget_of(study)} (that of the network chosen)",
            "data": f"{Path(str(study.spec.data['name'])).name}: {len(self.rows.train):,} images to train",
            "training": str(self.fidelity(self.compared[0].candidate)),
            "versions": versions(),
            "again": f"automl verify {name} {counts}{'' if self.controls else ' --no-controls'}",
        }


def default_epochs(study: Study) -> int:
    """Epochs of a training: twice those by which the search confirmed its networks, or four times
    those of a trial if it confirmed none."""
    finals = comparable_finals(trainings(study), finalists(study, LEADERS))
    confirmed = max((each.fidelity.epochs for own in finals.values() for each in own), default=None)
    return LONGER * (confirmed or LONGER * int(study.spec.settings["epochs"]))


def spec_of(study: Study) -> StudySpec:
    """The verification as a study: what is searched in `study`, under a name of its own."""
    kept = {name: study.spec.settings[name] for name in KEPT if name in study.spec.settings}
    return StudySpec(
        name=verification_name(study.spec.name),
        space=study.spec.space,
        budget=study.spec.budget,
        data=study.spec.data,
        settings={**kept, VERIFIES: study.spec.name},
    )
