"""Lists and deletes the studies of a database, with typed results."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...blocks.documented import documented
from ..listing import StudySummary, delete, studies
from ..storage_url import open_study, storage_url
from ..study import Study
from ..trained.artifacts import kept_at


@documented
@dataclass(frozen=True, kw_only=True)
class DeletedStudy:
    """A study that was deleted from its database."""

    study: str
    """Name of the study."""
    weights: tuple[str, ...]
    """Folders or URLs in which its trained weights stay."""

    def to_dict(self) -> dict[str, Any]:
        """The name as plain JSON, as `automl delete --json` prints it."""
        return {"deleted": self.study}


def list_studies(storage: str | None = None) -> list[StudySummary]:
    """List the studies of a database, oldest first.

    Args:
        storage: database URL; AUTOML_STORAGE or sqlite:///automl.db if None.

    Raises:
        InputError: there is no such database.
    """
    return studies(storage_url(storage))


def delete_study(study: Study | str, *, storage: str | None = None) -> DeletedStudy:
    """Delete a study and its verification from the database; trained weights stay where they are.

    Args:
        study: the study, or its name.
        storage: database URL of a study given by name; AUTOML_STORAGE or sqlite:///automl.db if
            None.

    Raises:
        InputError: there is no such database or study.
        Held: a process runs it; nothing is deleted.
    """
    found = open_study(study, storage)
    weights = tuple(kept_at(found))
    delete(found.storage_url, found.spec.name)
    return DeletedStudy(study=found.spec.name, weights=weights)
