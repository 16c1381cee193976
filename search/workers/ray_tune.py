"""Runs an engine with Ray Tune: a searcher, a scheduler and a callback pass its decisions on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext, suppress
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import ray
from numpy.typing import NDArray
from ray import tune
from ray.tune.experiment import Trial
from ray.tune.schedulers import FIFOScheduler, TrialScheduler
from ray.tune.search import Searcher

from ...blocks.block import blocks
from ...studies import Fault
from ..by_value import by_value, users_modules
from ..course.job import Job
from ..course.measured_first import Course, MeasuredFirst
from ..course.stop_signals import Stop, orderly
from ..own_parts import packed_measures
from ..pretrained.source_weights import Source
from ..scores.sending import packed
from . import cluster
from .cluster import Resources
from .deaths import RayDied, check_ray, own_placement_groups, why
from .image_delivery import sent
from .own_ray import dead_process, is_own, prepared_processes
from .place import Evaluate
from .ray_private import worker_of
from .stores import Tokens
from .tune_folder import tune_folder
from .vital_watch import noticed
from .worker import Worker

T = TypeVar("T")
SLACK = 1.0
"""Seconds after the end of the time at which Tune itself ends a run that has not ended."""


class _EndsEarly(BaseException):
    """The run is not to go on. Tune passes it on at once; of any other exception it would wait for
    the end of all epochs that run."""


class _HoldsEngine:
    """Keeps the engine, with its database connection, out of the snapshot that Tune pickles."""

    _engine: Course
    _stop: Stop

    def _guarded(self, call: Callable[[], T], broken: T) -> T:
        """`call()`; or `broken` if a call has failed: Tune would log the exception and go on, and
        results would be lost."""
        if self._engine.error is not None:
            return broken
        try:
            return call()
        except Exception as error:
            self._engine.error = error
            return broken

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key not in ("_engine", "_stop", "_trials")}


class _Asks(_HoldsEngine, Searcher):
    def __init__(self, engine: Course, stop: Stop, tokens: Tokens) -> None:
        super().__init__()
        self._engine, self._stop, self._tokens = engine, stop, tokens

    def suggest(self, trial_id: str) -> Any:
        self._stop.check()
        check_ray()  # Tune now asks the GCS for resources, and would wait for a dead one
        job = self._guarded(lambda: self._engine.next_job(trial_id), "finished")
        if isinstance(job, Job):
            self._guarded(lambda: self._tokens.write(job.store), None)
            return {"job": job.to_json()}
        return None if job == "wait" else Searcher.FINISHED

    def on_trial_complete(self, trial_id: str, result: dict[str, Any] | None = None, error: bool = False) -> None:
        """Ends are recorded by the callback, which knows the reason."""

    def save(self, checkpoint_path: str) -> None:
        """Save nothing: the database holds all results, and Tune's snapshot is never read."""

    def restore(self, checkpoint_path: str) -> None:
        """Restore nothing: a search resumes from its database."""


class _Stops(_HoldsEngine, FIFOScheduler):
    def __init__(self, engine: Course) -> None:
        super().__init__()
        self._engine = engine

    def on_trial_result(self, tune_controller: Any, trial: Trial, result: dict[str, Any]) -> str:
        # for Tune a training that is paused has ended: it resumes as another job, on any free
        # worker, from its state on disk
        if "failed" in result:
            return TrialScheduler.STOP
        goes_on = self._guarded(lambda: _report(self._engine, trial, result), False)
        return TrialScheduler.CONTINUE if goes_on else TrialScheduler.STOP


