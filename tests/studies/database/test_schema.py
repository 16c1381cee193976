"""The migrations end where the models are, and yesterday's database opens today."""

from __future__ import annotations

import io
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import optuna
import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from automl.blocks.errors import InputError
from automl.studies import Fault, State, Study, StudySpec
from automl.studies.database import schema
from automl.studies.database.connection import Database
from automl.studies.database.tables import Base
from automl.studies.upkeep.upgrade import upgrade
from sqlalchemy import Column, ForeignKeyConstraint, PrimaryKeyConstraint, String, Text, UniqueConstraint, create_engine

HERE = Path(__file__).parents[1]


def differences(url: str) -> list[object]:
    ours = set(Base.metadata.tables)
    engine = create_engine(url)
    with engine.connect() as connection:
        options = {
            "include_object": lambda thing, name, kind, _reflected, _other: kind != "table" or name in ours,
            "compare_type": True,
        }
        found = compare_metadata(MigrationContext.configure(connection, opts=options), Base.metadata)
    engine.dispose()
    return found


def tables(file: Path) -> dict[str, list[str]]:
    """The CREATE TABLE statements, part by part, sorted: the order of constraints means nothing,
    nor where a migration has put its line breaks."""
    connection = sqlite3.connect(file)
    rows = connection.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND name LIKE 'automl_%' AND name <>"
        " 'automl_alembic_version'"
    ).fetchall()
    connection.close()
    return {
        name: sorted(
            " ".join(part.split())
            for part in re.split(r",(?![^(]*\))", sql.partition("(")[2].strip().removesuffix(")"))
        )
        for name, sql in rows
    }


def test_the_migrations_end_where_the_models_are(url: str) -> None:
    schema.migrate(Database(url))
    assert differences(url) == []


def test_control_a_column_that_no_migration_made_is_found(url: str) -> None:
    schema.migrate(Database(url))
    connection = sqlite3.connect(url.removeprefix("sqlite:///"))
    connection.execute("ALTER TABLE automl_evaluations DROP COLUMN worker")
    connection.close()
    assert "worker" in str(differences(url))


def test_migrated_tables_have_the_constraints_of_the_models(tmp_path: Path) -> None:
    schema.migrate(Database(f"sqlite:///{tmp_path}/migrated.db"))
    engine = create_engine(f"sqlite:///{tmp_path}/made.db")
    Base.metadata.create_all(engine)
    engine.dispose()
    assert tables(tmp_path / "migrated.db") == tables(tmp_path / "made.db")
    assert len(tables(tmp_path / "made.db")) == 7


