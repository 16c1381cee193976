"""How figures in papers were counted, each way as a function of the network, so that a cause is
computed and not asserted.

Facts of a network come from PyTorch's dispatcher while its module runs on the meta device: nothing
here asks a block of ours for its cost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from math import floor, prod
from unittest.mock import patch

import torch
from automl.blocks import Bottleneck, Shape
from automl.blocks.cost import linear_cost
from automl.blocks.modules.network import Network
from automl.spaces import Candidate
from flop_counter import FlopCounter
from torch import nn


@dataclass
class Facts:
    """What runs when a network sees one image, in elements."""

    macs: int = 0
    """Multiply-adds of convolutions and linear layers, by PyTorch's counter."""
    params: int = 0
    """Trainable numbers."""
    norm_params: int = 0
    """Those of them that scale and shift normalised maps."""
    statistics: int = 0
    """Running means and variances: kept, but not trained."""
    biases: int = 0
    """Outputs to which a bias is added once: those of the convolutions behind a global pool, and of
    the classifier."""
    normalised: int = 0
    """Elements of the maps that are normalised."""
    activated: int = 0
    """Elements that pass a ReLU or ReLU6."""
    averaged: int = 0
    """Outputs of the average pools with a window, times the window."""
    maximum: int = 0
    """Outputs of the maximum pools, times the window."""
    squeezed: int = 0
    """Inputs of the global average pools."""
    descriptors: int = 0
    """Outputs of the global average pools."""


