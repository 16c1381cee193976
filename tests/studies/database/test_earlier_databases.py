"""Databases that earlier versions made are read today as they were read by their own version."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from automl.studies import Study, studies
from automl.studies.database import schema
from automl.studies.upkeep.integrity import check
from automl.studies.upkeep.upgrade import Upgraded, upgrade

from ..as_read import NO_CHOICE, as_read

ASSETS = Path(__file__).parents[1] / "assets"
FILES = {
    "0001": "study-0001.sqlite",
    "0002": "study-0002/study.sqlite",
    "0003": "study-0003.sqlite",
    "0004": "study-0004.sqlite",
    "0005": "study-0005.sqlite",
}
"""Schema -> the database that was made by it."""


@pytest.fixture
def copied(tmp_path: Path, revision: str) -> str:
    shutil.copy(ASSETS / FILES[revision], tmp_path / "old.sqlite")
    return f"sqlite:///{tmp_path}/old.sqlite"


def changed(before: Any, now: Any, where: str = "") -> list[str]:
    """Where what was read before reads otherwise now; fields that are new since do not count."""
    if isinstance(before, dict) and isinstance(now, dict):
        return [each for key in before for each in changed(before[key], now.get(key), f"{where}.{key}")]
    if isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        pairs = enumerate(zip(before, now, strict=True))
        return [each for place, (old, new) in pairs for each in changed(old, new, f"{where}[{place}]")]
    return [] if before == now else [f"{where}: {before!r} is now {now!r}"]


def differences(revision: str, study: Study) -> list[str]:
    """What reads otherwise than by the version that made the database."""
    before = json.loads((ASSETS / "as_read" / f"study-{revision}.json").read_text("utf-8"))
    if before["chosen"] == NO_CHOICE:
        del before["chosen"]
    return changed(before, as_read(study))


def test_there_is_a_database_of_every_schema() -> None:
    made = sorted(file.name[:4] for file in (schema.MIGRATIONS / "versions").glob("[0-9]*.py"))
    assert sorted(FILES) == made
    for revision, file in FILES.items():
        connection = sqlite3.connect(f"file:{ASSETS / file}?mode=ro", uri=True)
        assert connection.execute("SELECT version_num FROM automl_alembic_version").fetchall() == [(revision,)]
        connection.close()


@pytest.mark.parametrize("revision", FILES)
def test_all_reads_as_the_version_read_it_that_made_it(copied: str, revision: str) -> None:
    assert differences(revision, Study.open(copied, "tiny")) == []
    done = upgrade(copied)
    assert done == Upgraded(before=schema.HEAD, after=schema.HEAD, backup=None)  # opening has upgraded it


@pytest.mark.parametrize("revision", FILES)
def test_all_reads_as_before_after_an_upgrade_and_a_new_run(copied: str, revision: str) -> None:
    assert upgrade(copied).before == revision
    study = Study.open(copied, "tiny")
    with study.driven():
        assert len(study.drivers()) == 1
    assert differences(revision, Study.open(copied, "tiny")) == []


@pytest.mark.parametrize("revision", ["0002", "0003"])
def test_real_studies_are_whole(copied: str, revision: str) -> None:
    assert check(copied) == []


@pytest.mark.parametrize("revision", ["0003", "0005"])
def test_a_front_in_peak_memory_reads_as_before(copied: str, revision: str) -> None:
    study = Study.open(copied, "tiny")
    assert study.spec.cost == "peak_memory"
    assert [point.cost for point in study.front()] == [
        study.candidates()[point.id].metrics["peak_memory"] for point in study.front()
    ]
    assert {row.metrics["peak_memory"] for row in study.candidates().values()} >= {10672, 14256}


@pytest.mark.parametrize("revision", ["0005"])
def test_a_study_whose_process_was_killed_is_taken_over(copied: str, revision: str) -> None:
    """The file also holds a study whose process was killed in its second training."""
    assert sorted(one.name for one in studies(copied)) == ["killed", "tiny"]
    file = sqlite3.connect(copied.removeprefix("sqlite:///"))
    [claimed] = file.execute("SELECT driver_id FROM automl_claims").fetchall()
    assert file.execute("SELECT id FROM automl_drivers").fetchall() == [claimed]
    study = Study.open(copied, "killed")
    assert study.counts()["complete"] == 1
    with study.driven():
        [now] = study.drivers()
        assert now.id != claimed[0]
    assert file.execute("SELECT count(*) FROM automl_claims").fetchone() == (0,)
    file.close()


@pytest.mark.parametrize("revision", ["0003"])
@pytest.mark.parametrize(
    ("planted", "seen"),
    [
        ("UPDATE automl_candidates SET metrics = NULL", "metrics.peak_memory"),
        ("UPDATE automl_evaluations SET seconds = seconds + 1 WHERE trial = 3", ".seconds"),
        ("UPDATE automl_evaluations SET state = 'PRUNED' WHERE trial = 0", ".front"),
        ("DELETE FROM automl_evaluations WHERE purpose = 'final'", ".counts.final"),
        ("DELETE FROM automl_notes WHERE key = 'belief'", ".notes.belief"),
    ],
)
def test_control_what_a_wrong_migration_changes_is_seen(copied: str, revision: str, planted: str, seen: str) -> None:
    connection = sqlite3.connect(copied.removeprefix("sqlite:///"))
    connection.execute(planted)
    connection.commit()
    connection.close()
    assert any(seen in each for each in differences(revision, Study.open(copied, "tiny")))
