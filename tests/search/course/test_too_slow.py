"""Networks too slow for the clock teach the sampler; those that merely began late do not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from automl.search import PredictorSampler
from automl.search.course.clock import Clock
from automl.search.course.engine import Engine
from automl.search.course.job import Job
from automl.search.course.limits import Limits
from automl.search.course.running import RETRIES
from automl.search.course.too_slow import PATIENCE
from automl.search.proposing.earlier_trials import for_sampler
from automl.search.sampling import CURVE, NO_EVIDENCE, TOO_SLOW
from automl.search.sampling.columns import columns_of
from automl.search.sampling.history import History
from automl.spaces import Space
from automl.studies import Fault, State
from automl.studies.database.optuna_tables import quietly
from optuna.distributions import CategoricalDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from .played_workers import EPOCHS, Time, keep, make

SECONDS = 1000.0


class Pace:
    """Expects so many seconds of each epoch."""

    def __init__(self, epoch: float) -> None:
        self.each, self.model = epoch, self
        self.known = True

    def epochs(self, *_: Any) -> list[float]:
        return [self.each] * EPOCHS

    def seconds(self, *_: Any, begin: int = 0, end: int | None = None) -> float:
        return sum(self.epochs()[begin:end])

    def testing(self, *_: Any) -> float:
        return 0.0

    def note(self, *_: Any, **__: Any) -> None:
        """What is expected does not change."""


def begun(engine: Engine, key: str) -> Job:
    job = engine.next_job(key)
    assert isinstance(job, Job)
    return job


def trials(engine: Engine) -> list[FrozenTrial]:
    """The trials of the sampler's study, as it was told."""
    return engine._proposer._study.trials  # type: ignore[attr-defined]


@pytest.fixture
def engine(tmp_path: Path, space: Space) -> Engine:
    """A search in which one training is complete, after 9 seconds."""
    engine = make(tmp_path, space, clock=Time(), trials=None, seconds=SECONDS, finals=0)
    begun(engine, "first")
    at(engine, 9.0, Pace(1.0))
    for epoch in range(1, EPOCHS + 1):
        engine.reported("first", epoch, 0.5, 1.0)
    engine.ended("first")
    return engine


def at(engine: Engine, seconds: float, pace: Pace) -> None:
    engine.clock._now.now = seconds  # type: ignore[attr-defined]
    engine.clock.pace = pace  # type: ignore[assignment]


def test_what_would_not_end_in_all_of_the_time_is_not_begun_and_is_evidence(engine: Engine):
    at(engine, 10.0, Pace(2 * SECONDS / EPOCHS))
    begun(engine, "a")  # at last one is begun all the same
    refused = trials(engine)[1:-1]
    assert len(refused) == PATIENCE
    assert {trial.state for trial in refused} == {TrialState.FAIL}
    assert not any(trial.user_attrs for trial in refused)
    assert len(engine.study.evaluations()) == 1  # more time may suffice: the study does not hold it


def test_control_what_merely_begins_late_is_begun_and_is_no_evidence(engine: Engine):
    at(engine, 0.9 * SECONDS, Pace(0.5 * SECONDS / EPOCHS))
    begun(engine, "a")
    engine.finish()
    assert [trial.state for trial in trials(engine)] == [TrialState.COMPLETE, TrialState.FAIL]
    assert trials(engine)[-1].user_attrs == {NO_EVIDENCE: True}


@pytest.mark.parametrize(("factor", "slow"), [(2.0, True), (0.5, False)])
def test_an_epoch_may_show_that_a_training_is_too_slow(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, factor: float, slow: bool
):
    begun(engine, "a")
    monkeypatch.setattr(engine._rungs, "reached", lambda *_, **__: True)  # no rung stops it
    at(engine, 0.5 * SECONDS if slow else 0.98 * SECONDS, Pace(factor * SECONDS / EPOCHS))
    assert not engine.reported("a", 1, 0.9, 1.0)
    engine.ended("a")
    (cut,) = engine.study.evaluations(state=State.PRUNED)
    assert cut.cut
    assert ("longer than the search has" in (cut.reason or "")) == slow
    assert trials(engine)[-1].state is TrialState.PRUNED
    assert trials(engine)[-1].user_attrs.get(TOO_SLOW, False) is slow
    assert trials(engine)[-1].user_attrs[CURVE] == [[1, 0.9]]


