"""`check` finds each way in which a database is not whole, and repairs what can be without loss."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path

import pytest
from automl.blocks.errors import InputError
from automl.spaces.skeletons import skeleton
from automl.studies import CandidateRow, Evaluation, Study, StudySpec
from automl.studies.database.connection import DatabaseError
from automl.studies.upkeep.integrity import check


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with three evaluations."""
    from datetime import UTC, datetime, timedelta

    from automl.studies import Fidelity, Purpose, State

    file = tmp_path_factory.mktemp("whole") / "study.db"
    spec = StudySpec(name="s", space={"name": "x"}, budget="", data={"name": "none"}, settings={})
    study = Study.create_or_continue(f"sqlite:///{file}", spec, command="automl search", versions={})
    began = datetime(2026, 3, 1, tzinfo=UTC)
    for number, width in enumerate((0.125, 0.25, 0.375)):
        network = skeleton("resnet").candidate({"depth": 0.25, "width": width}, (1, 32, 32), 3)
        cost = network.cost()
        row = CandidateRow(
            id=network.id,
            spec=network.spec,
            macs=int(cost.macs),
            params=int(cost.params),
            activations=int(cost.activations),
        )
        accuracy = 0.5 + number / 10
        one = Evaluation(
            candidate_id=network.id,
            fidelity=Fidelity(epochs=2, size=32),
            seed=0,
            purpose=Purpose.SEARCH,
            state=State.COMPLETE,
            settings={"width": width},
            curve=((1, 0.1), (2, accuracy)),
            accuracy=accuracy,
            seconds=1.0,
            started=began,
            finished=began + timedelta(seconds=1),
        )
        study.record(one, row, params={}, distributions={}, values=(accuracy, row.macs))
    return file


@pytest.fixture
def file(whole: Path, tmp_path: Path) -> Path:
    shutil.copy(whole, tmp_path / "study.db")
    return tmp_path / "study.db"


def change(file: Path, *statements: str) -> None:
    with sqlite3.connect(file) as database:
        database.execute("PRAGMA ignore_check_constraints = ON")
        for statement in statements:
            database.execute(statement)
    database.close()


def test_a_database_that_is_whole_has_no_findings(file: Path):
    assert check(f"sqlite:///{file}") == []
    with pytest.raises(InputError, match="there is no database"):
        check(f"sqlite:///{file}.missing")


FIRST = "id = (SELECT min(id) FROM automl_evaluations)"


@pytest.mark.parametrize(
    ("planted", "says", "repairs"),
    [
        (f"UPDATE automl_evaluations SET curve = '[]' WHERE {FIRST}", "is complete and has no curve", False),
        (f"UPDATE automl_evaluations SET accuracy = 0.9 WHERE {FIRST}", "has the accuracy 0.9, and its curve", False),
        (f"UPDATE automl_evaluations SET curve = 'no JSON' WHERE {FIRST}", "cannot be read", False),
        (f"UPDATE automl_evaluations SET curve = '[[1]]' WHERE {FIRST}", "cannot be read", False),
        (f"UPDATE automl_evaluations SET fidelity = '{{}}' WHERE {FIRST}", "cannot be read", False),
        (f"UPDATE automl_evaluations SET seconds = -1 WHERE {FIRST}", "seconds >= 0 must hold", False),
        ("UPDATE automl_candidates SET spec = '{}'", "has another id than its network", False),
        ("DELETE FROM automl_candidates WHERE macs = (SELECT min(macs) FROM automl_candidates)", "is missing", False),
        ("DELETE FROM trials WHERE number = 1", "the trial 1 is missing among Optuna's", False),
        ("UPDATE trials SET state = 'PRUNED' WHERE number = 1", "is PRUNED for Optuna, and COMPLETE in its", False),
        ("UPDATE trials SET state = 'RUNNING' WHERE number = 1", "the trial 1 is RUNNING, and nothing runs it", True),
        (
            "INSERT INTO automl_paused SELECT study_id, candidate_id, fidelity, seed, '{}' FROM automl_evaluations"
            f" WHERE {FIRST}",
            "waits, but has ended",
            True,
        ),
    ],
)
def test_each_fault_is_found(file: Path, planted: str, says: str, repairs: bool):
    change(file, planted)
    found = check(f"sqlite:///{file}")
    assert any(says in one.text for one in found), found
    assert not any(one.repaired for one in found)
    mended = check(f"sqlite:///{file}", repair=True)
    assert any(one.repaired for one in mended) == repairs
    if planted.startswith("INSERT"):
        assert check(f"sqlite:///{file}") == []


@pytest.mark.parametrize("asset", ["study-0002/study.sqlite"])
def test_a_database_of_an_earlier_version_is_whole(tmp_path: Path, asset: str):
    shutil.copy(Path(__file__).parents[1] / "assets" / asset, tmp_path / "study.db")
    assert check(f"sqlite:///{tmp_path}/study.db") == []


def test_a_file_that_is_damaged_is_said(file: Path):
    content = bytearray(file.read_bytes())
    size = int.from_bytes(content[16:18], "big")
    for page in range(5, len(content) // size, 3):
        content[page * size : page * size + 64] = bytes(64)
    file.write_bytes(content)
    try:
        said = [one.text for one in check(f"sqlite:///{file}")]
    except (DatabaseError, InputError) as error:
        said = [str(error)]
    assert said
    assert all(len(text.splitlines()) == 1 for text in said)


def test_a_damaged_row_is_no_unforeseen_error(file: Path):
    change(file, f"UPDATE automl_evaluations SET fidelity = 'x' WHERE {FIRST}")
    with pytest.raises(DatabaseError, match=r"a row is damaged \(JSONDecodeError: .*`automl studies check` names it"):
        Study.open(f"sqlite:///{file}", "s").evaluations()


def test_the_command_says_what_it_finds(file: Path, capsys: pytest.CaptureFixture[str]):
    from automl.cli.main import main

    def call(*words: str) -> tuple[int, str]:
        code = main(["studies", "check", "--storage", f"sqlite:///{file}", *words])
        return code, capsys.readouterr().out

    assert call() == (0, "all is well\n")
    change(file, "UPDATE trials SET state = 'RUNNING' WHERE number = 1")
    code, out = call()
    assert (code, out) == (1, "s: the trial 1 is RUNNING, and nothing runs it\n1 fault, 0 repaired\n")
    code, out = call("--repair", "--json")
    assert (code, [one["repaired"] for one in json.loads(out)]) == (0, [True])
    assert main(["studies", "--storage", f"sqlite:///{file}"]) == 0
    assert "created (UTC)" in capsys.readouterr().out
