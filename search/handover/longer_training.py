"""Trains a network of a study in this process: longer than the search did, at the size at which it
is deployed, and continued after Ctrl-C or a kill.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING

from ...blocks.errors import InputError
from ...spaces import Candidate
from ...studies import CandidateRow, Evaluation, Fidelity, Purpose, Study
from ...studies.choosing.chosen import best, chosen_candidate
from ...studies.records.spec import smallest_map
from ...studies.tasks.task import CLASSIFICATION, task_of
from ...studies.trained.artifacts import local_folder, weights_name
from ..course.job import Job
from ..course.outages import opened
from ..data.answers import Answers
from ..data.data_summary import UNEQUAL
from ..option_checks import check_is_number, check_seed
from ..options import DB_PATIENCE
from ..plan import proxy
from ..pretrained.kept import for_training
from ..training.recipe import Recipe
from ..training.recipes.recipe_lookup import NAMED, OWN, named_recipe
from ..training.task_fit import fitted, require_fitting
from .resumable import ResumableTraining, Said, Told
from .study_data import require_images, study_data

if TYPE_CHECKING:
    from ..data import ImageData, Split
    from ..training.pixels import Pixels

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
    storage: str | None = None,
    db_patience: float = DB_PATIENCE,
    said: Said = lambda text: None,
    told: Told | None = None,
) -> Evaluation:
    """Train a network of a study on all its training images in this process and keep its weights.

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
        storage: database URL of a study given by name; AUTOML_STORAGE or sqlite:///automl.db if
            None.
        db_patience: seconds for which a database that is locked or out of reach is waited for.
        said: called with each line of progress.
        told: called after each update with the share of the training that is done.

    Raises:
        InputError: there is no such candidate, recipe, or nothing to choose from, the data are not
            the study's, or this very training has been done.
        Diverged: the training produced NaN or infinity; recorded as FAIL first.
        KeyboardInterrupt: stopped; the same call continues after the last finished epoch.
    """
    _check_threads(threads)
    check_is_number("--db-patience", db_patience)
    study = opened(study, storage, db_patience, said)
    chosen = best(study)
    row = study.candidate(candidate) if candidate else chosen_candidate(study)
    settings = study.spec.settings
    require_images(study)
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
            study, row, asked := _fidelity(study, height, epochs, size, named), seed
        ):  # before the images are read
            raise _known(row, asked, seed)
    said(f"loading the images of {data or study.spec.data['name']}")
    loaded, rows = study_data(
        study,
        data=data,
        data_dir=data_dir,
        cache=cache,
        size=lambda native: size or deployable(height, searched, native),
    )
    fidelity = _fidelity(study, height, epochs, size or deployable(height, searched, loaded.native), named)
    weights = local_folder(study)
    with _alone(study, row, fidelity, seed, weights) as own_seed:
        tested = test or (chosen is not None and chosen.candidate.id == row.id)
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
        pixels = _pixels(job, row, loaded, rows, said)
        training = ResumableTraining(
            study=study,
            row=row,
            job=job,
            pixels=pixels,
            recipe=how,
            threads=threads,
            said=said,
            told=told,
            source=source,
        )
        return training.run(tested=tested)


def _pixels(job: Job, row: CandidateRow, loaded: ImageData, rows: Split, said: Said) -> Pixels:
    """The images on the device that trains; says what is about to be trained."""
    from ..training.device import describe, pick_device
    from ..training.pixels import Pixels

    fidelity, device = job.fidelity, pick_device()
    if fidelity.size > loaded.native:
        said(f"the images hold {loaded.native} px: they are enlarged to {fidelity.size}")
    said(f"training {row.id[:12]} for {fidelity} on {describe(device)}, seed {job.seed}")
    _say_imbalance(loaded, rows, said)
    parts = rows.train, rows.validation, rows.test
    answers = Answers.of(loaded, rows.train)
    how = {"levels": loaded.levels, "fit": loaded.fit, "answers": answers}
    return Pixels(loaded.images, loaded.labels, *parts, device, **how)


def _say_imbalance(loaded: ImageData, rows: Split, said: Said) -> None:
    """Say so if the classes have strongly unequal numbers of training images."""
    import numpy as np

    if loaded.task != CLASSIFICATION:
        return
    counts = np.bincount(loaded.labels[rows.train], minlength=len(loaded.classes))
    most, fewest = int(counts.argmax()), int(np.where(counts > 0, counts, counts.max()).argmin())
    if counts[most] >= UNEQUAL * counts[fewest]:
        said(
            f"the classes are unequal: {loaded.classes[most]} has {counts[most]:,} training images,"
            f" {loaded.classes[fewest]} {counts[fewest]:,}; judge by the balanced accuracy, and see --balance"
        )


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
    """The name of the file of the weights; trainings by another recipe have files of their own."""
    name = Path(weights_name(row.id, fidelity, seed))
    return f"{name.stem}-{fidelity.recipe}.pt" if fidelity.recipe else name.name


def _fidelity(study: Study, height: int, epochs: int, size: int, recipe: str) -> Fidelity:
    """The fidelity of a training; below the deployment size strides are fitted as in the search."""
    smallest = smallest_map(study.spec.settings) if size < height else 0
    return Fidelity(epochs=epochs, size=size, smallest_map=smallest, recipe=recipe)


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
