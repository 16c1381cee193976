"""A training in this process that continues after Ctrl-C or a kill.

After each epoch the whole state of the training is written beside the weights, with the weights of
the best epoch so far. The same call continues from there, on one thread to the same bits.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...blocks.errors import AutomlError, InputError
from ...studies import CandidateRow, Evaluation, State, Study
from ...studies.records.evaluation import DRIVER
from ...studies.records.measure import as_text, shown, words
from ...studies.trained.artifacts import sent
from ...studies.trained.classifier_measures import measures_file
from ..course.job import Job
from ..course.running import Running

if TYPE_CHECKING:
    from torch import Tensor

    from ..pretrained.source_weights import Source
    from ..training.pixels import Pixels
    from ..training.recipe import Recipe
    from ..training.threads import Threads
    from ..training.trainer import Report, Trainer
    from .companions import Together

Said = Callable[[str], None]
"""Called with each line of progress."""
Told = Callable[[float], None]
"""Called with the share of the training that is done, from 0 to 1."""


@dataclass(kw_only=True)
class ResumableTraining:
    """One training, from its beginning or from where it was stopped."""

    study: Study
    """The study in which the training is recorded."""
    row: CandidateRow
    """The candidate that is trained."""
    job: Job
    """Fidelity, seed, and the file of the weights."""
    pixels: Pixels
    """The images, on the device that trains."""
    said: Said
    """Called with each line of progress."""
    threads: int | None
    """CPU threads; None measures which number trains fastest."""
    recipe: Recipe
    """How the network is trained."""
    told: Told | None = None
    """Called after each update with the share that is done."""
    together: Together | None = None
    """What further processes are told that train it too; None trains in this one alone."""
    temperature: float = 1.0
    """The temperature of its probabilities if it is a refit, which has no images to fit one on."""
    source: Source | None = None
    """The network from whose weights it begins; None begins from noise."""
    best: dict[str, Any] | None = None
    """Epoch and weights with the highest validation accuracy so far; of equal ones the first."""
    curve: list[tuple[int, float]] = field(default_factory=list)
    """(epoch, validation accuracy) of the finished epochs; of a refit its test accuracy."""
    seconds: float = 0.0
    """Seconds of the finished epochs."""
    started: datetime = field(default_factory=lambda: datetime.now(UTC))
    """When the training began first."""

    @property
    def weights(self) -> Path:
        """The file of the trained weights."""
        return Path(str(self.job.store), str(self.job.checkpoint))

    @property
    def state(self) -> Path:
        """The file of the state after the last finished epoch; removed when the training ends."""
        return self.weights.with_name("training") / self.weights.name

    @property
    def best_weights(self) -> Path:
        """The file of the weights of the best epoch, which exists if that is not the last one."""
        return self.weights.with_name(f"{self.weights.stem}-best.pt")

    def run(self, *, tested: bool) -> Evaluation:
        """Train to the end, keep the weights, and record the evaluation.

        Args:
            tested: whether the accuracy on the test data is measured.

        Raises:
            Diverged: the training produced NaN or infinity; recorded as FAIL first.
            StoreError: the URL of the study's files cannot be reached; nothing is recorded.
        """
        from ..training.threads import Threads
        from ..workers.job_runner import keep_weights
        from .weights_loading import logits_on_test, measured

        with Threads(self.pixels.device, self.threads if self.together is None else 1) as threads:
            with self._failing():
                trainer = self._trainer()
            with self._joined(trainer), self._failing():
                self._train(trainer, threads)
            keep_weights(self.job, trainer, self.pixels)
            self._keep_best()
            network, size, metric = trainer.network_for_use(), self.job.fidelity.size, self.job.metric
            logits_nk = logits_on_test(network, self.pixels, size) if tested else None
            on_test = None if logits_nk is None else measured(logits_nk, self.pixels, metric)
            if self.job.fidelity.refit and on_test is not None:
                self.curve = [(trainer.epochs, on_test)]
            self._measure(trainer, logits_nk)
            # before it is recorded: if the URL cannot be reached, the same call goes on here
            sent(self.study, self.weights, self.best_weights, measures_file(self.weights))
        return self._record(State.COMPLETE, test=on_test)

    @contextmanager
    def _failing(self) -> Iterator[None]:
        """Inside, an error of the network or its training is recorded."""
        try:
            yield
        except AutomlError as error:
            self._record(State.FAIL, reason=str(error))
            raise

    @contextmanager
    def _joined(self, trainer: Trainer) -> Iterator[None]:
        """Inside, the other processes train too, if there are any."""
        if self.together is None or trainer.finished:
            yield
            return
        from ..training.ranks import Ranks
        from .companions import companions

        Ranks(0, len(self.together.devices)).require_batch(trainer.smallest_batch)
        with companions(self.together, self.state if trainer.done_epochs else None) as ranks:
            trainer.train_with(ranks)
            yield

    def _trainer(self) -> Trainer:
        """A trainer at the beginning, or after the epochs that were finished before a stop."""
        from ...studies.trained.checkpoint import load
        from ..workers.job_runner import trainer_for

        if not self.state.exists():
            return trainer_for(self.job, self.pixels, self.recipe, self.pixels.device, self.source)
        try:
            kept = load(self.state)
            if kept["of"] != self._of():
                raise InputError("it is that of another study or of other images")
            trainer = trainer_for(self.job, self.pixels, self.recipe, self.pixels.device, self.source)
            trainer.load_state_dict(kept["trainer"])
            self.curve = [(int(epoch), float(accuracy)) for epoch, accuracy in kept["curve"]]
            self.best = kept.get("best")
            self.seconds, self.started = float(kept["seconds"]), datetime.fromisoformat(kept["started"])
        except (InputError, KeyError, TypeError, ValueError) as error:
            self.said(f"what was kept of this training cannot be used ({error}): it begins anew")
            self.curve, self.seconds, self.best = [], 0.0, None
            return trainer_for(self.job, self.pixels, self.recipe, self.pixels.device, self.source)
        self.said(f"going on after epoch {trainer.done_epochs} of {trainer.epochs}")
        return trainer

    def _train(self, trainer: Trainer, threads: Threads) -> None:
        if trainer.finished:
            return
        count = threads.measure(trainer.rehearsal())
        if self.pixels.device.type == "cpu":
            self.said(f"{count} CPU thread{'s' if count > 1 else ''}")
        trainer.told = self.told
        while not trainer.finished:
            began = time.monotonic()
            report = trainer.epoch()
            self._note_best(report, trainer)
            if not self.job.fidelity.refit:
                self.curve.append((report.epoch, report.accuracy))
            self.seconds += report.seconds
            self._keep(trainer)
            self.said(self._progress(report, trainer, time.monotonic() - began))
            if threads.ended(report.images, report.training) != count:
                count = 1
                self.said("the machine has become busy: one CPU thread from here on")

    def _keep(self, trainer: Trainer) -> None:
        from ...studies.trained.checkpoint import save

        of, started = self._of(), self.started.isoformat()
        save(
            self.state,
            {
                "of": of,
                "trainer": trainer.state_dict(),
                "curve": [list(one) for one in self.curve],
                "seconds": self.seconds,
                "started": started,
                "best": self.best,
            },
        )

    def _note_best(self, report: Report, trainer: Trainer) -> None:
        from ..training.snapshot import snapshot

        if report.accuracy > max((accuracy for _, accuracy in self.curve), default=-math.inf):
            self.best = {"epoch": report.epoch, "weights": snapshot(trainer.network_for_use().state_dict())}

    def _measure(self, trainer: Trainer, on_test_nk: Tensor | None) -> None:
        """Write the measures of the trained network beside its weights."""
        from .measuring import measure

        names = [str(name) for name in self.study.spec.data["classes"]]
        network, size = trainer.network_for_use(), self.job.fidelity.size
        how = {"size": size, "names": names, "on_test_nk": on_test_nk, "temperature": self.temperature}
        found = measure(network, self.pixels, self.recipe, **how)
        found.write(self.weights)

    def _keep_best(self) -> None:
        """Write the weights of the best epoch beside those of the last, if it is not the last."""
        from ...studies.trained.checkpoint import load, save

        self.best_weights.unlink(missing_ok=True)
        if self.best is not None and self.best["epoch"] != self.curve[-1][0]:
            save(
                self.best_weights, {**load(self.weights), "epochs": self.best["epoch"], "weights": self.best["weights"]}
            )
            reached, metric = max(accuracy for _, accuracy in self.curve), self.job.metric
            self.said(
                f"validation {words(metric)} was {'lowest' if shown(metric, 1) < 0 else 'highest'},"
                f" {as_text(metric, reached)}, after epoch {self.best['epoch']}: its weights are in {self.best_weights}"
            )

    def _of(self) -> dict[str, str]:
        """Identifies the training that a state belongs to: a study that was deleted and begun again
        under the same name may have other images or another split."""
        data = self.study.spec.data
        return {
            "study": self.study.spec.name,
            "created": self.study.created.isoformat(),
            "candidate": self.job.candidate,
            "data": str(data["fingerprint"]),
            "split": str(data["split"]["sha256"]),
            "preprocessing": str(self.pixels.preprocessing(self.job.fidelity.size)),
        }

    def _progress(self, report: Report, trainer: Trainer, seconds: float) -> str:
        left = (trainer.epochs - report.epoch) * seconds
        ahead = "" if not left else f", about {left:.0f} s left" if left < 120 else f", about {left / 60:.0f} min left"
        fidelity, metric = self.job.fidelity, self.job.metric
        reached = "" if fidelity.refit else f"validation {words(metric)} {as_text(metric, report.accuracy)}, "
        shown = f"{reached}loss {report.loss:.3f}, {report.seconds:.1f} s{ahead}"
        return f"epoch {report.epoch} of {fidelity.epochs}: {shown}"

    def _record(self, state: State, *, reason: str | None = None, test: float | None = None) -> Evaluation:
        from ..training.device import describe

        training = Running(job=self.job, network=self.row, curve=self.curve, seconds=self.seconds, started=self.started)
        ended = training.evaluation(state, worker=DRIVER, device=describe(self.pixels.device), reason=reason, test=test)
        kept = self.study.record(ended, self.row, params={}, distributions={}, values=None)
        self.state.unlink(missing_ok=True)
        return kept
