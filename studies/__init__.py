"""What was learned: studies in an SQL database, with Optuna's trials beside ours, and the front of
the networks found.

The plain data comes at once; what needs SQLAlchemy comes on first use, so that a worker that names
a `Fidelity` need not load a database layer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..spaces.named_candidate import add_finder
from .records.evaluation import CandidateRow, DuplicateEvaluation, Evaluation, Fault, Fidelity, Purpose, State
from .records.spec import StudySpec

if TYPE_CHECKING:
    from .database.connection import DatabaseError
    from .database.url import masked
    from .driver import Driver
    from .lease import Held, Lost
    from .listing import StudySummary, delete, studies
    from .records.front_point import FrontPoint
    from .records.paused import Paused
    from .study import Study

_LAZY = {
    "StudySummary": "listing",
    "delete": "listing",
    "studies": "listing",
    "DatabaseError": "database.connection",
    "masked": "database.url",
    "Driver": "driver",
    "Held": "lease",
    "Lost": "lease",
    "Paused": "records.paused",
    "FrontPoint": "records.front_point",
    "Study": "study",
}

__all__ = [
    "CandidateRow",
    "DatabaseError",
    "Driver",
    "DuplicateEvaluation",
    "Evaluation",
    "Fault",
    "Fidelity",
    "FrontPoint",
    "Held",
    "Lost",
    "Paused",
    "Purpose",
    "State",
    "Study",
    "StudySpec",
    "StudySummary",
    "delete",
    "masked",
    "studies",
]


def __getattr__(name: str) -> object:
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f".{_LAZY[name]}", __name__), name)


def _candidate_json(storage: str, study: str, which: str) -> str:
    from .lookup import candidate_json

    return candidate_json(storage, study, which)


add_finder("id", _candidate_json)
