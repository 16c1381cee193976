"""Settings of the whole suite: one thread per process, the order of the files, and a summary of the
tests that did not run."""

from __future__ import annotations

import atexit
import gc
import os
import re
import shutil
import sys
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from hypothesis import settings

from . import fresh

# torch reads them when it is imported, and subprocesses inherit them
for _library in ("OMP", "MKL", "OPENBLAS", "NUMEXPR"):
    os.environ[f"{_library}_NUM_THREADS"] = "1"
os.environ["OMP_WAIT_POLICY"] = "PASSIVE"  # tests of two threads leave the processor to others while one waits
os.environ["AUTOML_CACHE"] = "none"  # no test writes into the user's cache of decoded images
if "torch" in sys.modules:  # a plugin of pytest has imported it already
    sys.modules["torch"].set_num_threads(1)

# pytest rewrites the assertions of a file when it is imported, which costs each process of the
# suite seconds: what it compiles is kept even where the environment says that nothing is
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)  # for the processes that tests start

# Studies sync their databases; a disk that several processes use makes each test wait for seconds.
MEMORY = Path("/dev/shm")
if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > 2 << 30:
    os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))

gc.disable()  # until all tests are collected: nothing of what that makes is garbage

settings.register_profile("suite", deadline=None, derandomize=True, database=None)
settings.load_profile("suite")

TESTS = Path(__file__).resolve().parent
LEFT_OUT = ("claims", "exhaustive", "network")
"""Markers whose tests the default expression of `-m` deselects."""
RAY = "ray"
"""The group of the files that start Ray: they run one after another, on one worker of xdist."""
RAY_IF_EXHAUSTIVE = "ray if exhaustive"
"""The group of the files whose exhaustive tests alone start Ray."""
GROUP = re.compile(r'xdist_group\("(.+?)"\)')

_deselected: Counter[str] = Counter()


def pytest_configure(config: pytest.Config) -> None:
    """Workers of xdist begin to collect the whole suite at different files: what one of them has
    compiled, the others read."""
    worker: dict[str, Any] | None = getattr(config, "workerinput", None)
    if worker is None and getattr(config.option, "numprocesses", None):
        fresh.serve()  # one for all workers
    if worker is None or [(config.rootpath / name).resolve() for name in config.args] != [TESTS]:
        return
    files = sorted(map(str, TESTS.rglob("test_*.py")))
    first = len(files) * int(worker["workerid"].removeprefix("gw")) // int(worker["workercount"])
    config.args = files[first:] + files[:first]


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """In one order wherever a worker began. What takes longest comes first, so that no worker is
    left with it at the end: Ray, other groups, then files of the upper folders."""

    def place(item: pytest.Item) -> tuple[bool, bool, int, Path]:
        group = scope(config, item.nodeid)
        return group != RAY, group.endswith(".py"), len(item.path.parts), item.path

    items.sort(key=place)  # stable


def pytest_collection_finish(session: pytest.Session) -> None:
    """What is there now stays: the garbage collector need not walk through it again and again, nor
    come by after every 700 objects."""
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    gc.enable()


def pytest_deselected(items: list[pytest.Item]) -> None:
    _deselected.update(name for item in items for name in LEFT_OUT if item.get_closest_marker(name))


def pytest_sessionfinish(session: pytest.Session) -> None:
    gc.collect()
    gc.freeze()  # pytest now collects ten times, to find exceptions that nobody has seen
    atexit.register(gc.unfreeze)  # libraries of C++ report what is never freed
    output: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["deselected"] = dict(_deselected)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Every worker collects the same tests, so the counts of one are the counts of all."""
    _deselected.update({} if _deselected else getattr(node, "workeroutput", {}).get("deselected", {}))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Tests of a file run on one worker, so that the fixtures of a module are made once; all files
    of a group run on the same one.

    A file is in a group if its text marks it so: xdist's own `loadgroup` writes the mark into the
    ids of tests, which pytest 9.2 does not take.
    """
    if config.getvalue("dist") != "loadgroup":
        return None
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return scope(config, nodeid)

    return Scheduling(config, log)


@pytest.fixture(scope="session", autouse=True)
def exported_files_run_in_forked_processes() -> Iterator[None]:
    """Every export runs the file that it wrote: here in a process that has imported torch."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("automl.studies.export.check.subprocess", SimpleNamespace(run=fresh.file, DEVNULL=None))
        yield


@pytest.fixture(scope="session", autouse=True)
def migrations_are_imported_once() -> Iterator[None]:
    """Alembic imports all of Optuna's migrations, and ours, whenever a database is created or
    opened: more than half of the time that this takes."""
    import alembic.util

    load = alembic.util.load_python_file
    imported: dict[tuple[Path, int], ModuleType] = {}

    def load_once(folder: Path | str, name: Path | str) -> ModuleType:
        file = Path(folder, name)
        if file.name == "env.py":  # a program: it runs the migrations
            return load(folder, name)
        key = file, file.stat().st_mtime_ns  # a test may write other ones
        if key not in imported:
            imported[key] = load(folder, name)
        return imported[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(alembic.util, "load_python_file", load_once)
        yield


@pytest.fixture(scope="session", autouse=True)
def tables_are_made_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A new SQLite file begins as a copy of one that the migrations, ours and Optuna's, have made:
    they take longer than most tests."""
    from automl.studies.database import connection, optuna_tables, schema

    made = tmp_path_factory.mktemp("tables") / "empty.db"
    create_whole = schema.create_whole

    def copy(new: connection.Database) -> None:
        if not made.exists():
            first = connection.Database(f"sqlite:///{made}")
            schema.at_once(lambda: schema._upgrade(first))
            optuna_tables.connect(first)
        assert new.file is not None
        shutil.copyfile(made, new.file)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(schema, "create_whole", lambda database, make: create_whole(database, copy))
        yield


def scope(config: pytest.Config, nodeid: str) -> str:
    """What a test runs together with: the group of its file, or the file alone."""
    file = nodeid.partition("::")[0]
    group = group_of(config.rootpath / file)
    if group == RAY_IF_EXHAUSTIVE:
        group = None if "not exhaustive" in config.option.markexpr else RAY
    return group or file


@cache
def group_of(file: Path) -> str | None:
    """The group that the text of a file names."""
    found = GROUP.search(file.read_text("utf-8"))
    return None if found is None else found[1]


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = Counter(reason(report) for report in terminalreporter.stats.get("skipped", []))
    if not skipped and not _deselected:
        return
    terminalreporter.section("tests that did not run", yellow=True, bold=True)
    for text, number in skipped.most_common():
        terminalreporter.line(f"{number:5} skipped: {text}", yellow=True, bold=True)
    for name, number in _deselected.most_common():
        terminalreporter.line(
            f"{number:5} left out: marked {name}; run with -m {name}, or bash .ci/full", yellow=True, bold=True
        )


def reason(report: pytest.TestReport) -> str:
    """Why a test was skipped."""
    text = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
    return text.removeprefix("Skipped: ")
