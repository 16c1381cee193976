"""Selects the images on which an exported file is run: those on which its network was measured."""

from __future__ import annotations

import os
import shutil
import weakref
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ...studies import Evaluation, Study
from ...studies.records.measure import ACCURACY, shown
from ...studies.tasks.task import CLASSIFICATION
from ...studies.trained.classifier_measures import kept_measures
from ..data import ImageData, Reading, load
from ..data.answers import Answers
from ..data.shards import copied_out
from .study_data import study_data
from .training_images import used

if TYPE_CHECKING:
    from ...studies.export.check import Sample
    from ...studies.tasks.preprocessing import Preprocessing


def measured_sample(
    study: Study,
    training: Evaluation,
    preprocessing: Preprocessing,
    *,
    exact: bool,
    data: str | None,
    data_dir: str | None,
) -> Sample:
    """The images on which the accuracy of a training was measured: those that test if it has a test
    accuracy, else those that validate.

    Args:
        study: the study.
        training: the training whose weights are exported.
        preprocessing: the steps from an image to the pixels that it saw.
        exact: whether these steps are those of training, to the bit.
        data: where the study's data are now, if they have moved.
        data_dir: the folder of downloaded data sets.
    """
    from ...studies.export.check import Sample
    from ..training.pixels import resize

    stored, size = preprocessing.steps[0][0], preprocessing.size
    loaded, rows = study_data(study, data=data, data_dir=data_dir, size=lambda native: stored)
    part = "validation" if training.test_accuracy is None else "test"
    accuracy = training.accuracy if training.test_accuracy is None else training.test_accuracy
    other = loaded.task != CLASSIFICATION
    answers = Answers.of(loaded, used(rows, training.fidelity).train)
    several = answers is not None and len(answers.mean) > 1
    if other:
        accuracy = None if accuracy is None else shown(training.metric, accuracy)
    elif training.metric != ACCURACY:
        measures = kept_measures(study, training)
        accuracy = None if measures is None else getattr(measures.parts.get(part), "accuracy", None)
    wanted = rows.validation if part == "validation" else rows.test
    seen = loaded.images[wanted] if size == loaded.size else resize(loaded.images, wanted, size)
    sources, aside = _sources(study, loaded, wanted, data=data, data_dir=data_dir)
    sample = Sample(
        part=part,
        sources=sources,
        pixels=seen if exact and (loaded.files or loaded.fit == "crop") else None,
        labels=(loaded.targets if other else loaded.labels)[wanted],
        accuracy=accuracy,
        metric=training.metric if other else ACCURACY,
        scale=(answers.mean, answers.std) if answers is not None and several else ((), ()),
        half=training.device.startswith("cuda"),
    )
    if aside is not None:
        weakref.finalize(sample, shutil.rmtree, aside, ignore_errors=True)
    return sample


def _sources(
    study: Study, loaded: ImageData, rows: NDArray[np.int64], *, data: str | None, data_dir: str | None
) -> tuple[list[str] | NDArray[np.uint8], Path | None]:
    """What model.py is run on: the image files, or for data without files the pixels (n, h, w, c)
    before any resize. The folder is one that holds copies of the files, if that was necessary."""
    if loaded.files:
        return copied_out([Path(os.path.abspath(loaded.files[row])) for row in rows])
    kept = study.spec.data
    whole = loaded
    if loaded.native > loaded.size:
        whole = load(
            data or str(kept["name"]),
            size=loaded.native,
            data_dir=data_dir,
            reading=Reading.from_dict(kept.get("reading", {})),
        )
    return np.ascontiguousarray(whole.images[rows].transpose(0, 2, 3, 1)), None
