"""Trains a network of a study in this process: longer than the search did, at the size at which it
is deployed, and continued after Ctrl-C or a kill.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from ...blocks.errors import InputError
from ...spaces import Candidate
from ...studies import CandidateRow, Evaluation, Fidelity, Purpose, Study
from ...studies.choosing.chosen import best, chosen_candidate
from ...studies.choosing.finals import trainings
from ...studies.records.spec import smallest_map
from ...studies.tasks.task import CLASSIFICATION, task_of
from ...studies.trained.artifacts import local_folder, weights_name
from ...studies.trained.classifier_measures import kept_measures
from ..course.job import Job
from ..course.outages import opened
from ..option_checks import check_is_number, check_seed
from ..options import DB_PATIENCE
from ..plan import proxy
from ..pretrained.kept import for_training
from ..training.recipe import Recipe
from ..training.recipes.recipe_lookup import NAMED, OWN, named_recipe
from ..training.task_fit import fitted, require_fitting
from .resumable import ResumableTraining, Said, Told
from .study_data import require_images, study_data
from .training_images import pixels_of, say_imbalance, used

if TYPE_CHECKING:
    from ..data import ImageData

LONGER = 5
"""By default a network is trained for this many times the epochs of a trial: 2.5 times as long as
the search confirms it."""


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
    cache: str | None = None,
    threads: int | None = None,
    recipe: str | None = None,
    balance: str | None = None,
    pretrained: str | None = None,
    refit: bool = False,
    gpus: int | None = None,
    storage: str | None = None,
    db_patience: float = DB_PATIENCE,
    said: Said = lambda text: None,
    told: Told | None = None,
) -> Evaluation:
    """Train a network of a study on all its training images in this process and keep its weights.

    A refit trains on the validation images too, once the choice is final: more images, and no
    accuracy but that on the test images. No choice is based on it.

    Args:
        study: the study, or its name.
        candidate: the network's id, or the beginning of it; None: the network chosen.
        epochs: None: `LONGER` times those of a trial.
        size: input size in pixels; None: the deployment size, or the size of the images where that
            is smaller.
        seed: None: the first one after the study's own with which this training has not been done,
            so that a second call trains with another seed.
        test: whether to measure a network other than the chosen one on the test data; after a
            choice among tested networks their test accuracies are biased.
        data: where the study's data are now, if they have moved.
        data_dir: the folder of downloaded data sets.
        cache: the folder of decoded images; "none" keeps them in memory.
        threads: CPU threads; None: the number that trains fastest here.
        recipe: "search" (the study's own), "long", "transfer", or a YAML file; None: the study's.
        balance: "weights", "sampling" or "none" for classes of unequal size; None: the recipe's.
        pretrained: weights from which it begins, as a search takes them, or "none" for noise; None:
            as the candidates of the study began.
        refit: whether it trains on the validation images too.
        gpus: number of GPUs that share each batch, one process each; None: one device. A script
            that asks for several must call this under `if __name__ == "__main__"`.
        storage: database URL of a study given by name; AUTOML_STORAGE or sqlite:///automl.db if
            None.
        db_patience: seconds for which a database that is locked or out of reach is waited for.
        said: called with each line of progress.
        told: called after each update with the share of the training that is done.

    Raises:
        InputError: there is no such candidate, recipe, or nothing to choose from, the data are not
            the study's, this very training has been done, there are not so many GPUs, or a refit is
            asked of a network that is not the chosen one, and `test` is False.
        Diverged: the training produced NaN or infinity; recorded as FAIL first.
        KeyboardInterrupt: stopped; the same call continues after the last finished epoch.
    """
    _check_threads(threads)
    check_is_number("--db-patience", db_patience)
    study = opened(study, storage, db_patience, said)
    chosen = best(study)
    row = study.candidate(candidate) if candidate else chosen_candidate(study)
    settings = study.spec.settings
    require_images(study.spec)
    tested = test or (chosen is not None and chosen.candidate.id == row.id)
    if refit and not tested:
        raise InputError(
            f"only test images can measure a refit, and {row.id[:12]} is not the network chosen: give --test to look"
            " at them"
        )
    how, named = named_recipe(recipe, Recipe.from_dict(settings["recipe"]), balance)
    task = task_of(study.spec.data)
    if task != CLASSIFICATION:
        how = replace(fitted(how, task), balance=how.balance) if recipe in NAMED else how
        require_fitting(how, task)
    source, begun = for_training(study, pretrained)
    named = f"{named or OWN}{begun}" if begun else named
    height = Candidate.from_spec(row.spec).image[1]
    searched = proxy(int(settings["proxy_size"]), height, int(settings["image_size"]))
    epochs = epochs or LONGER * int(settings["epochs"])
    if seed is not None:
        check_seed("--seed", seed)
        if size is not None and _done(
            study, row, asked := _fidelity(study, height, epochs, size, named, refit=refit), seed
        ):  # before the images are read
            raise _known(row, asked, seed)
    from .companions import Together, devices_of  # torch: not before what is asked for has been checked

    devices = devices_of(gpus)
    said(f"loading the images of {data or study.spec.data['name']}")
    loaded, rows = study_data(
        study,
        data=data,
        data_dir=data_dir,
        cache=cache,
        size=lambda native: size or deployable(height, searched, native),
    )
    side = size or deployable(height, searched, loaded.native)
    fidelity = _fidelity(study, height, epochs, side, named, refit=refit)
    rows, weights = used(rows, fidelity), local_folder(study)
    with _alone(study, row, fidelity, seed, weights) as own_seed:
        job = Job(
            candidate=row.spec,
            params=row.params,
            fidelity=fidelity,
            seed=own_seed,
            purpose=Purpose.FINAL,
            store=str(weights),
            checkpoint=_file_name(row, fidelity, own_seed),
            metric=study.spec.metric,
        )
        _say(job, row, loaded, devices, said)
        say_imbalance(loaded, rows, said)
        together = Together(
            spec=study.spec, data=data, data_dir=data_dir, cache=cache, job=job, recipe=how, devices=devices
        )
        training = ResumableTraining(
            study=study,
            row=row,
            job=job,
            pixels=pixels_of(loaded, rows, fidelity, devices[0]),
            recipe=how,
            together=together if len(devices) > 1 else None,
            threads=threads,
            said=said,
            told=told,
            source=source,
            temperature=_temperature(study, row) if refit else 1.0,
        )
        return training.run(tested=tested)


def _temperature(study: Study, row: CandidateRow) -> float:
    """The temperature of a refit, which has no images to fit one on: that of the network's last
    training that was measured; 1 if there is none."""
    for each in reversed(trainings(study)):
        if each.candidate_id == row.id and (found := kept_measures(study, each)) is not None:
            return found.temperature
    return 1.0


def _say(job: Job, row: CandidateRow, loaded: ImageData, devices: Sequence[str], said: Said) -> None:
    """Say what is about to be trained, and where."""
    from ..training.device import describe

    if job.fidelity.size > loaded.native:
        said(f"the images hold {loaded.native} px: they are enlarged to {job.fidelity.size}")
    where = describe(devices[0]) if len(devices) == 1 else f"{len(devices)} devices, {describe(devices[0])} the first"
    said(f"training {row.id[:12]} for {job.fidelity} on {where}, seed {job.seed}")


@contextmanager
def _alone(study: Study, row: CandidateRow, fidelity: Fidelity, seed: int | None, weights: Path) -> Iterator[int]:
    """The seed with which this process trains, locked: no other process trains with it meanwhile,
    since two would overwrite each other's state and weights. Without a seed the next free one.

    Raises:
        InputError: the training with this seed has been done, or another process is doing it.
    """
    from filelock import FileLock, Timeout

    folder = weights / "training"
    folder.mkdir(parents=True, exist_ok=True)
    for chosen in count(int(study.spec.settings["seed"]) + 1) if seed is None else (seed,):
        lock = FileLock(folder / f"{_file_name(row, fidelity, chosen)}.lock")
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
    """Raise InputError for more threads than CPUs: they only wait for one another, and a thousand
    of them make the machine unusable."""
    if threads is not None:
        from ..training.threads import usable_cpus

        if not 1 <= threads <= usable_cpus():
            raise InputError(
                f"--threads must lie between 1 and the {usable_cpus()} CPUs that this process may use, but got"
                f" {threads}"
            )


def _file_name(row: CandidateRow, fidelity: Fidelity, seed: int) -> str:
    """The name of the file of the weights; refits and trainings by another recipe have files of
    their own."""
    name = Path(weights_name(row.id, fidelity, seed))
    marks = name.stem, "refit" if fidelity.refit else "", fidelity.recipe
    return f"{'-'.join(filter(None, marks))}.pt"


def _fidelity(study: Study, height: int, epochs: int, size: int, recipe: str, *, refit: bool) -> Fidelity:
    """The fidelity of a training; below the deployment size strides are fitted as in the search."""
    smallest = smallest_map(study.spec.settings) if size < height else 0
    return Fidelity(epochs=epochs, size=size, smallest_map=smallest, recipe=recipe, refit=refit)


def deployable(height: int, searched: int, native: int) -> int:
    """Side in pixels at which a network is trained: `height`, the deployment size, or `native`,
    that of the images, where it is smaller; but not below `searched`, the size of the search."""
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
