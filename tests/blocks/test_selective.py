"""Selective kernels: timm's as an independent implementation, what the paper says of the selection,
costs by torch's counter."""

from typing import Any

import numpy as np
import pytest
import torch
from automl.blocks import (
    Basic,
    Block,
    Bottleneck,
    Cbam,
    Cost,
    Eca,
    Ecabam,
    InvalidBlock,
    ResNetStem,
    Se,
    Shape,
    Sk,
    from_dict,
    to_dict,
)
from automl.blocks.modules.selective import SelectiveAttention
from automl.blocks.rules import marking
from flop_counter import FlopCounter
from hypothesis import given, settings
from hypothesis import strategies as st
from timm.layers import SelectiveKernel

SHAPE = Shape(32, 7, 6)


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize(
    ("block", "groups"),
    [
        (Sk(), 1),
        (Sk(), 4),
        (Sk(), 32),
        (Sk(dilated=False), 8),
        (Sk(branches=3), 1),
        (Sk(branches=4, dilated=False), 32),
        (Sk(split=True), 1),
        (Sk(split=True), 16),
        (Sk(split=True, branches=4, ratio=1 / 8, divisor=16), 8),
        (Sk(activation="silu"), 1),
    ],
)
@pytest.mark.parametrize("channels", [32, 64])
def test_equals_timm_in_every_form(block: Sk, groups: int, stride: int, channels: int):
    theirs = SelectiveKernel(
        32,
        channels,
        [3, 5, 7, 9][: block.branches],
        stride,
        groups=groups,
        rd_ratio=block.ratio,
        rd_divisor=block.divisor,
        keep_3x3=block.dilated,
        split_input=block.split,
        act_layer=torch.nn.SiLU if block.activation == "silu" else torch.nn.ReLU,
    ).eval()
    ours = block.build_conv(SHAPE, channels, stride=stride, groups=groups).eval()
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(2, 32, 7, 6)
    assert (ours(x) - theirs(x)).abs().max() <= 1e-6


@settings(deadline=None, max_examples=15)
@given(branches=st.integers(2, 4), channels=st.sampled_from([1, 8, 24]), scale=st.floats(0.1, 5.0))
def test_the_selection_sums_to_one_over_the_branches(branches: int, channels: int, scale: float):
    module = SelectiveAttention(channels, 8, branches).eval()
    weight_bmc11 = module(scale * torch.randn(2, branches, channels, 4, 3))
    assert weight_bmc11.shape == (2, branches, channels, 1, 1)
    assert torch.allclose(weight_bmc11.sum(1), torch.ones(2, channels, 1, 1))


def test_the_selection_does_not_sum_to_one_over_the_channels_so_that_test_can_fail():
    weight_bmc11 = SelectiveAttention(24, 8).eval()(torch.randn(2, 2, 24, 4, 3))
    assert not torch.allclose(weight_bmc11.sum(2), torch.ones(2, 2, 1, 1))


def test_selecting_among_equal_branches_is_one_of_them():
    module = Sk(dilated=False).build(SHAPE).eval()
    module.paths[1] = module.paths[0]
    x = torch.randn(2, 32, 7, 6)
    assert torch.allclose(module(x), module.paths[0](x), atol=1e-6)


def test_exchanging_the_branches_with_their_weights_changes_nothing():
    module, x = Sk().build(SHAPE).eval(), torch.randn(2, 32, 7, 6)
    before = module(x)
    module.paths = torch.nn.ModuleList(reversed(module.paths))
    assert not torch.allclose(
        module(x), before, atol=1e-6
    )  # the control: the selection still belongs to the other branch
    module.attn.fc_select.weight.data = module.attn.fc_select.weight.data.roll(32, 0)
    assert torch.allclose(module(x), before, atol=1e-6)


def counted(module: torch.nn.Module, shape: Shape) -> tuple[float, int, int]:
    """MACs by torch's counter, parameters of the module, output elements of its convolutions."""
    elements = 0

    def add(_, inputs, output):
        nonlocal elements
        elements += output.numel()

    for inner in module.modules():
        if isinstance(inner, torch.nn.Conv1d | torch.nn.Conv2d):
            inner.register_forward_hook(add)
    counter = FlopCounter()
    with counter, torch.no_grad():
        module.eval()(torch.empty(1, shape.channels, shape.height, shape.width, device="meta"))
    return counter.get_total_flops() / 2, sum(p.numel() for p in module.parameters()), elements


def figures(cost: Cost) -> tuple[Any, ...]:
    return cost.macs, cost.params, cost.activations


