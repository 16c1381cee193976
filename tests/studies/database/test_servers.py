"""Studies on real servers of PostgreSQL and MariaDB, and the faults of these."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from automl.blocks import InputError
from automl.cli.main import main
from automl.search import SearchOptions, search
from automl.search.course.events import Silent
from automl.studies import DatabaseError, Held, Purpose, Study, StudySpec, delete, studies
from automl.studies.database import optuna_tables, patience
from automl.studies.database.connection import Database
from automl.studies.database.schema import HEAD, MIGRATIONS
from automl.studies.upkeep.integrity import check
from automl.studies.upkeep.upgrade import Upgraded, upgrade
from sqlalchemy import JSON, DateTime, MetaData, create_engine, insert, select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from .servers import KINDS, Absent, Server, serving
from .test_schema import differences

pytestmark = [
    pytest.mark.exhaustive,
    # PyMySQL leaves the socket of a connection that fails to the garbage collector
    pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning"),
    pytest.mark.filterwarnings("ignore:.*unclosed.*:pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore:Exception ignored in.*socket:pytest.PytestUnraisableExceptionWarning"),
]

PROGRAMS = Path(__file__).parents[1] / "programs"
ASSETS = Path(__file__).parents[1] / "assets"
SPACE: dict[str, Any] = {
    "name": "many",
    "skeleton": "efficientnet",
    "image": [1, 18, 18],
    "classes": 3,
    "dimensions": {
        "depth": [0.2, 0.4, 0.6, 0.8],
        "width": [0.25, 0.5, 0.75, 1.0],
        "expansion": [2, 3, 4, 6],
        "attention": ["none", "se", "eca"],
    },
}
TRIALS = 150


@pytest.fixture(scope="module", params=KINDS)
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    try:
        with serving(request.param) as found:
            yield found
    except Absent as error:
        pytest.skip(f"no {request.param}: {error}")


@pytest.fixture
def url(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A database without tables; the files of its studies are in the folder of the test."""
    monkeypatch.chdir(tmp_path)
    return server.fresh()