def test_the_head_constant_is_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(schema.MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_heads() == [schema.HEAD]


def test_a_database_of_a_newer_automl_is_refused(study: Study, url: str) -> None:
    connection = sqlite3.connect(url.removeprefix("sqlite:///"))
    connection.execute("UPDATE automl_alembic_version SET version_num = '9999'")
    connection.commit()
    connection.close()
    for action in (
        lambda: Study.open(url, "tiny"),
        lambda: Study.create_or_continue(url, study.spec, command="", versions={}),
    ):
        with pytest.raises(InputError, match=rf"made by a newer automl \(schema 9999, this one knows {schema.HEAD}\)"):
            action()


def test_tables_of_another_optuna_are_refused_in_one_line(study: Study, url: str) -> None:
    connection = sqlite3.connect(url.removeprefix("sqlite:///"))
    connection.execute("UPDATE alembic_version SET version_num = 'v9.9.9.a'")
    connection.commit()
    connection.close()
    with pytest.raises(InputError, match="updating optuna") as caught:
        Study.create_or_continue(url, study.spec, command="", versions={})
    assert "\n" not in str(caught.value)


def test_reading_imports_neither_alembic_nor_optuna_and_the_package_no_torch_or_ray(study: Study, url: str) -> None:
    program = f"""
import sys
import automl.studies
print(sorted({{"torch", "ray", "sqlalchemy", "optuna"}} & set(sys.modules)))
study = automl.studies.Study.open({url!r}, "tiny")
study.front(), study.counts(), study.notes(), study.evaluations(), automl.studies.studies({url!r}), study.note("a", 1)
print(sorted({{"torch", "ray", "alembic", "optuna"}} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["[]", "[]"]


@pytest.fixture
def old(tmp_path: Path) -> str:
    """A database that the first version made (schema 0001, Optuna 5.0), as it lies in the folder of
    assets."""
    shutil.copy(HERE / "assets" / "study-0001.sqlite", tmp_path / "old.sqlite")
    return f"sqlite:///{tmp_path / 'old.sqlite'}"


def test_the_database_of_the_first_version_is_read_today(old: str) -> None:
    study = Study.open(old, "tiny")
    assert study.counts() == {"complete": 3, "pruned": 1, "fail": 1, "final": 1}
    assert [(point.macs, point.accuracy) for point in study.front()] == [(1000, 0.1 + 0.2), (1001, 0.7)]
    assert study.notes() == {"gate": {"duplicates": 3, "refused": 41}}
    assert study.front()[0].evaluation.settings == {"attention": "eca", "eca_kernel": 5, "depth": 1.2}
    best = optuna.load_study(study_name="tiny", storage=old).best_trials
    assert sorted(trial.number for trial in best) == sorted(point.evaluation.trial or 0 for point in study.front())


def test_the_database_of_the_first_version_is_continued_today(old: str, spec: StudySpec, record) -> None:
    study = Study.create_or_continue(old, spec, command="", versions={})
    assert record(study, 77).trial == 5
    assert differences(old) == []


def test_a_copy_of_the_file_is_made_before_an_upgrade(old: str) -> None:
    file = Path(old.removeprefix("sqlite:///"))
    before = tables(file)
    done = upgrade(old)
    assert (done.before, done.after, done.backup) == ("0001", schema.HEAD, file.with_name("old.sqlite.schema-0001.bak"))
    assert done.backup is not None
    assert tables(done.backup) == before != tables(file)
    assert {path.name for path in file.parent.iterdir()} == {file.name, done.backup.name}
    again = upgrade(old)  # control: nothing is left to do, and nothing is copied
    assert (again.before, again.backup) == (schema.HEAD, None)


def test_no_older_copy_is_overwritten_by_an_upgrade(old: str) -> None:
    file = Path(old.removeprefix("sqlite:///"))
    earlier = file.with_name("old.sqlite.schema-0001.bak")
    earlier.write_text("an earlier copy")
    backup = upgrade(old).backup
    assert earlier.read_text() == "an earlier copy"
    assert backup is not None
    assert backup != earlier


def test_what_was_at_fault_in_an_old_failure_is_not_known(old: str, record) -> None:
    study = Study.open(old, "tiny")
    assert [each.fault for each in study.evaluations(state=State.FAIL)] == [None]
    record(study, 77, state=State.FAIL, accuracy=None, curve=(), reason="lost", fault="machine")
    assert [each.fault for each in study.evaluations(state=State.FAIL)] == [None, Fault.MACHINE]


def compiled(dialect: str) -> str:
    """The SQL of all migrations, as it would be run on a database of that kind."""
    config = Config()
    config.set_main_option("script_location", str(schema.MIGRATIONS))
    written = io.StringIO()
    context = MigrationContext.configure(dialect_name=dialect, opts={"as_sql": True, "output_buffer": written})
    with Operations.context(context):
        for one in reversed(list(ScriptDirectory.from_config(config).walk_revisions())):
            one.module.upgrade()
    return written.getvalue()


def with_defaults(sql: str) -> list[str]:
    """Columns of TEXT or JSON that are given a default, which MySQL refuses."""
    return re.findall(r"\w+ (?:TEXT|JSON|LONGTEXT)\b[^,;)]*\bDEFAULT\b[^,;)]*", sql)


@pytest.mark.parametrize("dialect", ["sqlite", "postgresql", "mysql", "mariadb"])
def test_no_text_or_json_has_a_default_on_any_database(dialect: str) -> None:
    sql = compiled(dialect)
    assert sql.count("CREATE TABLE automl_") >= 5
    assert with_defaults(sql) == []
    required = {
        "mysql": "MODIFY origin TEXT NOT NULL",
        "mariadb": "MODIFY origin TEXT NOT NULL",
        "postgresql": "ALTER COLUMN origin SET NOT NULL",
    }
    assert sql.index("UPDATE automl_evaluations SET origin") < sql.index(
        required.get(dialect, "origin TEXT NOT NULL")
    )  # filled before it is required


def test_control_a_default_of_text_is_found() -> None:
    assert with_defaults("CREATE TABLE a (id INTEGER, note TEXT DEFAULT '' NOT NULL, size INTEGER DEFAULT 0)") == [
        "note TEXT DEFAULT '' NOT NULL"
    ]


def key_bytes(columns: Iterable[Column[Any]]) -> int:
    """What a key takes in MySQL's InnoDB: four bytes for each character in utf8mb4, eight for a
    number at the most."""
    return sum(
        4 * column.type.length if isinstance(column.type, String) and column.type.length else 8 for column in columns
    )


def test_keys_fit_into_those_of_mysql() -> None:
    for table in Base.metadata.tables.values():
        keys = [
            key
            for key in table.constraints
            if isinstance(key, PrimaryKeyConstraint | UniqueConstraint | ForeignKeyConstraint)
        ]
        assert keys
        for key in keys:
            assert all(not isinstance(column.type, Text) for column in key.columns), key.name
            assert key_bytes(key.columns) <= 3072, key.name
            assert len(str(key.name)) <= 64
        assert not any(column.server_default for column in table.columns)


def test_a_database_whose_columns_were_given_defaults_is_read_and_continued(study: Study, url: str, record) -> None:
    """What this migration made on SQLite once."""
    record(study, 1)
    connection = sqlite3.connect(url.removeprefix("sqlite:///"))
    for name, kind, value in (("origin", "TEXT", "''"), ("scores", "JSON", "'{}'")):
        connection.execute(f"ALTER TABLE automl_evaluations DROP COLUMN {name}")
        connection.execute(f"ALTER TABLE automl_evaluations ADD COLUMN {name} {kind} DEFAULT {value} NOT NULL")
    connection.commit()
    connection.close()
    again = Study.open(url, "tiny")
    assert [(each.origin, dict(each.scores)) for each in again.evaluations()] == [("", {})]
    record(again, 2)
    assert len(again.evaluations()) == 2
    assert differences(url) == []


def test_rows_and_constraints_outlive_the_migration_of_an_older_database(old: str) -> None:
    Study.open(old, "tiny")
    connection = sqlite3.connect(old.removeprefix("sqlite:///"))
    assert connection.execute("SELECT DISTINCT origin, scores FROM automl_evaluations").fetchall() == [("", "{}")]
    connection.execute("PRAGMA foreign_keys = ON")
    for wrong in ("state = 'DONE'", "accuracy = NULL", "candidate_id = 'none'", "origin = NULL"):
        with pytest.raises(sqlite3.IntegrityError):
            connection.execute(f"UPDATE automl_evaluations SET {wrong} WHERE state = 'COMPLETE'")
    connection.close()
