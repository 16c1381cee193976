"""Loads trained weights as a network, and measures a network on the test data."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...blocks import InputError
from ...studies import Study
from ...studies.choosing.chosen import Best
from ...studies.quality import ACCURACY
from ...studies.quality import measure as quality_measure
from ...studies.trained.artifacts import sent, weights_file
from ...studies.trained.classifier_measures import measures_file
from ...studies.trained.weights import load_trained
from ..data import ImageData, Split
from ..data.answers import Answers
from .measuring import measure

if TYPE_CHECKING:
    from torch import Tensor

    from ...studies.tasks.preprocessing import Preprocessing
    from ..training.pixels import Pixels


def preprocessing_of(study: Study, kept: dict[str, Any]) -> tuple[Preprocessing, bool]:
    """The steps from an image to what the network was trained on, and whether they are exact.

    Weights of earlier versions name no steps. Those versions resized stored images by PyTorch's
    bilinear filter, from which Pillow's differs by at most one grey level.
    """
    from ...studies.tasks.preprocessing import Preprocessing

    if "preprocessing" in kept:
        return Preprocessing.from_dict(kept["preprocessing"]), True
    data = study.spec.data
    stored, size = int(data["size"]), int(kept["size"])
    return Preprocessing.to(stored, size, channels=len(kept["mean"]), then="bilinear"), stored == size


def logits_on_test(network: Any, pixels: Pixels, size: int) -> Tensor:
    """The logits of a network on the test images, float32 (n, k), on the CPU."""
    from ..training.measures import logits_of

    images, _ = pixels.at("test", size)
    return logits_of(network, images, mean=pixels.mean, std=pixels.std, amp=True)


def measured(logits_nk: Tensor, pixels: Pixels, metric: str = ACCURACY) -> float:
    """The quality measure `metric` of logits on the test data, larger being better."""
    found = quality_measure(metric)
    return found.turned(found.of(pixels.in_units(logits_nk), pixels.in_units(pixels.labels("test").cpu())))


def test(study: Study, chosen: Best, data: ImageData, rows: Split) -> Best:
    """Measure the chosen network, and no other, on the test data; the accuracy is stored with its
    evaluation, and all measures of a classifier beside its weights. If another driver of the study
    was faster, its accuracy stands."""
    evaluation = chosen.evaluation
    path = weights_file(study, evaluation)
    if path is None or evaluation.test_accuracy is not None:
        return chosen
    from ..training.device import pick_device
    from ..training.pixels import Pixels

    device = pick_device()
    parts = rows.train, rows.validation, rows.test
    answers = Answers.of(data, rows.train)
    pixels = Pixels(data.images, data.labels, *parts, device, levels=data.levels, fit=data.fit, answers=answers)
    network, kept = load_trained(path)
    size = int(kept["size"])  # an unfinished training has seen smaller images
    logits_nk = logits_on_test(network.to(device), pixels, size)
    tested = measured(logits_nk, pixels, study.spec.metric)
    keep_measures(study, network, pixels, size, path, logits_nk)
    try:
        study.tested(evaluation, tested)
    except InputError:
        before = next((each.test_accuracy for each in study.evaluations() if each.key == evaluation.key), None)
        if before is None:
            raise
        tested = before
    return replace(chosen, evaluation=replace(evaluation, test_accuracy=tested))


def keep_measures(study: Study, network: Any, pixels: Pixels, size: int, path: Path, logits_nk: Tensor) -> None:
    """Write what is measured of a network beside the file of its weights;
    `logits_nk` are those of `logits_on_test`."""
    from ..training.recipe import Recipe

    recipe = Recipe.from_dict(study.spec.settings["recipe"])
    names = [str(name) for name in study.spec.data["classes"]]
    measure(network, pixels, recipe, size=size, names=names, on_test_nk=logits_nk).write(path)
    sent(study, measures_file(path))
