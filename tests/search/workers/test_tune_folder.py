"""Ray Tune's temporary folder goes at the end, and those of the dead with the next run."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from automl.search.workers.tune_folder import LOCK, PREFIX, remove_abandoned, tune_folder
from filelock import FileLock


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def abandoned(temporary: Path) -> Path:
    """What a killed process leaves: the kernel has released its lock."""
    folder = temporary / f"{PREFIX}abandoned"
    (folder / "search").mkdir(parents=True)
    (folder / LOCK).touch()
    return folder


def test_a_folder_goes_at_the_end_also_of_a_run_that_breaks_off(temporary: Path) -> None:
    def breaks_off() -> None:
        with tune_folder() as folder:
            (folder / "trial").mkdir()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        breaks_off()
    assert list(temporary.iterdir()) == []


def test_folders_of_the_dead_go_with_the_next_run_and_no_others(temporary: Path) -> None:
    dead, other = abandoned(temporary), temporary / "other"
    other.mkdir()
    unlocked = temporary / f"{PREFIX}of-an-older-version"
    unlocked.mkdir()
    with tune_folder() as folder:
        assert set(temporary.iterdir()) == {folder, other, unlocked}
    assert not dead.exists()


def test_the_folder_of_a_process_that_lives_stays(temporary: Path) -> None:
    with tune_folder() as folder:
        remove_abandoned()
        assert folder.exists()


def test_control_a_lock_that_is_held_by_another_keeps_the_folder(temporary: Path) -> None:
    folder = abandoned(temporary)
    with FileLock(folder / LOCK):
        remove_abandoned()
        assert folder.exists()
    remove_abandoned()
    assert not folder.exists()
