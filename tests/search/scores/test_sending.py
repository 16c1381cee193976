"""Scores of the user's own, sent to a process that could not import them."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from automl.blocks import InputError
from automl.search.scores import Score, register, score_names, scores
from automl.search.scores.sending import packed, unpacked

RECEIVER = """
import sys
from automl.search.scores import score
from automl.search.scores.sending import unpacked

unpacked(sys.stdin.buffer.read())
print([score(name).of(3.0) for name in sys.argv[1:]])
"""


@pytest.fixture(autouse=True)
def _as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scores, "known", dict(scores.known))


def received(data: bytes, *names: str) -> str:
    """What another process computes, in a folder where none of these modules lie."""
    done = subprocess.run(
        [sys.executable, "-c", RECEIVER, *names], input=data, capture_output=True, timeout=300, cwd="/"
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode().strip()


def test_automls_own_are_not_sent():
    assert packed() == b""
    unpacked(b"")


def test_a_module_that_only_this_process_can_import_travels_by_value(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "their_own_score.py").write_text("FACTOR = 7\n\n\ndef score(subject):\n    return FACTOR * subject\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    register(Score(name="theirs", source="none", module="their_own_score"))
    assert received(packed(), "theirs") == "[21.0]"
    monkeypatch.delitem(sys.modules, "their_own_score")


def test_a_function_of_a_script_or_a_notebook_travels_with_what_it_refers_to():
    factor = 5
    register(Score(name="of a notebook", source="none", function=lambda subject: factor * subject))
    register(Score(name="installed", source="none", function=abs))
    assert received(packed(), "of a notebook", "installed") == "[15.0, 3.0]"
    assert packed(["naswot"]) == b""


def test_control_a_process_that_is_sent_nothing_does_not_know_it():
    with pytest.raises(AssertionError, match="unknown score 'theirs'"):
        received(b"", "theirs")


def test_what_cannot_be_sent_is_refused_by_its_name():
    lock = threading.Lock()
    register(Score(name="locked", source="none", function=lambda subject: subject if lock.locked() else 0.0))
    with pytest.raises(
        InputError,
        match=r"the score 'locked' must be a function that can be sent to workers, but it cannot be pickled: .*lock",
    ):
        packed()
    assert packed(["naswot"]) == b""


def test_what_cannot_be_computed_is_refused_by_its_name():
    register(Score(name="nowhere", source="none", module="no_such_module_here"))
    with pytest.raises(InputError, match=r"the score 'nowhere' must be computed by .*no_such_module_here"):
        packed()
    scores.known.pop("nowhere")
    register(Score(name="empty", source="none", module="json"))
    with pytest.raises(InputError, match=r"the score 'empty' must be computed by .*'json'"):
        packed()


@pytest.mark.parametrize(("given", "has"), [({}, "none"), ({"module": "json", "function": abs}, "both")])
def test_a_score_has_a_module_or_a_function(given: dict, has: str):
    with pytest.raises(InputError, match=f"a score needs a module or a function, and not both, but 'x' has {has}"):
        register(Score(name="x", source="none", **given))
    assert "x" not in score_names()
