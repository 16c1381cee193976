"""A search that is told to stop, or is killed, leaves no process, no folder, and a whole study."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import tempfile
from itertools import islice
from pathlib import Path

import psutil
import pytest
from automl.search.workers.tune_folder import PREFIX, remove_abandoned

from .conftest import SEARCH, query, running, with_images

pytestmark = [
    pytest.mark.exhaustive,
    pytest.mark.xdist_group("ray if exhaustive"),
    pytest.mark.skipif(sys.platform != "linux", reason="elsewhere Ray's own reaper ends its processes"),
]


BLOCKED = """
import ray
from automl.cli.stopping import interruptible
from automl.search.workers import cluster
with interruptible("automl search --trials 200"):
    cluster.start(None, cpus=1)
    ray._private.worker._global_node.all_processes["gcs_server"][0].process.kill()
    print("killed", flush=True)
    ray.cluster_resources()  # waits for it, until Ray ends the process after a minute
"""


def test_a_driver_that_waits_for_a_dead_gcs_ends_within_seconds_and_says_how_to_go_on(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", BLOCKED], cwd=tmp_path, stdout=-1, stderr=-1, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "killed\n"
        _, errors = process.communicate(timeout=20)
    assert process.returncode == 1
    assert errors.splitlines()[-1] == (
        "error: Ray's gcs_server has died, and a call to it does not return; finished evaluations are kept, go on"
        " with: automl search --trials 200"
    )


@pytest.mark.parametrize(
    ("number", "whole_group"),
    [
        (signal.SIGTERM, False),  # systemctl kill --kill-whom=main, docker stop
        (signal.SIGTERM, True),  # systemd, Slurm
        (signal.SIGHUP, True),  # a terminal that is closed
        (signal.SIGINT, True),  # Ctrl-C
        (signal.SIGKILL, False),  # the kernel's out-of-memory killer
    ],
)
def test_nothing_is_left_and_what_has_ended_is_kept(
    number: signal.Signals, whole_group: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    with running(*SEARCH, "--trials", 200, cwd=with_images(tmp_path)) as process:
        assert process.stdout is not None
        ends = (line for line in process.stdout if line.startswith(("complete", "pruned")))
        assert len(list(islice(ends, 3))) == 3, process.communicate()
        started = psutil.Process(process.pid).children(recursive=True)
        assert len(started) >= 5  # control: a raylet, a GCS, agents, workers
        assert len(list(temporary.glob(f"{PREFIX}*"))) == 1
        (os.killpg if whole_group else os.kill)(process.pid, number)
        _, errors = process.communicate(timeout=60)
        _, left = psutil.wait_procs(started, timeout=5)
    assert [one.name() for one in left] == []
    if number == signal.SIGKILL:
        assert process.returncode == -number
        assert f"broken off: process {process.pid} ended without a word" in errors
        assert "finished evaluations are kept, go on with: automl search" in errors
    else:
        assert process.returncode == 128 + number, errors
        said = errors.strip().splitlines()
        assert whole_group or len(said) == 1  # Ray itself says that its processes have died
        assert said[-1].startswith("interrupted; finished evaluations are kept, go on with: ")
        assert shlex.split(said[-1].partition("go on with: ")[2])[:2] == ["automl", "search"]
    remove_abandoned()  # as the next run does
    assert list(temporary.glob(f"{PREFIX}*")) == []
    ended = query(tmp_path, "SELECT candidate_id, fidelity, seed FROM automl_evaluations")
    assert len(set(ended)) == len(ended) >= 3
    assert query(tmp_path, "SELECT DISTINCT state FROM trials WHERE state NOT IN ('COMPLETE', 'PRUNED', 'FAIL')") == []
