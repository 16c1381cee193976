"""What every quality measure must keep to: derive a test class from it, and set `measure`."""

from __future__ import annotations

from typing import ClassVar

import pytest
import torch
from automl.studies.quality import Measure, measures
from torch import Tensor


def predictions(classes: int, right: float, images: int = 200) -> tuple[Tensor, Tensor]:
    """Random logits, and labels with the largest of them on about the share `right` of the images;
    later classes have fewer images."""
    random = torch.Generator().manual_seed(classes)
    labels_n = torch.multinomial(0.5 ** torch.arange(classes), images, replacement=True, generator=random)
    logits_nk = torch.randn(images, classes, generator=random)
    better_n = torch.rand(images, generator=random) < right
    logits_nk[better_n, labels_n[better_n]] += 6.0
    return logits_nk, labels_n


class MeasureConformance:
    """Tests of one measure; it must be registered."""

    measure: ClassVar[Measure]

    @property
    def classes(self) -> int:
        """A number of classes that the measure takes."""
        return self.measure.classes or 4

    def test_it_is_registered_and_describes_itself(self):
        assert measures.get(self.measure.name) is self.measure
        assert self.measure.words
        assert "\n" not in self.measure.words

    def test_values_are_within_its_bounds(self):
        for right in (0.0, 0.5, 1.0):
            value = self.measure.of(*predictions(self.classes, right))
            assert isinstance(value, float)
            assert self.measure.lowest <= value <= self.measure.highest

    def test_better_predictions_have_a_larger_value_inside(self):
        of = [self.measure.turned(self.measure.of(*predictions(self.classes, right))) for right in (0.0, 0.5, 1.0)]
        assert of == sorted(of)
        assert of[0] < of[-1]

    def test_the_order_of_the_images_plays_no_part(self):
        logits_nk, labels_n = predictions(self.classes, 0.5)
        order_n = torch.randperm(len(labels_n), generator=torch.Generator().manual_seed(0))
        shuffled = self.measure.of(logits_nk[order_n], labels_n[order_n])
        assert shuffled == pytest.approx(self.measure.of(logits_nk, labels_n), abs=1e-6)
