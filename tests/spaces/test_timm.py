"""Candidates that are published networks: equal to timm's to the parameter and to the bit, module
names included."""

from dataclasses import replace
from functools import cache

import pytest
import timm
import torch
from automl.blocks import InputError
from automl.blocks.modules.network import Network
from automl.spaces import Candidate, architecture, architectures
from automl.spaces.architectures import Architecture
from published_rules import observe, without_memory
from timm.layers import BlurPool2d
from timm.models._manipulate import group_parameters
from torch.nn import Module

from ..parts import part

SIZE = 64
COMPUTED = [f"efficientnet_b{index}" for index in range(8)]
COMPUTED += [
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet101d",
    "resnet50c",
    "resnext50_32x4d",
    "resnext101_64x4d",
    "seresnet50",
    "seresnext50_32x4d",
]
COMPUTED += [
    "ecaresnet50d",
    "ecaresnet26t",
    "skresnet18",
    "skresnet34",
    "skresnet50d",
    "skresnext50_32x4d",
    "mobilenetv1_100",
    "mobilenetv2_100",
    "mobilenetv2_110d",
]
COMPUTED += ["mnasnet_100", "semnasnet_100", "mobilenetv3_large_100"]
COMPUTED += ["resnetaa50d", "resnetblur18", "seresnextaa101d_32x8d"]
COMPUTED += ["resnest14d", "resnest26d", "resnest50d", "resnest50d_1s4x24d", "resnest50d_4s2x40d", "resnest101e"]
SHARED = [name for name in architectures() if timm.is_model(name)]
"""Named networks that timm has too."""


def candidate(name: str) -> Candidate:
    return architecture(name).candidate(image_size=SIZE)


def plain(name: str) -> Architecture:
    """The network with the strides of its convolutions."""
    found = architecture(name)
    return replace(found, settings={key: value for key, value in found.settings.items() if key != "antialias"})


@cache
def both(name: str) -> tuple[Module, Network]:
    """timm's network and ours, without memory for their weights."""
    with without_memory():
        return timm.create_model(name), candidate(name).build()


@pytest.mark.parametrize("name", part(SHARED))
def test_every_named_network_has_timms_parameters_name_by_name(name: str):
    theirs, ours = both(name)
    assert {key: tuple(value.shape) for key, value in ours.state_dict().items()} == {
        key: tuple(value.shape) for key, value in theirs.state_dict().items()
    }
    assert candidate(name).cost().params == sum(parameter.numel() for parameter in theirs.parameters())


def test_anti_aliased_networks_have_timms_macs():
    names = [name for name in SHARED if candidate(name).cost() != plain(name).candidate(image_size=SIZE).cost()]
    assert len(names) == 10  # the control: a pool in the place of a stride costs more
    filtered: list[int] = []
    for name in names:
        theirs, _ = both(name)
        for module in theirs.modules():
            if isinstance(module, BlurPool2d):  # a fixed filter, which the counter takes for a convolution
                module.register_forward_hook(lambda module, _, out: filtered.append(9 * out.numel()))
        filtered.clear()
        counted = observe(theirs, (3, SIZE, SIZE)).macs
        assert candidate(name).cost().macs == counted - sum(filtered)
        assert bool(filtered) == ("blur" in name)


@pytest.mark.parametrize("name", part(SHARED))
def test_levels_groups_and_widths_are_timms(name: str):
    theirs, ours = both(name)
    wanted = [(info["num_chs"], info["reduction"]) for info in theirs.feature_info]
    assert [(info["num_chs"], info["reduction"]) for info in ours.feature_info] == wanted
    for coarse in (False, True):
        groups = [group_parameters(network, network.group_matcher(coarse), reverse=True) for network in (ours, theirs)]
        assert groups[0] == groups[1]
    assert (ours.num_features, ours.head_hidden_size) == (theirs.num_features, theirs.head_hidden_size)


def test_an_unknown_network_names_the_nearest():
    with pytest.raises(InputError, match="unknown architecture 'resnet5'; did you mean 'resnet50'"):
        architecture("resnet5")


@pytest.mark.parametrize("name", part(COMPUTED))
def test_a_published_network_loads_timms_weights_and_computes_the_same(name: str):
    torch.manual_seed(0)
    theirs = timm.create_model(name).eval()
    ours = candidate(name).build().eval()
    ours.load_state_dict(theirs.state_dict())  # strict
    x = torch.randn(1, 3, SIZE, SIZE)
    with torch.inference_mode():
        assert (ours(x) - theirs(x)).abs().max() <= 1e-5
    assert candidate(name).cost().params == sum(p.numel() for p in theirs.parameters())


@pytest.mark.parametrize(
    "name", ["efficientnet_b0", "resnet18", "resnet50d", "seresnext50_32x4d", "ecaresnet50d", "resnest14d"]
)
def test_timms_network_loads_our_weights_and_computes_the_same(name: str):
    torch.manual_seed(0)
    ours = _uneven(timm.create_model("automl_network", candidate=candidate(name), num_classes=7))
    theirs = timm.create_model(name, num_classes=7).eval()
    theirs.load_state_dict(ours.state_dict())  # strict
    x = torch.randn(2, 3, SIZE, SIZE)
    with torch.inference_mode():
        wanted = ours(x)
        assert (theirs(x) - wanted).abs().max() <= 1e-5 * wanted.abs().max()


def test_another_network_does_not_load_either_way():
    with pytest.raises(RuntimeError):
        candidate("resnet50").build().load_state_dict(timm.create_model("resnext50_32x4d").state_dict())
    with pytest.raises(RuntimeError):
        timm.create_model("resnext50_32x4d").load_state_dict(candidate("resnet50").build().state_dict())


def _uneven(network: torch.nn.Module) -> torch.nn.Module:
    """In eval mode, with scales, shifts and statistics that hide nothing: a branch scaled by zero
    would be equal whatever is in it."""
    for name, tensor in network.state_dict().items():
        if tensor.ndim == 1:
            tensor.uniform_(0.5, 1.5) if name.endswith(("weight", "running_var")) else tensor.uniform_(-0.1, 0.1)
    return network.eval()


def test_a_fault_in_a_branch_would_be_seen():
    ours = _uneven(timm.create_model("automl_network", candidate=candidate("resnet18")))
    x = torch.randn(2, 3, SIZE, SIZE)
    with torch.inference_mode():
        before = ours(x)
        ours.get_submodule("layer3.1.conv2").weight.mul_(1.01)
        assert (ours(x) - before).abs().max() > 1e-4 * before.abs().max()


@pytest.mark.parametrize(
    ("name", "params", "macs"),
    [("efficientnet_b0", 5.3e6, 0.39e9), ("resnet50", 25.5e6, 4.1e9), ("resnext50_32x4d", 25.0e6, 4.2e9)],
)
def test_published_costs_are_met_as_they_are_rounded(name: str, params: float, macs: float):
    cost = architecture(name).candidate().cost()
    assert cost.params == pytest.approx(params, rel=0.01)
    assert cost.macs == pytest.approx(macs, rel=0.015)
