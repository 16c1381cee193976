"""Each image of a batch is cropped in its own way, as torchvision crops one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from automl.search.training.crops import RATIOS, cropped, drawn_boxes
from torch import Tensor
from torchvision.transforms.v2 import RandomResizedCrop
from torchvision.transforms.v2.functional import resized_crop

COUNT = 4_000


@pytest.fixture(autouse=True)
def seeded() -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        yield


def pictures(count: int) -> Tensor:
    """Smooth pictures: (b, c, h, w)."""
    coarse_bchw = 255 * torch.rand(count, 3, 6, 6)
    fine_bchw = torch.nn.functional.interpolate(coarse_bchw, (24, 24), mode="bicubic")
    return fine_bchw.clamp(0, 255).byte()


def test_pixels_are_those_of_torchvision() -> None:
    images_bchw = pictures(16)
    boxes_b4 = drawn_boxes(16, 24, smallest=0.2)
    found_bchw = cropped(images_bchw, boxes_b4, 24)
    for image, box, found in zip(images_bchw, boxes_b4.int().tolist(), found_bchw, strict=True):
        left, top, width, height = box
        expected = resized_crop(image, top, left, height, width, [24, 24], antialias=True)
        # at the border of a crop torchvision repeats its last pixel, and this takes the next one
        inside = (slice(None), slice(3, -3), slice(3, -3))
        assert (found[inside].int() - expected[inside].int()).abs().max() <= 1


def test_the_whole_image_is_left_as_it_is() -> None:
    images_bchw = pictures(2)
    whole_b4 = torch.tensor([[0.0, 0.0, 24.0, 24.0]] * 2)
    assert torch.equal(cropped(images_bchw, whole_b4, 24), images_bchw)


@pytest.mark.parametrize("smallest", [0.08, 0.5])
def test_crops_are_drawn_as_torchvision_draws_them(smallest: float) -> None:
    own_b4 = drawn_boxes(COUNT, 24, smallest=smallest)
    one = torch.zeros(3, 24, 24)
    made = [RandomResizedCrop(8, scale=(smallest, 1.0)).make_params([one]) for _ in range(COUNT)]
    names = "left", "top", "width", "height"
    theirs_b4 = torch.tensor([[float(each[name]) for name in names] for each in made])
    for values in (lambda boxes: boxes[:, 0], lambda boxes: boxes[:, 2] * boxes[:, 3], lambda boxes: boxes[:, 2]):
        own_b, theirs_b = values(own_b4), values(theirs_b4)
        assert abs(own_b.mean() - theirs_b.mean()) < 0.06 * theirs_b.std()  # 2.7 standard errors
        assert 0.94 < own_b.std() / theirs_b.std() < 1.06
    assert own_b4[:, :2].min() == 0
    assert (own_b4[:, :2] + own_b4[:, 2:]).max() == 24
    assert (own_b4[:, 2] / own_b4[:, 3]).max() < RATIOS[1] + 0.1  # sides are rounded to pixels


def test_each_image_has_its_own() -> None:
    found_bchw = cropped(pictures(1).expand(8, -1, -1, -1), drawn_boxes(8, 24, smallest=0.3), 24)
    assert len({image.numpy().tobytes() for image in found_bchw}) == 8
    torch.manual_seed(3)
    first = drawn_boxes(8, 24, smallest=0.3)
    torch.manual_seed(3)
    assert torch.equal(first, drawn_boxes(8, 24, smallest=0.3))
