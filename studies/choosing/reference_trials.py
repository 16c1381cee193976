"""The reference networks among the trials of a study: published networks that it is compared with.

A study notes which references it begins with. Their trials have the origin `ORIGIN`: they are
neither random draws nor proposals of a sampler.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..front import front
from ..records.evaluation import Purpose, State
from ..records.front_point import FrontPoint
from ..writing.json_values import JSON

if TYPE_CHECKING:
    from ..study import Study

ORIGIN = "reference"
"""The origin of the trials of references."""
NOTE = "references"
"""The note of a study that lists its references; studies of earlier versions have none."""


def noted_references(study: Study) -> dict[str, Mapping[str, JSON]]:
    """The references that a study has noted: candidate id → `name`, `words`, `reference`, `rule`,
    `phi`, `coefficients`, `strides`."""
    noted = study.notes().get(NOTE)
    return {str(each["id"]): each for each in noted if isinstance(each, dict)} if isinstance(noted, list) else {}


def reference_words(study: Study) -> dict[str, str]:
    """Candidate id of each noted reference → its name in words, "resnet18 at width 0.27"."""
    return {key: str(each["words"]) for key, each in noted_references(study).items()}


def own_front_and_references(study: Study) -> tuple[list[FrontPoint], list[FrontPoint]]:
    """The front of the networks that are no references, and all references that were trained to
    the end, by their trials in the search."""
    noted, candidates = noted_references(study), study.candidates()
    own: list[FrontPoint] = []
    references: list[FrontPoint] = []
    for each in study.evaluations(Purpose.SEARCH, State.COMPLETE):
        point = FrontPoint(candidate=candidates[each.candidate_id], evaluation=each, axis=study.spec.cost)
        (references if point.id in noted else own).append(point)
    best = front([point.accuracy for point in own], [point.cost for point in own])
    return [own[index] for index in best], references
