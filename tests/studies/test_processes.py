"""Many processes and one study: killed at any moment, created at once, read while written."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the children are forked")


def run(*arguments: object) -> dict[str, Any]:
    program = Path(__file__).parent / "programs" / "processes.py"
    done = subprocess.run(
        [sys.executable, program, *map(str, arguments)], capture_output=True, text=True, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def assert_one_to_one(found: dict[str, Any]) -> None:
    """Each row of ours has its trial in Optuna, with the same state and candidate, and the other
    way round; nothing runs."""
    assert found["ours"] == found["optunas"]
    assert [row[:2] for row in found["ours"]] == found["trials"]
    assert [row[0] for row in found["ours"]] == list(range(len(found["ours"])))
    assert {row[1] for row in found["trials"]} <= {"COMPLETE", "PRUNED", "FAIL"}
    assert sorted(row[2] for row in found["ours"]) == [row[0] for row in found["candidates"]]
    assert found["studies"] == [["tiny"]]
    assert found["integrity"] == [["ok"]]


def test_whatever_is_killed_whenever_nothing_acknowledged_is_lost_and_nothing_runs(url: str) -> None:
    rounds = 12
    found = run("killed", url, rounds)
    assert_one_to_one(found)
    stored = {int(row[2], 16) for row in found["ours"]}
    acknowledged = set(found["acknowledged"])
    assert len(acknowledged) >= rounds // 2  # they did get to write
    assert acknowledged <= stored
    assert len(stored - acknowledged) <= rounds + 1  # one in flight for each that was killed, and the last of all


def test_control_two_transactions_in_place_of_one_are_found(url: str) -> None:
    found = run("killed", url, 4, "in_two_transactions")
    with pytest.raises(AssertionError):
        assert_one_to_one(found)


def test_control_a_row_that_runs_or_lacks_its_other_half_is_found() -> None:
    good = {
        "ours": [[0, "COMPLETE", "a"]],
        "optunas": [[0, "COMPLETE", "a"]],
        "trials": [[0, "COMPLETE"]],
        "candidates": [["a"]],
    }
    good |= {"studies": [["tiny"]], "integrity": [["ok"]]}
    assert_one_to_one(good)
    faults: list[dict[str, Any]] = [
        {"ours": []},
        {"trials": [[0, "COMPLETE"], [1, "RUNNING"]]},
        {"optunas": [[0, "FAIL", "a"]]},
        {"candidates": [["a"], ["b"]]},
    ]
    for fault in faults:
        with pytest.raises(AssertionError):
            assert_one_to_one({**good, **fault})


def test_processes_that_create_one_database_at_once_all_succeed(tmp_path: Path) -> None:
    found = run("creating", tmp_path, 3, 2)
    assert found["codes"] == [0] * 6
    for database in found["databases"]:
        assert_one_to_one(database)
        assert len(database["ours"]) == 2


def test_a_database_whose_creation_was_killed_is_completed_by_the_next(tmp_path: Path) -> None:
    found = run("creation_killed", tmp_path, 5)
    assert any(found["there"])
    for database in found["databases"]:
        assert_one_to_one(database)
        assert 1 <= len(database["ours"]) <= 2


def test_a_study_is_read_while_another_process_writes_it(url: str) -> None:
    found = run("reading", url, 25)
    assert found["code"] == 0
    assert found["seen"] == sorted(found["seen"])
    assert found["seen"][-1] == 25
    assert len(set(found["seen"])) > 2  # it did read meanwhile
    assert_one_to_one(found)
