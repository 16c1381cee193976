"""Before Ray is started: where its folder lies, and what GPUs there are."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from automl.blocks import InputError
from automl.search.workers import cluster, ray_private


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], str]:
    """Makes the path of Ray's usual folder so many bytes long."""
    monkeypatch.delenv("RAY_TMPDIR", raising=False)

    def lie(length: int) -> str:
        monkeypatch.setenv("TMPDIR", "/x" + "y" * (length - len("/x/ray")))
        return f"{os.environ['TMPDIR']}/ray"

    return lie


def test_rays_folder_stays_where_its_sockets_fit_and_is_a_short_one_elsewhere(
    temporary: Callable[[int], str], tmp_path: Path
):
    temporary(cluster.LONGEST)
    assert cluster.folder() is None
    temporary(cluster.LONGEST + 1)
    assert cluster.folder([str(tmp_path)]) == f"{tmp_path}/ray"


def test_the_longest_path_is_rays_own_limit(temporary: Callable[[int], str]):
    from ray._private.utils import validate_socket_filepath

    deeper = "session_2026-01-31_23-59-59_999999_4194304/sockets/plasma_store"
    validate_socket_filepath(f"{temporary(cluster.LONGEST)}/{deeper}")
    with pytest.raises(OSError, match="AF_UNIX path length"):  # control
        validate_socket_filepath(f"{temporary(cluster.LONGEST + 1)}/{deeper}")


def test_a_folder_that_cannot_be_written_is_passed_over(temporary: Callable[[int], str], tmp_path: Path):
    temporary(200)
    (tmp_path / "file").write_text("")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "ray").write_text("another user's")
    assert cluster.folder([str(tmp_path / "file"), str(tmp_path / "other")]) == f"{tmp_path}/other/ray-{os.getuid()}"
    with pytest.raises(
        InputError,
        match=(
            r"must have a path of at most \d+ bytes, but '/xy+/ray' has 200, and .*file cannot be written: set"
            r" RAY_TMPDIR"
        ),
    ):
        cluster.folder([str(tmp_path / "file")])


def test_a_relative_folder_is_made_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.chdir("/tmp")
    monkeypatch.setenv("RAY_TMPDIR", "here")
    assert cluster.folder() == "/tmp/here/ray"


def test_gpus_that_are_not_there_are_refused_without_ray():
    with pytest.raises(InputError, match="--gpus-per-trial must be at most the GPUs there are, but got 3 of 2"):
        cluster.require_gpus(3, gpus=2)
    cluster.require_gpus(2, gpus=2)
    cluster.require_gpus(64, address="auto")  # a cluster's are counted by Ray
    cluster.require_gpus(None, gpus=0)
    cluster.require_gpus(0, gpus=0)


def test_torch_is_imported_only_where_there_may_be_gpus(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    for name in ("null", "nvme0n1", "nvram"):
        (tmp_path / name).touch()
    assert not cluster.may_have_gpus(tmp_path)
    (tmp_path / "nvidiactl").touch()
    assert cluster.may_have_gpus(tmp_path)  # control
    monkeypatch.setattr(cluster, "may_have_gpus", lambda: False)
    monkeypatch.setitem(sys.modules, "torch", None)  # importing it fails
    assert cluster.count_gpus() == 0


def test_only_on_linux_do_rays_processes_leave_the_drivers_group(monkeypatch: pytest.MonkeyPatch):
    import ray
    from ray._private import services

    before, seen = services.ConsolePopen, []
    monkeypatch.setattr(ray, "init", lambda **asked: seen.append(services.ConsolePopen))
    for platform in ("darwin", "linux"):
        monkeypatch.setattr(sys, "platform", platform)
        ray_private.begin(None, preloaded=())
    assert seen[0] is before
    assert seen[1] is not before


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere Ray looks after its processes")
def test_what_is_sent_to_the_drivers_group_does_not_reach_rays_processes(monkeypatch: pytest.MonkeyPatch):
    import ray
    from ray._private import services

    started: list[subprocess.Popen[bytes]] = []

    def start(**asked: object) -> None:
        ended = services.start_ray_process([sys.executable, "-c", "import time; time.sleep(60)"], "raylet", False)
        started.append(ended.process)

    monkeypatch.setattr(ray, "init", start)
    try:
        ray_private.begin(None, preloaded=())
        start()  # control
        assert [os.getsid(one.pid) == one.pid for one in started] == [True, False]
    finally:
        for one in started:
            one.kill()
            one.wait()


def test_nobody_else_can_look_into_the_folder_of_the_sessions(tmp_path: Path):
    place = str(tmp_path / "ray")
    if len(place) + 20 > cluster.LONGEST:
        place = f"/tmp/automl-test-{os.getpid()}"
    outer = Path(f"{place}-{os.getuid()}")
    try:
        outer.mkdir(0o777)
        assert cluster.closed(place) == f"{outer}/r"
        assert outer.stat().st_mode & 0o777 == 0o700
        outer.rmdir()
        outer.symlink_to(tmp_path)
        assert cluster.closed(place) == place  # another user may have put it there
        long = "/x" + "y" * cluster.LONGEST
        assert cluster.closed(long) == long
    finally:
        outer.unlink(missing_ok=True)
