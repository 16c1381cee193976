"""What the tests of units share: a counter that knows nothing of our formulas, and an attention
that takes a convolution's place."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from automl.blocks import ConvAttention, Cost, Shape, Unit
from automl.blocks.cost import conv_cost, norm_cost
from automl.blocks.modules.activation import activation_layer
from flop_counter import FlopCounter


@dataclass(frozen=True, kw_only=True)
class Blurred(ConvAttention):
    """A convolution of 5×5, normalised and activated: the least that can take a convolution's
    place. It resolves to its output's channels."""

    seen: int | None = None

    def resolved(self, shape: Shape) -> "Blurred":
        return Blurred(seen=shape.channels)

    def conv_cost(self, shape: Shape, out: Shape, *, groups=1) -> Cost:
        return conv_cost(shape, out, 5, groups=groups) + norm_cost(out.channels)

    def build_conv(self, shape: Shape, channels: int, *, stride: int = 1, groups: int = 1) -> torch.nn.Module:
        conv = torch.nn.Conv2d(shape.channels, channels, 5, stride, 2, groups=groups, bias=False)
        return torch.nn.Sequential(conv, torch.nn.BatchNorm2d(channels), activation_layer("silu"))


@pytest.fixture
def blurred() -> ConvAttention:
    return Blurred()


@pytest.fixture
def counted() -> Callable[[torch.nn.Module, tuple[int, int, int]], tuple[float, int, int]]:
    """MACs by torch's counter, parameters of a module, output elements of its counted layers."""

    def count(module: torch.nn.Module, image: tuple[int, int, int]) -> tuple[float, int, int]:
        module = module.to("meta").eval()
        outputs = []
        for layer in module.modules():
            if isinstance(layer, torch.nn.Conv1d | torch.nn.Conv2d | torch.nn.Linear):
                layer.register_forward_hook(lambda _, __, output: outputs.append(output.numel()))
        with FlopCounter() as counter, torch.no_grad():
            module(torch.empty(1, *image, device="meta"))
        return counter.get_total_flops() / 2, sum(p.numel() for p in module.parameters()), sum(outputs)

    return count


@pytest.fixture
def row_by_row() -> Callable[..., None]:
    """Asserts that a unit with arrays for fields costs, row by row, what the units of its rows
    cost, peak included."""

    def compare(make: Callable[..., Unit], shapes: dict[str, list[int]], **fields: list) -> None:
        many = make(**{key: np.array(value) for key, value in fields.items()}).cost(
            Shape(*(np.array(side) for side in shapes.values()))
        )
        for row in range(len(next(iter(shapes.values())))):
            one = make(**{key: value[row] for key, value in fields.items()}).cost(
                Shape(*(side[row] for side in shapes.values()))
            )
            for name in ("macs", "params", "activations", "peak"):
                assert getattr(many, name)[row] == getattr(one, name), (row, name)

    return compare
