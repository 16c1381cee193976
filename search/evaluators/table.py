"""Evaluates candidates by looking them up in a table, in simulated time, without Ray and torch.

The engine, its gate, rungs and study are those of every search. Workers are simulated (a
discrete-event simulation): a report takes as long as the table, or the user, says a training takes,
and the clock jumps from one report to the next.
"""

from __future__ import annotations

import contextlib
import hashlib
import heapq
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from ...blocks import InputError
from ...spaces import Census
from ...studies import Study
from ...studies.choosing.belief import Belief
from ...studies.choosing.chosen import Best
from ..course.confirmation import MOST_SEEDS
from ..course.engine import Engine
from ..course.events import Listener
from ..course.job import Job
from ..course.limits import Limits
from ..course.measured_first import Course
from ..course.stop_signals import Stop, orderly
from ..options import SearchOptions
from ..plan import Settled, settle_table
from ..proposing.proposal import Curve, Proposal, Proposes
from ..tables import Seen, Table

DEFAULT_SECONDS = 60.0
"""Seconds of a training if neither the table nor the user gives them."""
LEAST_COVERAGE = 0.05
"""Smallest share of the networks within the budget that a table must have; with fewer, nearly all
proposals would be refused."""
RACE = 3
"""Further trainings of the race of a search by trials, as a multiple of the final trainings asked
for."""
RECORDED_TOGETHER = 200
"""Evaluations that share a transaction: each costs microseconds to look up and would cost
milliseconds to write alone."""


class SimulatedTime:
    """A clock that stands still until its time is set."""

    def __init__(self) -> None:
        self.now: float = 0.0
        """Seconds since the start."""

    def __call__(self) -> float:
        return self.now


@dataclass(frozen=True, kw_only=True)
class TableLookup:
    """The evaluator `table:FILE`."""

    plan: Settled
    """The settings of the search; a table needs no images."""
    table: Table
    """The table of the plan's space."""
    seconds: float | None
    """Seconds of a full training; None takes the table's."""
    count: int
    """Number of simulated workers."""
    now: SimulatedTime = field(default_factory=SimulatedTime)
    began: float = 0.0
    keeps_weights: bool = False
    score: str | None = None

    @property
    def simulated(self) -> float | None:
        """Simulated seconds that have passed."""
        return self.now.now

    @classmethod
    def prepared(cls, options: SearchOptions, file: str) -> TableLookup:
        """The evaluator with its table read.

        Raises:
            InputError: the table cannot be used for the space.
        """
        plan, table = settle_table(options, file)
        return cls(plan=plan, table=table, seconds=options.table_seconds, count=options.workers or 1)

    def limits(self, options: SearchOptions) -> Limits:
        """The limits that the options give; no more seeds than the table has, and no longer
        trainings. As nothing is trained, the race of the networks that may be the best is long."""
        seeds = min(options.seeds, self.table.seeds - 1)
        finals = options.finals if seeds else 0
        return Limits(
            trials=self.plan.trials,
            seconds=self.plan.seconds,
            finals=finals,
            seeds=max(seeds, 1),
            most_seeds=max(1, min(MOST_SEEDS, self.table.seeds - 1)),
            race=RACE * finals * seeds,
            factor=1,
        )

    def described(self, found: Census) -> list[str]:
        """What the table holds of the space, in lines for the reader.

        Raises:
            InputError: too little of what is within the budget.
        """
        table = self.table
        share = table.coverage(self.plan.space, found, self.plan.seed)
        if share < LEAST_COVERAGE:
            raise InputError(
                f"a table must have at least {LEAST_COVERAGE:.0%} of the networks within the budget, but"
                f" {table.path.name} has {share:.1%}; give a space that holds the table's networks, or another budget"
            )
        part = "" if share == 1 else f", about {share:.0%} of the networks within the budget: others are not proposed"
        outside = f", {table.outside:,} against the space's constraints" if table.outside else ""
        seconds = (
            f"{self.seconds or DEFAULT_SECONDS:g} s"
            if self.seconds is not None or not table.timed
            else "the table's seconds"
        )
        return [
            (
                f"table {table.path.name}: {len(table.entries):,} networks of this space in {table.rows:,}"
                f" rows{outside}, at least {table.seeds} seed{'s' * (table.seeds > 1)} each, {table.epochs}"
                f" epoch{'s' * (table.epochs > 1)}{part}"
            ),
            (
                f"nothing is trained: time is simulated, {seconds} a training, on {self.count}"
                f" worker{'s' * (self.count > 1)}"
            ),
        ]

    def proposes(self, proposer: Proposes) -> Proposes:
        """The proposer, restricted to the networks of the table."""
        return Covered(proposer, self.table)

    @contextlib.contextmanager
    def workers(self, listener: Listener) -> Iterator[Callable[[Course], None]]:
        """Yield a function that runs an engine on simulated workers."""
        listener.phase(f"searching the table with {self.count} simulated worker{'s' * (self.count > 1)}")

        def go(course: Course) -> None:
            assert isinstance(course, Engine)  # nothing is measured before a table is searched
            with orderly() as stop, course.study.recording(RECORDED_TOGETHER):
                run(course, self.table, workers=self.count, clock=self.now, seconds=self.seconds, stop=stop)

        yield go

    def tested(self, study: Study, chosen: Best, listener: Listener) -> Best:
        """`chosen` as it is: there are no test data."""
        return chosen


