"""What a shell completes, as bash asks for it, and the version."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
from contextlib import redirect_stderr, redirect_stdout
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import pytest
from automl.cli import completion
from automl.cli.main import main
from automl.studies import Study, StudySpec, listing


@pytest.fixture
def storage(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path}/some.db"
    for name in ("digits-20M", "digits-40M", "photos"):
        Study.create_or_continue(
            url, StudySpec(name=name, space={"name": "none"}, budget="", data={}, settings={}), command="", versions={}
        )
    return url


PATIENT = "from automl.cli import completion; completion.PATIENCE = 120; from automl.cli.main import run; run()"
"""The command, which waits for a database as long as a machine with other work may need."""


def asked(words: str, variables: dict[str, str]) -> dict[str, str]:
    """The environment in which bash asks what may come for the last of `words`."""
    count = str(words.count(" "))
    return {"_AUTOML_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": count, **variables}


def typed(words: str, **variables: str) -> list[str]:
    """What bash would offer; nothing may be said beside it."""
    environment = {**os.environ, **asked(words, variables)}
    done = subprocess.run([sys.executable, "-c", PATIENT], capture_output=True, text=True, timeout=300, env=environment)
    assert done.stderr == ""
    return done.stdout.split()


def completed(words: str, **variables: str) -> list[str]:
    """The same in this process, which has imported the command."""
    with (
        pytest.MonkeyPatch.context() as patch,
        redirect_stdout(io.StringIO()) as out,
        redirect_stderr(io.StringIO()) as err,
    ):
        patch.setattr(completion, "PATIENCE", 120)
        for name, value in asked(words, variables).items():
            patch.setenv(name, value)
        main([])
    assert err.getvalue() == ""
    return out.getvalue().split()


def test_commands_are_completed():
    assert {"status", "studies"} <= set(typed("automl st"))


def test_studies_are_completed_from_the_database_named(storage: str):
    assert typed(f"automl status --storage {storage} dig") == ["digits-20M", "digits-40M"]
    assert completed("automl export p", AUTOML_STORAGE=storage) == ["photos"]
    assert completed("automl scale --study ", AUTOML_STORAGE=storage) == ["digits-20M", "digits-40M", "photos"]


@pytest.mark.parametrize(
    "url", ["sqlite:///none.db", "nosuch://host/db", "not a url", "postgresql://me@127.0.0.1:1/db"]
)
def test_a_database_that_cannot_be_read_completes_nothing_and_says_nothing(url: str, tmp_path: Path):
    assert completed("automl status ", AUTOML_STORAGE=url) == []


def test_what_is_no_database_completes_nothing(tmp_path: Path):
    (tmp_path / "text.db").write_text("no database at all" * 100)
    assert typed("automl status ", AUTOML_STORAGE=f"sqlite:///{tmp_path}/text.db") == []


def test_a_database_that_does_not_answer_is_not_waited_for(monkeypatch: pytest.MonkeyPatch):
    answers = threading.Event()  # the database answers only when the completion is over

    def names(storage: str) -> list[str]:
        assert answers.wait(600)
        return ["digits-20M"]

    monkeypatch.setattr(listing, "names", names)
    monkeypatch.setattr(completion, "PATIENCE", 0.05)
    try:
        assert completion.complete_study(SimpleNamespace(params={}), "") == []  # type: ignore[arg-type]
    finally:
        answers.set()


def test_nothing_is_migrated_for_a_completion(tmp_path: Path):
    old = tmp_path / "old.db"
    old.write_bytes((Path(__file__).parents[1] / "studies" / "assets" / "study-0001.sqlite").read_bytes())
    before = old.read_bytes()
    assert listing.names(f"sqlite:///{old}") == ["tiny"]
    assert old.read_bytes() == before
    assert [one.name for one in listing.studies(f"sqlite:///{old}")] == ["tiny"]
    assert old.read_bytes() != before  # control: reading it otherwise migrates it


def test_the_version_is_told(call):
    assert call("--version") == (0, f"automl {version('automl')}\n", "")
