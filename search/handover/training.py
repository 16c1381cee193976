"""The training of a chosen network in this process: longer, at the size it is deployed at, and safe
against Ctrl-C and kills.

After each epoch the whole state of the training is written beside the weights; the same call goes
on from there, on one thread to the same bits.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from ...blocks.errors import AutomlError, InputError
from ...spaces import Candidate
from ...studies import CandidateRow, Evaluation, Fidelity, Purpose, State, Study
from ...studies.artifacts import weights_folder, weights_name
from ...studies.chosen import best, chosen_candidate
from ...studies.storage_url import open_study
from ..course.job import Job
from ..options import check_seed
from ..plan import proxy
from ..training.recipe import Recipe
from .study_data import study_data

if TYPE_CHECKING:
    from ..data import ImageData, Split
    from ..training.pixels import Pixels
    from ..training.threads import Threads
    from ..training.trainer import Report, Trainer

LONGER = 5
"""A network is trained for so many times the epochs of a trial, where nothing else is asked for:
2.5 times as long as the search confirms it."""

Said = Callable[[str], None]


def train(
    study: Study | str,
    *,
    candidate: str | None = None,
    epochs: int | None = None,
    size: int | None = None,
    seed: int | None = None,
    test: bool = False,
    data: str | None = None,
    data_dir: str | None = None,
    threads: int | None = None,
    storage: str | None = None,
    said: Said = lambda text: None,
) -> Evaluation:
    """Train a network of a study on all its training images in this process and keep its weights.

    Args:
        study: the study, or its name.
        candidate: its id, or the beginning of it; the network chosen without.
        epochs: `LONGER` times those of a trial without.
        size: input size in pixels; without, the one it is deployed at, where the files hold as
            much.
        seed: the first after the study's own from which this training has not been done without, so
            that the same call again trains from another seed.
        test: whether to measure another network than the one chosen on the test data; choosing
            among tested networks would spoil them.
        data: where the study's data lie now, if they have moved.
        data_dir: where the files of known sets are.
        threads: CPU threads; as many as train fastest here without.
        storage: database URL of a study given by name; AUTOML_STORAGE or sqlite:///automl.db if
            None.
        said: is told what happens, in lines.

    Raises:
        InputError: no such candidate, nothing to choose from, data that are not the study's, or
            this very training has been done.
        Diverged: the training left the finite numbers; recorded as FAIL first.
        KeyboardInterrupt: stopped; the same call goes on after the last epoch that ended.
    """
    _check_threads(threads)
    study = open_study(study, storage)
    chosen = best(study)
    row = study.candidate(candidate) if candidate else chosen_candidate(study)
    settings = study.spec.settings
    height = Candidate.from_dict(json.loads(row.spec)).image[1]
    searched = proxy(int(settings["proxy_size"]), height, int(settings["image_size"]))
    epochs = epochs or LONGER * int(settings["epochs"])
    if seed is not None:
        check_seed("--seed", seed)
        if size is not None and _done(
            study, row, asked := Fidelity(epochs=epochs, size=size), seed
        ):  # before the images are read
            raise _known(row, asked, seed)
    said(f"loading the images of {data or study.spec.data['name']}")
    loaded, rows = study_data(
        study, data=data, data_dir=data_dir, size=lambda native: size or deployable(height, searched, native)
    )
    fidelity = Fidelity(epochs=epochs, size=size or deployable(height, searched, loaded.native))
    weights = weights_folder(study.storage_url, study.spec.name)
    with _alone(study, row, fidelity, seed, weights) as own_seed:
        tested = test or (chosen is not None and chosen.candidate.id == row.id)
        return _trained(study, row, fidelity, own_seed, weights, loaded, rows, threads=threads, said=said, test=tested)


def _trained(
    study: Study,
    row: CandidateRow,
    fidelity: Fidelity,
    seed: int,
    weights: Path,
    loaded: ImageData,
    rows: Split,
    *,
    threads: int | None,
    said: Said,
    test: bool,
) -> Evaluation:
    if fidelity.size > loaded.native:
        said(f"the images hold {loaded.native} px: they are enlarged to {fidelity.size}")
    from ..training.device import describe, pick_device
    from ..training.pixels import Pixels

    device = pick_device()
    said(f"training {row.id[:12]} for {fidelity} on {describe(device)}, seed {seed}")
    pixels = Pixels(loaded.images, loaded.labels, rows.train, rows.validation, rows.test, device, levels=loaded.levels)
    path = weights / weights_name(row.id, fidelity, seed)
    job = Job(
        candidate=row.spec, params=row.params, fidelity=fidelity, seed=seed, purpose=Purpose.FINAL, checkpoint=str(path)
    )
    run = _Run(study=study, row=row, job=job, pixels=pixels, said=said, threads=threads)
    return run.to_its_end(tested=test)


@contextmanager
def _alone(study: Study, row: CandidateRow, fidelity: Fidelity, seed: int | None, weights: Path) -> Iterator[int]:
    """The seed that this process trains from, and no other one meanwhile: two would write one
    another's state and weights.

    Raises:
        InputError: this very training has been done, or another process is at it; without a seed
            the next free one is taken.
    """
    from filelock import FileLock, Timeout

    folder = weights / "training"
    folder.mkdir(parents=True, exist_ok=True)
    for chosen in count(int(study.spec.settings["seed"]) + 1) if seed is None else (seed,):
        lock = FileLock(folder / f"{weights_name(row.id, fidelity, chosen)}.lock")
        try:
            lock.acquire(timeout=0)
        except Timeout:
            if seed is not None:
                other = f"another process trains candidate {row.id[:12]} for {fidelity} with seed {seed}"
                raise InputError(f"{other}: wait for it, or give another --seed") from None
            continue
        try:
            done = _done(study, row, fidelity, chosen)
            if done and seed is not None:
                raise _known(row, fidelity, seed)
            if not done:
                yield chosen
                return
        finally:
            lock.release()


def _check_threads(threads: int | None) -> None:
    """InputError for more threads than CPUs: they only wait for one another, and a thousand of them
    take the machine down."""
    if threads is not None:
        from ..training.threads import usable_cpus

        if not 1 <= threads <= usable_cpus():
            raise InputError(
                f"--threads must lie between 1 and the {usable_cpus()} CPUs that this process may use, but got"
                f" {threads}"
            )


def deployable(height: int, searched: int, native: int) -> int:
    """Pixels at which a network with inputs of `height` trains: these, as far as files of `native`
    pixels allow, but no fewer than it was searched at."""
    return height if native >= height else max(searched, min(native, height))


def _done(study: Study, row: CandidateRow, fidelity: Fidelity, seed: int) -> bool:
    return any(
        (each.candidate_id, each.fidelity.key, each.seed) == (row.id, fidelity.key, seed)
        for each in study.evaluations()
    )


def _known(row: CandidateRow, fidelity: Fidelity, seed: int) -> InputError:
    return InputError(
        f"candidate {row.id[:12]} has been trained for {fidelity} with seed {seed}; give another --epochs, --size or"
        " --seed"
    )


@dataclass(kw_only=True)
class _Run:
    """One training, from its beginning or from where it was stopped."""

    study: Study
    row: CandidateRow
    job: Job
    pixels: Pixels
    said: Said
    threads: int | None
    curve: list[tuple[int, float]] = field(default_factory=list)
    seconds: float = 0.0
    started: datetime = field(default_factory=lambda: datetime.now(UTC))

    @property
    def weights(self) -> Path:
        """Where the trained weights go."""
        return Path(str(self.job.checkpoint))

    @property
    def state(self) -> Path:
        """Where the training stands after its last epoch, until it has ended."""
        return self.weights.with_name("training") / self.weights.name

    def to_its_end(self, *, tested: bool) -> Evaluation:
        from ..training.threads import Threads
        from ..workers.job_runner import keep_weights
        from .weights import measured

        with Threads(self.pixels.device, self.threads) as threads:
            try:
                trainer = self._trainer()
                self._train(trainer, threads)
            except AutomlError as error:
                self._record(State.FAIL, reason=str(error))
                raise
            keep_weights(self.job, trainer, self.pixels)
            on_test = measured(trainer.network_for_use(), self.pixels, self.job.fidelity.size) if tested else None
        return self._record(State.COMPLETE, test=on_test)

    def _trainer(self) -> Trainer:
        """At the beginning, or after the epochs that were done before it was stopped."""
        from ...studies.checkpoint import load
        from ..workers.job_runner import trainer_for

        recipe = Recipe.from_dict(self.study.spec.settings["recipe"])
        if not self.state.exists():
            return trainer_for(self.job, self.pixels, recipe, self.pixels.device)
        try:
            kept = load(self.state)
            if kept["of"] != self._of():
                raise InputError("it is that of another study or of other images")
            trainer = trainer_for(self.job, self.pixels, recipe, self.pixels.device)
            trainer.load_state_dict(kept["trainer"])
            self.curve = [(int(epoch), float(accuracy)) for epoch, accuracy in kept["curve"]]
            self.seconds, self.started = float(kept["seconds"]), datetime.fromisoformat(kept["started"])
        except (InputError, KeyError, TypeError, ValueError) as error:
            self.said(f"what was kept of this training cannot be used ({error}): it begins anew")
            self.curve, self.seconds = [], 0.0
            return trainer_for(self.job, self.pixels, recipe, self.pixels.device)
        self.said(f"going on after epoch {trainer.done_epochs} of {trainer.epochs}")
        return trainer

    def _train(self, trainer: Trainer, threads: Threads) -> None:
        if trainer.finished:
            return
        count = threads.measure(trainer.rehearsal())
        if self.pixels.device.type == "cpu":
            self.said(f"{count} CPU thread{'s' if count > 1 else ''}")
        while not trainer.finished:
            began = time.monotonic()
            report = trainer.epoch()
            self.curve.append((report.epoch, report.accuracy))
            self.seconds += report.seconds
            self._keep(trainer)
            self.said(self._told(report, trainer, time.monotonic() - began))
            if threads.ended(report.images, report.training) != count:
                count = 1
                self.said("the machine has become busy: one CPU thread from here on")

    def _keep(self, trainer: Trainer) -> None:
        from ...studies.checkpoint import save

        of, started = self._of(), self.started.isoformat()
        save(
            self.state,
            {
                "of": of,
                "trainer": trainer.state_dict(),
                "curve": [list(one) for one in self.curve],
                "seconds": self.seconds,
                "started": started,
            },
        )

    def _of(self) -> dict[str, str]:
        """What a state belongs to: a study that was deleted and begun again under its name has
        other images, or another split."""
        data = self.study.spec.data
        return {
            "study": self.study.spec.name,
            "created": self.study.created.isoformat(),
            "candidate": self.job.candidate,
            "data": str(data["fingerprint"]),
            "split": str(data["split"]["sha256"]),
            "preprocessing": str(self.pixels.preprocessing(self.job.fidelity.size)),
        }

    def _told(self, report: Report, trainer: Trainer, seconds: float) -> str:
        left = (trainer.epochs - report.epoch) * seconds
        ahead = "" if not left else f", about {left:.0f} s left" if left < 120 else f", about {left / 60:.0f} min left"
        shown = f"validation accuracy {report.accuracy:.4f}, loss {report.loss:.3f}, {report.seconds:.1f} s{ahead}"
        return f"epoch {report.epoch} of {self.job.fidelity.epochs}: {shown}"

    def _record(self, state: State, *, reason: str | None = None, test: float | None = None) -> Evaluation:
        from ..training.device import describe

        ended = Evaluation(
            candidate_id=self.row.id,
            fidelity=self.job.fidelity,
            seed=self.job.seed,
            purpose=Purpose.FINAL,
            state=state,
            settings={},
            curve=tuple(self.curve),
            accuracy=self.curve[-1][1] if self.curve else None,
            test_accuracy=test,
            seconds=self.seconds,
            worker="driver",
            device=describe(self.pixels.device),
            reason=reason,
            checkpoint=self.weights.name if state is State.COMPLETE else None,
            started=self.started,
            finished=datetime.now(UTC),
        )
        kept = self.study.record(ended, self.row, params={}, distributions={}, values=None)
        self.state.unlink(missing_ok=True)
        return kept
