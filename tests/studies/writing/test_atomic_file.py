"""What the disk refuses leaves nothing behind: every file is written aside, synced and renamed."""

from __future__ import annotations

import ast
import errno
import os
import resource
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from automl.blocks.errors import AutomlError, InputError
from automl.studies import Study, StudySpec
from automl.studies.trained.checkpoint import save
from automl.studies.upkeep.recovered import tidy
from automl.studies.writing import atomic_file
from automl.studies.writing.atomic_file import aside, make_folder, refused, remove_unfinished, replacing, write_text

from ...import_graph import ROOT, sources

ALLOWED = {
    "studies/writing/atomic_file.py": "it is the writer",
    "studies/export/export_folder.py": "its files are in a folder aside, which is synced and renamed whole",
    "studies/export/family_folder.py": "as folder.py",
    "studies/export/onnx_file.py": "as folder.py",
    "studies/export/check.py": "a temporary folder that nothing outlives",
    "studies/export/rerun.py": "the answer of a process, in a temporary folder",
    "search/workers/cluster.py": "whether a folder can be written",
    "cli/completion.py": "/dev/null",
    "search/data/cache.py": "a cache: a folder aside, which is renamed whole, and can be made again",
    "search/data/copied.py": "as cache.py",
    "search/data/entry.py": "as cache.py",
    "search/data/mapped.py": "as cache.py",
    "search/data/shards.py": "images for the check of an export, in a temporary folder",
}
"""The only modules that write files by other means, each with the reason."""
WRITES = {"write_text", "write_bytes", "savefig", "savez", "savetxt", "to_csv", "save_file"}
SAVES = {"torch", "np", "numpy", "program", "image"}


def writers(text: str) -> list[int]:
    """Lines of a module at which a file is written."""
    found = []
    for node in ast.walk(ast.parse(text)):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        owner = (
            node.func.value.id if isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name) else ""
        )
        modes = [one.value for one in (*node.args, *(k.value for k in node.keywords)) if isinstance(one, ast.Constant)]
        opens = name in ("open", "fdopen") and any(
            isinstance(mode, str) and len(mode) <= 3 and set(mode) & set("wax+") for mode in modes
        )
        ours = name == "write_text" and isinstance(node.func, ast.Name)
        if (
            opens
            or (name in WRITES and not ours)
            or (name in ("save", "TemporaryFile") and owner in SAVES | {"tempfile"})
        ):
            found.append(node.lineno)
    return found


def test_every_module_writes_files_by_the_one_writer():
    found = {path.relative_to(ROOT).as_posix(): writers(path.read_text()) for path in sources()}
    others = {name: lines for name, lines in found.items() if lines and name not in ALLOWED}
    into_a_file_aside = {"studies/trained/checkpoint.py", "studies/writing/figure_style.py"}
    assert set(others) == into_a_file_aside
    for name in into_a_file_aside:
        assert all("file" in (ROOT / name).read_text().splitlines()[line - 1] for line in others[name])


@pytest.mark.parametrize(
    "text",
    [
        "path.write_text('x')",
        "open(path, 'w')",
        "path.open('ab')",
        "figure.savefig(path)",
        "torch.save(state, path)",
        "np.savez(path, x=x)",
    ],
)
def test_another_way_of_writing_would_be_seen(text: str):
    assert writers(text) == [1]
    assert writers("open(path)\npath.read_text()\nwrite_text(path, 'x')") == []


