"""Strides fitted to the image: the rule, the networks it makes, and the spaces that use it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import timm
import torch
from automl.blocks import InputError, ResNetStem
from automl.spaces import Budget, Candidate, Space, architecture, architectures, census, load_space
from automl.spaces.candidates.candidate import assemble
from automl.spaces.candidates.fitted_strides import (
    SMALLEST_MAP,
    fitted,
    fitted_strides,
    last_map,
    proxy_network,
    strides_in_words,
)
from automl.spaces.draws.bulk import METRICS, draw, examine, settings
from automl.spaces.skeletons import skeleton, skeletons
from automl.studies.export import Facts, export_network
from automl.studies.export.source_check import loaded
from automl.studies.tasks.preprocessing import Preprocessing
from torch import nn

FIVE = [2, 2, 1, 2, 2, 2]
"""ResNet's strides: stem, pool, four stages."""
SHIPPED = ["efficientnet", "mnasnet", "resnext-attention"]
"""The spaces whose strides are fitted."""


@pytest.mark.parametrize(
    ("side", "strides"),
    [
        (512, FIVE),
        (224, FIVE),
        (128, FIVE),
        (127, [1, 2, 1, 2, 2, 2]),
        (64, [1, 2, 1, 2, 2, 2]),
        (63, [1, 1, 1, 2, 2, 2]),
        (32, [1, 1, 1, 2, 2, 2]),
        (16, [1, 1, 1, 1, 2, 2]),
        (8, [1, 1, 1, 1, 1, 2]),
        (7, [1] * 6),
        (1, [1] * 6),
    ],
)
def test_the_first_halvings_go_until_the_last_map_keeps_4_pixels(side: int, strides: list[int]):
    assert fitted_strides(FIVE, side) == strides


def test_halvings_that_are_kept_leave_their_place_to_the_next():
    assert fitted_strides(FIVE, 32, kept=[0]) == [2, 1, 1, 1, 2, 2]
    assert fitted_strides(FIVE, 32, smallest=2) == [1, 2, 1, 2, 2, 2]


@pytest.mark.parametrize("name", skeletons())
def test_in_every_skeleton_the_last_map_keeps_4_pixels_and_what_has_them_does_not_change(name: str):
    for side in (8, 9, 16, 28, 32, 36, 48, 64, 96, 128, 160, 224):
        found = skeleton(name).candidate({"strides": "fitted"}, (3, side, side), 10)
        published = skeleton(name).candidate({}, (3, max(side, 32), max(side, 32)), 10)
        height = last_map(found).height
        assert height >= SMALLEST_MAP
        if side >= 32 and last_map(published).height >= 2 * SMALLEST_MAP:
            assert found == published
        else:
            assert height <= 2 * SMALLEST_MAP


def test_fitted_to_32_pixels_resnet18_is_the_resnet18_of_cifar():
    torch.manual_seed(0)
    candidate = skeleton("resnet").candidate(
        {"unit": "basic", "repeats": (2, 2, 2, 2), "strides": "fitted"}, (3, 32, 32), 10
    )
    assert candidate.stem == ResNetStem(kernel=3, stride=1, pool=False)
    assert strides_in_words(candidate) == "stem 1, stages 1/2/2/2, last map 4x4 px"
    assert candidate.cost().params == 11_173_962  # as every port for CIFAR has
    witness: Any = timm.create_model("resnet18", num_classes=10)
    witness.conv1, witness.maxpool = nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.Identity()
    same_outputs(candidate, witness)


def test_fitted_to_32_pixels_efficientnet_is_timms_with_two_strides_less():
    torch.manual_seed(0)
    candidate = skeleton("efficientnet").candidate({"strides": "fitted"}, (3, 32, 32), 10)
    witness: Any = timm.create_model("efficientnet_b0", num_classes=10)
    witness.conv_stem.stride = witness.blocks[1][0].conv_dw.stride = (1, 1)
    same_outputs(candidate, witness)
    witness.conv_stem.stride = (2, 2)
    with pytest.raises(AssertionError):  # the control: timm's with one stride less
        same_outputs(candidate, witness)


def same_outputs(candidate: Candidate, witness: nn.Module) -> None:
    network = candidate.build().train()  # normalised by the batch, so that no output vanishes
    witness.load_state_dict(network.state_dict())
    x = torch.randn(4, *candidate.image)
    with torch.no_grad():
        torch.testing.assert_close(network(x), witness.train()(x), atol=1e-4, rtol=1e-4)