def test_where_no_training_is_complete_each_is_as_good_as_another(tmp_path: Path, space: Space):
    engine = make(tmp_path, space, clock=Time(), trials=None, seconds=SECONDS)
    at(engine, 0.0, Pace(2 * SECONDS / EPOCHS))
    begun(engine, "a")
    assert len(trials(engine)) == 1


def test_without_a_limit_of_time_nothing_is_too_slow(tmp_path: Path, space: Space):
    engine = make(tmp_path, space, clock=Time(), trials=3)
    engine.clock._complete = 1
    at(engine, 0.0, Pace(1e9))
    begun(engine, "a")
    assert len(trials(engine)) == 1


@pytest.mark.parametrize("epochs", [0, 1])
def test_silence_blames_a_network_only_if_no_worker_has_seen_an_epoch(tmp_path: Path, space: Space, epochs: int):
    engine = make(tmp_path, space, trials=2, finals=0)
    for key in map(str, range(RETRIES + 1)):
        job = begun(engine, key)
        for epoch in range(job.start + 1, epochs + 1):
            if epoch in job.rungs:
                keep(job, job.state_file(epoch))
            engine.reported(key, epoch, 0.5, 1.0)
        engine.lost(key, "silent", Fault.TIME)
    assert [one.fault for one in engine.study.evaluations()] == [Fault.TIME]
    for trial in (trials(engine)[0], for_sampler(engine.study.optuna_trials()[0], "best")):
        assert trial.state is TrialState.FAIL
        assert bool(trial.user_attrs.get(NO_EVIDENCE)) == bool(epochs)


CELL = {f"edge{index}": CategoricalDistribution(("a", "b", "c")) for index in range(4)}


def ended(values: tuple[str, ...], state: TrialState, **attributes: Any) -> FrozenTrial:
    return create_trial(
        state=state,
        value=0.5 if state is TrialState.COMPLETE else None,
        params=dict(zip(CELL, values, strict=True)),
        distributions=CELL,
        user_attrs=attributes,
    )


def test_a_network_that_is_too_slow_has_a_curve_and_has_failed():
    history = History(columns_of(CELL), np.ones(1))
    given = [
        ended(("a", "a", "a", "a"), TrialState.COMPLETE),
        ended(("a", "b", "a", "a"), TrialState.PRUNED, **{CURVE: [[1, 0.4]]}),
        ended(("a", "c", "a", "a"), TrialState.PRUNED, **{CURVE: [[1, 0.4]], TOO_SLOW: True}),
    ]
    for number, trial in enumerate(given):
        trial.number = number
    rows = history.follow(given, len(given))
    assert len(history.stopped) == 2
    assert history.failed.tolist() == [rows[2].tolist()]
    assert history.worked.tolist() == rows[:2].tolist()


def test_studies_without_slow_networks_propose_what_they_did(monkeypatch: pytest.MonkeyPatch):
    def proposed(*, slow: bool = False) -> list[dict[str, Any]]:
        with quietly():
            study = optuna.create_study(direction="maximize", sampler=PredictorSampler(seed=0, space=CELL))
        for index in range(14):
            trial = study.ask()
            params = {name: trial.suggest_categorical(name, ("a", "b", "c")) for name in CELL}
            if params["edge1"] == "c":
                study.tell(trial, state=TrialState.FAIL)
            elif index % 3 == 2:
                trial.set_user_attr(CURVE, [[1, 0.1 * len(set(params.values()))]])
                if slow:
                    trial.set_user_attr(TOO_SLOW, True)
                study.tell(trial, state=TrialState.PRUNED)
            else:
                study.tell(trial, list(params.values()).count("b") + 0.1 * index)
        return [trial.params for trial in study.trials]

    now, learning = proposed(), proposed(slow=True)
    before = property(lambda self: np.concatenate([self.rows, *(row[None] for row, _ in self.stopped)]))
    monkeypatch.setattr(History, "worked", before)  # as it was before networks could be too slow
    assert proposed() == now
    assert learning != now  # control: otherwise the comparison would say nothing


def test_control_a_clock_with_half_of_the_time_calls_other_networks_too_slow(engine: Engine):
    at(engine, 10.0, Pace(SECONDS / EPOCHS))
    live = engine._live
    begun(engine, "a")
    assert not engine.clock.too_slow(live["a"])
    half = Clock(Limits(trials=None, seconds=SECONDS / 2), now=Time())
    half.pace, half._complete = engine.clock.pace, 1
    assert half.too_slow(live["a"])
