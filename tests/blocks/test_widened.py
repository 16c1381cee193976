"""Blocks scaled in width: rounded as skeletons round, one by one as in arrays, themselves at factor
1."""

from dataclasses import replace

import numpy as np
import pytest
from automl.blocks import (
    Attention,
    Basic,
    Bottleneck,
    Cbam,
    ConvHead,
    ConvStem,
    Eca,
    Ecabam,
    EfficientHead,
    Inception,
    InvalidBlock,
    MBConv,
    Part,
    Plain,
    PoolHead,
    Projection,
    ResNetStem,
    Se,
    Separable,
    Shape,
    Sk,
    Unit,
    block_class,
    names,
)
from automl.blocks.rounding import make_divisible

SHAPE = Shape(64, 12, 12)
ATTENTIONS = [Se(), Se(gate="hard_sigmoid", floor=0.9), Eca(), Cbam(), Ecabam(), Sk(), Sk(ratio=1 / 3, divisor=16)]
UNITS = [
    MBConv(channels=40),
    Separable(channels=24),
    Basic(channels=72),
    Plain(channels=56, kernel=5),
    Projection(channels=320),
    Inception(channels=256),
    Bottleneck(channels=256, width=64),
    Bottleneck(channels=256, width=128, cardinality=32),
    Bottleneck(channels=512, width=96, cardinality=4, radix=2),
]
PARTS = [
    ConvStem(),
    ResNetStem(),
    ResNetStem(channels=64, deep=32, tiered=True),
    ConvHead(),
    EfficientHead(),
    PoolHead(),
]
FACTORS = np.array([0.25, 0.5, 0.75, 1.0, 1.1, 1.35, 2.0])


def attended() -> list[Unit]:
    taking = [unit for unit in UNITS if hasattr(unit, "attention")]
    able = [
        (unit, attention)
        for unit in taking
        for attention in ATTENTIONS
        if not (isinstance(attention, Sk) and getattr(unit, "radix", 0))
    ]
    return [*UNITS, *(replace(unit, attention=attention).resolved(SHAPE) for unit, attention in able)]


def test_every_registered_block_that_can_be_widened_is_here():
    for kind, blocks in ((Attention, ATTENTIONS), (Unit, UNITS), (Part, PARTS)):
        ours = {name for name in names(kind) if block_class(name, kind).__module__.startswith("automl.")}
        assert {type(block).name for block in blocks} == ours


@pytest.mark.parametrize("block", [*attended(), *PARTS], ids=repr)
class TestEveryBlock:
    def test_at_factor_1_it_is_itself(self, block: Unit | Part):
        assert block.widened(1) == block.widened(1.0) == block
        odd = replace(block, channels=36) if hasattr(block, "channels") else block  # no multiple of 8
        assert odd.widened(1.0) == odd

    def test_channels_are_multiples_of_8_and_never_below_90_percent(self, block: Unit | Part):
        for factor in FACTORS:
            wide = block.widened(float(factor))
            if hasattr(block, "channels"):
                assert wide.channels % 8 == 0
                assert 0.9 * factor * block.channels <= wide.channels

    def test_what_it_costs_with_an_array_of_factors_is_what_each_costs(self, block: Unit | Part):
        many = block.widened(FACTORS).cost(SHAPE)
        each = [block.widened(float(factor)).cost(SHAPE) for factor in FACTORS]
        for metric in ("macs", "params", "activations", "peak"):
            assert np.broadcast_to(getattr(many, metric), len(FACTORS)).tolist() == [
                getattr(cost, metric) for cost in each
            ], metric

    def test_it_can_still_be_built(self, block: Unit | Part):
        wide = block.widened(1.35)
        modules = wide.build(SHAPE)
        params = sum(
            p.numel()
            for module in (modules.values() if isinstance(modules, dict) else [modules])
            for p in module.parameters()
        )
        neck = wide.neck(SHAPE).values() if isinstance(wide, Part) else ()
        assert params + sum(p.numel() for module in neck for p in module.parameters()) == wide.cost(SHAPE).params


def test_numbers_of_channels_an_attention_names_are_scaled_and_the_rest_stays():
    assert Se(reduced=10).widened(1.25).reduced == 12  # 12.5, halves to even
    assert (
        Se(reduced=1).widened(0.1).reduced
        == Cbam(reduced=1).widened(0.1).reduced
        == Sk(reduced=1).widened(0.1).reduced
        == 1
    )
    assert Se().widened(2) == Se()  # a ratio follows the map by itself
    assert Eca(kernel_size=5).widened(2) == Eca(kernel_size=5)
    assert Ecabam(kernel_size=5).widened(2) == Ecabam(kernel_size=5)
    assert MBConv(channels=40, attention=Se(reduced=10)).widened(2).attention == Se(reduced=20)


def test_a_bottleneck_rounds_before_its_expansion():
    unit = Bottleneck(channels=256, width=128, cardinality=32)
    wide = unit.widened(1.1)
    assert (wide.channels, wide.width) == (4 * make_divisible(64 * 1.1), 32 * 4) == (288, 128)
    assert wide.channels != make_divisible(256 * 1.1)
    assert Bottleneck(channels=250, width=64).widened(1.1).channels == make_divisible(
        250 * 1.1
    )  # of which 4 is no expansion


def test_every_split_of_every_group_gets_whole_channels():
    unit = Bottleneck(channels=256, width=96, cardinality=4, radix=4)
    for factor in FACTORS:
        wide = unit.widened(float(factor))
        assert wide.width % 16 == 0
        assert (wide.cardinality, wide.radix) == (4, 4)


def test_a_deep_stem_widens_its_first_convolutions_and_the_last_follows():
    assert ResNetStem(channels=64, deep=32).widened(1.25) == ResNetStem(channels=80, deep=40)
    assert ResNetStem(channels=128, deep=64, tiered=True).widened(0.5) == ResNetStem(channels=64, deep=32, tiered=True)


def test_a_circular_window_longer_than_the_narrower_map_is_refused_where_it_is_costed():
    with pytest.raises(InvalidBlock, match="circular kernel must not be longer"):
        Plain(channels=32, attention=Eca(kernel_size=9, padding="circular")).widened(0.1).cost(SHAPE)
