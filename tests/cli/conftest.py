"""Running commands, in this process or in one of their own, and a folder in which a search has
run."""

from __future__ import annotations

import contextlib
import io
import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch

import pytest
import torch
from automl.cli.main import main

from .. import fresh
from ..squares import write_images
from .worker_here import worker_here

COMMAND = [sys.executable, "-c", "from automl.cli.main import run; run()"]
SPACE = """
name: tiny
skeleton: resnet
image: [1, 18, 18]
dimensions:
  depth: 0.2
  width: {low: 0.125, high: 0.25, step: 0.125}
  repeats: 1
  stem: [plain, deep]
  cardinality: [1, 2]
  radix: [0, 1, 2]
  attention: [none, se, eca, cbam, ecabam]
  eca_kernel: {choices: [auto, 3, 5], when: {attention: [eca, ecabam]}}
  eca_padding: {choices: [zeros, circular], when: {attention: [eca, ecabam]}}
"""
SEARCH = ["search", "--space", "tiny.yaml", "--data", "images.npz", "--budget", "600kFLOPs", "--study", "tiny"]
SEARCH += ["--trials", "10", "--epochs", "3", "--workers", "2", "--finals", "1", "--seeds", "2", "--no-flip"]
SEARCH += ["--references", "2", "--time", "10min"]
"""A search of `SPACE` that takes seconds."""


class Done(NamedTuple):
    """What a command did in this process."""

    code: int
    stdout: str
    stderr: str


def environment() -> dict[str, str]:
    return {**os.environ, "COLUMNS": "200", "NO_COLOR": "1"}


def program() -> str:
    """A command, for a process that is forked from one that has imported torch."""
    return f"os.environ.update({environment()}); from automl.cli.main import run; run()"


def automl(*arguments: object, cwd: Path, check: bool = True, timeout: float = 600) -> subprocess.CompletedProcess[str]:
    """A command in a process of its own."""
    done = subprocess.run(
        [*COMMAND, *map(str, arguments)], cwd=cwd, capture_output=True, text=True, timeout=timeout, env=environment()
    )
    assert not check or done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done


def forked(*arguments: object, cwd: Path) -> subprocess.CompletedProcess[str]:
    """A command in a process of its own that need not import torch."""
    done = fresh.run(program(), *arguments, folder=cwd, timeout=600)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done


def called(*arguments: object, cwd: Path, check: bool = True) -> Done:
    """A command in this process, in the folder `cwd`."""
    words, out, err, threads = list(map(str, arguments)), io.StringIO(), io.StringIO(), torch.get_num_threads()
    with (
        contextlib.chdir(cwd),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
        patch.dict(os.environ, environment()),
        patch.object(sys, "argv", ["automl", *words]),
    ):
        code = main(words)
    torch.set_num_threads(threads)
    done = Done(code, out.getvalue(), err.getvalue())
    assert not check or code == 0, f"{done.stdout}\n{done.stderr}"
    return done


def _taking_signals() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@contextlib.contextmanager
def running(*arguments: object, cwd: Path) -> Iterator[subprocess.Popen[str]]:
    """A command that runs in a process group of its own, and takes Ctrl-C and the end of a terminal
    even where the tests run in the background of a shell or under `nohup`, which ignore them;
    nothing of the group is left afterwards."""
    process = subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**environment(), "PYTHONUNBUFFERED": "1"},
        start_new_session=True,
        preexec_fn=_taking_signals,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def query(folder: Path, sql: str) -> list[tuple]:
    """Rows of the database in `folder`."""
    with sqlite3.connect(folder / "automl.db") as database:
        return database.execute(sql).fetchall()


def with_images(folder: Path) -> Path:
    """`folder` with all that `SEARCH` reads."""
    (folder / "tiny.yaml").write_text(SPACE)
    write_images(folder / "images.npz")
    return folder


@pytest.fixture(scope="session")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which `automl search` has run to its end, without Ray; it is not to be changed.
    Its users are in the group `exports`, so that it is made once."""
    path = with_images(tmp_path_factory.mktemp("searched"))
    with worker_here():
        (path / "output.txt").write_text(called(*SEARCH, cwd=path).stdout)
    return path


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which `automl search` was interrupted by Ctrl-C, then run to its end; its users
    are in Ray's group."""
    path = with_images(tmp_path_factory.mktemp("search"))
    with fresh.running(program(), *SEARCH, "--trials", 200, "--workers", 1, folder=path, timeout=600) as process:
        ends = (line for line in process.stdout if line.startswith(("complete", "pruned")))
        assert len(list(islice(ends, 2))) == 2, process.communicate()
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: the workers get it too
        code, _, errors = process.communicate()
    found = {
        "code": code,
        "errors": errors,
        "candidates": [one for (one,) in query(path, "SELECT candidate_id FROM automl_evaluations")],
        "states": [one for (one,) in query(path, "SELECT DISTINCT state FROM trials")],
    }
    (path / "interrupted.json").write_text(json.dumps(found))
    (path / "output.txt").write_text(forked(*SEARCH, cwd=path).stdout)
    return path


@pytest.fixture
def call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """A command in this process, in an empty folder: exit code, output, errors."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: object) -> tuple[int, str, str]:
        code = main([str(argument) for argument in arguments])
        out, err = capsys.readouterr()
        return code, out, err

    return run