@contextmanager
def small_disk(bytes_left: int = 100) -> Iterator[None]:
    """No file can grow beyond some bytes: writes fail in the kernel, as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (bytes_left, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def nothing_is_synced() -> Iterator[None]:
    """Writes succeed, and the sync says that there is no room."""

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", full)
        yield


def _database(folder: Path) -> None:
    spec = StudySpec(name="s", space={"name": "x"}, budget="", data={"name": "none"}, settings={})
    Study.create_or_continue(f"sqlite:///{folder}/s.db", spec, command="automl search", versions={})


def _figure(folder: Path) -> None:
    from automl.studies.writing.figure_style import save as save_figure
    from matplotlib.figure import Figure

    figure = Figure(figsize=(1, 1))
    figure.subplots().plot([1, 2])
    save_figure(figure, folder / "figure.svg")


def _export(folder: Path) -> None:
    from automl.studies.export.export_folder import renamed

    with renamed(folder / "found") as inner:
        (inner / "model.safetensors").write_bytes(bytes(5000))


WRITERS: dict[str, Callable[[Path], Any]] = {
    "a page": lambda folder: write_text(folder / "report.md", "x" * 5000),
    "a checkpoint": lambda folder: save(folder / "w.pt", {"weights": torch.zeros(5000)}),
    "a figure": _figure,
    "an export": _export,
    "a database": _database,
}


@pytest.mark.parametrize(
    ("disk", "writer"),
    [
        *((small_disk, name) for name in WRITERS),
        *((nothing_is_synced, name) for name in WRITERS if name != "a database"),  # SQLite syncs its files itself
    ],
)
def test_what_the_disk_refuses_leaves_nothing_behind(tmp_path: Path, writer: str, disk: Any):
    write = WRITERS[writer]
    with disk(), pytest.raises((OSError, AutomlError)) as error:
        write(tmp_path)
    assert list(tmp_path.iterdir()) == []
    assert not isinstance(error.value, InputError)  # the machine is at fault, not the user
    write(tmp_path)  # control: the disk was the only reason
    assert len(list(tmp_path.iterdir())) == 1


def test_the_reports_of_a_study_are_written_by_it_and_say_whose_fault_it_is(tmp_path: Path):
    full = refused("--out", OSError(errno.ENOSPC, "No space left on device"))
    assert (type(full), str(full)) == (AutomlError, "--out cannot be written: [Errno 28] No space left on device")
    assert type(refused("--out", OSError(errno.EACCES, "Permission denied"))) is InputError


def test_a_link_to_a_file_stays_a_link(tmp_path: Path):
    (tmp_path / "file").write_text("old")
    (tmp_path / "link").symlink_to("file")
    write_text(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "file").read_text() == "new"


def test_the_longest_name_that_a_file_can_have_can_be_written(tmp_path: Path):
    write_text(tmp_path / ("é" * 127), "x")
    assert [path.name for path in tmp_path.iterdir()] == ["é" * 127]


def test_an_error_of_the_writer_keeps_the_earlier_file(tmp_path: Path):
    (tmp_path / "a").write_text("old")
    with pytest.raises(TypeError), replacing(tmp_path / "a") as file:
        file.writelines([b"half", "no bytes"])  # pyright: ignore[reportArgumentType]
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("a", "old")]


def test_a_folder_is_made_with_those_above_it_or_none_is(tmp_path: Path):
    make_folder(tmp_path / "a" / "b")
    make_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b").is_dir()
    with pytest.raises(OSError, match="too long"):
        make_folder(tmp_path / "sqlite:" / ("x" * 256))
    assert not (tmp_path / "sqlite:").exists()
    with pytest.raises(OSError, match="too long"):  # control: the usual way leaves the upper one
        (tmp_path / "sqlite:" / ("x" * 256)).mkdir(parents=True)
    assert (tmp_path / "sqlite:").exists()
    (tmp_path / "file").touch()
    with pytest.raises(FileExistsError):
        make_folder(tmp_path / "file")


class TestUnfinished:
    """What a process that was killed left is removed by the next run of its study."""

    @pytest.fixture
    def dead(self) -> int:
        """The id of a process that has ended."""
        process = subprocess.Popen(["true"])
        process.wait()
        return process.pid

    def left(self, path: Path, process: int) -> Path:
        """The file that a process leaves if it is killed while it writes `path`."""
        name = aside(path).name.replace(f"-{os.getpid()}-", f"-{process}-")
        (path.parent / name).touch()
        return path.parent / name

    def test_only_that_of_dead_processes_of_this_machine_is_removed(
        self, tmp_path: Path, dead: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        gone, living = (self.left(tmp_path / "c.pt", process) for process in (dead, os.getpid()))
        below = tmp_path / "waiting"
        below.mkdir()
        inside = self.left(below / "c.pt", dead)
        mine = tmp_path / ".c.pt.0123456789ab.tmp"  # of whatever else
        mine.touch()
        with monkeypatch.context() as patch:
            patch.setattr(atomic_file, "_here", lambda: "01234567")
            elsewhere = self.left(tmp_path / "c.pt", dead)
        remove_unfinished(tmp_path)
        assert sorted(tmp_path.iterdir()) == sorted([living, below, mine, elsewhere])
        assert inside.exists()
        remove_unfinished(tmp_path, below=True)
        assert not inside.exists()
        assert not gone.exists()

    def test_a_folder_that_is_not_there_has_none(self, tmp_path: Path) -> None:
        remove_unfinished(tmp_path / "none")
        remove_unfinished(tmp_path / "none", below=True)

    def test_the_next_run_removes_it_beside_the_database_and_among_the_weights(
        self, tmp_path: Path, dead: int, spec: StudySpec
    ) -> None:
        study = Study.create_or_continue(f"sqlite:///{tmp_path / 's.db'}", spec, command="", versions={})
        weights = tmp_path / "s.db.artifacts" / "tiny" / "waiting"
        weights.mkdir(parents=True)
        names = [self.left(tmp_path / "s.db", dead), self.left(weights / "c.pt", dead)]
        tidy(study)
        assert [one.exists() for one in names] == [False, False]