class _Records(_HoldsEngine, tune.Callback):
    def __init__(self, engine: Course, stop: Stop) -> None:
        self._engine, self._stop = engine, stop
        self._silent: set[str] = set()
        self._trials: list[Trial] = []

    @property
    def unfinished(self) -> list[str]:
        """Ids of the trials that run or wait for a worker."""
        return [trial.trial_id for trial in self._trials if not trial.is_finished()]

    def on_trial_result(
        self, iteration: int, trials: list[Trial], trial: Trial, result: dict[str, Any], **info: Any
    ) -> None:
        # a trial's last result goes past the scheduler: Tune stops it on `done`
        if (
            result.get("done")
            and "failed" not in result
            and not self._engine.has_reported(trial.trial_id, int(result["epoch"]))
        ):
            self._guarded(lambda: _report(self._engine, trial, result), False)

    def on_trial_complete(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        result = trial.last_result or {}
        place = {"worker": str(result.get("worker", "")), "device": _device(result)}
        if "failed" in result:
            reason, fault = str(result["failed"]), Fault(result.get("fault", Fault.CANDIDATE))
            if fault is Fault.MACHINE:  # its training goes on elsewhere
                self._guarded(lambda: self._engine.lost(trial.trial_id, reason, fault), None)
            else:
                self._guarded(lambda: self._engine.failed(trial.trial_id, reason, fault, **place), None)
        else:
            self._guarded(lambda: self._engine.ended(trial.trial_id, **place), None)

    def on_trial_error(self, iteration: int, trials: list[Trial], trial: Trial, **info: Any) -> None:
        reason, fault = why(trial)
        if trial.trial_id in self._silent:
            reason, fault = "the worker was killed: it had not reported for 10 times the time of an epoch", Fault.TIME
        self._guarded(lambda: self._engine.lost(trial.trial_id, reason, fault), None)

    def on_step_begin(self, iteration: int, trials: list[Trial], **info: Any) -> None:
        self._trials = trials

    def on_step_end(self, iteration: int, trials: list[Trial], **info: Any) -> None:
        # between two steps of Tune nothing is half done
        self._stop.check()
        if self._engine.error is not None:
            raise _EndsEarly
        check_ray()
        if self._engine.clock.over:
            # Tune would wait up to 15 s for the epochs that run
            for trial in trials:
                self._kill(trial)
            raise _EndsEarly
        self._kill_silent(trials)
        self._engine.tick()

    def _kill_silent(self, trials: list[Trial]) -> None:
        for key in set(self._engine.silent) - self._silent:
            self._silent.add(key)
            for trial in trials:
                if trial.trial_id == key:
                    self._kill(trial)

    def _kill(self, trial: Trial) -> None:
        if (actor := worker_of(trial)) is not None:
            ray.kill(actor)


def _report(engine: Course, trial: Trial, result: Mapping[str, Any]) -> bool:
    if "timings" in result and isinstance(engine, MeasuredFirst):
        engine.timed(trial.trial_id, list(result["timings"]))
    if "scores" in result:
        engine.scored(trial.trial_id, {str(name): float(value) for name, value in result["scores"].items()})
    return engine.reported(trial.trial_id, int(result["epoch"]), float(result["accuracy"]), float(result["seconds"]))


def _device(result: Mapping[str, Any]) -> str:
    gpus = str(result.get("gpus", ""))
    device = str(result.get("device", "cpu"))
    return f"{device} (Ray GPU {gpus})" if gpus else device


def run(
    engine: Course,
    arrays: Mapping[str, NDArray[Any]],
    recipe: Mapping[str, Any],
    resources: Resources,
    *,
    evaluate: Evaluate | None = None,
    source: Source | None = None,
    worker: type[tune.Trainable] = Worker,
) -> None:
    """Run `engine` to its end on Ray Tune workers. Ray must have been started.

    Args:
        engine: decides what the workers do.
        arrays: the data, sent once through Ray's object store; of mapped images their place.
        recipe: of all trainings.
        resources: the number of workers, and what each of them gets.
        evaluate: evaluates trials on the workers in place of the usual training.
        source: the network from whose weights candidates begin, sent once as the data are.
        worker: the trainable that the workers run.

    Raises:
        InputError: a score of the user's own cannot be sent to the workers.
        KeyboardInterrupt: the user stopped it; what ended is in the database.
        Exception: what the engine met, e.g. a database that is gone; what ended before is in the
            database.
    """
    engine.clock.workers, engine.clock.on_gpus = resources.workers, resources.gpus > 0
    node = "" if is_own() else ray.get_runtime_context().get_node_id()
    tokens = Tokens(node)
    with orderly() as stop, tune_folder() as folder, prepared_processes(), own_placement_groups():
        try:
            for attempt in count():
                records = _Records(engine, stop)
                place = folder / str(attempt)
                optional = {"evaluate": evaluate, "source": source, "node": node or None}
                more = {name: value for name, value in optional.items() if value is not None}
                asks = _Asks(engine, stop, tokens)
                tuner = _tuner(engine, asks, records, arrays, recipe, resources, more, worker, place)
                try:
                    with suppress(_EndsEarly):
                        tuner.fit()
                    break
                except (RayDied, Exception):
                    if (died := dead_process()) is None:
                        raise
                    noticed()
                stop.check()
                engine.said(f"Ray's {died} has died: Ray is started anew, trainings go on from their last rung")
                for key in records.unfinished:
                    engine.lost(key, f"Ray's {died} has died")
                cluster.restart()
            if engine.error is not None:
                raise engine.error
            engine.finish()
        finally:
            tokens.remove()
            engine.abandon()


def _tuner(
    engine: Course,
    asks: _Asks,
    records: _Records,
    arrays: Mapping[str, NDArray[Any]],
    recipe: Mapping[str, Any],
    resources: Resources,
    more: Mapping[str, Any],
    worker: type[tune.Trainable],
    folder: Path,
) -> tune.Tuner:
    # a worker of a private Ray imports what the driver can; one of a cluster may be elsewhere
    with by_value(users_modules()) if "node" in more else nullcontext():
        trainable = tune.with_parameters(
            worker,
            arrays=sent(arrays),
            recipe=dict(recipe),
            blocks=blocks.foreign(),
            scores=packed(),
            measures=packed_measures(),
            **more,
        )
    left = engine.clock.left
    return tune.Tuner(
        tune.with_resources(trainable, {"cpu": resources.cpus, **({"gpu": resources.gpus} if resources.gpus else {})}),
        tune_config=tune.TuneConfig(
            search_alg=asks,
            scheduler=_Stops(engine),
            num_samples=-1,
            max_concurrent_trials=resources.workers,
            reuse_actors=True,
            time_budget_s=None if left is None else left + SLACK,
            trial_dirname_creator=lambda trial: trial.trial_id,
            trial_name_creator=lambda trial: trial.trial_id,
        ),
        run_config=tune.RunConfig(
            name="search",
            storage_path=str(folder),
            verbose=0,
            callbacks=[records],
            checkpoint_config=tune.CheckpointConfig(checkpoint_at_end=False, checkpoint_frequency=0),
            failure_config=tune.FailureConfig(max_failures=0),
        ),
    )
