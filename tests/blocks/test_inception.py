"""The Inception-like unit, against BN-Inception's first unit written out."""

import numpy as np
import pytest
import torch
from automl.blocks import Cost, Inception, InvalidBlock, Se, Shape
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn


def conv(channels: int, out: int, kernel: int, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(channels, out, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(out), nn.ReLU()
    )


class WrittenOut(nn.Module):
    """Table 1 of the BN-Inception paper, row 3a: 192 channels in; 64, 64 → 64, 64 → 96 → 96 and 32
    channels out."""

    def __init__(self) -> None:
        super().__init__()
        self.one = conv(192, 64, 1)
        self.three = nn.Sequential(conv(192, 64, 1), conv(64, 64, 3))
        self.twice = nn.Sequential(conv(192, 64, 1), conv(64, 96, 3), conv(96, 96, 3))
        self.pool = nn.Sequential(nn.AvgPool2d(3, 1, 1, count_include_pad=False), conv(192, 32, 1))

    def forward(self, x):
        return torch.cat([self.one(x), self.three(x), self.twice(x), self.pool(x)], 1)


def apart(unit: Inception) -> float:
    """How far the outputs of `unit` and of the unit written out are apart when they share their
    weights."""
    torch.manual_seed(0)
    ours, theirs = unit.build(Shape(192, 7, 7)).eval(), WrittenOut().eval()
    for norm in theirs.modules():
        if isinstance(norm, nn.BatchNorm2d):
            norm.running_mean.uniform_(-0.2, 0.2)
            norm.running_var.uniform_(0.5, 1.5)
    state = dict(zip(ours.state_dict(), theirs.state_dict().values(), strict=True))
    ours.load_state_dict(state)
    x = torch.randn(2, 192, 7, 7)
    with torch.inference_mode():
        return (ours(x) - theirs(x)).abs().max().item()


def test_at_256_channels_it_is_bn_inceptions_first_unit():
    assert apart(Inception(channels=256)) <= 1e-6


def test_another_activation_would_be_seen():
    assert apart(Inception(channels=256, activation="silu")) > 1e-3


@settings(deadline=None)
@given(channels=st.integers(4, 4096), stride=st.sampled_from([1, 2]))
def test_the_branches_add_up_to_the_channels(channels: int, stride: int):
    widths = Inception(channels=channels, stride=stride).widths
    assert sum(widths) == channels
    assert (widths[0] == 0) == (stride == 2)
    assert min(widths[1:]) >= 1
    assert stride == 2 or widths[0] >= 1


@pytest.mark.parametrize("stride", [1, 2])
def test_the_branches_of_many_add_up_too(stride: int):
    channels = np.arange(4, 1000)
    widths = Inception(channels=channels, stride=stride).widths
    assert (sum(widths) == channels).all()
    for row, count in enumerate(channels):
        one = Inception(channels=int(count), stride=stride).widths
        assert one == tuple(width if isinstance(width, int) else width[row] for width in widths)


@pytest.mark.parametrize("shape", [Shape(12, 9, 7), Shape(12, 8, 8), Shape(12, 2, 2)])
@pytest.mark.parametrize("channels", [4, 5, 16, 30])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("attention", ["none", "se", "in place"])
def test_a_unit_costs_what_is_counted_and_gives_the_shape_it_says(
    attention: str, stride: int, channels: int, shape: Shape, counted, blurred
):
    unit = Inception(
        channels=channels, stride=stride, attention={"none": None, "se": Se(reduced=4), "in place": blurred}[attention]
    )
    cost, out = unit.cost(shape), unit.out(shape)
    assert unit.build(shape).eval()(torch.randn(1, 12, shape.height, shape.width)).shape[1:] == (
        channels,
        out.height,
        out.width,
    )
    assert (cost.macs, cost.params, cost.activations) == counted(unit.build(shape), (12, shape.height, shape.width))
    assert unit.resolved(shape).cost(shape) == cost


@pytest.mark.parametrize("stride", [1, 2])
def test_costs_of_many_at_once_equal_those_of_each(stride: int, row_by_row, blurred):
    shapes = {"channels": [16, 24, 12, 5], "height": [8, 9, 2, 4], "width": [7, 9, 2, 4]}
    for attention in (None, Se(), blurred):
        row_by_row(
            lambda attention=attention, **row: Inception(stride=stride, attention=attention, **row),
            shapes,
            channels=[4, 24, 33, 256],
        )


def test_a_cost_that_forgets_the_attention_would_be_seen(counted, monkeypatch: pytest.MonkeyPatch):
    unit, shape = Inception(channels=16, attention=Se(reduced=4)), Shape(12, 8, 8)
    monkeypatch.setattr("automl.blocks.inception.gate_cost", lambda attention, shape: Cost())
    assert unit.cost(shape).params != counted(unit.build(shape), (12, 8, 8))[1]


def test_the_attention_stands_on_the_concatenation():
    unit = Inception(channels=32, attention=Se()).resolved(Shape(12, 8, 8))
    assert unit.attention == Se().resolved(Shape(32, 8, 8))
    assert unit.build(Shape(12, 8, 8)).se.channels == 32


def test_an_attention_among_convolutions_takes_the_3x3_branchs_place(blurred):
    shape = Shape(12, 8, 8)
    unit = Inception(channels=32, attention=blurred)
    assert unit.resolved(shape).attention.seen == unit.widths[1] == 8
    missing = {name.split(".")[0] for name in Inception(channels=32).build(shape).state_dict()} - {
        name.split(".")[0] for name in unit.build(shape).state_dict()
    }
    assert missing == {"branch3x3_2"}


def test_finished_branches_and_the_input_are_held():
    # branches of 4, 4, 6 and 2 channels: while the last of them runs, the input of 16, the pooled
    # map it reads, 4 + 4 + 6 done, 2 written
    assert Inception(channels=16).cost(Shape(16, 4, 4)).peak == (16 + 16 + 4 + 4 + 6 + 2) * 4 * 4


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Inception(channels=3), "channels >= 4 must hold, but got channels=3"),
        (lambda: Inception(channels=8, stride=0), "stride must be 1 or 2, but got stride=0"),
    ],
)
def test_what_cannot_be_is_refused_with_rule_and_value(make, says: str):
    with pytest.raises(InvalidBlock, match=says):
        make()
