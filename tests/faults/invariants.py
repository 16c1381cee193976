"""What must hold of a study after a search that was killed and went on.

Nearly all is read from the database alone, by SQL and without our code, which could be wrong in the
same way twice. `benchmarks/soak.py` asks the same for hours.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool


class Row(NamedTuple):
    """One evaluation."""

    trial: int | None
    candidate: str
    fidelity: str
    seed: int
    purpose: str
    state: str
    curve: tuple[tuple[int, float], ...]
    accuracy: float | None
    fault: str | None

    @property
    def key(self) -> tuple[str, str, int]:
        return self.candidate, self.fidelity, self.seed

    @property
    def found(self) -> tuple[Any, ...]:
        """What a second run of the same search finds too."""
        return self.candidate, self.seed, self.state, self.curve, self.accuracy


@dataclass(kw_only=True)
class Contents:
    """What a database has of one study."""

    rows: list[Row] = field(default_factory=list)
    """Its evaluations, in the order in which they were written."""
    candidates: dict[str, tuple[str, int]] = field(default_factory=dict)
    """Canonical JSON and multiply-adds by id."""
    trials: dict[int, tuple[str, str | None, tuple[float, ...]]] = field(default_factory=dict)
    """State, candidate and values of Optuna's trials by number."""
    claims: int = 0
    """Number of evaluations that a driver has begun."""
    drivers: int = 0
    """Number of drivers."""

    def of(self, purpose: str) -> list[Row]:
        """The evaluations of a purpose; those of the search by trial."""
        return sorted((row for row in self.rows if row.purpose == purpose), key=lambda row: row.trial or 0)


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What a search should have left."""

    trials: int
    """The number of trials that was asked for."""
    kept: Collection[Row] = ()
    """What the database held at some instant before."""
    undisturbed: Contents | None = None
    """What the same search leaves if nobody disturbs it; None where it depends on time."""


QUERIES = {
    "study": "SELECT id, optuna_study_id FROM automl_studies WHERE name = :name",
    "rows": (
        "SELECT trial, candidate_id, fidelity, seed, purpose, state, curve, accuracy, fault FROM automl_evaluations"
        " WHERE study_id = :study ORDER BY id"
    ),
    "candidates": "SELECT id, spec, macs FROM automl_candidates WHERE study_id = :study",
    "trials": "SELECT trial_id, number, state FROM trials WHERE study_id = :optuna",
    "attributes": (
        "SELECT trial_id, value_json FROM trial_user_attributes JOIN trials USING (trial_id)"
        " WHERE study_id = :optuna AND key = 'candidate'"
    ),
    "values": (
        "SELECT trial_id, value FROM trial_values JOIN trials USING (trial_id) WHERE study_id = :optuna"
        " ORDER BY trial_id, objective"
    ),
    "claims": "SELECT count(*) FROM automl_claims WHERE study_id = :study",
    "drivers": "SELECT count(*) FROM automl_drivers WHERE study_id = :study",
}


def read(url: str, name: str) -> Contents:
    """What the database at `url` has of the study `name`; nothing if it has no such study, or is
    not there yet."""
    file = Path(url.removeprefix("sqlite:///"))
    if url.startswith("sqlite") and not file.exists():
        return Contents()
    engine = create_engine(url, poolclass=NullPool)
    with engine.connect() as connection:
        there = connection.dialect.has_table(connection, "automl_drivers")
        study = connection.execute(text(QUERIES["study"]), {"name": name}).first() if there else None
        if study is None:
            return Contents()
        ids = {"study": study[0], "optuna": study[1]}

        def asked(which: str) -> Sequence[Any]:
            query = QUERIES[which]
            return connection.execute(text(query), {key: ids[key] for key in ids if f":{key}" in query}).all()

        attributes = {number: json.loads(value) for number, value in asked("attributes")}
        values: dict[int, list[float]] = {}
        for number, value in asked("values"):
            values.setdefault(number, []).append(value)
        return Contents(
            rows=[Row(*row[:6], _curve(row[6]), *row[7:]) for row in asked("rows")],
            candidates={row[0]: (row[1], row[2]) for row in asked("candidates")},
            trials={
                number: (state, attributes.get(key), tuple(values.get(key, ())))
                for key, number, state in asked("trials")
            },
            claims=asked("claims")[0][0],
            drivers=asked("drivers")[0][0],
        )


def _curve(value: Any) -> tuple[tuple[int, float], ...]:
    """SQLite keeps JSON as text."""
    points = json.loads(value) if isinstance(value, str) else value
    return tuple((epoch, accuracy) for epoch, accuracy in points)


def at_most_once(there: Contents, expected: Expected) -> Iterator[str]:
    """No (candidate, fidelity, seed) is evaluated twice, and no candidate proposed twice."""
    for key, number in Counter(row.key for row in there.rows).items():
        if number > 1:
            yield f"{key[0][:12]}, {key[1]}, seed {key[2]} was evaluated {number} times"
    for candidate, number in Counter(one[1] for one in there.trials.values()).items():
        if number > 1:
            yield f"{str(candidate)[:12]} is the candidate of {number} trials"


def complete_rows_are_whole(there: Contents, expected: Expected) -> Iterator[str]:
    """A COMPLETE row has a curve, which ends at its accuracy, and a candidate with its cost."""
    for row in there.rows:
        name = f"the {row.state} evaluation of {row.candidate[:12]}"
        spec, macs = there.candidates.get(row.candidate, ("", 0))
        if hashlib.sha256(spec.encode()).hexdigest() != row.candidate:
            yield f"{name} has not its candidate"
        elif macs <= 0:
            yield f"{name} has no cost"
        if row.state == "COMPLETE" and (not row.curve or row.curve[-1][1] != row.accuracy):
            yield f"{name} has the accuracy {row.accuracy}, but the curve {row.curve}"


def front_is_that_of_all_pairs(
    there: Contents, expected: Expected, shown: Collection[tuple[str, float]]
) -> Iterator[str]:
    """The front that is shown is what a comparison of all pairs gives."""
    points = {
        (row.candidate, row.accuracy or 0.0, there.candidates.get(row.candidate, ("", 0))[1])
        for row in there.of("search")
        if row.state == "COMPLETE"
    }
    naive = {
        (candidate, accuracy)
        for candidate, accuracy, macs in points
        if not any(a >= accuracy and m <= macs and (a, m) != (accuracy, macs) for _, a, m in points)
    }
    if naive != set(shown):
        yield f"the front shown has {len(shown)} networks, and comparing all pairs gives {len(naive)}"


def nothing_runs(there: Contents, expected: Expected) -> Iterator[str]:
    """No trial runs or waits, and nobody holds the study or anything of it."""
    for number, (state, *_) in there.trials.items():
        if state not in ("COMPLETE", "PRUNED", "FAIL"):
            yield f"the trial {number} is {state}"
    if there.claims or there.drivers:
        yield f"{there.drivers} drivers hold the study, and {there.claims} evaluations are begun"


def as_many_trials_as_asked(there: Contents, expected: Expected) -> Iterator[str]:
    """There are as many trials as were asked for, numbered without a gap."""
    found = [row.trial for row in there.of("search")]
    if found != list(range(expected.trials)):
        numbers = f"numbered {found[:1]} to {found[-1:]}"
        yield f"{expected.trials} trials were asked for, but there are {len(found)}, {numbers}"


def optuna_agrees(there: Contents, expected: Expected) -> Iterator[str]:
    """Optuna has the same trials, with the same states, candidates and values."""
    ours = {
        row.trial: (row.state, row.candidate, (row.accuracy, there.candidates[row.candidate][1]))
        for row in there.of("search")
        if row.candidate in there.candidates
    }
    for number in sorted({*there.trials, *(one for one in ours if one is not None)}):
        theirs, own = there.trials.get(number), ours.get(number)
        if theirs is None or own is None or theirs[:2] != own[:2]:
            yield f"the trial {number} is {own} for us, and {theirs} for Optuna"
        elif own[0] == "COMPLETE" and theirs[2] != own[2]:
            yield f"the trial {number} has the values {own[2]} for us, and {theirs[2]} for Optuna"


def nothing_is_lost(there: Contents, expected: Expected) -> Iterator[str]:
    """What the database held before is there, unchanged."""
    for row in set(expected.kept) - set(there.rows):
        yield f"the evaluation of {row.candidate[:12]} from seed {row.seed} was there, and is not, or not as it was"


def no_network_is_blamed(there: Contents, expected: Expected) -> Iterator[str]:
    """What was killed is no failure of a network: without kills there is none in these searches."""
    for row in there.rows:
        if row.state == "FAIL":
            yield f"{row.candidate[:12]} has failed, and the fault is said to be {row.fault}"


def candidates_are_those_of_an_undisturbed_run(there: Contents, expected: Expected) -> Iterator[str]:
    """The same candidates in the same order with the same results, and the same final trainings."""
    if expected.undisturbed is None:
        return
    ours, others = there.of("search"), expected.undisturbed.of("search")
    for one, other in zip(ours, others, strict=False):
        if one.found != other.found:
            yield f"the trial {one.trial} is {one.candidate[:12]}, and {other.candidate[:12]} in an undisturbed run"
            break
    finals, wanted = ({row.found for row in each.of("final")} for each in (there, expected.undisturbed))
    if finals != wanted:
        yield f"{len(finals - wanted)} final trainings are not those of an undisturbed run, {len(wanted - finals)} lack"


def nothing_else_is_wrong(url: str) -> Iterator[str]:
    """`automl studies check` finds nothing; for SQLite it asks `PRAGMA integrity_check`."""
    from automl.studies.upkeep.integrity import check

    yield from (one.text for one in check(url))


OF_DATABASE: dict[str, Callable[[Contents, Expected], Iterator[str]]] = {
    function.__name__: function
    for function in (
        at_most_once,
        complete_rows_are_whole,
        nothing_runs,
        as_many_trials_as_asked,
        optuna_agrees,
        nothing_is_lost,
        no_network_is_blamed,
        candidates_are_those_of_an_undisturbed_run,
    )
}
"""Those that need what is in the database, and nothing else."""


def violations(url: str, name: str, expected: Expected) -> list[tuple[str, str]]:
    """Which invariant does not hold of the study `name`, and what was found; none should be."""
    from automl.studies import Study

    there = read(url, name)
    found = [(which, line) for which, function in OF_DATABASE.items() for line in function(there, expected)]
    if there.rows:
        shown = {(one.candidate.id, one.accuracy) for one in Study.open(url, name).front()}
        found += [("front_is_that_of_all_pairs", line) for line in front_is_that_of_all_pairs(there, expected, shown)]
        found += [("nothing_else_is_wrong", line) for line in nothing_else_is_wrong(url)]
    return found


LEFTOVERS = ("automl-tune-*", ".*.tmp", "*.tmp", "recovery-*.jsonl", "*.db-journal", "*.db-wal")
"""Names of files and folders that live only while a search runs."""


def left_files(folder: Path) -> list[tuple[str, str]]:
    """What a search that has ended left in `folder`, or below it, and should not have."""
    found = sorted({path for pattern in LEFTOVERS for path in folder.rglob(pattern)})
    return [("no_temporary_file", f"{path.relative_to(folder)} was left") for path in found]
