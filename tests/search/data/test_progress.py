"""How far the decoding of many files has come is told to whoever shows it."""

from __future__ import annotations

from pathlib import Path

import pytest
from automl.search.data.progress import in_words, progress, watched

from .decoded import read, write_classes

Told = list[tuple[str, int, int | None]]


@pytest.fixture
def told() -> Told:
    return []


def test_a_watch_is_told_of_files_that_are_looked_at_and_decoded(
    tmp_path: Path, told: Told, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("automl.search.data.progress.SHOWN_FROM", 1)
    monkeypatch.setattr("automl.search.data.image_files.CHUNK", 30)
    root = write_classes(tmp_path)
    with watched(lambda *went: told.append(went), every=0):
        read(root)
    whats = ["looking at the files", "decoding the images"]
    assert told == [(what, done, 72) for what in whats for done in (30, 60, 72)]
    assert in_words(*told[-1]) == "decoding the images: 72 of 72"
    assert in_words("waiting", 0, None) == "waiting"


def test_nothing_is_told_of_few_files_or_outside_of_the_watch(tmp_path: Path, told: Told):
    root = write_classes(tmp_path)
    with watched(lambda *went: told.append(went), every=0):
        read(root)
    with progress("decoding", 10**6) as went:
        went(5)
    assert told == []


def test_between_two_calls_lies_the_time_that_was_asked_for(told: Told):
    with watched(lambda *went: told.append(went), every=3600), progress("decoding", 10**6) as went:
        for done in range(100):
            went(done)
    assert told == [("decoding", 0, 10**6)]


def test_without_a_watch_and_a_terminal_nothing_is_written(capsys: pytest.CaptureFixture[str]):
    with progress("decoding", 10**6) as went:
        went(5)
    assert capsys.readouterr() == ("", "")
