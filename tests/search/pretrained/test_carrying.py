"""Weights that are carried over: equal networks to the bit, wider and deeper ones without changing
the function, narrower ones with the channels that matter."""

from typing import Any

import pytest
import torch
from automl.blocks.modules.attention import SqueezeExcite
from automl.blocks.modules.network import Network
from automl.search.pretrained.carrying import Carried, carry
from automl.search.pretrained.new_parts import undo
from automl.spaces.skeletons import skeleton
from torch import Tensor, nn

from ...parts import part

Settings = dict[str, Any]
exhaustive = pytest.mark.exhaustive

RESNET: Settings = {"width": 0.125, "repeats": 2}
BASIC: Settings = {**RESNET, "unit": "basic"}
GROUPED: Settings = {**RESNET, "cardinality": 4, "base_width": 16, "stem": "deep", "downsample": "avg"}
SPLIT: Settings = {**GROUPED, "radix": 2, "base_width": 32, "cardinality": 2}
MOBILE: Settings = {"width": 0.25, "depth": 0.6}
PLAIN: Settings = {"width": 0.125, "repeats": 2}
NETWORKS: dict[str, tuple[str, Settings]] = {
    "basic": ("resnet", {**BASIC, "attention": "se"}),
    "grouped": ("resnet", {**GROUPED, "attention": "cbam"}),
    "split": ("resnet", SPLIT),
    "selective": ("resnet", {**BASIC, "attention": "sk", "sk_split": True, "sk_divisor": 8}),
    "selective bottleneck": ("resnet", {**GROUPED, "attention": "sk", "sk_divisor": 8}),
    "inverted": ("efficientnet", MOBILE),
    "selective inverted": ("efficientnet", {**MOBILE, "attention": "sk", "sk_divisor": 8}),
    "neck": ("mobilenetv3", {"width": 0.25}),
    "separable": ("mobilenetv1", {"width": 0.125}),
    "plain": ("plain", {**PLAIN, "attention": "eca"}),
    "inception": ("inception", {"width": 0.125, "attention": "ecabam"}),
}
SIZE = 32


def built(base: str, settings: Settings, *, classes: int = 5, channels: int = 3, seed: int = 0) -> Network:
    """A network whose statistics and scales are as if it had been trained, in eval mode."""
    torch.manual_seed(seed)
    network = skeleton(base).candidate(settings, (channels, SIZE, SIZE), classes).build()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0.0, 0.2)
            nn.init.normal_(module.running_mean, 0.0, 0.1)
            nn.init.uniform_(module.running_var, 0.5, 1.5)
    return network.eval()


def images(count: int = 2, channels: int = 3) -> Tensor:
    return torch.randn(count, channels, SIZE, SIZE, generator=torch.Generator().manual_seed(1))


def carried(base: str, source: Settings, own: Settings, **options: Any) -> tuple[Network, Network, Carried]:
    """A source network, one of other settings with its weights, and what was carried."""
    theirs, ours = built(base, source), built(base, own, seed=1)
    return theirs, ours, carry(ours, theirs, seed=0, **{"noise": 0.0, **options})


def difference(theirs: Network, ours: Network, count: int = 2) -> float:
    """The largest difference of the logits, over their standard deviation."""
    with torch.no_grad():
        wanted, found = theirs(images(count)), ours(images(count))
    return float((wanted - found).abs().max() / wanted.std())


@pytest.mark.parametrize("name", part(NETWORKS, ("split", "neck", "selective")))
def test_an_equal_network_gets_every_weight_through_the_channels_too(name: str):
    base, settings = NETWORKS[name]
    theirs, ours, found = carried(base, settings, settings, equal=False, noise=0.5)
    assert found.fraction == 1.0
    wanted, own = theirs.state_dict(), ours.state_dict()
    different = [key for key in wanted if not key.endswith("tracked") and not torch.equal(wanted[key], own[key])]
    assert different == []
    other = built(base, settings, seed=1)  # the control: before, nothing was equal
    assert all(not torch.equal(wanted[key], value) for key, value in other.named_parameters() if value.ndim > 1)


