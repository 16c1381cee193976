"""Programs run in fresh processes that need not import torch and timm for seconds: each is forked
from a server that has imported them and done nothing else.
"""

from __future__ import annotations

import multiprocessing
import runpy
import subprocess
import tempfile
from pathlib import Path
from typing import Any

_server = multiprocessing.get_context("forkserver")
_server.set_forkserver_preload(["torch", "torchvision", "timm"])

BEGIN = """
import os, sys
for _number, _file in enumerate({files!r}, start=1):
    os.dup2(os.open(_file, os.O_WRONLY | os.O_CREAT), _number)
os.chdir({folder!r})
sys.argv = {words!r}
"""


def run(
    program: str, *arguments: object, folder: Path | None = None, timeout: float = 300
) -> subprocess.CompletedProcess[str]:
    """As `subprocess.run` of [python, "-c", program, *arguments] with its output as text.

    Raises:
        subprocess.TimeoutExpired: it did not end within `timeout` seconds, and was killed.
    """
    with tempfile.TemporaryDirectory() as place:
        file, out, err = (Path(place, name) for name in ("program.py", "out", "err"))
        begin = BEGIN.format(
            files=[str(out), str(err)], folder=str(folder or Path.cwd()), words=["-c", *map(str, arguments)]
        )
        file.write_text(begin + program, "utf-8")
        process = _server.Process(target=runpy.run_path, args=(str(file),), kwargs={"run_name": "__main__"})
        process.start()
        process.join(timeout)
        if process.exitcode is None:
            process.kill()
            process.join()
            raise subprocess.TimeoutExpired(program, timeout)
        said = [one.read_text("utf-8", "replace") if one.exists() else "" for one in (out, err)]
    return subprocess.CompletedProcess(["python", "-c", program], process.exitcode, *said)


def file(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
    """As `subprocess.run` of [python, "-I", file, *arguments] with its output as text."""
    _, flag, *words = command
    assert flag == "-I"
    return run(f"import runpy, sys; sys.argv = {words}; runpy.run_path(sys.argv[0], run_name='__main__')")
