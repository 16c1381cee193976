"""Folders and URLs as stores of a study's files."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest
from automl.blocks import InputError
from automl.studies import Study, StudySpec
from automl.studies.store import Folder, Store, StoreError, Url, checked_place, url_store
from automl.studies.store.open_store import require_usable
from automl.studies.trained.artifacts import begin_at
from automl.studies.upkeep.recovered import tidy
from automl.studies.writing.atomic_file import aside
from fsspec.implementations.local import LocalFileSystem

from .conformance import StoreConformance, got, put


class TestFolder(StoreConformance):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Store:
        return Folder(tmp_path / "files")


class TestUrl(StoreConformance):
    @pytest.fixture
    def store(self, tmp_path: Path) -> Store:
        return Url(f"file://{tmp_path}/files")

    def test_what_a_kill_leaves_aside_is_not_listed(self, store: Store, tmp_path: Path, monkeypatch):
        put(store, "search/a.pt", b"one")

        def killed(*_: object, **__: object) -> None:
            raise KeyboardInterrupt

        monkeypatch.setattr(LocalFileSystem, "mv", killed)
        monkeypatch.setattr(LocalFileSystem, "rm_file", killed)
        with pytest.raises(KeyboardInterrupt):
            put(store, "search/b.pt", b"two")
        assert len(list((tmp_path / "files" / "search").iterdir())) == 2
        assert store.names("search") == ["a.pt"]

    def test_the_next_run_removes_what_dead_processes_left_aside(self, store: Url, tmp_path: Path, spec: StudySpec):
        child = subprocess.Popen(["true"])
        child.wait()
        put(store, "search/a.pt", b"one")
        folder = tmp_path / "files" / "search"
        left = aside(folder / "b.pt")
        living, gone = left, left.with_name(left.name.replace(f"-{os.getpid()}-", f"-{child.pid}-"))
        for one in (living, gone, gone.with_name(f"b{gone.name}")):
            one.touch()
        study = Study.create_or_continue(f"sqlite:///{tmp_path / 's.db'}", spec, command="", versions={})
        place = Path(begin_at(study, store.place).place.removeprefix("file://"))
        place.mkdir(parents=True)
        moved = folder.rename(place / "search")
        tidy(study)
        assert {one.name for one in moved.iterdir()} == {"a.pt", f"b{gone.name}", living.name}

    def test_a_store_that_cannot_be_opened_is_an_error_of_ours(self):
        with pytest.raises(StoreError):
            Url("nosuch://x").remove_unfinished()

    def test_a_place_that_is_not_there_yet_holds_nothing_unfinished(self, store: Url):
        store.remove_unfinished()


class TestRefused:
    """What a store at a URL refuses is tried again for a while."""

    @pytest.fixture
    def waits(self, monkeypatch: pytest.MonkeyPatch) -> list[float]:
        """The pauses, which take no time."""
        waits: list[float] = []
        monkeypatch.setattr(url_store, "time", SimpleNamespace(sleep=waits.append, monotonic=lambda: sum(waits)))
        return waits

    def refusing(self, monkeypatch: pytest.MonkeyPatch, *errors: Exception) -> None:
        left, write = list(errors), LocalFileSystem.pipe_file

        def pipe_file(self, *given, **named):
            if left:
                raise left.pop(0)
            return write(self, *given, **named)

        monkeypatch.setattr(LocalFileSystem, "pipe_file", pipe_file)

    def test_a_network_that_fails_for_moments_is_waited_for(self, tmp_path: Path, monkeypatch, waits: list[float]):
        self.refusing(monkeypatch, OSError("reset"), TimeoutError())
        store = Url(f"file://{tmp_path}/files", patience=60.0)
        put(store, "a.pt", b"one")
        assert (got(store, "a.pt"), waits) == (b"one", [0.25, 0.5])

    def test_one_that_goes_on_failing_is_told_in_one_line(self, tmp_path: Path, monkeypatch, waits: list[float]):
        self.refusing(monkeypatch, *[OSError("reset\nby peer")] * 99)
        with pytest.raises(StoreError, match=r"^file://.*/files/a\.pt cannot be written: OSError: reset$"):
            put(Url(f"file://{tmp_path}/files", patience=60.0), "a.pt", b"one")
        assert sum(waits) == 60.0

    def test_what_no_waiting_ends_is_told_at_once(self, tmp_path: Path, monkeypatch, waits: list[float]):
        self.refusing(monkeypatch, PermissionError("no right"))
        with pytest.raises(StoreError, match="PermissionError: no right"):
            put(Url(f"file://{tmp_path}/files", patience=60.0), "a.pt", b"one")
        assert waits == []

    def test_a_place_that_cannot_be_written_is_refused_before_anything_starts(self, tmp_path: Path, monkeypatch):
        require_usable(f"file://{tmp_path}/files")
        assert list((tmp_path / "files").iterdir()) == []
        self.refusing(monkeypatch, PermissionError("no right"))
        with pytest.raises(InputError, match=r"--artifacts must be a folder or a URL that can be written: .*no right"):
            require_usable(f"file://{tmp_path}/files")
        with pytest.raises(InputError, match=r"--artifacts must be .*nothing"):
            require_usable("nothing://bucket/place")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("s3://bucket/place/", "s3://bucket/place"),
        ("s3://bucket", "s3://bucket"),
        ("abfs://container@account/place", "abfs://container@account/place"),
        ("hdfs:///place", "hdfs:///place"),
        ("file:///a/b%20c", "/a/b c"),
        ("/a/../b", "/b"),
    ],
)
def test_a_place_is_a_url_or_the_path_of_a_folder(text: str, place: str):
    assert checked_place(text) == place


@pytest.mark.parametrize(
    "text",
    [
        "ftp://me:secret@host/a",
        "s3://secret@bucket/a",
        "simplecache::s3://me:secret@bucket/a",
        "abfs://container:secret@account/a",
        "s3://bucket/a?secret_key=secret",
        "s3://bucket/a#secret",
        "s3://[bad/a",
        "s3://",
        "s3:///a",
        "file://~/a",
        "file:///",
        "memory://a",
        "",
    ],
)
def test_a_place_that_holds_secrets_or_that_others_cannot_reach_is_refused(text: str):
    with pytest.raises(InputError, match="--artifacts must") as refused:
        checked_place(text)
    assert "secret@" not in str(refused.value)
    assert "=secret" not in str(refused.value)
    assert "#secret" not in str(refused.value)
