"""Anti-aliased strides and activations of residual networks, beside timm's."""

from dataclasses import replace
from typing import Any

import pytest
import timm
import torch
from automl.blocks import Basic, Bottleneck, InputError, ResNetStem, Shape, Sk
from automl.blocks.modules.antialias import antialias_layer
from automl.spaces import Candidate
from automl.spaces.candidates.audit import audit
from automl.spaces.skeletons import skeleton
from timm.layers import BlurPool2d
from torch import nn

BASIC = {"unit": "basic", "repeats": (2, 2, 2, 2)}
D = {"stem": "deep", "downsample": "avg"}
NETWORKS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "resnetaa50": ({"antialias": "avg", "repeats": (3, 4, 6, 3)}, {}),
    "resnetaa34d": ({**BASIC, **D, "repeats": (3, 4, 6, 3), "antialias": "avg"}, {}),
    "resnetblur18": ({**BASIC, "antialias": "blur"}, {}),
    "seresnextaa101d_32x8d": (
        {**D, "repeats": (3, 4, 23, 3), "cardinality": 32, "base_width": 8, "attention": "se", "antialias": "avg"},
        {},
    ),
    "resnet18": ({**BASIC, "activation": "silu"}, {"act_layer": nn.SiLU}),
}
"""Name in timm → settings of the skeleton, and further arguments of timm's."""


def network(settings: dict[str, Any], size: int = 64) -> Candidate:
    return skeleton("resnet").candidate(settings, (3, size, size), 10)


@pytest.mark.parametrize("name", NETWORKS)
def test_it_has_the_weights_and_outputs_of_timms(name: str):
    torch.manual_seed(0)
    settings, arguments = NETWORKS[name]
    candidate = network(settings)
    mine, witness = candidate.build().train(), timm.create_model(name, num_classes=10, **arguments).train()
    witness.load_state_dict(mine.state_dict())
    x = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(mine(x), witness(x), atol=1e-3, rtol=1e-3)
    assert candidate.cost().params == sum(parameter.numel() for parameter in witness.parameters())


@pytest.mark.parametrize("name", ["resnetaa50", "resnetblur18"])
def test_its_costs_are_those_that_are_counted(name: str):
    for size in (64, 57):  # maps of odd sides too
        assert audit(network(NETWORKS[name][0], size)).agrees
    plain = network({**NETWORKS[name][0], "antialias": "none"})
    assert plain.cost().macs < network(NETWORKS[name][0]).cost().macs  # the control: it does cost something


@pytest.mark.parametrize("sides", [(8, 8), (7, 5), (2, 3)])
def test_blur_is_timms_blur(sides: tuple[int, int]):
    x = torch.randn(2, 3, *sides)
    torch.testing.assert_close(antialias_layer("blur")(x), BlurPool2d(3)(x))
    assert antialias_layer("avg")(x).shape == antialias_layer("blur")(x).shape


def test_one_pixel_is_blurred_to_itself():
    x = torch.randn(2, 3, 1, 1)
    torch.testing.assert_close(antialias_layer("blur")(x), x)
    assert antialias_layer("blur")(torch.randn(2, 3, 1, 4)).shape == (2, 3, 1, 2)


def test_without_a_stride_or_a_pool_it_makes_no_other_network():
    shape = Shape(16, 8, 8)
    for unit in (Basic(channels=16), Bottleneck(channels=16, width=4)):
        assert replace(unit, antialias="blur").resolved(shape) == unit  # type: ignore[type-var]
    assert ResNetStem(pool=False, antialias="avg").resolved(shape) == ResNetStem(pool=False)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Basic(channels=16, antialias="wrong"),  # type: ignore[arg-type]
        lambda: ResNetStem(antialias="wrong"),  # type: ignore[arg-type]
        lambda: Basic(channels=16, antialias="avg", attention=Sk()),
        lambda: Bottleneck(channels=16, width=4, stride=2, antialias="avg", radix=2),
        lambda: Bottleneck(channels=16, width=4, activation="silu").build(Shape(16, 8, 8), form="summed"),
    ],
)
def test_what_cannot_be_is_refused(make):
    with pytest.raises(InputError):
        make()


def test_units_with_strides_of_their_own_are_not_anti_aliased():
    for settings in ({"radix": 2}, {"attention": "sk"}):
        candidate = network({**settings, "antialias": "blur"})
        assert {unit.antialias for stage in candidate.stages for unit, _ in stage} == {"none"}  # type: ignore[attr-defined]