def test_the_resolution_coefficient_does_not_change_fitted_strides():
    space = Space.from_dict(
        {"skeleton": "resnet", "image": [3, 64, 64], "dimensions": {"resolution": [0.5, 1.0], "strides": "fitted"}}
    )
    small, large = (space.candidate({"resolution": value, "strides": "fitted"}) for value in (0.5, 1.0))
    assert (small.image, large.image) == ((3, 32, 32), (3, 64, 64))
    assert (small.stem, small.stages) == (large.stem, large.stages)
    assert small.stem == ResNetStem(kernel=3, stride=1)  # one halving less, as for 64 px


def test_a_number_of_pixels_is_what_the_last_map_keeps():
    maps = {
        strides: last_map(skeleton("efficientnet").candidate({"strides": strides}, (3, 32, 32), 10)).height
        for strides in ("published", 1, 2, 3, "fitted", 4, 8)
    }
    assert maps == {"published": 1, 1: 1, 2: 2, 3: 4, "fitted": 4, 4: 4, 8: 8}


def test_strides_that_are_equal_at_the_size_of_the_image_are_one_choice():
    space = Space.from_dict(
        {
            "skeleton": "resnet",
            "image": [3, 224, 224],
            "dimensions": {"width": [0.5, 1.0], "strides": ["published", 2, "fitted", 4]},
        }
    )
    choices = {
        size: {p.name: p.values for p in space.adapted(image_size=size).parameters}["strides"]
        for size in (224, 64, 32, 224)
    }
    assert choices == {224: ("published",), 64: ("published", "fitted"), 32: ("published", 2, "fitted")}
    assert_costs_agree(space.adapted(image_size=32), count=30)
    back = Space.from_dict(space.adapted(image_size=32).to_dict())  # as a study keeps it
    assert back.parameters == space.adapted(image_size=32).parameters
    assert back.adapted(image_size=224).parameters == space.parameters


@pytest.mark.parametrize("strides", [0, -1, 2.5, True, "fit"])
def test_other_values_of_strides_are_refused(strides: Any):
    with pytest.raises(InputError, match="published"):
        Space.from_dict({"skeleton": "resnet", "image": [3, 32, 32], "dimensions": {"strides": [strides, "fitted"]}})


def test_strides_given_in_a_space_stay_as_given():
    found = skeleton("efficientnet").candidate(
        {"strides": "fitted", "stem_stride": 2, "stride": (None, 1, 1)}, (3, 32, 32), 10
    )
    assert strides_in_words(found) == "stem 2, stages 1/1/1/2/1/2/1, last map 4x4 px"
    pooled = skeleton("mobilenetv2").candidate({"stem_pool": True, "stem_stride": 1}, (3, 64, 64), 10)
    assert strides_in_words(pooled) == "stem 1, pool 2, stages 1/2/2/2/1/2/1, last map 2x2 px"


def test_without_its_stride_a_7x7_stem_has_3x3_unless_the_window_is_given():
    stems = [
        skeleton("resnet").candidate({"stem_stride": 1, **given}, (3, 64, 64), 10).stem
        for given in ({}, {"stem_kernel": 7}, {"stem": "deep"})
    ]
    assert [getattr(stem, "kernel", None) for stem in stems] == [3, 7, 7]  # three 3x3 convolutions ignore it


def test_a_window_without_effect_does_not_make_another_network():
    image, stage = (3, 32, 32), [[(architecture("resnet18").candidate().stages[0][0][0], 1)]]
    ids = {assemble("resnet", image, 10, ResNetStem(deep=32, kernel=k), stage, NO_HEAD).id for k in (3, 7)}
    assert len(ids) == 1


NO_HEAD = architecture("resnet18").candidate().head


@pytest.mark.parametrize("name", ["resnet18", "efficientnet_b0", "ecaresnet26t", "inception9"])
def test_a_candidate_is_fitted_as_its_skeleton_is(name: str):
    published = architecture(name)
    own = skeleton(published.skeleton).candidate({**published.settings, "strides": "fitted"}, (3, 32, 32), 1000)
    space = Space.from_dict(
        {
            "candidate": published.candidate().to_dict(),
            "image": [3, 32, 32],
            "dimensions": {"strides": ["published", "fitted"], "width": [0.5, 1.0]},
        }
    )
    assert space.candidate({"strides": "fitted"}).id == own.id
    assert fitted(published.candidate(image_size=32), 32).id == own.id
    assert_costs_agree(space, count=20)


@pytest.mark.parametrize("name", SHIPPED)
def test_at_224_pixels_the_shipped_spaces_hold_the_networks_they_held(name: str):
    space = load_space(name)
    before = without_the_dimension(space)
    rows = draw(space, 60, np.random.default_rng(0))
    for row in rows:
        chosen = settings(space, row)
        assert chosen.pop("strides") == (2 if name in ("efficientnet", "mnasnet") else "published")  # the only choice
        if before.allows(chosen):
            assert made(space, {**chosen, "strides": "fitted"}) == made(before, chosen)
    small = space.adapted(image_size=64)
    assert all(
        small.candidate({**settings(space, row), "strides": "fitted"})
        != before.adapted(image_size=64).candidate(
            {key: value for key, value in settings(space, row).items() if key != "strides"}
        )
        for row in rows[:3]
        if name != "resnext-attention"
    )  # the control: at 64 px they are others
    assert_costs_agree(small, count=30)


