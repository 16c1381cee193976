"""The VGG-like unit, against timm's VGG."""

from dataclasses import replace

import pytest
import timm
import torch
from automl.blocks import ConvStem, Cost, Eca, InvalidBlock, Plain, PoolHead, Se, Shape
from automl.spaces.candidates.candidate import Candidate, assemble, scaled

SIZE = 64
STAGES = [(64, 1, 1), (128, 2, 2), (256, 2, 3), (512, 2, 3), (512, 2, 3)]
"""Channels, stride, repeats of VGG-16; its first convolution is the stem."""


def vgg16(**fields) -> Candidate:
    stages = [scaled(Plain(channels=c, **fields), s, n) for c, s, n in STAGES]
    return assemble(
        "efficientnet", (3, SIZE, SIZE), 10, ConvStem(channels=64, stride=1, activation="relu"), stages, PoolHead()
    )


def leaves(module: torch.nn.Module, *kinds: type[torch.nn.Module]) -> list[torch.nn.Module]:
    return [leaf for leaf in module.modules() if isinstance(leaf, kinds)]


@pytest.fixture(scope="module")
def theirs() -> torch.nn.Module:
    """timm's VGG-16 with normalisation, up to its last max pool; its layers of 4096 are made
    narrow, they are not looked at."""
    torch.manual_seed(0)
    features = timm.create_model("vgg16_bn", mlp_ratio=0.01).features[:-1].eval()
    for norm in leaves(features, torch.nn.BatchNorm2d):
        norm.running_mean.uniform_(-0.2, 0.2)
        norm.running_var.uniform_(0.5, 1.5)
    for conv in leaves(features, torch.nn.Conv2d):
        torch.nn.init.uniform_(conv.bias, -0.1, 0.1)
    return features


def loaded(theirs: torch.nn.Module, **fields) -> torch.nn.Module:
    """Our network with the weights of theirs; the biases its convolutions have go into the means of
    what follows them."""
    network = vgg16(**fields).build().eval()
    convs, norms = (
        zip(leaves(network, kind), leaves(theirs, kind), strict=True)
        for kind in (torch.nn.Conv2d, torch.nn.BatchNorm2d)
    )
    with torch.no_grad():
        for (conv, their_conv), (norm, their_norm) in zip(convs, norms, strict=True):
            conv.weight.copy_(their_conv.weight)
            norm.load_state_dict(their_norm.state_dict())
            norm.running_mean -= their_conv.bias
    return network


class TestVgg:
    def test_up_to_its_last_pool_it_computes_what_timms_does(self, theirs: torch.nn.Module):
        x = torch.randn(2, 3, SIZE, SIZE)
        with torch.inference_mode():
            expected = theirs(x)
            assert expected.std() > 0.01
            assert (loaded(theirs).forward_features(x) - expected).abs().max() <= 1e-5 * expected.abs().max()

    def test_another_window_or_activation_would_be_seen(self, theirs: torch.nn.Module):
        with pytest.raises(RuntimeError, match="must match"):
            loaded(theirs, kernel=5)
        x = torch.randn(1, 3, SIZE, SIZE)
        with torch.inference_mode():
            assert not torch.allclose(loaded(theirs, activation="silu").forward_features(x), theirs(x), atol=1e-3)

    def test_it_has_timms_parameters_but_for_the_biases(self, theirs: torch.nn.Module):
        biases = sum(conv.bias.numel() for conv in leaves(theirs, torch.nn.Conv2d))
        classifier = 512 * 10 + 10
        assert vgg16().cost().params - classifier == sum(p.numel() for p in theirs.parameters()) - biases

    def test_it_costs_what_is_counted(self, counted):
        cost = vgg16(attention=Se()).cost()
        assert (cost.macs, cost.params, cost.activations) == counted(vgg16(attention=Se()).build(), (3, SIZE, SIZE))


@pytest.mark.parametrize("shape", [Shape(12, 9, 7), Shape(12, 8, 8), Shape(12, 2, 2)])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("attention", ["none", "se", "in place"])
def test_a_unit_costs_what_is_counted_and_gives_the_shape_it_says(
    attention: str, stride: int, shape: Shape, counted, blurred
):
    unit = Plain(
        channels=16,
        kernel=5,
        stride=stride,
        attention={"none": None, "se": Se(reduced=4), "in place": blurred}[attention],
    )
    cost, out = unit.cost(shape), unit.out(shape)
    assert unit.build(shape).eval()(torch.randn(1, 12, shape.height, shape.width)).shape[1:] == (
        16,
        out.height,
        out.width,
    )
    assert (cost.macs, cost.params, cost.activations) == counted(unit.build(shape), (12, shape.height, shape.width))
    assert unit.resolved(shape).cost(shape) == cost


@pytest.mark.parametrize("stride", [1, 2])
def test_costs_of_many_at_once_equal_those_of_each(stride: int, row_by_row, blurred):
    shapes = {"channels": [16, 24, 12], "height": [8, 9, 2], "width": [7, 9, 2]}
    for attention in (None, Se(), Eca(), blurred):
        row_by_row(
            lambda attention=attention, **row: Plain(stride=stride, attention=attention, **row),
            shapes,
            channels=[16, 24, 32],
            kernel=[3, 5, 1],
        )


def test_a_cost_that_forgets_the_pool_would_be_seen(counted, monkeypatch: pytest.MonkeyPatch):
    unit, shape = Plain(channels=16, stride=2), Shape(12, 8, 8)
    monkeypatch.setattr(Shape, "strided", lambda self, stride: self)
    assert unit.cost(shape).macs != counted(unit.build(shape), (12, 8, 8))[0]


def test_a_cost_that_forgets_the_attention_would_be_seen(counted, monkeypatch: pytest.MonkeyPatch):
    unit, shape = Plain(channels=16, attention=Se(reduced=4)), Shape(12, 8, 8)
    monkeypatch.setattr("automl.blocks.plain.gate_cost", lambda attention, shape: Cost())
    assert unit.cost(shape).params != counted(unit.build(shape), (12, 8, 8))[1]


def test_the_attention_follows_the_activation():
    module = Plain(channels=8, attention=Se(reduced=4)).build(Shape(8, 4, 4)).eval()
    seen = []
    module.se.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    module(torch.randn(1, 8, 4, 4))
    assert seen[0].min() == 0


def test_the_window_that_is_not_there_makes_no_difference(blurred):
    shape = Shape(16, 8, 8)
    one, other = (
        Plain(channels=24, kernel=5, activation="silu", attention=blurred),
        Plain(channels=24, attention=blurred),
    )
    assert one.resolved(shape) == other.resolved(shape)
    assert one.resolved(shape).attention.seen == 24
    assert replace(one, attention=None).resolved(shape) != replace(other, attention=None).resolved(shape)


def test_the_input_is_held_beside_the_pooled_map():
    # 8·8·8 in, 8·4·4 pooled, 16·4·4 out
    assert Plain(channels=16, stride=2).cost(Shape(8, 8, 8)).peak == 512 + 128 + 256
    assert Plain(channels=16).cost(Shape(8, 8, 8)).peak == 512 + 1024


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Plain(channels=0), "channels >= 1 must hold"),
        (lambda: Plain(channels=8, stride=4), "stride must be 1 or 2, but got stride=4"),
        (lambda: Plain(channels=8, kernel=2), "kernel must be odd and positive, but got kernel=2"),
    ],
)
def test_what_cannot_be_is_refused_with_rule_and_value(make, says: str):
    with pytest.raises(InvalidBlock, match=says):
        make()
