"""Loads trained weights as a network, and measures a network on the test data."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ...blocks import InputError
from ...studies import Study
from ...studies.artifacts import weights_file
from ...studies.chosen import Best
from ...studies.weights import load_trained
from ..data import ImageData, Split

if TYPE_CHECKING:
    from ...studies.preprocessing import Preprocessing
    from ..training.pixels import Pixels


def preprocessing_of(study: Study, kept: dict[str, Any]) -> tuple[Preprocessing, bool]:
    """The steps from an image to what the network was trained on, and whether they are exact.

    Weights of earlier versions name no steps. Those versions resized stored images by PyTorch's
    bilinear filter, from which Pillow's differs by at most one grey level.
    """
    from ...studies.preprocessing import Preprocessing

    if "preprocessing" in kept:
        return Preprocessing.from_dict(kept["preprocessing"]), True
    data = study.spec.data
    stored, size = int(data["size"]), int(kept["size"])
    return Preprocessing.to(stored, size, channels=len(kept["mean"]), then="bilinear"), stored == size


def measured(network: Any, pixels: Pixels, size: int) -> float:
    """Accuracy of a network on the test data."""
    from ..training.accuracy import accuracy

    images, labels = pixels.at("test", size)
    return accuracy(network, images, labels, mean=pixels.mean, std=pixels.std)


def test(study: Study, chosen: Best, data: ImageData, rows: Split) -> Best:
    """Measure the chosen network, and no other, on the test data; the accuracy is stored with its
    evaluation. If another driver of the study was faster, its accuracy stands."""
    evaluation = chosen.evaluation
    path = weights_file(study, evaluation)
    if path is None or evaluation.test_accuracy is not None:
        return chosen
    from ..training.device import pick_device
    from ..training.pixels import Pixels

    device = pick_device()
    pixels = Pixels(data.images, data.labels, rows.train, rows.validation, rows.test, device, levels=data.levels)
    network, kept = load_trained(path)
    tested = measured(network.to(device), pixels, int(kept["size"]))  # an unfinished training has seen smaller images
    try:
        study.tested(evaluation, tested)
    except InputError:
        before = next((each.test_accuracy for each in study.evaluations() if each.key == evaluation.key), None)
        if before is None:
            raise
        tested = before
    return replace(chosen, evaluation=replace(evaluation, test_accuracy=tested))