class _Watch(FlopCounter):
    def __init__(self, facts: Facts) -> None:
        super().__init__()
        self.facts = facts

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = super().__torch_dispatch__(func, types, args, kwargs)
        name, first, facts = func.__name__.split(".")[0], args[0] if args else None, self.facts  # "relu_.default"
        if "batch_norm" in name:
            facts.normalised += first.numel()
        elif name in ("relu", "relu_", "hardtanh", "hardtanh_"):
            facts.activated += first.numel()
        elif name == "avg_pool2d":
            facts.averaged += out.numel() * prod(args[1]) ** (2 // len(args[1]))
        elif name.startswith("max_pool2d"):
            facts.maximum += out[0].numel() * prod(args[1]) ** (2 // len(args[1]))
        elif name == "mean":
            facts.squeezed += first.numel()
            facts.descriptors += out.numel()
        return out


def observe(network: nn.Module, image: tuple[int, int, int]) -> Facts:
    """The facts of a module that lies on the meta device."""
    facts = Facts(params=sum(p.numel() for p in network.parameters()))
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            facts.norm_params += module.weight.numel() + module.bias.numel()
            facts.statistics += module.running_mean.numel() + module.running_var.numel()
        elif isinstance(module, nn.Conv2d | nn.Linear) and module.bias is not None:
            facts.biases += module.bias.numel()
    with torch.no_grad(), _Watch(facts) as watch:
        network.eval()(torch.empty(1, *image, device="meta"))
    facts.macs = watch.get_total_flops() // 2
    return facts


@contextmanager
def without_memory() -> Iterator[None]:
    """Networks that are built inside lie on the meta device, and no time is spent on weights that
    they do not have."""
    named = [name for name in dir(nn.init) if name.endswith("_") and not name.startswith("_")]
    with ExitStack() as stack:
        stack.enter_context(torch.device("meta"))
        stack.enter_context(patch.object(Network, "init_weights", lambda self: None))
        for name in named:
            stack.enter_context(patch.object(nn.init, name, lambda tensor, *_, **__: tensor))
        yield


@dataclass
class Subject:
    """A network of ours with its facts."""

    candidate: Candidate

    @cached_property
    def facts(self) -> Facts:
        """Of the module that the candidate builds."""
        with without_memory():
            network = self.candidate.build()
        return observe(network, self.candidate.image)

    def outputs(self) -> list[tuple[Shape, int]]:
        """The map behind every unit, and how often it stands."""
        return [
            (block.out(shape), count)
            for place, block, shape, count in self.candidate.walk()
            if place.startswith("stages")
        ]


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A way of counting."""

    name: str
    """In the table."""
    text: str = ""
    """What it does, in a few words."""
    params: Callable[[Subject], float] | None = None
    macs: Callable[[Subject], float] | None = None
    thousand: int = 1000
    """1000, or 1024 where M is 2^20 and G is 2^30."""
    cut: bool = False
    """Digits cut off instead of rounded."""

    def figure(self, subject: Subject, quantity: str, printed: str) -> float | None:
        """The number in the unit of `printed`; None if the rule does not count that quantity."""
        count = getattr(self, quantity)
        return None if count is None else count(subject) / self.thousand ** _POWERS[printed[-1]]

    def gives(self, subject: Subject, quantity: str, printed: str) -> bool:
        """Whether the number is `printed`, digit by digit."""
        figure = self.figure(subject, quantity, printed)
        return figure is not None and shown(figure, printed, cut=self.cut) == printed


_POWERS = {"M": 2, "G": 3, "B": 3}


def value(printed: str) -> float:
    """What was printed, in ones."""
    return float(printed[:-1]) * 1000 ** _POWERS[printed[-1]]


def shown(figure: float, printed: str, *, cut: bool = False) -> str:
    """`figure` in the digits and the unit of `printed`."""
    digits = len(printed[:-1].partition(".")[2])
    return f"{floor(figure * 10**digits) / 10**digits if cut else figure:.{digits}f}{printed[-1]}"


def strides_first(subject: Subject) -> int:
    """Multiply-adds saved where a bottleneck's first 1×1 convolution takes the stride, as in the
    ResNet of 2015, and not the 3×3 one."""
    saved = 0
    for _, unit, shape, _ in subject.candidate.walk():
        if isinstance(unit, Bottleneck):
            saved += shape.channels * unit.width * (shape.pixels - unit.out(shape).pixels)
    return saved


def cropped(subject: Subject) -> int:
    """Multiply-adds where odd sides lose a row and a column before each stride, so that sides are
    halved downwards and not upwards."""
    total, shape = 0, subject.candidate.input
    blocks = [(block, count) for _, block, _, count in subject.candidate.walk()]
    for block, count in blocks:
        if block.out(shape).height < shape.height:
            shape = replace(shape, height=shape.height // 2 * 2, width=shape.width // 2 * 2)
        total += block.cost(shape).macs * count
        shape = block.out(shape)
    return total + linear_cost(shape.channels, subject.candidate.classes).macs


def _thop(subject: Subject) -> float:
    # the blocks share one ReLU, and what counts is what it saw last: the block's output; the stem
    # has its own
    stem = subject.candidate.stem.out(subject.candidate.input).elements * 4
    last = stem + sum(shape.elements * count for shape, count in subject.outputs())
    facts = subject.facts
    return facts.macs + 4 * facts.normalised + last + facts.squeezed + facts.descriptors + _additions(subject)


def _thop_mobile(subject: Subject) -> float:
    # the authors' attention stands behind the projection, ours behind the depthwise convolution:
    # theirs is added to the network without any
    settings = {"attention": None}
    stages = [[(replace(unit, **settings), count) for unit, count in stage] for stage in subject.candidate.stages]
    plain = Subject(replace(subject.candidate, stages=tuple(map(tuple, stages))))
    attention = 0
    for shape, count in subject.outputs():
        kernel = 1 if shape.channels <= 96 else 3
        attention += count * (kernel * shape.channels + shape.elements + shape.channels)
    facts = plain.facts
    return facts.macs + 4 * facts.normalised + facts.activated + attention + _additions(subject)


def _additions(subject: Subject) -> int:
    return (subject.candidate.features - 1) * subject.candidate.classes


def _mxnet(subject: Subject) -> float:
    facts = subject.facts
    *_, (last, _) = subject.outputs()
    windows_of_one = sum(  # Gluon's network pools with a window of 1 before a projection without stride
        shape.elements
        for _, unit, shape, _ in subject.candidate.walk()
        if isinstance(unit, Bottleneck) and unit.stride == 1 and unit.channels != shape.channels
    )
    return facts.macs + facts.biases + facts.activated + facts.averaged + facts.maximum + last.elements + windows_of_one


PLAIN = Rule(
    name="rounded",
    text="convolutions and linear layers, all trainable numbers, rounded to the digits printed",
    params=lambda s: s.facts.params,
    macs=lambda s: s.facts.macs,
)
UNEXPLAINED = Rule(name="unexplained")
WITHOUT_NORMS = Rule(
    name="without norms",
    text=(
        "the scale and shift of normalisation layers are no parameters. Digits cut off instead of rounded would give"
        " the same, but the MACs of the same table are rounded"
    ),
    params=lambda s: s.facts.params - s.facts.norm_params,
)
UNITS_OF_1024 = Rule(
    name="2²⁰", text="M is 2²⁰, G is 2³⁰", params=lambda s: s.facts.params, macs=lambda s: s.facts.macs, thousand=1024
)
SENET = Rule(
    name="ResNet of 2015",
    text=(
        "the stride of a stage stands on the first 1×1 convolution, not on the 3×3 one; global average pooling counts 1"
        " an element (without it SE-ResNet-50 would be 3.86; whether the products with the gate count too, the digits"
        " do not tell)"
    ),
    macs=lambda s: s.facts.macs - strides_first(s) + s.facts.squeezed,
)
THOP = Rule(
    name="thop of 2019",
    text=(
        "the authors' script, with M of 2²⁰ and G of 2³⁰: normalisation counts 4 an element, a ReLU 1 an element of the"
        " last map it saw (a unit's three share one), global average pooling 1 an element and 1 an output, the"
        " classifier its additions too, maximum pooling nothing (the digits do not tell whether it counts)"
    ),
    macs=_thop,
    thousand=1024,
)
THOP_MOBILE = replace(
    THOP,
    name="thop of 2019, mobile",
    text=(
        "the same; every ReLU6 is its own, and the attention stands behind the projection as in the authors' code "
        "(ours stands behind the depthwise convolution, with the same parameters)"
    ),
    macs=_thop_mobile,
)
MXNET = Rule(
    name="MXNet's tool",
    text=(
        "the counter the authors say they used: ReLU counts 1 an element, pooling its window an output, a bias 1,"
        " normalisation and the split attention's own global pooling nothing"
    ),
    macs=_mxnet,
)

PLUS_ONE = Rule(name="+1 an element normalised", macs=lambda s: s.facts.macs + s.facts.normalised)
TRIED: list[Rule] = [
    PLAIN,
    replace(PLAIN, name="cut, not rounded", cut=True),
    UNITS_OF_1024,
    PLUS_ONE,
    Rule(name="+2", macs=lambda s: s.facts.macs + 2 * s.facts.normalised),
    Rule(name="+4", macs=lambda s: s.facts.macs + 4 * s.facts.normalised),
    Rule(name="odd sides cropped before a stride", macs=cropped),
    WITHOUT_NORMS,
    Rule(name="with running statistics", params=lambda s: s.facts.params + s.facts.statistics),
]
"""What is tried on every figure that stays unexplained. Such a rule explains none of them unless it
gives all figures of their kind in their source."""