@pytest.fixture
def options(tmp_path: Path, url: str) -> Callable[..., SearchOptions]:
    """Options of a search of a table in the database."""
    (tmp_path / "many.json").write_text(json.dumps(SPACE))
    with (tmp_path / "table.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*SPACE["dimensions"], "accuracy.0", "accuracy.1", "seconds"])
        for index, row in enumerate(product(*SPACE["dimensions"].values())):
            writer.writerow([*row, 50 + index % 37, 51 + index % 31, 30])

    def make(**more: Any) -> SearchOptions:
        from automl.spaces import Space

        given = {"sampler": "random", "trials": TRIALS, "finals": 0, "workers": 64, "study": "s", **more}
        return SearchOptions(
            space=Space.from_dict(SPACE), evaluator=f"table:{tmp_path / 'table.csv'}", storage=url, **given
        )

    return make


class AtTrial(Silent):
    """Does something when so many trials have ended, and keeps what is said."""

    def __init__(self, number: int, action: Callable[[], object]) -> None:
        self.number, self.action, self.lines = number, action, list[str]()

    def said(self, text: str) -> None:
        self.lines.append(text)

    def ended(self, evaluation, macs, counts, best) -> None:
        if counts.done == self.number:
            self.number = -1
            self.action()

    @property
    def waits(self) -> list[str]:
        return [line for line in self.lines if line.startswith("waiting for the database")]


def whole(url: str, name: str, trials: int) -> Study:
    """The study, in which all holds that must."""
    assert [one for one in check(url) if "another id than its network" not in one.text] == []  # networks are made up
    study = Study.open(url, name)
    found = study.evaluations(Purpose.SEARCH)
    assert [each.trial for each in found] == list(range(trials))
    assert len({each.key for each in found}) == trials
    assert [trial.number for trial in study.optuna_trials()] == list(range(trials))
    assert study.drivers() == []
    return study


def test_a_table_is_searched_by_64_workers_and_the_search_goes_on(options, url: str) -> None:
    search(options(trials=60))
    found = search(options())
    assert found.counts.done == TRIALS
    study = whole(url, "s", TRIALS)
    assert found.front
    assert [point.id for point in study.front()] == [point.id for point in found.front]
    assert differences(url) == []


def test_the_commands_read_check_and_delete_studies(options, url: str, capsys: pytest.CaptureFixture[str]) -> None:
    search(options(trials=20))
    for command in (["studies"], ["status", "s"], ["front", "s"], ["studies", "check"], ["studies", "upgrade"]):
        with pytest.raises(SystemExit) as left:
            sys.exit(main([*command, "--storage", url]))
        assert left.value.code in (0, None), (command, capsys.readouterr())
    delete(url, "s")
    assert studies(url) == []
    search(options(trials=5))  # the name is free again
    whole(url, "s", 5)


def test_creators_that_race_find_one_study(server: Server, spec: StudySpec) -> None:
    """Never is one of them told that the study is foreign."""
    url = ""
    for pair in range(20):
        url = server.fresh() if pair < 4 else url  # in the first four the tables are created too
        named = StudySpec(name=f"s{pair}", space=spec.space, budget=spec.budget, data=spec.data, settings=spec.settings)
        start = threading.Barrier(2)

        def create(start: threading.Barrier = start, url: str = url, named: StudySpec = named) -> Study:
            start.wait()
            return Study.create_or_continue(url, named, command="", versions={})

        with ThreadPoolExecutor(2) as pool:
            one, two = [each.result() for each in [pool.submit(create) for _ in range(2)]]
        assert one._id == two._id
        assert one._optuna_id == two._optuna_id


def driver(url: str, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, str(PROGRAMS / "driver.py"), url, *map(str, arguments)]
    return subprocess.Popen(command, stdout=-1, stderr=-1, text=True)


def test_two_processes_share_a_study_and_take_nothing_twice(url: str, spec: StudySpec) -> None:
    study = Study.create_or_continue(url, spec, command="", versions={})
    with study.driven(), pytest.raises(Held, match="add --join"), Study.open(url, "tiny").driven():
        pass
    processes = [driver(url, seed, 60) for seed in range(2)]
    said = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    first, second = (json.loads(out) for out, _ in said)
    assert sorted(first + second) == list(range(60))
    assert min(len(first), len(second)) >= 5
    whole(url, "tiny", 60)


def test_what_a_killed_process_had_begun_is_taken_over(url: str, spec: StudySpec) -> None:
    study = Study.create_or_continue(url, spec, command="", versions={})
    killed = driver(url, 0, 20, 7)
    killed.communicate(timeout=120)
    assert killed.returncode == -9
    assert len(study.evaluations()) == 7
    other = driver(url, 1, 20)
    out, error = other.communicate(timeout=120)
    assert other.returncode == 0, error
    assert len(json.loads(out)) == 13
    whole(url, "tiny", 20)


@pytest.mark.parametrize("seconds", [20])
def test_a_server_that_is_stopped_and_started_is_waited_for(
    server: Server, options, url: str, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    def outage() -> None:
        server.stop()
        starts = threading.Timer(seconds, server.start)
        starts.start()
        listener.starts = starts  # type: ignore[attr-defined]

    listener = AtTrial(50, outage)
    began = time.monotonic()
    search(options(), listener=listener)
    listener.starts.join()  # type: ignore[attr-defined]
    assert time.monotonic() - began > seconds
    assert len(listener.waits) > 3
    whole(url, "s", TRIALS)


def test_a_server_that_is_away_when_a_search_begins_is_waited_for(server: Server, options, url: str) -> None:
    search(options(trials=20))
    server.stop()
    starts = threading.Timer(5, server.start)
    starts.start()
    listener = AtTrial(-1, lambda: None)
    try:
        search(options(trials=40), listener=listener)
    finally:
        starts.join()
    assert listener.waits
    whole(url, "s", 40)


def test_a_database_that_is_not_there_is_no_outage(server: Server, options, url: str) -> None:
    listener = AtTrial(-1, lambda: None)
    with pytest.raises(InputError, match=r"does not exist|Unknown database"):
        search(replace(options(), storage=server.url("nowhere")), listener=listener)
    assert listener.waits == []


def test_connections_that_are_cut_lose_nothing(server: Server, options, url: str) -> None:
    over, cut = threading.Event(), [0]

    def cuts() -> None:
        while cut[0] < 10 and not over.wait(0.15):
            cut[0] += server.cut()

    thread = threading.Thread(target=cuts)
    listener = AtTrial(20, thread.start)
    try:
        search(options(workers=1), listener=listener)
    finally:
        over.set()
        thread.join()
    assert cut[0] > 0
    whole(url, "s", TRIALS)


def test_a_commit_whose_answer_is_lost_is_not_done_twice(
    url: str, spec: StudySpec, record: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    study = Study.create_or_continue(url, spec, command="", versions={})
    lost = [True]
    commit = Session.commit

    def loses(session: Session) -> None:
        commit(session)
        if session.join_transaction_mode != "create_savepoint" and lost and lost.pop():  # Optuna's joins ours
            raise OperationalError("COMMIT", {}, Exception("the connection was lost"), connection_invalidated=True)

    study.patience.seconds = 10
    with study.driven():
        monkeypatch.setattr(Session, "commit", loses)
        assert record(study, 1).trial == 0
        assert record(study, 2).trial == 1
        with study.recording():
            lost.append(True)
            record(study, 3)
    whole(url, "tiny", 3)


def test_control_without_patience_an_answer_that_is_lost_is_an_error(
    url: str, spec: StudySpec, record: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    study = Study.create_or_continue(url, spec, command="", versions={})

    def refuses(session: Session) -> None:
        raise OperationalError("COMMIT", {}, Exception("the connection was lost"), connection_invalidated=True)

    monkeypatch.setattr(Session, "commit", refuses)
    with pytest.raises(DatabaseError, match="the connection was lost"):
        record(study, 1)


def test_an_outage_beyond_all_patience_loses_nothing(
    server: Server, options, url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What ended is in the recovery file, and the next run takes it over."""
    monkeypatch.setattr(patience, "LONG", 1.0)
    listener = AtTrial(50, server.stop)
    try:
        with pytest.raises(DatabaseError, match=r"results are kept in .*recovery-\w+\.jsonl$"):
            search(options(db_patience=3.0), listener=listener)
    finally:
        server.start()
    assert "kept in" in listener.waits[-1]
    (file,) = (tmp_path / "automl.artifacts" / "s").glob("recovery-*.jsonl")
    kept = len(file.read_text().splitlines()) - 1
    before = len(Study.open(url, "s").evaluations())
    assert before + kept >= 50
    listener = AtTrial(-1, lambda: None)
    search(options(), listener=listener)
    assert f"{kept} of {kept} results that an earlier run kept in {file} were missing in the study" in listener.lines
    assert not file.exists()
    whole(url, "s", TRIALS)


@pytest.mark.parametrize(
    ("asset", "revision"),
    [("study-0001.sqlite", "0001"), ("study-0002/study.sqlite", "0002"), ("study-0004.sqlite", "0004")],
)
def test_databases_of_earlier_versions_are_upgraded(
    url: str, asset: str, revision: str, record: Callable[..., Any], tmp_path: Path
) -> None:
    moved(ASSETS / asset, url, revision)
    assert upgrade(url) == Upgraded(before=revision, after=HEAD, backup=None)
    (tmp_path / "old.sqlite").write_bytes((ASSETS / asset).read_bytes())
    old = f"sqlite:///{tmp_path}/old.sqlite"
    wanted = Study.open(old, "tiny")
    study = Study.open(url, "tiny")
    assert [each.key for each in study.evaluations()] == [each.key for each in wanted.evaluations()]
    assert [each.curve for each in study.evaluations()] == [each.curve for each in wanted.evaluations()]
    assert study.notes() == wanted.notes()
    assert [point.id for point in study.front()] == [point.id for point in wanted.front()]
    assert differences(url) == []
    assert sorted(one.text for one in check(url)) == sorted(one.text for one in check(old))
    tried = sum(wanted.counts()[state] for state in ("complete", "pruned", "fail"))
    with study.driven():
        assert (
            record(study, 77, choices=("none", "se", "eca") if revision == "0002" else ("none", "eca")).trial == tried
        )
    assert upgrade(url).before == HEAD  # nothing is left to do


def moved(file: Path, url: str, revision: str) -> None:
    """Copy an SQLite database of an earlier version to the server, table by table."""
    from alembic import command
    from alembic.config import Config

    assert revision < HEAD
    optuna_tables.connect(Database(url))
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    there = create_engine(url, poolclass=NullPool)
    with there.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    here, tables = create_engine(f"sqlite:///{file}"), MetaData()
    tables.reflect(there)
    with here.connect() as old, there.begin() as new:
        names = {name for (name,) in old.execute(text("SELECT name FROM sqlite_master WHERE type = 'table'"))}
        for table in tables.sorted_tables:
            if table.name not in names or "version" in table.name:
                continue
            columns = [column.name for column in table.columns]
            for row in old.execute(text(f"SELECT {', '.join(columns)} FROM {table.name}")).mappings():
                new.execute(insert(table).values({name: plain(row[name], table.c[name].type) for name in columns}))
            if there.dialect.name == "postgresql":
                (key, *_) = table.primary_key.columns
                sequence = new.execute(select(text(f"pg_get_serial_sequence('{table.name}', '{key.name}')"))).scalar()
                if sequence:
                    new.execute(
                        text(f"SELECT setval('{sequence}', (SELECT coalesce(max({key.name}), 1) FROM {table.name}))")
                    )
    here.dispose()


def plain(value: Any, kind: Any) -> Any:
    """A value of SQLite as another database takes it."""
    from datetime import datetime

    if value is None:
        return None
    if isinstance(kind, DateTime) or "DATETIME" in str(kind).upper() or "TIMESTAMP" in str(kind).upper():
        return datetime.fromisoformat(str(value))
    return json.loads(value) if isinstance(kind, JSON) else value
