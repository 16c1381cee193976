"""Makes malformed spaces, tables and options, and sees what a command does with them.

Mutations are of two kinds: of the text (characters lost, doubled, inserted), and of the data (a
value replaced by one that no program expects).
"""

from __future__ import annotations

import contextlib
import copy
import io
import json
import os
import signal
from collections.abc import Callable, Iterator
from importlib.resources import files
from pathlib import Path
from random import Random
from typing import Any

import yaml
from automl.cli.main import main
from automl.cli.message import LONGEST

HANG = 5.0
"""Seconds of CPU that no refusal takes."""
BLOCKED = 60.0
"""Seconds of wall time after which a command is taken to wait for ever."""
LARGE = "9" * 5000
VALUES: tuple[Any, ...] = (
    None, True, False, -1, 0, 1, 10**30, -(2**63), 2**63, 1e308, -1e308, 1e-308, float("inf"), float("nan"),
    0.1, "", " ", "x" * 30_000, "a\x1b[31mb", "\x07", "<script>alert(1)</script>", "γ", "漢" * 200, "caf\udce9",
    "../../etc/passwd", "/dev/zero", "pipe.yaml", "loop.yaml", "none", "auto", [], {}, [[]], [None],
    [[[[[1]]]]], [1, "a", None], {"a": {}}, [float("nan")], [1e308], list(range(2000)),
    {"low": 0, "high": 1e308, "step": 1e-308}, {"low": 1, "high": 2, "step": 1e-9},
    {"low": 0, "high": 10**12, "step": 1}, {"choices": []}, {"choices": {}}, {"choices": [1, 1.0, True]},
    {"choices": ["a"], "when": {"b": []}}, {"each": "layer"}, {"choices": [0.5, 1000], "each": "layer"},
    {"choices": [1], "only": [99]}, [10**9], [1000, 10**6], 999, 0.001, "((10**64)**64)**64 > depth",
    ['"a" * 10**9 == attention'], ['"%1000000000d" % 5 == 1'], ["+".join("9" * 900) + ">1"],
    ["depth > " + LARGE], ["(" * 99 + "1" + ")" * 99], {"x": "y" * 5000},
)  # fmt: skip
"""Values that stand for whole kinds of nonsense."""
TEXTS: tuple[str, ...] = (
    ":", ": ", "- ", "\t", "\n", "\x00", "\x1b", "\ufeff", "\u2028", "*a ", "&a ", "<<: *a\n", "!!int ",
    "!!bool ", "!!set ", "!!binary ", "!!python/object:os.system ", "!!timestamp ", "{", "}", "[", "]",
    "[" * 200, "{a: " * 150, "'", '"', "|\n", ">\n", "? ", "%", "#", "---\n", "...\n", LARGE, "0x", "1e999",
    ".inf", ".nan", "~", "null", "yes", "1:30", "2026-13-45", "é", "γ", "\\", "\\x1b", ",", ";", "NaN",
    "Infinity", "-", "e", "0",
)  # fmt: skip
"""Pieces that are inserted into texts."""
ARGUMENTS: tuple[str, ...] = (
    "", " ", "-1", "0", "1", "-0.5", "0.5", "1e308", "-1e308", "nan", "inf", "99999999", "9" * 400, LARGE,
    "x" * 30_000, "x" * 300, "漢" * 120, "../x", "/", "..", ".", "a/b", "a\\b", "a\x1b[31mb", "\x07", "γ",
    "<script>", "caf\udce9", "~", "~nobody-here/x", "/dev/zero", "/dev/null", "pipe.yaml", "pipe.json",
    "pipe.npz", "loop.yaml", "loop.json", "loop.npz", "folder", "none", "auto", ",", ",,", ":", "::", "=", "a=",
    "a=1,a=2", "1..", "..1", "0..99999999", "1e308..", "5x", "x5", "5%", "-5%", "1h30", "9" * 30 + "d", "0s",
    "10kFLOPs", "1e30FLOPs", "400Mbananas", "1..2..3", "5MParams..1MParams", "depth=1e308", "depth=nan",
    "sqlite:///x.db?timeout=abc", "sqlite:///x.db?a=b", "sqlite:////dev/zero", "sqlite:///pipe.yaml",
    "sqlite:///folder", "sqlite:///" + "x" * 300, "sqlite:///missing/x.db", "sqlite://host/x",
    "sqlite:///:memory:", "oracle://a:b@c/d", "postgresql://a:b@c:port/d", "table:", "table:pipe.json",
    "table:folder", "table:" + "x" * 300 + ".json", "zero-cost:nothing", "train:x", "hf:", "s:best", "s:",
    ":best", "abcd", "wds:", "wds:pipe.npz", "wds:folder", "wds:{0..99999999}.tar",
)  # fmt: skip
"""Values of options."""


class Hang(BaseException):
    """A command that does not come to an end."""


