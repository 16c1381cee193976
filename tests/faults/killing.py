"""Kills searches, and what they depend on, at random instants, and starts them again."""

from __future__ import annotations

import os
import random
import re
import signal
import sqlite3
import subprocess
import time
from collections.abc import Container
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from .invariants import Contents, Expected, Row, left_files, violations
from .places import Driver, Place, place, words_of
from .searches import STUDY, Search

LINGER = 5.0
"""Seconds after the death of a driver in which nothing of it may be left."""
STOPPED = 10.0
"""Seconds in which a driver that is told to stop has ended."""
STUCK = 240.0
"""Seconds without a new evaluation after which a search is taken to hang."""
SIGNALS = {"SIGKILL": 0.4, "SIGTERM": 0.2, "SIGINT": 0.2, "SIGHUP": 0.2}
"""What the driver gets, and how often."""
OF_RAY = {"worker": r"ray::(?!.*Agent)", "raylet": "^raylet", "gcs_server": "^gcs_server", "agent": "ray::.*Agent"}
"""What is killed beside the driver in a search that trains, and how its command is known."""
OF_SERVER = ("crash", "backend", "cut")
"""What is done to a server of databases: it crashes and is back after seconds; the process that
serves the driver is killed, upon which PostgreSQL recovers as after a crash; connections are cut.
"""
GAVE_UP = "go on with"
"""What a driver says that ends by itself: Ray has died in the middle of a call."""


@dataclass(kw_only=True)
class Kill:
    """One kill, and what came of it."""

    victim: str
    after: float
    """Seconds since the driver had been started."""
    lost: int = 0
    """Evaluations that were said to have ended and were not in the database afterwards."""
    next: float | None = None
    """Seconds from the driver's next start, or from the kill of anything else, to the next
    evaluation in the database; None if another kill or the end came first."""


@dataclass(kw_only=True)
class Outcome:
    """A search that was killed until it ended."""

    kills: list[Kill] = field(default_factory=list)
    violations: list[tuple[str, str]] = field(default_factory=list)
    """Which invariant, and what was found."""
    gave_up: int = 0
    """Times that the driver ended by itself and said how to go on."""
    seconds: float = 0.0
    contents: Contents = field(default_factory=Contents)


def undisturbed(search: Search) -> Outcome:
    """What the search leaves if nobody disturbs it, and its time."""
    with place(search) as made:
        return disturbed(made, random.Random(0), kills=0, horizon=0.0, wanted=None)


def disturbed(
    made: Place,
    draw: random.Random,
    *,
    kills: int,
    horizon: float,
    wanted: Contents | None,
    spared: Container[str] = (),
) -> Outcome:
    """Run a search to its end with at most so many kills.

    Args:
        made: where it runs.
        draw: draws what is killed, and when.
        kills: largest number of kills; fewer if the search ends before.
        horizon: seconds after a start, or after another kill, within which the next kill falls.
        wanted: what an undisturbed run leaves, if that is always the same.
        spared: of `OF_RAY`, what is not killed.
    """
    found, began = Outcome(), time.monotonic()
    driver, after = Driver(made), None
    kept: set[Row] = set()
    while True:
        instant = draw.uniform(0.0, horizon) if len(found.kills) < kills else None
        victim = _victim(made, draw, spared) if instant is not None else ""
        if _waited(made, driver, found, instant, after):
            if _ended(made, driver, found):
                break
            driver, after = Driver(made), None
            continue
        kill = Kill(victim=victim, after=time.monotonic() - driver.began)
        if victim in SIGNALS:
            found.kills.append(kill)
            kill_driver(made, driver, kill, found, whole_group=draw.random() < 0.5)
            rows = made.contents().rows
            kill.lost = driver.lost(rows)
            if kill.lost and made.search.trains and not list(made.folder.rglob("recovery-*.jsonl")):
                found.violations.append(("nothing_is_lost", f"{kill.lost} evaluations by {victim}"))
            kept |= set(rows)
            driver, after = Driver(made), kill
        elif kill_other(made, victim, draw):
            found.kills.append(kill)
            after = kill
    found.seconds = time.monotonic() - began
    found.contents = made.contents()
    expected = Expected(trials=made.search.trials, kept=kept, undisturbed=wanted)
    found.violations += violations(made.url, STUDY, expected)
    found.violations += left_processes(made)
    found.violations += left_files(made.folder)
    return found


