"""Candidates by id, in one study or in all of a database: what `automl.spaces.find_candidate` asks
for."""

from __future__ import annotations

from sqlalchemy import select

from ..blocks.errors import InputError
from .database.schema import existing
from .database.tables import CandidateRecord
from .study import Study


def candidate_json(storage: str, study: str, which: str) -> str:
    """The network, as canonical JSON, whose id is or begins with `which`; of all studies where
    `study` is empty.

    Raises: InputError if there is no such database, study or candidate, or if the beginning fits
    more than one.
    """
    if study:
        return Study.open(storage, study).candidate(which).spec
    database, tables = existing(storage)
    fits = CandidateRecord.id.startswith(which, autoescape=True)
    with database.read() as session:
        rows = session.execute(select(CandidateRecord.id, CandidateRecord.spec).where(fits)).all() if tables else []
    found = {row.id: row.spec for row in rows}  # the same network may be in several studies
    if not found:
        raise InputError(f"there is no candidate {which!r} in the studies of {database.shown}")
    if len(found) > 1:
        shown = ", ".join(sorted(key[: len(which) + 6] for key in found)[:4]) + (", …" if len(found) > 4 else "")
        raise InputError(f"candidate {which!r} must fit one id, but fits {len(found)}: {shown}")
    return found.popitem()[1]
