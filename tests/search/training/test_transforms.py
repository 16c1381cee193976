"""Each random change of a recipe acts, and nothing acts without it."""

from __future__ import annotations

import random
from typing import Any

import pytest
import torch
from automl.blocks.errors import InputError
from automl.search.training import transforms as module
from automl.search.training.recipe import Recipe
from automl.search.training.transforms import Transforms
from torch import Tensor

SIDE = 16


@pytest.fixture
def made(recipe):
    """Makes the transforms of a recipe for three classes."""

    def make(channels: int = 3, seed: int = 0, **changes: Any) -> Transforms:
        settings: Recipe = recipe(**changes)
        about = {"classes": 3, "mean": [0.5] * channels, "device": torch.device("cpu"), "seed": seed}
        return Transforms(settings, size=SIDE, **about)

    return make


def picture(count: int, channels: int = 3) -> Tensor:
    """The same picture `count` times: (b, c, h, w)."""
    one_chw = torch.randint(0, 256, (channels, SIDE, SIDE), generator=torch.Generator().manual_seed(0))
    return one_chw.byte().expand(count, -1, -1, -1).contiguous(memory_format=torch.channels_last)


CHANGES = [{"crop": 0.3}, {"augment": "randaugment"}, {"augment": "trivialaugment"}]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("changes", CHANGES)
def test_images_are_changed_each_in_its_own_way(made, changes, channels):
    images_bchw = picture(8, channels)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        changed_bchw = made(channels, **changes).change(images_bchw)
    assert changed_bchw.shape == images_bchw.shape
    assert changed_bchw.dtype == torch.uint8
    assert changed_bchw.is_contiguous(memory_format=torch.channels_last)
    assert len({image.numpy().tobytes() for image in changed_bchw}) >= 3  # some operations change nothing
    # the control: without the setting nothing is changed
    assert made(channels, erasing=0.5).change(images_bchw) is images_bchw


def test_only_the_images_of_a_group_share_their_choices(made, monkeypatch):
    monkeypatch.setattr(module, "GROUPS", 2)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        changed_bchw = made(augment="trivialaugment").change(picture(8))
    assert all(torch.equal(each, changed_bchw[0]) for each in changed_bchw[:4])
    assert all(torch.equal(each, changed_bchw[4]) for each in changed_bchw[4:])
    assert not torch.equal(changed_bchw[0], changed_bchw[4])


def test_a_stronger_randaugment_changes_more(made):
    def change(magnitude: int) -> float:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(3)
            made_bchw = made(augment="randaugment", magnitude=magnitude, operations=1).change(picture(16))
        return (made_bchw.float() - picture(16).float()).abs().mean().item()

    assert change(1) < change(28)


@pytest.mark.parametrize("augment", ["randaugment", "trivialaugment"])
def test_what_torchvision_cannot_augment_is_refused(made, augment):
    with pytest.raises(InputError, match=f"{augment} needs images of 1 or 3 channels, but these have 4"):
        made(4, augment=augment)
    assert made(4, crop=0.5).change(picture(4, 4)).shape == (4, 4, SIDE, SIDE)


def test_rectangles_of_noise_are_put_into_the_share_of_images_that_is_asked_for(made):
    grey_bchw, labels_b = torch.zeros(64, 1, SIDE, SIDE), torch.zeros(64, dtype=torch.long)
    erased_bchw, same_b = made(1, erasing=0.5).erase_and_mix(grey_bchw.clone(), labels_b)
    hit_b = erased_bchw.flatten(1).any(1)
    assert 0.3 < hit_b.float().mean() < 0.7
    assert (erased_bchw[hit_b] == 0).float().mean() > 0.5  # a part of each, not all of it
    assert same_b is labels_b
    assert made(1, mixup=0.0, crop=0.5).erase_and_mix(grey_bchw, labels_b)[0] is grey_bchw


def test_erasing_draws_from_its_own_seed_and_leaves_pythons_generator(made):
    random.seed(5)
    before = random.getstate()

    def places(seed: int) -> Tensor:
        return made(1, seed, erasing=1.0).erase_and_mix(torch.zeros(8, 1, SIDE, SIDE), torch.zeros(8).long())[0] != 0

    first, second, other = places(0), places(0), places(1)
    assert torch.equal(first, second)
    assert not torch.equal(first, other)
    assert random.getstate() == before


@pytest.mark.parametrize("changes", [{"mixup": 1.0}, {"cutmix": 1.0}, {"mixup": 0.4, "cutmix": 1.0}])
def test_labels_are_mixed_as_their_images_are(made, changes):
    """Images whose pixels all have the number of their class: after mixing, the mean of the pixels
    is that of the classes, each by its share."""
    labels_b = torch.tensor([0, 1, 2, 0, 1, 2, 0])  # an odd number
    x_bchw = labels_b.float().view(-1, 1, 1, 1).expand(-1, 1, SIDE, SIDE).clone()
    mixed = made(1, **changes)
    several = 0
    for _ in range(4):
        mixed_bchw, shares_bk = mixed.erase_and_mix(x_bchw.clone(), labels_b)
        assert shares_bk.shape == (7, 3)
        assert torch.allclose(shares_bk.sum(1), torch.ones(7))
        assert torch.allclose(mixed_bchw.mean((1, 2, 3)), shares_bk @ torch.arange(3.0), atol=1e-5)
        several += int((shares_bk.max(1).values < 0.99).sum())
    assert several