@settings(deadline=None, max_examples=40)
@given(
    size=st.sampled_from([(8, 8), (7, 5), (2, 2)]),
    stride=st.integers(1, 2),
    channels=st.sampled_from([12, 24]),
    widening=st.integers(1, 2),
    groups=st.sampled_from([1, 2, 6, "depthwise"]),
    branches=st.integers(2, 3),
    dilated=st.booleans(),
    split=st.booleans(),
)
def test_costs_equal_the_counter_to_the_unit_grouped_and_depthwise(
    size, stride, channels, widening, groups, branches, dilated, split
):
    block = Sk(branches=branches, dilated=dilated, split=split)
    shape, out = Shape(channels, *size), Shape(channels * widening, *size).strided(stride)
    groups = channels if groups == "depthwise" else groups
    if split and (channels // branches) % groups:
        with pytest.raises(InvalidBlock, match="groups must divide each branch's channels"):
            block.conv_cost(shape, out, groups=groups)
        return
    with torch.device("meta"):
        module = block.build_conv(shape, out.channels, stride=stride, groups=groups)
    assert figures(block.conv_cost(shape, out, groups=groups)) == counted(module, shape)


UNITS = [
    lambda width, cardinality: Basic(channels=width, stride=2, attention=Sk()),
    lambda width, cardinality: Basic(channels=width, attention=Sk(split=True, ratio=1 / 8, divisor=16)),
    lambda width, cardinality: Basic(channels=width, attention=Eca(padding="circular")),
    lambda width, cardinality: Bottleneck(
        channels=4 * width, width=width, cardinality=cardinality, attention=Sk(divisor=32), downsample="avg", stride=2
    ),
    lambda width, cardinality: Bottleneck(
        channels=4 * width, width=width, cardinality=cardinality, attention=Sk(split=True, dilated=False)
    ),
    lambda width, cardinality: Basic(channels=width, attention=Cbam(), stride=2, downsample="avg"),
    lambda width, cardinality: Bottleneck(
        channels=4 * width, width=width, cardinality=cardinality, attention=Ecabam(padding="circular")
    ),
    lambda width, cardinality: Bottleneck(
        channels=4 * width, width=width, cardinality=cardinality, radix=2, pool="last", stride=2, attention=Se()
    ),
    lambda width, cardinality: ResNetStem(channels=2 * width, deep=width, tiered=True),
    lambda width, cardinality: ResNetStem(channels=2 * width, deep=width),
]


@pytest.mark.parametrize("make", UNITS)
def test_costs_of_many_at_once_equal_those_of_each_and_the_counter(make):
    widths, cardinalities = np.array([16, 32, 48, 64]), np.array([1, 4, 8, 4])
    channels, heights = np.array([16, 64, 24, 256]), np.array([8, 9, 12, 7])
    many = make(widths, cardinalities).cost(Shape(channels, heights, 8))
    for row, values in enumerate(
        zip(widths.tolist(), cardinalities.tolist(), channels.tolist(), heights.tolist(), strict=True)
    ):
        block, shape = make(*values[:2]), Shape(values[2], values[3], 8)
        one = block.cost(shape)
        assert [int(figure[row]) for figure in (*figures(many), many.peak)] == [*figures(one), one.peak]
        with torch.device("meta"):
            built = block.build(shape)
        assert figures(one) == counted(
            built if isinstance(built, torch.nn.Module) else torch.nn.Sequential(*built.values()), shape
        )
        assert block.resolved(shape).cost(shape) == one


def test_rows_that_cannot_be_are_marked_among_those_that_can():
    with marking(3) as broken:
        Sk(split=True).conv_cost(
            Shape(np.array([8, 7, 12]), 4, 4), Shape(np.array([8, 8, 12]), 4, 4), groups=np.array([4, 1, 4])
        )
    assert broken.tolist() == [False, True, True]


def test_the_peak_is_when_the_last_branch_lies_beside_the_input_and_the_other_branches():
    shape = Shape(64, 8, 8)
    weighed = 8 + 2 * 64  # the squeezed channels and the weights of both branches, while these are still there
    assert Sk().cost(shape).peak == Sk(split=True).cost(shape).peak == 3 * 64 * 64 + weighed
    # the unit's own input is what its first convolution reads, and lies beside its middle one
    assert Basic(channels=64, attention=Sk()).cost(shape).peak == 3 * 64 * 64 + weighed
    assert Bottleneck(channels=64, width=64, attention=Sk()).cost(shape).peak == 4 * 64 * 64 + weighed


def test_a_cost_that_forgets_the_selection_would_be_seen(monkeypatch: pytest.MonkeyPatch):
    unit = Basic(channels=16, attention=Sk())
    monkeypatch.setattr(Sk, "conv_cost", lambda self, shape, out, groups=1: Cost(macs=18 * 16 * 16 * 64))
    assert figures(unit.cost(Shape(16, 8, 8))) != counted(unit.build(Shape(16, 8, 8)).to("meta"), Shape(16, 8, 8))


@pytest.mark.parametrize(
    "block", [Sk(branches=3, split=True), Basic(channels=24, attention=Sk()), ResNetStem(deep=32, tiered=True)]
)
def test_goes_through_plain_data_and_back(block: Block):
    assert from_dict(to_dict(block)) == block


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Sk(branches=1), "branches must be a whole number of at least 2, but got branches=1"),
        (lambda: Sk(reduced=0), "reduced >= 1 must hold"),
        (lambda: Sk(ratio=None), "without `reduced`, ratio > 0 must hold"),
        (lambda: Sk(divisor=0), "without `reduced`, divisor >= 1 must hold"),
        (
            lambda: Sk(split=True).build(Shape(7, 4, 4)),
            "the branches of a split must divide the channels, but got branches=2, channels=7",
        ),
        (
            lambda: Basic(channels=30, attention=Sk(split=True)).cost(Shape(3, 4, 4)),
            "the branches of a split must divide the channels",
        ),
        (
            lambda: Sk().build_conv(SHAPE, 48, groups=32),
            "groups must divide each branch's channels, but got groups=32, channels=32, out=48",
        ),
        (
            lambda: Bottleneck(channels=64, width=32, radix=2, attention=Sk()),
            "radix must be 0 and pool 'none', but got attention='sk', radix=2, pool='none'",
        ),
        (lambda: ResNetStem(tiered=True), "a tiered stem needs deep >= 4, but got deep=None"),
    ],
)
def test_what_cannot_be_is_refused_with_rule_and_value(make, says: str):
    with pytest.raises(InvalidBlock, match=says):
        make()
