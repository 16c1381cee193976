"""Waits for a database that cannot be had for a while: another process has locked it, its server is
out of reach, or the connection was cut."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from sqlalchemy.engine import Engine
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError, PendingRollbackError
from sqlalchemy.orm import Session

FIRST_PAUSE, LONGEST_PAUSE = 0.25, 2.0
"""Seconds between two attempts: doubled after each, up to the second."""
LONG = 60.0
"""Seconds of an outage after which what waits for the database is kept elsewhere."""
OF_OTHERS = ("SQLITE_BUSY", "SQLITE_LOCKED")
"""Errors of SQLite that go when another process has ended its transaction."""
OF_MYSQL = {1040, 1053, 1158, 1159, 1160, 1161, 1205, 1213, 1927}
"""Errors of MySQL's and MariaDB's server that go: too many connections, shutting down, network,
locks, connection killed. Those of the client are 2000 and above, or 0."""


@dataclass(kw_only=True)
class Patience:
    """Waits while the database cannot be reached.

    An outage lasts from the first transaction that fails to the next that succeeds.
    """

    seconds: float = 0.0
    """Seconds that it waits at most, besides the time that the driver itself waits."""
    told: Callable[[str], None] = lambda text: None
    """Called before each wait with the reason; may raise an exception to end it."""
    keep: Callable[[], str] = str
    """Called once in an outage: when it has lasted `LONG`, or when waiting ends. The text that it
    returns is passed to `told` with each wait from then on."""
    _since: float | None = field(default=None, init=False)
    _pause: float = field(default=FIRST_PAUSE, init=False)
    _kept: str | None = field(default=None, init=False)

    def begun(self, engine: Engine, reason: Callable[[BaseException], str]) -> Session:
        """A session whose transaction has begun.

        Args:
            engine: makes the connection.
            reason: puts an error into words.

        Raises:
            SQLAlchemyError: it could not begin in time, or waiting is of no use.
        """
        while True:
            session = Session(engine, expire_on_commit=False)
            try:
                session.connection()
                return session
            except BaseException as error:
                session.close()
                if not self.waits(engine, error, reason):
                    raise

    def had(self) -> None:
        """Note that a transaction has ended well: there is no outage."""
        self._since, self._pause, self._kept = None, FIRST_PAUSE, None

    def waits(self, engine: Engine, error: BaseException | None, reason: Callable[[BaseException], str]) -> bool:
        """Wait after an error that may pass, and return whether to try again: False if the error
        does not pass, or if the outage has lasted for too long.

        Raises:
            Exception: what `told` raises.
        """
        if error is None or not passes(engine, error):
            return False
        now = time.monotonic()
        self._since = now if self._since is None else self._since
        passed = now - self._since
        if self._kept is None and passed >= min(LONG, self.seconds):
            self._kept = self.keep()
        if passed >= self.seconds:
            return False
        self.told(f"waiting for the database ({reason(error)}), {passed:.0f} s so far{self._kept or ''}")
        time.sleep(min(self._pause, self.seconds - passed))
        self._pause = min(2 * self._pause, LONGEST_PAUSE)
        return True


REFUSED = re.compile(
    r"authentication failed|no password supplied|pg_hba\.conf|does not exist|not permitted to log in"
    r"|not currently accepting connections|permission denied|does not support SSL|certificate"
    r"|Name or service not known|No address associated|nodename nor servname"
)
"""What PostgreSQL and the search for an address say where waiting is of no use. PostgreSQL's driver
has no codes for connections that fail; what its server says in another language is waited for."""


def is_refused(error: BaseException | None) -> bool:
    """Whether a connection cannot be begun because of what the user gave: the password, the name of
    the database or of the server."""
    return REFUSED.search(str(getattr(error, "orig", None))) is not None


def passes(engine: Engine, error: BaseException) -> bool:
    """Whether an error may be gone in a while: the server is away, the connection was cut, another
    transaction was in the way."""
    if engine.dialect.name == "sqlite":
        name = getattr(getattr(error, "orig", None), "sqlite_errorname", "")
        return isinstance(error, OperationalError) and name.startswith(OF_OTHERS)
    if isinstance(error, PendingRollbackError):  # the connection was cut inside a savepoint, as Optuna's part lies in
        return True
    code = next(iter(getattr(getattr(error, "orig", None), "args", ())), None)
    if engine.dialect.name in ("mysql", "mariadb") and isinstance(code, int):
        return code in OF_MYSQL or code == 0 or 2000 <= code < 3000
    return isinstance(error, OperationalError | InterfaceError) or (
        isinstance(error, DBAPIError) and error.connection_invalidated
    )