def without_the_dimension(space: Space) -> Space:
    data = space.to_dict()
    del data["dimensions"]["strides"]
    return Space.from_dict(data, space.name)


def made(space: Space, chosen) -> str:
    try:
        return space.candidate(chosen).id
    except ValueError as error:
        return str(error)


def assert_costs_agree(space: Space, *, count: int) -> None:
    """Costs of many settings at once equal those of each."""
    rows = draw(space, count, np.random.default_rng(1))
    cost, valid, _ = examine(space, rows)
    for index in np.flatnonzero(valid):
        one = space.candidate(settings(space, rows[index])).cost()
        assert [int(getattr(cost, metric)[index]) for metric in METRICS] == [getattr(one, m) for m in METRICS]
    assert valid.any()


def test_a_rule_that_changes_no_stride_makes_no_further_network():
    def distinct(side: int) -> int | None:
        space = Space.from_dict(
            {
                "skeleton": "mobilenetv2",
                "image": [3, side, side],
                "dimensions": {"width": [0.5, 1.0], "strides": ["published", "fitted"]},
            }
        )
        return census(space, Budget()).distinct

    assert (distinct(224), distinct(64)) == (2, 4)


@pytest.mark.parametrize("name", [*architectures()[::9], "mobilenetv3_large_100", "resnest14d", "vgg16_gap"])
def test_the_network_trained_at_a_smaller_size_has_the_same_weights_and_a_larger_map(name: str):
    candidate = architecture(name).candidate()
    proxy = proxy_network(candidate, 32, 4)
    assert proxy.image == (3, 32, 32)
    assert min(last_map(proxy).height, last_map(proxy).width) >= 4
    with torch.device("meta"):
        shapes = [
            {key: tuple(value.shape) for key, value in network.build().state_dict().items()}
            for network in (candidate, proxy)
        ]
    assert shapes[0] == shapes[1]


def test_a_network_is_trained_as_it_is_at_its_own_size_and_where_its_map_is_large_enough():
    candidate = architecture("resnet18").candidate()
    assert proxy_network(candidate, 224, 4) is candidate
    assert proxy_network(candidate, 128, 4) is candidate
    squeezed = architecture("resnet18").candidate(image_size=64)
    assert last_map(squeezed).height == 2
    assert last_map(proxy_network(squeezed, 32, 4)).height == 2  # no more pixels than it has itself


def test_a_stride_whose_loss_would_remove_a_projection_stays_in_training():
    rows = [{"channels": 16}, {"channels": 16, "stride": 2}, {"channels": 16, "stride": 2}]
    candidate = skeleton("resnet").with_stages(tuple(rows)).candidate({"unit": "basic"}, (3, 128, 128), 10)
    proxy = proxy_network(candidate, 32, 4)
    assert strides_in_words(proxy) == "stem 1, pool 2, stages 1/2/2, last map 4x4 px"
    assert proxy.cost().params == candidate.cost().params
    assert fitted(candidate, 16).cost().params < candidate.cost().params  # the control


def test_exports_and_timm_build_the_network_with_its_fitted_strides(tmp_path: Path):
    """Neither timm's own names nor its arguments express these strides; the exported file does."""
    settings = {"unit": "basic", "width": 0.125, "depth": 0.3, "strides": "fitted", "antialias": "blur"}
    candidate = skeleton("resnet").candidate(settings, (3, 64, 64), 4)
    assert strides_in_words(candidate) == "stem 1, pool 2, stages 1/2/2/2, last map 4x4 px"
    network = candidate.build().eval()
    facts = Facts(
        study="fitted",
        command="automl search",
        data="images",
        classes=tuple("abcd"),
        preprocessing=Preprocessing.to(64, 64, channels=3),
        mean=(0.5, 0.5, 0.5),
        std=(0.5, 0.5, 0.5),
        accuracy=0.5,
        test_accuracy=None,
        epochs=1,
        seed=0,
        budget="",
    )
    export_network(tmp_path / "out", candidate=candidate, weights=network.state_dict(), facts=facts, formats=())
    in_timm = timm.create_model("automl_network", candidate=candidate.to_dict()).eval()
    in_timm.load_state_dict(network.state_dict())
    x = torch.randn(2, 3, 64, 64)
    with loaded(tmp_path / "out" / "model.py") as module, torch.inference_mode():
        assert torch.equal(module.load().eval()(x), network(x))
        assert torch.equal(in_timm(x), network(x))
