"""Peak activation memory by arithmetic against what PyTorch keeps alive while a convolution or
linear layer runs."""

import weakref

import pytest
import torch
from automl.blocks import (
    Attention,
    Basic,
    Bottleneck,
    Cost,
    Inception,
    MBConv,
    Plain,
    Projection,
    Separable,
    Shape,
    block_class,
    names,
)
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten

SHAPE = Shape(32, 16, 16)
COUNTED = (torch.ops.aten.convolution.default, torch.ops.aten.addmm.default)


class Alive(TorchDispatchMode):
    """The elements of all tensors alive, parameters left out; `peak` at the layers that count."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.own = {tensor.untyped_storage()._cdata for tensor in [*network.parameters(), *network.buffers()]}
        self.alive: dict[int, int] = {}
        self.peak = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        for tensor in tree_flatten(out)[0]:
            if isinstance(tensor, torch.Tensor):
                storage = tensor.untyped_storage()
                if storage._cdata not in self.own and storage._cdata not in self.alive:
                    self.alive[storage._cdata] = storage.nbytes() // tensor.element_size()
                    weakref.finalize(storage, self.alive.pop, storage._cdata, None)
        if func in COUNTED:
            self.peak = max(self.peak, sum(self.alive.values()))
        return out


def measured(network: nn.Module, size: tuple[int, ...]) -> int:
    alive = Alive(network.eval())
    with torch.no_grad(), alive:
        network(torch.randn(size))
    return alive.peak


def units(attention: Attention | None) -> list:
    return [
        MBConv(channels=32, expansion=4, attention=attention),
        MBConv(channels=48, stride=2, expansion=3, attention=attention),
        Separable(channels=32, attention=attention),
        Separable(channels=64, stride=2, projection="activated", attention=attention),
        Basic(channels=32, attention=attention),
        Basic(channels=64, stride=2, downsample="avg", attention=attention),
        Bottleneck(channels=64, width=16, attention=attention),
        Bottleneck(channels=64, width=16, stride=2, downsample="avg", attention=attention),
        Plain(channels=64, attention=attention),
        Plain(channels=64, stride=2, attention=attention),
        Inception(channels=64, attention=attention),
        Inception(channels=64, stride=2, attention=attention),
    ]


@pytest.mark.parametrize("name", ["none", *names(Attention)])
def test_a_units_peak_is_what_torch_keeps_alive(name: str):
    for unit in units(None if name == "none" else block_class(name, Attention)()):  # pyright: ignore[reportAbstractUsage]
        unit = unit.resolved(SHAPE)
        assert unit.cost(SHAPE).peak == measured(unit.build(SHAPE), (1, 32, 16, 16)), unit


@pytest.mark.parametrize(("radix", "pool"), [(1, "none"), (2, "last"), (4, "first")])
def test_split_attentions_peak_is_what_torch_keeps_alive(radix: int, pool: str):
    for stride in (1, 2):
        unit = Bottleneck(channels=64, width=16, radix=radix, stride=stride, pool=pool).resolved(SHAPE)  # pyright: ignore[reportArgumentType]
        assert unit.cost(SHAPE).peak == measured(unit.build(SHAPE), (1, 32, 16, 16)), unit


def test_a_projections_peak_is_what_torch_keeps_alive():
    unit = Projection(channels=16, stride=2)
    assert unit.cost(SHAPE).peak == measured(unit.build(SHAPE), (1, 32, 16, 16))


def test_a_peak_that_forgets_the_shortcut_would_be_noticed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Cost, "beside", lambda self, held: self)
    unit = Basic(channels=64, stride=2)
    assert unit.cost(SHAPE).peak != measured(unit.build(SHAPE), (1, 32, 16, 16))


def test_memory_is_the_peak_times_images_and_bytes():
    cost = Cost(peak=1000)
    assert cost.memory(32) == 128_000
    assert cost.memory(1, bytes_per_element=2) == 2000


@pytest.mark.parametrize(
    "name",
    [
        "resnet50d",
        "seresnet18",
        "efficientnet_b0",
        "mobilenetv3_large_100",
        "skresnet18",
        "resnest14d",
        "cbamresnet18",
        "sevgg16_gap",
        "inception9",
    ],
)
def test_a_networks_peak_is_what_torch_keeps_alive(name: str):
    from automl.spaces import architecture

    candidate = architecture(name).candidate(image_size=64)
    assert candidate.cost().peak == measured(candidate.build(), (1, 3, 64, 64))
