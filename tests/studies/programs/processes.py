"""Processes that write into one study, and what becomes of it when they are killed. Run by
`test_processes.py`, one function a process.

Children are forked from here, where everything is imported already: their lives are short, and
their ends fall into the writing.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sqlite3
import sys
import time
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from multiprocessing import Barrier
from pathlib import Path

import alembic.command  # noqa: F401 - so that children that create a database meet while they do
from automl.studies import CandidateRow, Evaluation, Fidelity, Purpose, State, Study, StudySpec
from automl.studies.database import optuna_tables
from automl.studies.records.optuna_trial import frozen
from optuna.distributions import CategoricalDistribution, FloatDistribution

SPEC = StudySpec(
    name="tiny", space={"name": "resnet"}, budget="macs<=4000000", data={"name": "digits"}, settings={"seed": 0}
)


def started(url: str) -> Study:
    return Study.create_or_continue(url, SPEC, command="", versions={})


def record(study: Study, number: int) -> None:
    accuracy, now = random.random(), datetime.now(UTC)
    state = random.choice([State.COMPLETE, State.COMPLETE, State.PRUNED, State.FAIL])
    candidate = CandidateRow(id=f"{number:064x}", spec="{}", macs=1000 + number, params=1, activations=1)
    evaluation = Evaluation(
        candidate_id=candidate.id,
        fidelity=Fidelity(epochs=3, size=8),
        seed=0,
        purpose=Purpose.SEARCH,
        state=state,
        settings={"depth": 1.0, "attention": "eca"},
        curve=tuple((epoch, accuracy) for epoch in range(1, 4)),
        accuracy=accuracy,
        seconds=1.0,
        reason="planted" if state is State.FAIL else None,
        started=now,
        finished=now,
    )
    study.record(
        evaluation,
        candidate,
        params={"depth": 1.0, "attention": "eca"},
        distributions={"depth": FloatDistribution(0.5, 2.0), "attention": CategoricalDistribution(("none", "eca"))},
        values=(accuracy, candidate.macs) if state is State.COMPLETE else None,
    )


def child(action: Callable[[], None]) -> int:
    """A forked process that runs `action`; it leaves with 0, or 1 and a traceback."""
    number = os.fork()
    if number:
        return number
    code = 1
    try:
        action()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


def ended(processes: list[int]) -> list[int]:
    return [os.waitstatus_to_exitcode(os.waitpid(number, 0)[1]) for number in processes]


def contents(url: str) -> dict[str, list]:
    """What is in the database, seen without our code."""
    connection = sqlite3.connect(url.removeprefix("sqlite:///"))
    asked = {
        "ours": "SELECT trial, state, candidate_id FROM automl_evaluations ORDER BY trial",
        "optunas": (
            "SELECT number, state, json_extract(value_json, '$') FROM trials JOIN trial_user_attributes USING"
            " (trial_id) WHERE key = 'candidate' ORDER BY number"
        ),
        "trials": "SELECT number, state FROM trials ORDER BY number",
        "candidates": "SELECT id FROM automl_candidates ORDER BY id",
        "studies": "SELECT study_name FROM studies",
        "integrity": "PRAGMA integrity_check",
    }
    found = {name: [list(row) for row in connection.execute(query)] for name, query in asked.items()}
    connection.close()
    return found


def in_two_transactions() -> None:
    """Plants a fault: Optuna's trial is committed before our rows."""
    recorded = Study.record

    def record(self, evaluation, candidate, *, params, distributions, values):
        trial = frozen(evaluation, params, distributions, values)
        number = self._trials().get_trial(self._trials().create_new_trial(self._optuna_id, trial)).number
        time.sleep(0.3)
        optuna_tables.add = lambda *_: number
        return recorded(self, evaluation, candidate, params=params, distributions=distributions, values=values)

    Study.record = record


def killed(url: str, rounds: int, fault: str = "") -> dict:
    """Writers of one study killed at random moments, again and again; what they acknowledged, and
    what is there."""
    if fault:
        globals()[fault]()
    acknowledged: list[int] = []
    for round_ in range(rounds):
        read, write = os.pipe()

        def work(write: int = write) -> None:
            study = started(url)
            number = len(study.evaluations())
            while True:
                record(study, number)
                os.write(write, f"{number}\n".encode())
                number += 1

        process = child(work)
        os.close(write)
        with os.fdopen(read) as said:
            first = (
                said.readline() if round_ % 2 else ""
            )  # every second one dies while it writes, the others perhaps before
            time.sleep(random.uniform(0.0, 0.4))
            os.kill(process, signal.SIGKILL)
            acknowledged += [int(line) for line in [first, *said] if line.endswith("\n")]
        assert ended([process]) == [-signal.SIGKILL]
    study = started(url)  # goes on after the last one
    record(study, len(study.evaluations()))
    return {"acknowledged": acknowledged, **contents(url)}


def creating(folder: str, databases: int, processes: int) -> dict:
    """Several processes that open the same fresh database at the same moment, and record."""
    codes = []
    for number in range(databases):
        url = f"sqlite:///{folder}/{number}.db"
        barrier = Barrier(processes)

        def work(which: int, url: str = url, barrier=barrier) -> None:
            barrier.wait()
            record(started(url), which)

        codes += ended([child(lambda which=which: work(which)) for which in range(processes)])
    return {"codes": codes, "databases": [contents(f"sqlite:///{folder}/{number}.db") for number in range(databases)]}


def creation_killed(folder: str, databases: int) -> dict:
    """A process killed while it creates the database; the next one goes on."""
    there = []
    for number in range(databases):
        url = f"sqlite:///{folder}/{number}.db"
        file = Path(folder, f"{number}.db")
        process = child(lambda url=url: record(started(url), 0))
        while number % 2 and not file.exists():
            time.sleep(0.001)
        time.sleep(random.uniform(0.0, 0.2))
        os.kill(process, signal.SIGKILL)
        ended([process])
        there.append(file.exists())
        study = started(url)
        record(study, 1)
    return {"there": there, "databases": [contents(f"sqlite:///{folder}/{number}.db") for number in range(databases)]}


def reading(url: str, evaluations: int) -> dict:
    """One process records; this one reads all the while, at least once for every five recorded."""
    started(url)
    waits, goes_on = os.pipe()

    def work() -> None:
        study = started(url)
        for number in range(evaluations):
            if number % 5 == 4:
                os.read(waits, 1)
            record(study, number)

    process = child(work)
    seen: list[int] = []
    while True:
        done = os.waitpid(process, os.WNOHANG)
        os.write(goes_on, b".")
        study = Study.open(url, "tiny")
        found = study.evaluations()
        assert [evaluation.trial for evaluation in found] == list(range(len(found)))
        assert all(point.evaluation.state is State.COMPLETE for point in study.front())
        assert set(study.candidates()) >= {evaluation.candidate_id for evaluation in found}
        seen.append(len(found))
        if done[0]:
            return {"code": os.waitstatus_to_exitcode(done[1]), "seen": seen, **contents(url)}


if __name__ == "__main__":
    name, *arguments = sys.argv[1:]
    random.seed(name)
    print(json.dumps(globals()[name](*(int(word) if word.isdigit() else word for word in arguments))))
