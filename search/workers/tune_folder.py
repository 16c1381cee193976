"""Makes the temporary folder that Ray Tune writes to, and removes those of processes that died.

Nothing in it is ever read: the database is the truth. Its owner holds a lock in it, so that another
process can tell whether the owner is alive.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

PREFIX, LOCK = "automl-tune-", "owner.lock"


@contextmanager
def tune_folder() -> Iterator[Path]:
    """A temporary folder, which is removed at the end."""
    remove_abandoned()
    while True:
        folder = Path(tempfile.mkdtemp(prefix=PREFIX))
        lock = FileLock(folder / LOCK)
        lock.acquire()
        if folder.exists():  # another process may have taken it for abandoned before it was locked
            break
        lock.release()
    try:
        yield folder
    finally:
        lock.release()
        shutil.rmtree(folder, ignore_errors=True)


def remove_abandoned() -> None:
    """Remove the folders whose owner is dead. Folders without a lock are left alone."""
    for folder in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        try:
            if not (folder / LOCK).exists():
                continue
            with FileLock(folder / LOCK, timeout=0):
                shutil.rmtree(folder, ignore_errors=True)
        except (Timeout, OSError):  # its owner is alive, or another user
            continue
