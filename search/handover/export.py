"""Handing a trained network over: which of its trainings, and that the exported file does what was
measured."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...blocks import InputError
from ...blocks.documented import documented
from ...spaces import Candidate
from ...studies import Evaluation, Purpose, Study
from ...studies.artifacts import weights_file
from ...studies.chosen import best, trainings
from ...studies.chosen import chosen_candidate as chosen_of
from ...studies.export import Exported, Facts, export_network
from ..data import ImageData, Reading, load
from .study_data import study_data

if TYPE_CHECKING:
    from ...studies.export.check import Sample
    from ...studies.preprocessing import Preprocessing


@documented
@dataclass(frozen=True, kw_only=True)
class HandedOver:
    """An export, and the training whose weights it holds."""

    number: int
    """Of the training, as `automl status` counts them."""
    evaluation: Evaluation
    """The training."""
    exported: Exported
    """The folder."""


def export(
    study: Study,
    out: Path,
    *,
    candidate: str | None = None,
    training: int | None = None,
    size: int | None = None,
    epochs: int | None = None,
    seed: int | None = None,
    onnx: bool = True,
    check: bool = True,
    data: str | None = None,
    data_dir: str | None = None,
    said: Callable[[str], None] = lambda text: None,
) -> HandedOver:
    """Write a trained network of a study to the folder `out`, and run what was written on the
    study's own images.

    Args:
        study: whose network.
        out: must not exist.
        candidate: its id, or the beginning of it; the network chosen without.
        training: which of the study's final trainings, as `automl status` counts them from 1.
        size: only trainings at this input size.
        epochs: only trainings of so many epochs.
        seed: only trainings from this seed.
        onnx: whether model.onnx is wanted.
        check: whether the exported file is run on the images that its accuracy was measured on.
        data: where the study's data lie now, if they have moved.
        data_dir: where the files of known sets are.
        said: is told what happens, in lines.

    Of the trainings left, the one that got most training (pixels seen, so that size counts as well
    as epochs) is taken, of several the last; after a search alone the one whose accuracies were
    printed.

    Raises:
        InputError: the folder exists, no such training, or the data are not found (`check=False`
            does without).
        AutomlError: the exported file does not do what was measured; nothing is left behind.
    """
    from ...studies.export.folder import require_new
    from ...studies.versions import versions
    from .weights import load_trained, preprocessing_of

    require_new(out)
    number, chosen = _selected(study, candidate, training, size=size, epochs=epochs, seed=seed)
    row = study.candidate(chosen.candidate_id)
    said(f"exporting {row.id[:12]}: training {number}, {describe(chosen)}")
    better = max(
        (one for one in enumerate(trainings(study), start=1) if one[1].candidate_id == row.id),
        key=lambda one: one[1].accuracy or 0.0,
    )
    if (better[1].accuracy or 0.0) > (chosen.accuracy or 0.0):
        said(
            f"training {better[0]} of it reached a higher validation accuracy, {better[1].accuracy:.4f}: --training"
            f" {better[0]} exports that one"
        )
    path = weights_file(study, chosen)
    assert path is not None  # of one that is trained
    _, kept = load_trained(path)
    preprocessing, exact = preprocessing_of(study, kept)
    sample = None
    if check:
        said(f"running the exported file on the images of {data or study.spec.data['name']}")
        sample = _sample(study, chosen, preprocessing, exact=exact, data=data, data_dir=data_dir)
    settings = next((e.settings for e in study.evaluations(Purpose.SEARCH) if e.candidate_id == row.id), {})
    facts = Facts(
        study=study.spec.name,
        command=study.command,
        data=Path(str(study.spec.data["name"])).name,
        classes=tuple(study.spec.data["classes"]),
        preprocessing=preprocessing,
        mean=tuple(kept["mean"]),
        std=tuple(kept["std"]),
        accuracy=chosen.accuracy or 0.0,
        test_accuracy=chosen.test_accuracy,
        epochs=chosen.fidelity.epochs,
        seed=chosen.seed,
        budget=study.spec.budget,
        settings=settings,
        versions=versions(),
    )
    exported = export_network(
        out,
        candidate=Candidate.from_dict(json.loads(row.spec)),
        weights=kept["weights"],
        facts=facts,
        onnx=onnx,
        sample=sample,
    )
    return HandedOver(number=number, evaluation=chosen, exported=exported)


def describe(training: Evaluation) -> str:
    """A training in words: size, epochs, seed, accuracies."""
    fidelity = training.fidelity
    tested = "" if training.test_accuracy is None else f", test accuracy {training.test_accuracy:.4f}"
    return (
        f"{fidelity.size} px, {fidelity.epochs} epochs, seed {training.seed}: validation accuracy"
        f" {training.accuracy:.4f}{tested}"
    )


def _selected(
    study: Study, candidate: str | None, training: int | None, *, size: int | None, epochs: int | None, seed: int | None
) -> tuple[int, Evaluation]:
    """The number and the training that is exported."""
    numbered = list(enumerate(trainings(study), start=1))
    if training is not None:
        if not 1 <= training <= len(numbered):
            raise InputError(
                f"--training must be a number from 1 to {len(numbered)} (`automl status` lists them), but got"
                f" {training}"
            )
        numbered = numbered[training - 1 : training]
        row = study.candidate(candidate or numbered[0][1].candidate_id)
    else:
        row = study.candidate(candidate) if candidate else chosen_of(study)
    own = [(number, each) for number, each in numbered if each.candidate_id == row.id and each.checkpoint is not None]
    if not own:
        raise InputError(
            f"the network {row.id[:12]} has no trained weights yet: run `automl train` with --candidate {row.id[:12]}"
            " first"
        )
    asked = {"--size": size, "--epochs": epochs, "--seed": seed}
    fitting = [
        (number, each)
        for number, each in own
        if size in (None, each.fidelity.size) and epochs in (None, each.fidelity.epochs) and seed in (None, each.seed)
    ]
    if not fitting:
        wanted = ", ".join(f"{name} {value}" for name, value in asked.items() if value is not None)
        there = "; ".join(f"{number}: {each.fidelity}, seed {each.seed}" for number, each in own[:8])
        raise InputError(f"no training of {row.id[:12]} has {wanted}; there are {there}")
    amount = max(_amount(each) for _, each in fitting)
    largest = [one for one in fitting if _amount(one[1]) == amount]
    by_hand = [
        one for one in largest if one[1].worker == "driver"
    ]  # by `train`, and not by a worker of the search to confirm it
    if by_hand:
        return by_hand[-1]
    shown = best(study)
    return next((one for one in largest if shown is not None and one[1] == shown.evaluation), largest[-1])


def _amount(training: Evaluation) -> float:
    """How much a training got, in pixels seen of each image."""
    fidelity = training.fidelity
    return fidelity.epochs * fidelity.fraction * fidelity.size**2


def _sample(
    study: Study,
    training: Evaluation,
    preprocessing: Preprocessing,
    *,
    exact: bool,
    data: str | None,
    data_dir: str | None,
) -> Sample:
    """The images on which the accuracy of a training was measured: the test data's, if it has met
    them."""
    from ...studies.export.check import Sample
    from ..training.pixels import resize

    stored, size = preprocessing.steps[0][0], preprocessing.size
    loaded, rows = study_data(study, data=data, data_dir=data_dir, size=lambda native: stored)
    part, accuracy = (
        ("validation", training.accuracy) if training.test_accuracy is None else ("test", training.test_accuracy)
    )
    wanted = rows.validation if part == "validation" else rows.test
    seen = loaded.images[wanted] if size == loaded.size else resize(loaded.images, wanted, size)
    return Sample(
        part=part,
        sources=_sources(study, loaded, wanted, data=data, data_dir=data_dir),
        pixels=seen if exact else None,
        labels=loaded.labels[wanted],
        accuracy=accuracy or 0.0,
        half=training.device.startswith("cuda"),
    )


def _sources(
    study: Study, loaded: ImageData, rows: NDArray[np.int64], *, data: str | None, data_dir: str | None
) -> list[str] | NDArray[np.uint8]:
    """What an exported file is given: the files themselves; of sets that are arrays their pixels as
    they lie there, not yet resized."""
    if loaded.files:
        return [os.path.abspath(loaded.files[row]) for row in rows]
    kept = study.spec.data
    whole = loaded
    if loaded.native > loaded.size:
        whole = load(
            data or str(kept["name"]),
            size=loaded.native,
            data_dir=data_dir,
            reading=Reading.from_dict(kept.get("reading", {})),
        )
    return np.ascontiguousarray(whole.images[rows].transpose(0, 2, 3, 1))