@contextlib.contextmanager
def ending() -> Iterator[None]:
    """Raise Hang where the block takes too much CPU, or waits for what never comes."""

    def hang(*_: object) -> None:
        raise Hang

    before = {number: signal.signal(number, hang) for number in (signal.SIGPROF, signal.SIGALRM)}
    signal.setitimer(signal.ITIMER_PROF, HANG)
    signal.setitimer(signal.ITIMER_REAL, BLOCKED)
    try:
        yield
    finally:
        for timer in (signal.ITIMER_PROF, signal.ITIMER_REAL):
            signal.setitimer(timer, 0)
        for number, handler in before.items():
            signal.signal(number, handler)


def shipped() -> dict[str, str]:
    """Name → text of every space that comes with automl."""
    library = files("automl.spaces").joinpath("library")
    return {path.name: path.read_text("utf-8") for path in sorted(library.iterdir(), key=lambda path: path.name)}


def mutated(text: str, random: Random) -> str:
    """A text with some of its characters lost, doubled or inserted."""
    for _ in range(random.choice((1, 1, 2, 3))):
        at = random.randrange(len(text) + 1)
        end = min(len(text), at + random.choice((1, 2, 5, 20)))
        match random.randrange(4):
            case 0:
                text = text[:at] + text[end:]
            case 1:
                text = text[:at] + text[at:end] * random.choice((2, 3)) + text[end:]
            case _:
                text = text[:at] + random.choice(TEXTS) + text[at:]
    return text


def changed(data: Any, random: Random) -> Any:
    """Data of which one value or key is replaced, doubled or lost."""
    data = copy.deepcopy(data)
    places: list[tuple[Any, Any]] = []
    waiting = [data]
    while waiting:
        inner = waiting.pop()
        if isinstance(inner, dict | list):
            keys = list(inner) if isinstance(inner, dict) else list(range(len(inner)))
            places += [(inner, key) for key in keys]
            waiting += [inner[key] for key in keys]
    if not places:
        return random.choice(VALUES)
    inner, key = random.choice(places)
    match random.randrange(6):
        case 0 if isinstance(inner, dict):
            inner[random.choice(("x", "", "name", "γ", "a\x1b", "x" * 5000))] = inner.pop(key)
        case 1:
            del inner[key]
        case 2 if isinstance(inner, list):
            inner.append(inner[key])
        case _:
            inner[key] = random.choice(VALUES)
    return data


def hostile_space(text: str, random: Random) -> str:
    """A space file of which something is wrong."""
    if random.random() < 0.4:
        return mutated(text, random)
    data = changed(yaml.safe_load(text), random)
    try:
        return yaml.safe_dump(data, allow_unicode=True)
    except (yaml.YAMLError, UnicodeError):
        return json.dumps(data, default=str)


def hostile_table(rows: Any, random: Random) -> str:
    """A table in JSON of which something is wrong."""
    return (
        mutated(json.dumps(rows), random) if random.random() < 0.4 else json.dumps(changed(rows, random), default=str)
    )


def litter(folder: Path) -> None:
    """Put what is no regular file into a folder."""
    for name in ("pipe.yaml", "pipe.json", "pipe.npz"):
        os.mkfifo(folder / name)
    for name in ("loop.yaml", "loop.json", "loop.npz"):
        (folder / name).symlink_to(name)
    (folder / "folder").mkdir()


def listing(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def refused_well(arguments: list[str], folder: Path, *, may_fail: Callable[[str], bool] = lambda _: False) -> str:
    """Run a command in `folder`, and return what is wrong with how it ended; empty if nothing is.

    It must end, with 0 or 2 (1 where `may_fail` takes its message), without a traceback or an
    error that nobody foresaw, with a message of one short line, and with no file left by a failure.
    """
    before = listing(folder)
    out, err = io.StringIO(), io.StringIO()
    try:
        with contextlib.chdir(folder), contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), ending():
            code = main(arguments)
    except Hang:
        return "it hangs"
    except BaseException as error:
        return f"it raises {type(error).__name__}: {str(error)[:200]}"
    said = err.getvalue()
    faults = []
    if code not in (0, 2) and not (code == 1 and may_fail(said)):
        faults.append(f"code {code}")
    if "Traceback" in said or "--debug shows where" in said:
        faults.append("an error that nobody foresaw")
    if code == 2 and not said.startswith("Usage"):
        if len(said.rstrip("\n").splitlines()) != 1:
            faults.append("not one line")
        if len(said.rstrip("\n")) > LONGEST:
            faults.append(f"{len(said)} characters")
        if "\x1b" in said or "\x07" in said:
            faults.append("control characters")
    if code and listing(folder) != before:
        faults.append(f"it leaves {sorted(set(listing(folder)) - set(before))}")
    return f"{', '.join(faults)}: {said[:300]}" if faults else ""
