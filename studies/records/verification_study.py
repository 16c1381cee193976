"""The study of a verification: where `automl verify` keeps the trainings that compare the network
of a search with others.

It lies in the database of the search, under a name of its own, so that nothing of the search counts
its trainings: they have accuracies on test images, by which nothing may be chosen.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...blocks.errors import InputError
from .spec import StudySpec

VERIFIES = "verifies"
"""The setting of a verification that holds the name of the study that it verifies."""
NOTE = "verification"
"""The note of a verification that says what is compared, and how."""


def verification_name(study: str) -> str:
    """The name of the verification of the study `study`."""
    return f"{study}-verify"


def verified_by(settings: Mapping[str, Any]) -> str | None:
    """The name of the study that a study with these settings verifies; None if it is a search."""
    return None if VERIFIES not in settings else str(settings[VERIFIES])


def require_search(spec: StudySpec) -> None:
    """Raise InputError for a verification, of which no network may be chosen: it has accuracies on
    test images."""
    verified = verified_by(spec.settings)
    if verified is not None:
        raise InputError(
            f"nothing is chosen by accuracies on test images: {spec.name!r} is the verification of the study"
            f" {verified!r}; give that study"
        )
