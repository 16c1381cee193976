"""Keeps results that the database does not take in a file beside the study's weights.

The file holds JSON lines: first which study it belongs to, then each result. It is replaced whole
whenever what waits changes, and goes when nothing waits. If the process ends before, the next run
of the study takes the results over: what the study has already is left out, so that nothing is
lost and nothing is twice, whenever anything is killed.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from ...blocks.errors import InputError
from ..records.evaluation import CandidateRow, Evaluation, Fidelity
from ..records.paused import Paused
from ..writing.atomic_file import make_folder, replacing
from ..writing.json_values import JSON, canonical, plain_dict
from .connection import DatabaseError
from .patience import passes

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution
    from sqlalchemy.engine import Engine

KIND = "automl-recovery"
"""How the first line of a recovery file begins."""
ROUNDING = 1.0
"""Seconds by which a database may round the time at which a study began."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """An evaluation that ended, with all that is recorded of it: see `Study.record`."""

    evaluation: Evaluation
    candidate: CandidateRow
    params: Mapping[str, Any] = field(default_factory=dict)
    distributions: Mapping[str, BaseDistribution] = field(default_factory=dict)
    values: tuple[float, float] | None = None

    @property
    def key(self) -> tuple[str, str, int]:
        """What makes it unique in a study: candidate, fidelity, seed."""
        return self.evaluation.key

    def to_dict(self) -> dict[str, JSON]:
        """Plain JSON; `from_dict` reads it back."""
        from optuna.distributions import distribution_to_json

        own = {one.name: getattr(self.evaluation, one.name) for one in fields(Evaluation) if one.name != "trial"}
        for name in ("started", "finished"):
            own[name] = own[name].isoformat()
        own["fidelity"] = self.evaluation.fidelity.to_dict()
        return plain_dict(
            {
                "evaluation": own,
                "candidate": {one.name: getattr(self.candidate, one.name) for one in fields(CandidateRow)},
                "params": dict(self.params),
                "distributions": {name: distribution_to_json(one) for name, one in self.distributions.items()},
                "values": self.values,
            },
            "result",
        )

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Result:
        """What `to_dict` wrote."""
        from optuna.distributions import json_to_distribution

        own = dict(data["evaluation"])
        for name in ("started", "finished"):
            own[name] = datetime.fromisoformat(own[name])
        own["fidelity"] = Fidelity.from_dict(own["fidelity"])
        own["curve"] = tuple((epoch, accuracy) for epoch, accuracy in own["curve"])
        values = data["values"]
        return cls(
            evaluation=Evaluation(**own),
            candidate=CandidateRow(**data["candidate"]),
            params=data["params"],
            distributions={name: json_to_distribution(text) for name, text in data["distributions"].items()},
            values=None if values is None else (values[0], values[1]),
        )


Kept: TypeAlias = "Result | Paused"
"""What a recovery file holds: what has ended, and what was paused."""


class Recovery:
    """What one process is about to write to a study, and the file that holds it in an outage."""

    def __init__(self, folder: Path, study: str, created: datetime, driver: str) -> None:
        """Begin; nothing is written.

        Args:
            folder: of the study's weights.
            study: name of the study.
            created: when the study began, which tells it from others of the same name.
            driver: the process that writes, as the database names it.
        """
        self.path: Path = folder / f"recovery-{driver}.jsonl"
        """The file; there is none unless something waits in an outage."""
        self._head = _head(study, created)
        self._waiting: dict[tuple[str, str, int], Kept] = {}
        self._written = False

    @contextmanager
    def holding(self, *kept: Kept, engine: Engine) -> Iterator[None]:
        """Context in which the caller writes `kept` to the database. If the database cannot be
        reached, or the process is told to stop before, `kept` stays in the recovery file."""
        self._waiting.update({one.key: one for one in kept})
        try:
            yield
        except DatabaseError as error:
            if error.__cause__ is None or not passes(engine, error.__cause__):
                self._forget(kept)
            elif told := self.write():
                raise DatabaseError(f"{error}{told}") from error.__cause__
            raise
        except KeyboardInterrupt:
            self.write()
            raise
        except BaseException:
            self._forget(kept)
            raise
        self._forget(kept)

    def write(self) -> str:
        """Write the results that are not in the database yet to the file; return a clause that says
        how many, for a message. If the disk refuses, nothing is lost: they are still held in memory
        until the database can be reached."""
        try:
            if not self._waiting:
                self._written = False
                self.path.unlink(missing_ok=True)
                return ""
            make_folder(self.path.parent)
            lines = [self._head, *(canonical(_named(one)) for one in self._waiting.values())]
            with replacing(self.path) as file:
                file.write(("\n".join(lines) + "\n").encode())
        except OSError:
            return ""
        self._written = True
        number = len(self._waiting)
        return f"; {number} result{'s are' if number > 1 else ' is'} kept in {self.path}"

    def _forget(self, kept: Collection[Kept]) -> None:
        for one in kept:
            self._waiting.pop(one.key, None)
        if self._written:
            self.write()


@contextmanager
def held_by(recovery: Recovery | None, *kept: Kept, engine: Engine) -> Iterator[None]:
    """Do what `Recovery.holding` does; nothing if `recovery` is None."""
    if recovery is None:
        yield
        return
    with recovery.holding(*kept, engine=engine):
        yield


def recovery_files(folder: Path, *, but: Collection[str] = ()) -> list[Path]:
    """The recovery files in the folder of a study, without those of the drivers `but`."""
    names = {f"recovery-{driver}.jsonl" for driver in but}
    return [path for path in sorted(folder.glob("recovery-*.jsonl")) if path.name not in names]


def read_recovery(path: Path, study: str, created: datetime) -> list[Kept]:
    """What a recovery file holds.

    Raises:
        InputError: it is that of another study, or damaged.
    """
    try:
        head, *lines = path.read_text("utf-8").removesuffix("\n").split("\n")
    except (OSError, ValueError) as error:
        raise InputError(f"the recovery file {path} cannot be read: {error}") from None
    try:
        of = json.loads(head)
        apart = abs((datetime.fromisoformat(of["created"]) - created).total_seconds())
        if (of["kind"], of["study"]) != (KIND, study) or apart > ROUNDING:
            raise InputError(f"the recovery file {path} belongs to another study")
        found = [json.loads(line) for line in lines]
        return [
            Paused.from_dict(one["paused"]) if "paused" in one else Result.from_dict(one["result"]) for one in found
        ]
    except InputError:
        raise
    except (ValueError, TypeError, LookupError, AttributeError) as error:
        raise InputError(f"the recovery file {path} is damaged: {error}") from None


def _head(study: str, created: datetime) -> str:
    return canonical({"kind": KIND, "study": study, "created": created.isoformat()})


def _named(one: Kept) -> dict[str, JSON]:
    return {"paused": one.to_dict()} if isinstance(one, Paused) else {"result": one.to_dict()}