def test_an_equal_network_with_other_classes_keeps_its_own_classifier():
    theirs, ours = built("resnet", BASIC), built("resnet", BASIC, classes=7, seed=1)
    before = ours.fc.weight.clone()
    found = carry(ours, theirs, seed=0)
    assert torch.equal(ours.fc.weight, before)
    assert torch.equal(ours.layer4[1].conv2.weight, theirs.layer4[1].conv2.weight)
    assert found.carried == found.params - 7 * (ours.num_features + 1)


@pytest.mark.parametrize(
    ("base", "source", "wider"),
    [
        ("resnet", {**BASIC, "attention": "se"}, {**BASIC, "attention": "se", "width": 0.375}),
        pytest.param("resnet", GROUPED, {**GROUPED, "width": 0.25}, marks=exhaustive),
        ("resnet", GROUPED, {**GROUPED, "base_width": 64, "cardinality": 1}),
        pytest.param("efficientnet", MOBILE, {**MOBILE, "width": 0.5, "kernel": 7, "expansion": 8}, marks=exhaustive),
        pytest.param("mobilenetv1", {"width": 0.125}, {"width": 0.25}, marks=exhaustive),
        ("plain", PLAIN, {**PLAIN, "width": 0.25, "kernel": 5}),
    ],
)
def test_a_wider_network_with_larger_windows_computes_the_same(base: str, source: Settings, wider: Settings):
    theirs, ours, found = carried(base, source, wider)
    assert difference(theirs, ours) < 5e-3
    assert found.fraction == 1.0
    noisy = carried(base, source, wider, noise=0.5)  # the control, where channels are repeated
    assert difference(*noisy[:2]) > 0.05 or wider.get("width") == source.get("width")


@pytest.mark.parametrize(
    ("base", "source", "deeper"),
    [
        pytest.param("resnet", BASIC, {**BASIC, "repeats": 4}, marks=exhaustive),
        ("resnet", {**BASIC, "repeats": 1}, BASIC),
        pytest.param("resnet", SPLIT, {**SPLIT, "repeats": 3, "width": 0.25}, marks=exhaustive),
        pytest.param("efficientnet", MOBILE, {**MOBILE, "depth": 1.2}, marks=exhaustive),
    ],
)
def test_a_deeper_residual_network_computes_the_same(base: str, source: Settings, deeper: Settings):
    theirs, ours, _ = carried(base, source, deeper)
    assert difference(theirs, ours) < 5e-3
    last = [block for stage in ("layer1", "layer4") for block in getattr(ours, stage)[-1:]] if base == "resnet" else []
    for block in last:  # the control: without the zero it would not
        norm = block.bn3 if hasattr(block, "bn3") else block.bn2
        assert not norm.weight.any()
        nn.init.ones_(norm.weight)
    assert not last or difference(theirs, ours) > 0.05


def test_a_deeper_plain_network_computes_the_same_once_its_normalisations_are_undone():
    theirs, ours, found = carried("plain", PLAIN, {**PLAIN, "repeats": 3, "width": 0.25})
    assert len(found.undone) == 4 or len(found.undone) == 5
    for network in (theirs, ours):
        network.train()
    assert difference(theirs, ours, 16) > 0.1  # the control
    with torch.no_grad():
        undo(ours, found.undone, images(16))
    assert difference(theirs, ours, 16) < 0.02


def test_a_new_projection_is_the_identity_between_maps_that_were_one():
    theirs, ours, found = carried("resnet", BASIC, {**BASIC, "width": (0.25, 0.125, 0.125, 0.125)})
    assert ours.layer1[0].downsample is not None
    assert theirs.layer1[0].downsample is None
    assert found.undone == [ours.layer1[0].downsample[1]]
    for network in (theirs, ours):
        network.train()
    with torch.no_grad():
        undo(ours, found.undone, images(16))
    assert difference(theirs, ours, 16) < 0.02


@pytest.mark.parametrize("attention", part(["se", "eca", "cbam"], ["se"]))
def test_a_new_gate_changes_nothing_and_one_that_goes_is_made_up_for(attention: str):
    theirs, ours, _ = carried("resnet", BASIC, {**BASIC, "attention": attention})
    assert difference(theirs, ours) < 1e-4
    gates = [module for module in ours.modules() if isinstance(module, SqueezeExcite)]
    for gate in gates:
        assert gate.fc1.weight.any()  # it can learn: only its last layer is zero
        assert not gate.fc2.weight.any()
    back = built("resnet", BASIC, seed=2)
    carry(back, ours, seed=0)
    assert difference(theirs, back) < 1e-4


