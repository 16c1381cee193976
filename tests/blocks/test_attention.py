"""Attention blocks: what the papers say of them, and timm's as independent implementations."""

import dataclasses

import pytest
import timm.layers
import torch
from automl.blocks import Attention, Cbam, ConvAttention, Cost, Eca, Ecabam, InvalidBlock, Se, Shape, block_class, names
from automl.blocks.eca import kernel_for
from hypothesis import given, settings
from hypothesis import strategies as st
from timm.layers.cbam import CbamModule

from .conformance import SHAPES, AttentionConformance

SHAPE = Shape(32, 6, 5)


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)


def maps(channels: int = 32) -> torch.Tensor:
    return torch.randn(2, channels, 6, 5)


@pytest.mark.parametrize("name", names(Attention))
class TestEveryAttention(AttentionConformance):
    """Walks the registry: a new block is covered without being named."""

    @pytest.fixture(autouse=True)
    def _named(self, name: str) -> None:
        self.block = block_class(name, Attention)()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Dearer(Se):
    """The control: its cost has one parameter too many."""

    def cost(self, shape: Shape) -> Cost:
        return super().cost(shape) + Cost(params=1)


@pytest.mark.parametrize("shape", SHAPES)
def test_control_a_wrong_cost_does_not_conform(shape: Shape):
    suite = AttentionConformance()
    suite.block = Dearer()
    suite.test_keeps_the_shape_of_its_map(shape)
    with pytest.raises(AssertionError):
        suite.test_costs_what_the_built_module_counts(shape)
    with pytest.raises(AssertionError):
        suite.test_widened_it_can_be_built_and_costs_what_it_says(shape)


@pytest.mark.parametrize("name", sorted({*names(Attention)} - {*names(ConvAttention)}))
def test_what_takes_no_convolutions_place_is_a_gate(name: str):
    x = maps()
    assert (block_class(name, Attention)().build(SHAPE)(x).abs() <= x.abs()).all()


def same_as(ours: torch.nn.Module, theirs: torch.nn.Module) -> float:
    theirs.load_state_dict(ours.state_dict())
    x = maps()
    return (ours.eval()(x) - theirs.eval()(x)).abs().max().item()


def test_se_equals_timm_both_in_resnet_and_in_efficientnet():
    assert same_as(Se().build(SHAPE), timm.layers.SEModule(32)) == 0
    from timm.models._efficientnet_blocks import SqueezeExcite

    ours = Se(ratio=0.25, divisor=1, activation="silu", layout="efficientnet").build(SHAPE)
    assert same_as(ours, SqueezeExcite(32, rd_ratio=0.25, act_layer=torch.nn.SiLU)) == 0


def test_eca_equals_timm_zero_padded_and_circular():
    assert same_as(Eca(kernel_size=5).build(SHAPE), timm.layers.EcaModule(kernel_size=5)) < 1e-6
    assert same_as(Eca(kernel_size=5, padding="circular").build(SHAPE), timm.layers.CecaModule(kernel_size=5)) < 1e-6


def test_cbam_equals_timm():
    assert same_as(Cbam().build(SHAPE), CbamModule(32)) < 1e-6


def test_ecabam_is_cbam_with_its_channel_part_exchanged_for_eca():
    ecabam, cbam, eca = Ecabam(kernel_size=3).build(SHAPE), Cbam().build(SHAPE), Eca(kernel_size=3).build(SHAPE)
    assert ecabam.spatial.state_dict().keys() == cbam.spatial.state_dict().keys()
    cbam.spatial.load_state_dict(ecabam.spatial.state_dict())
    eca.load_state_dict(ecabam.channel.state_dict())
    cbam.channel = eca
    x = maps()
    assert torch.equal(ecabam.eval()(x), cbam.eval()(x))


def rolls(module: torch.nn.Module, by: int) -> bool:
    x = maps()
    return torch.allclose(module(x.roll(by, 1)), module(x).roll(by, 1), atol=1e-6)


@settings(deadline=None, max_examples=20)
@given(by=st.integers(1, 31), kernel=st.sampled_from([3, 5, 7, 9]))
def test_circular_eca_commutes_with_rolling_the_channels(by: int, kernel: int):
    assert rolls(Eca(kernel_size=kernel, padding="circular").build(SHAPE), by)


def test_zero_padded_eca_does_not_commute_with_rolling_the_channels():
    assert not rolls(Eca(kernel_size=5).build(SHAPE), 3)


@pytest.mark.parametrize(
    ("channels", "kernel"), [(16, 3), (24, 3), (64, 3), (128, 5), (256, 5), (512, 5), (1024, 5), (2048, 7)]
)
def test_the_automatic_kernel_is_that_of_the_authors_code(channels: int, kernel: int):
    import math

    t = int(abs((math.log2(channels) + 1) / 2))
    assert (t if t % 2 else t + 1) == kernel == kernel_for(channels, None)


def test_the_kernel_size_really_is_the_convolutions():
    for kernel in (1, 3, 5, 7, 9):
        assert Eca(kernel_size=kernel).build(SHAPE).conv.kernel_size == (kernel,)
        assert Ecabam(kernel_size=kernel).build(SHAPE).channel.conv.kernel_size == (kernel,)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: Eca(kernel_size=4), "kernel_size must be odd and positive, but got kernel_size=4"),
        (lambda: Eca(kernel_size=-3), "kernel_size must be odd"),
        (lambda: Eca(padding="reflect"), "padding must be 'zeros' or 'circular', but got padding='reflect'"),
        (
            lambda: Eca(kernel_size=9, padding="circular").cost(Shape(8, 4, 4)),
            "must not be longer than the channels, but got kernel_size=9, channels=8",
        ),
        (lambda: Se(reduced=0), "reduced >= 1 must hold"),
        (lambda: Cbam(spatial_kernel=6), "spatial_kernel must be odd"),
    ],
)
def test_what_cannot_be_is_refused_with_rule_and_value(make, says: str):
    with pytest.raises(InvalidBlock, match=says.replace("(", r"\(")):
        make()
