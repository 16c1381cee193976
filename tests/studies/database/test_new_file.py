"""The file of a database is made whole or not at all, and only where a file can be."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import pytest
from automl.blocks.errors import InputError
from automl.studies.database.connection import Database
from automl.studies.database.new_file import create_whole
from automl.studies.database.schema import migrate


def _table(database: Database) -> None:
    with database.writing.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE t (a INTEGER)")


def test_a_failure_leaves_no_file(tmp_path: Path) -> None:
    def fails(database: Database) -> None:
        _table(database)
        raise sqlite3.OperationalError("database or disk is full")

    database = Database(f"sqlite:///{tmp_path}/s.db")
    with pytest.raises(sqlite3.OperationalError):
        create_whole(database, fails)
    assert list(tmp_path.iterdir()) == []
    create_whole(database, _table)  # control
    assert [path.name for path in tmp_path.iterdir()] == ["s.db"]


def test_the_file_of_a_faster_process_stays(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path}/s.db")

    def overtaken(aside: Database) -> None:
        _table(aside)
        with sqlite3.connect(tmp_path / "s.db") as other:
            other.execute("CREATE TABLE theirs (a INTEGER)")
        other.close()

    create_whole(database, overtaken)
    with sqlite3.connect(tmp_path / "s.db") as found:
        assert found.execute("SELECT name FROM sqlite_master").fetchall() == [("theirs",)]
    found.close()
    assert [path.name for path in tmp_path.iterdir()] == ["s.db"]


def test_where_there_are_no_links_it_is_renamed(tmp_path: Path, monkeypatch) -> None:
    def no_links(*_: object) -> None:
        raise PermissionError("the file system has none")

    monkeypatch.setattr(os, "link", no_links)
    create_whole(Database(f"sqlite:///{tmp_path}/s.db"), _table)
    assert [path.name for path in tmp_path.iterdir()] == ["s.db"]


@pytest.mark.parametrize("url", ["sqlite:///{}/s.db", "sqlite:///file:{}/s.db?uri=true"])
def test_every_spelling_of_a_file_is_made_whole_and_migrated_once(tmp_path: Path, url: str) -> None:
    for _ in range(2):
        migrate(Database(url.format(tmp_path)))
        assert [path.name for path in tmp_path.iterdir()] == ["s.db"]


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("sqlite:///x.db?timeout=abc", "could not convert string to float: 'abc'"),
        ("sqlite:///x.db?timeout=-1", "timeout must be a number of seconds from 0 to 1,000,000"),
        ("sqlite:///x.db?timeout=1e308", "timeout must be a number of seconds from 0 to 1,000,000"),
        ("sqlite:///x.db?timeout=nan", "timeout must be a number of seconds from 0 to 1,000,000"),
        ("sqlite:///x.db?check_same_thread=perhaps", "perhaps"),
        ("sqlite:///x.db?cached_statements=many", "many"),
        ("sqlite:///x.db?detect_types=all", "all"),
        ("sqlite:///x.db?nonsense=1", "nonsense"),
        ("sqlite:///x.db?timeout=1&timeout=2", "timeout"),
        ("sqlite:///pipe.db", "it is a pipe, not a file"),
        ("sqlite:///folder", "it is a folder, not a file"),
        ("sqlite:////dev/zero", "it is a device, not a file"),
    ],
)
def test_options_and_files_that_cannot_be_are_refused_in_one_line(
    tmp_path: Path, monkeypatch, url: str, says: str
) -> None:
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe.db")
    Path("folder").mkdir()
    with pytest.raises(InputError, match="cannot use sqlite:///") as refused:
        Database(url)
    assert says in str(refused.value)
    assert "\n" not in str(refused.value)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "pipe.db"]


def _made(url: str) -> None:
    database = Database(url)
    database.require_folder()
    migrate(database)


@pytest.mark.parametrize("name", ["x" * 300 + ".db", "loop.db", "missing/" + "x" * 300 + ".db"])
def test_names_that_no_file_can_have_are_refused_in_one_line(tmp_path: Path, monkeypatch, name: str) -> None:
    monkeypatch.chdir(tmp_path)
    os.symlink("loop.db", "loop.db")
    with pytest.raises(InputError):
        _made(f"sqlite:///{name}")
    assert [path.name for path in tmp_path.iterdir()] == ["loop.db"]