def test_a_new_selection_weighs_its_branches_alike():
    theirs, ours, _ = carried("resnet", BASIC, {**BASIC, "attention": "sk", "sk_divisor": 8, "sk_split": False})
    first = ours.layer2[0].conv1
    assert torch.equal(first.paths[0].conv.weight, theirs.layer2[0].conv1.weight)
    assert torch.equal(first.paths[1].conv.weight, theirs.layer2[0].conv1.weight)
    weights = first.attn(torch.randn(1, 2, first.channels, 4, 4))
    assert torch.allclose(weights, torch.full_like(weights, 0.5))


def test_a_narrower_network_keeps_the_channels_with_the_largest_filters_all_along():
    theirs = built("plain", PLAIN)
    # channels that matter, by a factor: those of the first convolution and those that it feeds
    kept = [2, 3, 6, 7]
    with torch.no_grad():
        theirs.conv_stem.weight[kept] *= 10
    narrow = {**PLAIN, "stem_width": 4, "divisor": 4, "width": (0.125, 0.125, 0.125, 0.125, 0.125)}
    ours = built("plain", narrow, seed=1)
    assert (theirs.conv_stem.out_channels, ours.conv_stem.out_channels) == (8, 4)
    carry(ours, theirs, seed=0)
    assert torch.equal(ours.conv_stem.weight, theirs.conv_stem.weight[kept])
    assert torch.equal(ours.bn1.running_mean, theirs.bn1.running_mean[kept])
    assert torch.equal(ours.layer1[0].conv.weight, theirs.layer1[0].conv.weight[:, kept])


@exhaustive
def test_windows_are_cropped_about_their_centre_and_surplus_units_dropped_from_the_end():
    theirs, ours, _ = carried("efficientnet", {**MOBILE, "depth": 1.2, "kernel": 5}, {**MOBILE, "kernel": 3})
    for stage in range(7):
        for unit, source in zip(ours.blocks[stage], theirs.blocks[stage], strict=False):
            assert torch.equal(unit.conv_dw.weight, source.conv_dw.weight[..., 1:4, 1:4])


def test_of_another_family_only_the_stem_is_carried():
    theirs = built("efficientnet", {"width": 0.5})
    ours = built("resnet", {**BASIC, "width": 0.25, "stem_kernel": 3}, seed=1)
    before = {name: value.clone() for name, value in ours.state_dict().items()}
    found = carry(ours, theirs, seed=0)
    changed = {name for name, value in ours.state_dict().items() if not torch.equal(value, before[name])}
    assert changed == {"conv1.weight", "bn1.weight", "bn1.bias", "bn1.running_mean", "bn1.running_var"}
    assert 0 < found.fraction < 0.01
    deep = built("resnet", {**BASIC, "stem": "deep"}, seed=1)
    assert carry(deep, theirs, seed=0).carried == 0


def test_grey_images_are_read_by_the_sum_of_the_three_colours():
    theirs, ours = built("resnet", BASIC), built("resnet", BASIC, channels=1, seed=1)
    carry(ours, theirs, seed=0)
    grey = images(2, 1)
    with torch.no_grad():
        assert torch.allclose(ours(grey), built("resnet", BASIC)(grey.repeat(1, 3, 1, 1)), atol=1e-4)


def test_the_same_seed_gives_the_same_bits_and_another_one_other_noise():
    wide = {**BASIC, "width": 0.25}
    found = [carried("resnet", BASIC, wide, noise=0.01)[1].state_dict() for _ in range(2)]
    assert all(torch.equal(found[0][name], value) for name, value in found[1].items())
    ours = built("resnet", wide, seed=1)
    carry(ours, built("resnet", BASIC), seed=1, noise=0.01)
    weights = found[0]["conv1.weight"], ours.conv1.weight
    assert torch.equal(weights[0][:8], weights[1][:8])  # the first copies have no noise
    assert not torch.equal(weights[0][8:], weights[1][8:])
