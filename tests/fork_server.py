"""Forks a process for each program that it is sent, from one that has imported what takes seconds.

`python fork_server.py FD` accepts connections on a listening socket until its standard input ends.
A client sends the path of a Python file; it gets the id of the process that runs the file, and its
exit code when it has ended.
"""

from __future__ import annotations

import multiprocessing
import runpy
import select
import signal
import socket
import sys
from contextlib import suppress

forks = multiprocessing.get_context("fork")


def serve(server: socket.socket) -> None:
    """Attend every connection in a process of its own."""
    usual = signal.signal(signal.SIGINT, signal.SIG_IGN)  # its end is that of its input
    while sys.stdin not in select.select([server, sys.stdin], [], [])[0]:
        import timm  # noqa: F401
        import torch  # noqa: F401
        import torchmetrics.functional.classification  # noqa: F401
        import torchvision  # noqa: F401

        connection, _ = server.accept()
        forks.Process(target=attend, args=(connection, usual)).start()
        connection.close()


def attend(connection: socket.socket, usual: signal._HANDLER) -> None:
    """Run the client's program in a process, and say how it ended."""
    with suppress(BrokenPipeError), connection, connection.makefile("rw") as wire:  # a client may not wait for it
        process = forks.Process(target=run, args=(wire.readline().rstrip("\n"), usual))
        process.start()
        print(process.pid, file=wire, flush=True)
        process.join()
        print(process.exitcode, file=wire, flush=True)


def run(file: str, usual: signal._HANDLER) -> None:
    signal.signal(signal.SIGINT, usual)
    runpy.run_path(file, run_name="__main__")


if __name__ == "__main__":
    sys.path[0] = ""  # as `python -c` has it
    with socket.socket(fileno=int(sys.argv[1])) as listening:
        serve(listening)
