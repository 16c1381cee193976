"""Waits for a database that cannot be had for a while: another process has locked it, or its server
is out of reach."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from sqlalchemy.engine import Engine
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

FIRST_PAUSE, LONGEST_PAUSE = 0.25, 2.0
"""Seconds between two attempts: doubled after each, up to the second."""
OF_OTHERS = ("SQLITE_BUSY", "SQLITE_LOCKED")
"""Errors of SQLite that go when another process has ended its transaction."""


@dataclass(kw_only=True)
class Patience:
    """How long a transaction waits until it can begin."""

    seconds: float = 0.0
    """Seconds that it waits at most, besides the time that the driver itself waits."""
    told: Callable[[str], None] = lambda text: None
    """Is told of each wait, before it; may raise an exception to end it."""

    def begun(self, engine: Engine, reason: Callable[[BaseException], str]) -> Session:
        """A session whose transaction has begun.

        Args:
            engine: makes the connection.
            reason: puts an error into words.

        Raises:
            SQLAlchemyError: it could not begin in time, or waiting is of no use.
        """
        began, pause = time.monotonic(), FIRST_PAUSE
        while True:
            session = Session(engine, expire_on_commit=False)
            try:
                session.connection()
                return session
            except BaseException as error:
                session.close()
                passed = time.monotonic() - began
                if passed >= self.seconds or not _passes(engine, error):
                    raise
                self.told(f"waiting for the database ({reason(error)}), {passed:.0f} s so far")
            time.sleep(min(pause, max(self.seconds - passed, 0.0)))
            pause = min(2 * pause, LONGEST_PAUSE)


def _passes(engine: Engine, error: BaseException) -> bool:
    """Whether an error may be gone in a while."""
    if not isinstance(error, OperationalError):
        return False
    return engine.dialect.name != "sqlite" or getattr(error.orig, "sqlite_errorname", "").startswith(OF_OTHERS)