def _victim(made: Place, draw: random.Random, spared: Container[str]) -> str:
    """What is killed next: mostly the driver."""
    of_ray = [name for name in OF_RAY if name not in spared]
    others = of_ray if made.search.trains else ["lock"] if made.server is None else []
    others += list(OF_SERVER) if made.server is not None else []
    if draw.random() < (0.5 if made.search.trains or made.server is not None else 0.1):
        return draw.choice(others)
    return draw.choices(list(SIGNALS), list(SIGNALS.values()))[0]


def _waited(made: Place, driver: Driver, found: Outcome, seconds: float | None, after: Kill | None) -> bool:
    """Wait until the driver has ended, or so many seconds; whether it has ended."""
    began = latest = time.monotonic()
    known = made.count()
    since = driver.began if after is not None and after.victim in SIGNALS else began
    while driver.process.poll() is None:
        now = time.monotonic()
        if seconds is not None and now - began >= seconds:
            return False
        if (number := made.count()) > known:
            known, latest = number, now
            if after is not None and after.next is None:
                after.next = now - since
        elif now - latest > STUCK:
            found.violations.append(("goes_on", f"no evaluation for {STUCK:.0f} s: {driver.said[-300:]!r}"))
            made.kill_all()
        time.sleep(0.1)
    return True


def _ended(made: Place, driver: Driver, found: Outcome) -> bool:
    """Whether a driver that has ended by itself has done all; else it may have given up, because
    Ray has died, if it said how to go on."""
    code = driver.process.returncode
    if code == 0:
        return True
    found.violations += left_processes(made)
    if code == 1 and made.search.trains and GAVE_UP in driver.said and found.gave_up < 20:
        found.gave_up += 1
        return False
    found.violations.append(("goes_on", f"exit {code}: {driver.said[-300:]!r}"))
    return True


def kill_driver(made: Place, driver: Driver, kill: Kill, found: Outcome, *, whole_group: bool) -> None:
    number = signal.Signals[kill.victim]
    made.processes()  # those that are known by their parents alone
    with suppress(ProcessLookupError):
        (os.killpg if whole_group and number != signal.SIGKILL else os.kill)(driver.process.pid, number)
    try:
        code = driver.process.wait(STOPPED + 5)
    except subprocess.TimeoutExpired:
        found.violations.append(("stops", f"{kill.victim}: the driver lives {STOPPED + 5:.0f} s later"))
        made.kill_all()
        driver.process.wait(30)
        return
    ways = (-number, 0) if number == signal.SIGKILL else (128 + number, -number, 0)
    if code not in ways:  # before Python handles signals, the signal itself ends it; or it had ended
        found.violations.append(("stops", f"{kill.victim}: exit {code}: {driver.said[-300:]!r}"))
    found.violations += left_processes(made)


def kill_other(made: Place, victim: str, draw: random.Random) -> bool:
    """Kill something else than the driver; whether there was such a thing."""
    if victim in OF_RAY:
        alive = [one for one in made.processes() if re.search(OF_RAY[victim], words_of(one))]
        if not alive:
            return False
        with suppress(psutil.Error):
            draw.choice(alive).kill()
        return True
    if victim == "lock":
        return _lock(made.folder / "automl.db", draw.uniform(0.5, 4.0))
    assert made.server is not None
    if victim == "cut":
        return made.server.cut() > 0
    if victim == "backend":
        served = made.server.run(f"SELECT pid FROM pg_stat_activity WHERE datname = '{made.database}'")
        alive = [number for (number,) in served]
        if not alive:
            return False
        os.kill(draw.choice(alive), signal.SIGKILL)
        return True
    made.server.crash()
    time.sleep(draw.uniform(0.5, 4.0))
    made.server.start()
    return True


def _lock(file: Path, seconds: float) -> bool:
    """Hold an SQLite database locked, as another program may; whether there is one."""
    if not file.exists():
        return False
    connection = sqlite3.connect(file, timeout=10, isolation_level=None)
    try:
        connection.execute("BEGIN EXCLUSIVE")
        time.sleep(seconds)
        connection.execute("ROLLBACK")
    except sqlite3.OperationalError:
        return False
    finally:
        connection.close()
    return True


def left_processes(made: Place) -> list[tuple[str, str]]:
    """What lives seconds after the driver's death."""
    until = time.monotonic() + LINGER
    while (left := made.processes()) and time.monotonic() < until:
        time.sleep(0.2)
    names = sorted({words_of(one)[:60] for one in left})
    made.kill_all()
    return [("no_orphan", f"{len(left)} processes live: {', '.join(names)}")] if left else []
