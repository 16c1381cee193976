"""Databases that cannot be had say so in one line, and never with a password."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from automl.blocks.errors import InputError
from automl.studies import Study, StudySpec, masked, studies
from automl.studies.database.connection import Database, DatabaseError
from sqlalchemy import make_url


def refusal(action: Callable[[], object]) -> str:
    with pytest.raises(InputError) as caught:
        action()
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://ann:s3cret@db/nas", "postgresql://ann:***@db/nas"),
        ("postgresql+psycopg://ann:s3@cr/et@db:5432/nas", "postgresql+psycopg://ann:***@db:5432/nas"),
        (
            "postgresql://db/nas?user=ann&password=s3cret&sslmode=require",
            "postgresql://db/nas?user=ann&password=***&sslmode=require",
        ),
        ("mysql://ann@db:3306/nas", "mysql://ann@db:3306/nas"),
        ("sqlite:////data/ann@home:1.db", "sqlite:////data/ann@home:1.db"),
        ("nonsense://ann:s3cret@", "nonsense://ann:***@"),
    ],
)
def test_a_url_is_shown_without_its_password(url: str, shown: str) -> None:
    assert masked(url) == shown


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("automl.db", "did you mean 'sqlite:///automl.db'?"),
        ("", "such as sqlite:///automl.db, but got ''"),
        ("sqlite://automl.db", "did you mean 'sqlite:///automl.db'?"),
        ("sqlite://", "in memory"),
        ("sqlite:///:memory:", "in memory"),
        ("oracul://ann:s3cret@db/nas", "cannot use oracul://ann:***@db/nas: there is no database 'oracul'"),
        ("mysql+nodriver://ann:s3cret@db/nas", "there is no database 'mysql+nodriver'"),
        ("postgresql://ann:s3cret@db:port/nas", "postgresql://ann:***@db:port/nas"),
    ],
)
def test_what_is_no_url_of_a_database_is_refused_with_a_hint(url: str, said: str) -> None:
    text = refusal(lambda: Database(url))
    assert said in text
    assert "s3cret" not in text


@pytest.mark.parametrize("name", ["postgres", "postgresql", "postgresql+psycopg"])
def test_a_missing_driver_names_the_extra(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "psycopg", None)
    assert refusal(lambda: Database(f"{name}://ann:s3cret@db/nas")).endswith(
        "the driver psycopg is not installed; pip install 'automl[postgres]'"
    )


@pytest.mark.parametrize("name", ["mysql", "mariadb"])
def test_the_driver_of_mysql_is_that_of_its_extra(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pymysql", None)
    assert refusal(lambda: Database(f"{name}://ann:s3cret@db/nas")).endswith(
        "the driver pymysql is not installed; pip install 'automl[mysql]'"
    )


def test_the_drivers_reason_is_shown_without_the_password() -> None:
    database = Database("sqlite:///x.db")
    for url in ("postgresql://ann:s3cret@db/nas", "postgresql://db/nas?password=s3cret"):
        database.url = make_url(url)
        assert database.reason(OSError("could not log in with s3cret\nHint: …")) == "could not log in with ***"


def test_a_file_that_is_no_database_is_refused_and_left_alone(tmp_path: Path, spec: StudySpec) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("these are no tables\n" * 100)
    for action in (
        lambda: studies(f"sqlite:///{file}"),
        lambda: Study.create_or_continue(f"sqlite:///{file}", spec, command="", versions={}),
    ):
        assert refusal(action) == f"cannot open sqlite:///{file}: file is not a database"
    assert file.read_text() == "these are no tables\n" * 100


def test_a_folder_that_does_not_exist_is_refused_naming_the_nearest_that_does(tmp_path: Path, spec: StudySpec) -> None:
    text = refusal(
        lambda: Study.create_or_continue(f"sqlite:///{tmp_path}/runs/today/x.db", spec, command="", versions={})
    )
    assert text.endswith(f"the folder {tmp_path}/runs/today does not exist (nearest one that does: {tmp_path})")


def test_reading_creates_no_file(tmp_path: Path) -> None:
    for action in (
        lambda: studies(f"sqlite:///{tmp_path}/x.db"),
        lambda: Study.open(f"sqlite:///{tmp_path}/x.db", "tiny"),
    ):
        assert refusal(action) == f"there is no database sqlite:///{tmp_path}/x.db"
    assert list(tmp_path.iterdir()) == []


def test_a_database_of_something_else_holds_no_study(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "x.db").execute("CREATE TABLE mine (id)").connection.close()
    assert studies(f"sqlite:///{tmp_path}/x.db") == []
    assert "holds none" in refusal(lambda: Study.open(f"sqlite:///{tmp_path}/x.db", "tiny"))


def test_an_empty_file_becomes_a_database(tmp_path: Path, spec: StudySpec) -> None:
    (tmp_path / "x.db").touch()
    Study.create_or_continue(f"sqlite:///{tmp_path}/x.db", spec, command="", versions={})
    assert [row.name for row in studies(f"sqlite:///{tmp_path}/x.db")] == ["tiny"]


def test_a_relative_path_stays_where_it_was_when_the_process_moves(
    tmp_path: Path, spec: StudySpec, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    study = Study.create_or_continue("sqlite:///here.db", spec, command="", versions={})
    monkeypatch.chdir(tmp_path / "elsewhere")
    study.note("moved", True)
    assert study.notes() == {"moved": True}
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_a_path_with_odd_characters_is_one_path(tmp_path: Path, spec: StudySpec) -> None:
    folder = tmp_path / "50% {of} ünits"
    folder.mkdir()
    study = Study.create_or_continue(f"sqlite:///{folder}/x.db", spec, command="", versions={})
    assert study.counts()["complete"] == 0
    assert [path.name for path in folder.iterdir()] == ["x.db"]


def test_a_write_that_cannot_get_the_lock_fails_in_one_line_and_later_works(
    url: str, spec: StudySpec, record: Callable[..., object]
) -> None:
    study = Study.create_or_continue(f"{url}?timeout=0.1", spec, command="", versions={})
    other = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(DatabaseError, match="database is locked") as caught:
        record(study)
    assert "\n" not in str(caught.value)
    other.execute("ROLLBACK")
    other.close()
    record(study)
    assert [trial.number for trial in study.optuna_trials()] == [0]
