"""Split attention, and the units' own rules."""

import pytest
import torch
from automl.blocks import Basic, Bottleneck, InvalidBlock, MBConv, Separable, Shape
from automl.blocks.modules.split_attention import SplitAttention
from timm.layers import SplitAttn


@pytest.mark.parametrize(("radix", "groups"), [(1, 1), (2, 1), (4, 1), (1, 4), (2, 2), (4, 2)])
def test_split_attention_equals_timm(radix: int, groups: int):
    torch.manual_seed(0)
    theirs = SplitAttn(32, groups=groups, radix=radix, norm_layer=torch.nn.BatchNorm2d).eval()
    ours = SplitAttention(32, theirs.fc1.out_channels, 1, groups, radix).eval()
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(2, 32, 5, 7)
    assert (ours(x) - theirs(x)).abs().max() < 1e-6


def test_radix_1_gates_by_a_sigmoid():
    module = SplitAttention(16, 32, radix=1).eval()
    gate = module.gate(torch.randn(2, 1, 16, 4, 4))
    assert gate.shape == (2, 1, 16, 1, 1)
    assert ((gate > 0) & (gate < 1)).all()


@pytest.mark.parametrize("radix", [2, 4])
def test_a_larger_radix_gates_by_a_softmax_over_the_splits(radix: int):
    module = SplitAttention(16, 32, groups=2, radix=radix).eval()
    gate = module.gate(torch.randn(2, radix, 16, 4, 4))
    assert torch.allclose(gate.sum(1), torch.ones(2, 16, 1, 1))


def test_radix_1_does_not_sum_to_one_so_the_softmax_test_can_fail():
    gate = SplitAttention(16, 32, radix=1).eval().gate(torch.randn(2, 1, 16, 4, 4))
    assert not torch.allclose(gate.sum(1), torch.ones(2, 16, 1, 1))


@pytest.mark.parametrize("pool", ["none", "first", "last"])
@pytest.mark.parametrize("radix", [0, 1, 2])
@pytest.mark.parametrize("size", [(8, 8), (7, 9), (2, 2)])
def test_a_bottleneck_gives_the_shape_it_says(pool, radix, size):
    unit = Bottleneck(channels=32, width=16, stride=2, cardinality=2, radix=radix, pool=pool)
    shape = Shape(24, *size)
    out = unit.out(shape)
    assert unit.build(shape).eval()(torch.randn(1, 24, *size)).shape == (1, out.channels, out.height, out.width)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (
            lambda: Bottleneck(channels=64, width=30, cardinality=4),
            "cardinality times radix must divide width, but got cardinality=4, radix=0, width=30",
        ),
        (
            lambda: Bottleneck(channels=64, width=32, cardinality=8, radix=8),
            "cardinality times radix must divide width",
        ),
        (lambda: Bottleneck(channels=64, width=0), "width >= 1 must hold"),
        (lambda: Basic(channels=0), "channels >= 1 must hold"),
        (lambda: MBConv(channels=8, kernel=4), "kernel must be odd and positive, but got kernel=4"),
        (lambda: MBConv(channels=8, stride=3), "stride must be 1 or 2, but got stride=3"),
        (lambda: Separable(channels=8, kernel=0), "kernel must be odd"),
    ],
)
def test_what_cannot_be_is_refused_with_rule_and_value(make, says: str):
    with pytest.raises(InvalidBlock, match=says):
        make()
