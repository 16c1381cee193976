"""What a driver has started ends with it, however it ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress

import pytest
from automl.search.workers import watchdog
from automl.search.workers.watched import MARK, WATCHDOG

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="elsewhere Ray has a reaper of its own")

DRIVER = """
import json, os, subprocess, sys
watchdog, mark = sys.argv[1:]
command = [sys.executable, "-I", "-S", watchdog, mark]
watching = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, start_new_session=True)
watching.stdin.write(json.dumps("the same\\ud800 call goes on").encode() + b"\\n")
watching.stdin.flush()
name, _, value = mark.partition("=")
quiet = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
agent = subprocess.Popen(["sleep", "60"], env={**os.environ, name: value}, start_new_session=True, **quiet)
other = subprocess.Popen(["sleep", "60"], start_new_session=True, **quiet)
print(agent.pid, other.pid, flush=True)
if said := sys.stdin.readline():
    watching.communicate(said.encode())
"""


def alive(process: int) -> bool:
    try:
        with open(f"/proc/{process}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def driver_of_two() -> subprocess.Popen[str]:
    """A driver with a watchdog, an agent that has its mark, and another process."""
    return subprocess.Popen(
        [sys.executable, "-I", "-S", "-c", DRIVER, str(WATCHDOG), f"{MARK}=test-{os.getpid()}"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_killed_drivers_processes_are_killed_and_no_others() -> None:
    driver = driver_of_two()
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


def test_one_that_was_just_being_started_is_killed_too() -> None:
    """Between fork and exec it has not got its mark yet."""
    driver = driver_of_two()
    assert driver.stdout is not None
    agent, other = map(int, driver.stdout.readline().split())
    os.kill(agent, signal.SIGKILL)
    driver.kill()
    time.sleep(0.4)  # a round has seen none
    late = subprocess.Popen(["sleep", "60"], env={**os.environ, MARK: f"test-{os.getpid()}"})
    driver.communicate()
    os.kill(other, signal.SIGKILL)
    assert late.wait(10) == -signal.SIGKILL


@pytest.mark.parametrize("ending", ["", "null", '""'], ids=["killed", "all stopped", "said itself"])
def test_only_a_driver_that_could_not_say_how_to_go_on_has_it_said(ending: str) -> None:
    driver = driver_of_two()
    assert driver.stdout is not None
    _, other = map(int, driver.stdout.readline().split())
    if not ending:
        driver.kill()
    _, words = driver.communicate(f"{ending}\n" if ending else None)
    os.kill(other, signal.SIGKILL)
    assert words == ("" if ending else "the same\\ud800 call goes on\n")


def test_what_is_left_is_killed_although_nobody_reads_what_is_said() -> None:
    driver = driver_of_two()
    assert driver.stdout is not None
    assert driver.stderr is not None
    agent, other = map(int, driver.stdout.readline().split())
    full = os.open(f"/proc/self/fd/{driver.stderr.fileno()}", os.O_WRONLY | os.O_NONBLOCK)
    with suppress(BlockingIOError):
        while os.write(full, bytes(65_536)):
            pass
    driver.kill()
    ends = time.monotonic() + 10
    while alive(agent) and time.monotonic() < ends:
        time.sleep(0.02)
    os.kill(other, signal.SIGKILL)
    assert not alive(agent)
    os.close(full)
    driver.communicate()


def test_only_a_whole_variable_is_a_mark() -> None:
    child = subprocess.Popen(["sleep", "60"], env={MARK: "one"})
    try:
        assert child.pid in watchdog.marked(f"{MARK}=one".encode())
        assert child.pid not in watchdog.marked(f"{MARK}=on".encode())
        assert child.pid not in watchdog.marked(b"one")
    finally:
        child.kill()
        child.wait()
