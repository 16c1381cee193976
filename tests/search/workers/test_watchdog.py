"""What a driver has started ends with it, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest
from automl.search.workers import watchdog
from automl.search.workers.watched import MARK, WATCHDOG

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere Ray has a reaper of its own")

DRIVER = """
import os, subprocess, sys
watchdog, mark = sys.argv[1:]
subprocess.Popen([sys.executable, "-I", "-S", watchdog, mark], stdin=subprocess.PIPE, start_new_session=True)
name, _, value = mark.partition("=")
quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "start_new_session": True}
agent = subprocess.Popen(["sleep", "60"], env={**os.environ, name: value}, **quiet)
other = subprocess.Popen(["sleep", "60"], **quiet)
print(agent.pid, other.pid, flush=True)
sys.stdin.read()
"""


def alive(process: int) -> bool:
    try:
        with open(f"/proc/{process}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_killed_drivers_processes_are_killed_and_no_others() -> None:
    driver = subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", DRIVER, str(WATCHDOG), f"{MARK}=test-{os.getpid()}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert driver.stdout is not None
    agent, other = map(int, driver.stdout.readline().split())
    try:
        assert alive(agent)  # control
        driver.kill()
        driver.communicate()
        ends = time.monotonic() + 10
        while alive(agent) and time.monotonic() < ends:
            time.sleep(0.02)
        assert not alive(agent)
        assert alive(other)  # it has no mark
    finally:
        os.kill(other, signal.SIGKILL)


def test_only_a_whole_variable_is_a_mark() -> None:
    child = subprocess.Popen(["sleep", "60"], env={MARK: "one"})
    try:
        assert child.pid in watchdog.marked(f"{MARK}=one".encode())
        assert child.pid not in watchdog.marked(f"{MARK}=on".encode())
        assert child.pid not in watchdog.marked(b"one")
    finally:
        child.kill()
        child.wait()