class Covered:
    """A proposer restricted to the networks of a table; others are counted as refused."""

    def __init__(self, proposer: Proposes, table: Table) -> None:
        self._proposer, self._table = proposer, table
        self._lacking = 0
        self.refused: int = proposer.refused
        self.duplicates: int = proposer.duplicates

    def propose(self, *, random: bool = False) -> Proposal | None:
        """The next candidate of the table, or None when nothing is left.

        Raises:
            InputError: the table gives the candidate another cost than it has.
        """
        while (
            proposal := self._proposer.propose(random=random)
        ) is not None and proposal.candidate.id not in self._table.entries:
            self._lacking += 1
            self._proposer.failed(proposal)
        self.refused = self._proposer.refused + self._lacking
        self.duplicates = self._proposer.duplicates
        if proposal is not None:
            self._table.check(proposal.candidate, proposal.cost)
        return proposal

    def completed(self, proposal: Proposal, accuracy: float, curve: Curve = ()) -> None:
        """Tell the restricted proposer of a completed training."""
        self._proposer.completed(proposal, accuracy, curve)

    def pruned(self, proposal: Proposal, curve: Curve = ()) -> None:
        """Tell the restricted proposer of a pruned training."""
        self._proposer.pruned(proposal, curve)

    def failed(self, proposal: Proposal) -> None:
        """Tell the restricted proposer of a failure."""
        self._proposer.failed(proposal)

    def believed(self) -> Belief | None:
        """What the restricted proposer believes of its proposals."""
        return self._proposer.believed()


@dataclass(kw_only=True)
class _Training:
    """A job on a simulated worker, with the reports that it has left."""

    key: str
    worker: int
    reports: list[tuple[int, float, float]]
    """(epoch, accuracy, seconds since the report before), the next one last."""


def run(
    engine: Engine,
    table: Table,
    *,
    workers: int,
    clock: SimulatedTime,
    seconds: float | None = None,
    stop: Stop | None = None,
) -> None:
    """Run `engine`, whose clock is `clock`, to its end on `workers` simulated workers.

    Args:
        engine: decides what the workers do.
        table: what they find.
        workers: their number.
        clock: the time of the engine.
        seconds: the time of a full training, divided evenly over its epochs; None takes that of the
            table.
        stop: whether the process was told to stop.

    Raises:
        KeyboardInterrupt: the user stopped it; what ended is in the database.
    """
    stop = stop or Stop()
    engine.clock.workers = workers
    deadline = None if engine.clock.left is None else clock.now + engine.clock.left
    events: list[tuple[float, int, _Training]] = []
    idle = list(range(workers))
    started = reported = 0

    def follow(training: _Training) -> None:
        nonlocal reported
        reported += 1  # reports at the same time come in the order in which they were promised
        heapq.heappush(events, (clock.now + training.reports[-1][2], reported, training))

    try:
        while True:
            while idle:
                stop.check()
                key = f"simulated-{started}"
                job = engine.next_job(key)
                if not isinstance(job, Job):
                    break
                started += 1
                seen = table.seen(hashlib.sha256(job.candidate.encode()).hexdigest(), job.seed)  # as Candidate.id
                if seen is None:
                    engine.failed(key, f"the table {table.path.name} does not have this network")
                elif job.fidelity.epochs != table.epochs:
                    engine.failed(
                        key,
                        f"the table has trainings of {table.epochs} epochs, but {job.fidelity.epochs} were asked for",
                    )
                else:
                    follow(
                        _Training(
                            key=key, worker=idle.pop(0), reports=_reports(seen, table.epochs, seconds, start=job.start)
                        )
                    )
            stop.check()
            if not events or (deadline is not None and events[0][0] > deadline):
                break
            clock.now, _, training = heapq.heappop(events)
            epoch, accuracy, took = training.reports.pop()
            if engine.reported(training.key, epoch, accuracy, took) and training.reports:
                follow(training)
            else:
                engine.ended(training.key, worker=f"simulated:{training.worker}", device="table")
                idle.append(training.worker)
                idle.sort()
            engine.tick()
        if events and deadline is not None:
            clock.now = deadline
        engine.finish()
    finally:
        engine.abandon()


def _reports(seen: Seen, epochs: int, seconds: float | None, *, start: int) -> list[tuple[int, float, float]]:
    whole = seconds if seconds is not None else seen.seconds if seen.seconds is not None else DEFAULT_SECONDS
    found: list[tuple[int, float, float]] = []
    before = start
    for epoch, accuracy in seen.curve:
        if epoch > start:
            found.append((epoch, accuracy, (epoch - before) * whole / epochs))
            before = epoch
    return found[::-1]
