"""Programs run in a process forked from the tests, which has imported torch and timm already, in
place of a fresh one that would import them for seconds."""

from __future__ import annotations

import contextlib
import io
import os
import runpy
import subprocess
import sys
import tempfile
from typing import Any


def run(program: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
    """As `subprocess.run` of [python, "-I", file, *arguments], with its errors as text."""
    _, flag, file, *arguments = program
    assert flag == "-I"
    with tempfile.TemporaryFile() as errors:
        child = os.fork()
        if not child:
            code, said = 1, io.StringIO()
            try:
                with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
                    sys.argv = [file, *arguments]
                    runpy.run_path(file, run_name="__main__")
                code = 0
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else int(end.code is not None)
            except BaseException as error:
                said.write(f"{type(error).__name__}: {error}\n")
            finally:
                os.write(errors.fileno(), said.getvalue().encode("utf-8", "replace"))
                os._exit(code)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        errors.seek(0)
        return subprocess.CompletedProcess(program, code, "", errors.read().decode("utf-8", "replace"))
