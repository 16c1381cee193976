"""The progress of a study, its front, and its best network as functions with typed results."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from ...blocks.documented import documented
from ..choosing.believed_front import BelievedPoint, believed_front, believed_points
from ..choosing.best_network import Best
from ..choosing.chosen import best, confirmed_accuracies
from ..choosing.finals import numbered_trainings
from ..database.url import masked
from ..driver import Driver
from ..records.evaluation import Evaluation
from ..records.front_point import FrontPoint
from ..records.measure import measure_of
from ..records.spec import StudySpec
from ..storage_url import open_study
from ..study import Study
from ..writing.json_values import JSON
from .as_json import believed_json, chosen_json, evaluation_json
from .reporting import evidence_of

if TYPE_CHECKING:
    from ..evidence import Evidence


@documented
@dataclass(frozen=True, kw_only=True)
class StudyStatus:
    """The settings of a study, its progress and its best network."""

    spec: StudySpec
    """What is searched: name, space, budget, data, settings."""
    measure: str
    """What the accuracy of a trial is: the quality measure, or "score" if nothing is trained."""
    samplers: tuple[str, ...]
    """Names of the samplers that have proposed."""
    storage: str
    """Database URL without its password."""
    created: datetime
    """When the study began."""
    command: str
    """The command that continues it."""
    counts: dict[str, int]
    """Number of trials by state (`complete`, `pruned`, `fail`), and of `final` trainings."""
    drivers: tuple[Driver, ...]
    """The processes that run the study now."""
    gate: JSON
    """What the budget admitted and refused before training; None if it is not known."""
    best: Best | None
    """The network chosen; None before any training has ended an epoch."""
    trainings: tuple[Evaluation, ...]
    """Final trainings; `export(training=n)` takes their numbers, counted from 1."""
    confirmed: int
    """Number of networks that were trained again from another seed."""
    versions: Mapping[str, JSON]
    """Versions of Python, PyTorch and other libraries when the study began."""
    evidence: Evidence
    """How reliable the result is; see `report`."""

    def to_dict(self) -> dict[str, Any]:
        """The status as plain JSON, as `automl status --json` prints it."""
        spec, shown = self.spec, self.evidence
        return {
            "study": spec.name,
            "measure": self.measure,
            "metric": spec.metric,
            "samplers": list(self.samplers),
            "storage": self.storage,
            "created": self.created.isoformat(),
            "command": self.command,
            "space": spec.space["name"],
            "budget": spec.budget,
            "cost": spec.cost,
            "data": spec.data["name"],
            "settings": spec.settings,
            "counts": self.counts,
            "failures": list(shown.failures),
            "drivers": [one.to_dict() for one in self.drivers],
            "gate": self.gate,
            "best": chosen_json(self.best),
            "trainings": [
                {"number": number, **evaluation_json(each)} for number, each in enumerate(self.trainings, start=1)
            ],
            "versions": self.versions,
            "references": shown.references.to_dict(),
            "evidence": shown.short(),
            "measures": shown.measures and shown.measures.short(),
        }


@documented
@dataclass(frozen=True, kw_only=True)
class StudyFront:
    """The networks of a study that no other network beats in both accuracy and cost."""

    study: str
    """Name of the study."""
    measure: str
    """What the accuracies are: the quality measure, or "score" if nothing is trained."""
    observed: tuple[FrontPoint, ...]
    """The front of the observed accuracies, cheapest first."""
    believed: tuple[BelievedPoint, ...]
    """The front of the believed accuracies, cheapest first; empty if no belief is noted."""
    beliefs: tuple[BelievedPoint, ...]
    """All networks trained to the end, with what is believed of them."""
    confirmed: dict[str, float]
    """Candidate id -> accuracy when it was confirmed."""

    def to_list(self, *, believed: bool = False) -> list[dict[str, Any]]:
        """The observed or the believed front as plain JSON, as `automl front --json` prints it."""
        points = [one.point for one in self.believed] if believed else self.observed
        return believed_json(self.beliefs, points)


def status(study: Study | str, *, storage: str | None = None) -> StudyStatus:
    """Read the settings of a study, its progress and its best network.

    Args:
        study: the study, or its name.
        storage: database URL of a study given by name; AUTOML_STORAGE or sqlite:///automl.db if
            None.

    Raises:
        InputError: there is no such database or study.
    """
    found = open_study(study, storage)
    with found.snapshot():
        return _status(found)


def _status(found: Study) -> StudyStatus:
    from ..evidence import samplers

    return StudyStatus(
        spec=found.spec,
        measure=measure_of(found.spec.settings),
        samplers=tuple(samplers(found)),
        storage=masked(found.storage_url),
        created=found.created,
        command=found.command,
        counts=found.counts(),
        drivers=tuple(found.drivers()),
        gate=found.notes().get("gate"),
        best=best(found),
        trainings=tuple(numbered_trainings(found)),
        confirmed=len(confirmed_accuracies(found)),
        versions=found.versions,
        evidence=evidence_of(found),
    )


def study_front(study: Study | str, *, storage: str | None = None) -> StudyFront:
    """Read the networks that no other beats in both accuracy and cost, as observed and as believed.

    Args:
        study: the study, or its name.
        storage: database URL of a study given by name; AUTOML_STORAGE or sqlite:///automl.db if
            None.

    Raises:
        InputError: there is no such database or study, or its cost metric is unknown here.
    """
    found = open_study(study, storage)
    with found.snapshot():
        return StudyFront(
            study=found.spec.name,
            measure=measure_of(found.spec.settings),
            observed=tuple(found.front()),
            believed=tuple(believed_front(found)),
            beliefs=tuple(believed_points(found)),
            confirmed=dict(confirmed_accuracies(found)),
        )
