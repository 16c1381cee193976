"""Programs run in fresh processes that need not import torch and timm for seconds: each is forked
from a server that has imported them and done nothing else.

All processes of the suite share one server: `serve` is called by the first of them.
"""

from __future__ import annotations

import atexit
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

ADDRESS = "AUTOML_TESTS_FORK_SERVER"
"""The environment variable with the path of the server's socket."""

BEGIN = """
import os, sys
for _number, _file in enumerate({files!r}, start=1):
    os.dup2(os.open(_file, os.O_WRONLY | os.O_CREAT), _number)
os.chdir({folder!r})
sys.argv = {words!r}
"""
ALONE = """
import signal
os.setsid()
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGHUP, signal.SIG_DFL)
sys.stdout = open(1, "w", buffering=1, encoding="utf-8", closefd=False)  # the server's may be a file
"""


def serve() -> None:
    """Start the server, unless this process or one that has started it has done so; it imports
    nothing before the first program."""
    if ADDRESS in os.environ:
        return
    place = tempfile.TemporaryDirectory()
    os.environ[ADDRESS] = str(Path(place.name, "socket"))
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(os.environ[ADDRESS])
        listening.listen(64)
        command = [sys.executable, str(Path(__file__).with_name("fork_server.py")), str(listening.fileno())]
        server = subprocess.Popen(command, stdin=subprocess.PIPE, pass_fds=[listening.fileno()])

    def stop() -> None:
        server.terminate()  # where a test process was killed, its program may still run: it is not waited for
        server.communicate()
        place.cleanup()

    atexit.register(stop)


class Running:
    """A program that runs in a process group of its own."""

    def __init__(self, process: int, stdout: TextIO, wire: TextIO, err: Path) -> None:
        self.pid, self.stdout, self._wire, self._err = process, stdout, wire, err

    def communicate(self) -> tuple[int, str, str]:
        """Wait for its end: exit code, and the rest of what it writes."""
        rest = self.stdout.read()
        return int(self._wire.readline()), rest, self._err.read_text("utf-8", "replace")


@contextmanager
def _begun(
    program: str, arguments: tuple[object, ...], folder: Path | None, timeout: float, *, read: bool
) -> Iterator[tuple[int, TextIO, Path, Path]]:
    """A program that the server has begun: its process, the connection on which its exit code
    comes, and the files of what it writes. If its output is `read` while it runs, it has a process
    group of its own, and that file is a pipe."""
    serve()
    with tempfile.TemporaryDirectory() as place, socket.socket(socket.AF_UNIX) as connection:
        file, out, err = (Path(place, name) for name in ("program.py", "out", "err"))
        if read:
            os.mkfifo(out)
        begin = BEGIN.format(
            files=[str(out), str(err)], folder=str(folder or Path.cwd()), words=["-c", *map(str, arguments)]
        )
        file.write_text(begin + ALONE * read + program, "utf-8")
        connection.connect(os.environ[ADDRESS])
        connection.settimeout(timeout)
        with connection.makefile("rw") as wire:
            print(file, file=wire, flush=True)
            yield int(wire.readline()), wire, out, err


@contextmanager
def running(program: str, *arguments: object, folder: Path | None = None, timeout: float = 300) -> Iterator[Running]:
    """A program whose output is read while it runs, as that of `subprocess.Popen` in a session of
    its own; it takes Ctrl-C and the end of a terminal even where the tests run in the background of
    a shell. Nothing of its group is left afterwards."""
    with _begun(program, arguments, folder, timeout, read=True) as (process, wire, out, err):
        try:
            with out.open(encoding="utf-8") as stdout:
                yield Running(process, stdout, wire, err)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process, signal.SIGKILL)


def run(
    program: str, *arguments: object, folder: Path | None = None, timeout: float = 300
) -> subprocess.CompletedProcess[str]:
    """As `subprocess.run` of [python, "-c", program, *arguments] with its output as text.

    Raises:
        subprocess.TimeoutExpired: it did not end within `timeout` seconds, and was killed.
    """
    with _begun(program, arguments, folder, timeout, read=False) as (process, wire, out, err):
        try:
            code = int(wire.readline())
        except TimeoutError:
            os.kill(process, signal.SIGKILL)
            raise subprocess.TimeoutExpired(program, timeout) from None
        said = [one.read_text("utf-8", "replace") if one.exists() else "" for one in (out, err)]
    return subprocess.CompletedProcess(["python", "-c", program], code, *said)


def file(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
    """As `subprocess.run` of [python, "-I", file, *arguments] with its output as text."""
    assert command[1] == "-I"
    words = command[2:]
    return run(f"import runpy, sys; sys.argv = {words}; runpy.run_path(sys.argv[0], run_name='__main__')")
