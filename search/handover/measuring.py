"""Measures a trained network on its validation and test images."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...studies.tasks.task import REGRESSION
from ...studies.trained.classifier_measures import PartMeasures, TrainingMeasures

if TYPE_CHECKING:
    from torch import Tensor, nn

    from ..training.pixels import Part, Pixels
    from ..training.recipe import Recipe


def measure(
    network: nn.Module,
    pixels: Pixels,
    recipe: Recipe,
    *,
    size: int,
    names: list[str],
    on_test_nk: Tensor | None,
    temperature: float = 1.0,
) -> TrainingMeasures:
    """The measures of a network in eval mode on the validation images, if there are any, and on the
    test images, if its logits on these are given (`logits_on_test`).

    The temperature of both is fitted on the validation images; without these it is `temperature`.
    `names` are those of the classes, labels or targets.
    """
    from ..training.measures import fitted_temperature, logits_of, measures_of

    found: dict[str, PartMeasures] = {}
    parts: list[Part] = ["validation"] if pixels.count("validation") else []
    if on_test_nk is not None:
        parts.append("test")
    for part in parts:
        if part == "test" and on_test_nk is not None and recipe.amp:  # without, they would be others
            logits_nk, labels_n = on_test_nk, pixels.labels("test")
        else:
            images, labels_n = pixels.at(part, size)
            logits_nk = logits_of(network, images, mean=pixels.mean, std=pixels.std, amp=recipe.amp)
        if part == "validation" and pixels.task != REGRESSION:
            temperature = fitted_temperature(logits_nk, labels_n.cpu())
        found[part] = measures_of(pixels, logits_nk, labels_n.cpu(), names, temperature=temperature)
    return TrainingMeasures(recipe=recipe.to_dict(), parts=found, task=pixels.task)
