"""Compares a candidate's cost formulas with three independent counts.

These are PyTorch's FLOP counter, thop, and the parameters of the built module. Everything runs on
torch's meta device, which computes shapes only, so that large images take no longer than small
ones. A formula is wrong if PyTorch's counter (halved: it counts a multiply-add as two) or the built
module disagrees. thop counts layers by their exact type and misses what a module computes itself,
e.g. by `torch.matmul` or `F.conv2d`; if thop alone disagrees, the formula stands and these modules
are named. thop's rules for normalisation, activations and pooling are set to zero, in accordance
with the convention of `automl.blocks.cost`.
"""

from __future__ import annotations

import copy
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from ...blocks import AutomlError, Block, Cost, Part, Shape, Unit
from ...blocks.cost import linear_cost
from .candidate import Candidate

if TYPE_CHECKING:
    import torch
    from torch import nn

    from ...blocks.modules.network import Network

M = TypeVar("M", bound="nn.Module")

ELSEWHERE = "elsewhere"
"""The place to which costs of the whole network that belong to none of its blocks are assigned."""


@dataclass(frozen=True, kw_only=True)
class Tally:
    """The cost of one place for one image, by the formula and by each independent count."""

    place: str
    """The place: stem, stages.2, head, classifier, elsewhere, or network for the whole network."""
    block: str
    """Name of the block."""
    repeats: int = 1
    """Number of equal blocks in a row; the counts are those of all of them."""
    macs: int
    """Multiply-adds by the formula."""
    counter: int
    """Multiply-adds by `torch.utils.flop_counter`."""
    thop: int
    """Multiply-adds by thop."""
    params: int
    """Parameters by the formula."""
    built: int
    """Parameters of the built module."""
    unseen: tuple[str, ...] = ()
    """Classes of modules that have multiply-adds for which thop has no rule."""

    @property
    def agrees(self) -> bool:
        """Whether the formula agrees with PyTorch's counter and with the built module."""
        return self.macs == self.counter and self.params == self.built

    @property
    def thop_agrees(self) -> bool:
        """Whether thop agrees with PyTorch's counter."""
        return self.thop == self.counter

    @property
    def says(self) -> str:
        """The disagreements in words; empty if there are none."""
        said: list[str] = []
        if self.macs != self.counter:
            thop = f", thop {self.thop:,}" if not self.thop_agrees else ", and so does thop"
            said.append(f"MACs: the formula says {self.macs:,}, PyTorch's counter {self.counter:,}{thop}")
        elif not self.thop_agrees:
            why = f"; it does not see what is computed in {', '.join(self.unseen)}" if self.unseen else ""
            said.append(f"MACs: thop alone says {self.thop:,}, not {self.counter:,}{why}")
        if self.params != self.built:
            said.append(f"params: the formula says {self.params:,}, the module has {self.built:,}")
        return "; ".join(said)


@dataclass(frozen=True, kw_only=True)
class Audit:
    """The cost of a candidate, by the formulas and by the independent counts."""

    total: Tally
    """Costs of the network as a whole."""
    layers: tuple[Tally, ...]
    """Costs of every place, in order; their sum is the total."""

    @property
    def agrees(self) -> bool:
        """Whether every formula agrees with PyTorch's counter and the built module.

        A disagreement with thop alone does not count.
        """
        return self.total.agrees and all(layer.agrees for layer in self.layers)

    @property
    def differing(self) -> tuple[Tally, ...]:
        """The places at which any count disagrees, thop's included."""
        return tuple(layer for layer in self.layers if layer.says)


def audit(candidate: Candidate) -> Audit:
    """Build `candidate` block by block and as a whole, and compare all counts with the formulas.

    Raises:
        AutomlError: a block cannot be built or run.
    """
    layers = [_of_block(place, block, shape, repeats) for place, block, shape, repeats in candidate.walk()]
    network, witnessed = _ask("the network", candidate.build, candidate.image)
    layers.append(_of_classifier(candidate, network))
    total = _tally("network", "network", 1, candidate.cost(), witnessed)
    rest = {
        key: getattr(total, key) - sum(getattr(layer, key) for layer in layers)
        for key in ("macs", "counter", "thop", "params", "built")
    }
    if any(rest.values()):
        layers.append(Tally(place=ELSEWHERE, block="-", **rest))
    return Audit(total=total, layers=tuple(layers))


def _of_classifier(candidate: Candidate, network: Network) -> Tally:
    classifier = network.get_submodule(network.classifier_name)
    _, witnessed = _ask("the classifier", lambda: classifier, (candidate.features,))
    return _tally("classifier", "linear", 1, linear_cost(candidate.features, candidate.classes), witnessed)


@dataclass(frozen=True, kw_only=True)
class _Witnessed:
    """The independent counts of one module."""

    counter: int
    thop: int
    params: int
    unseen: tuple[str, ...]


def _of_block(place: str, block: Block, shape: Shape, repeats: int) -> Tally:
    witnessed = _ask(f"{block.name} at {place}", _trunk(block, shape), (shape.channels, shape.height, shape.width))[1]
    return _tally(place, block.name, repeats, block.cost(shape) * repeats, witnessed)


def _trunk(block: Block, shape: Shape) -> Callable[[], nn.Module]:
    """Return a function that makes a module which applies `block` to a map."""

    def sequence() -> nn.Module:
        from torch import nn

        assert isinstance(block, Part)
        trunk, neck = block.build(shape), block.neck(shape)
        return (
            nn.Sequential(*trunk.values(), nn.AdaptiveAvgPool2d(1), *neck.values())
            if neck
            else nn.Sequential(*trunk.values())
        )

    if isinstance(block, Unit):
        return lambda: block.build(shape)
    return sequence


def _tally(place: str, block: str, repeats: int, cost: Cost, witnessed: _Witnessed) -> Tally:
    return Tally(
        place=place,
        block=block,
        repeats=repeats,
        macs=int(cost.macs),
        params=int(cost.params),
        counter=witnessed.counter * repeats,
        thop=witnessed.thop * repeats,
        built=witnessed.params * repeats,
        unseen=witnessed.unseen,
    )


def _ask(what: str, make: Callable[[], M], size: tuple[int, ...]) -> tuple[M, _Witnessed]:
    """Make a module on the meta device, run one input of shape (1, *size), and count."""
    import torch

    x = torch.empty(1, *size, device="meta")
    try:
        with torch.device("meta"):
            module = make().eval()
        counter, unseen = _by_torch(module, x)
        thop = _by_thop(copy.deepcopy(module), x)  # thop adds buffers to the module
    except AutomlError:
        raise
    except (RuntimeError, TypeError, ValueError) as error:
        raise AutomlError(
            f"{what} must be built and run, but {type(error).__name__}: {(str(error).splitlines() or [''])[0]}"
        ) from error
    return module, _Witnessed(
        counter=counter, thop=thop, params=sum(parameter.numel() for parameter in module.parameters()), unseen=unseen
    )


def _by_torch(module: nn.Module, x: torch.Tensor) -> tuple[int, tuple[str, ...]]:
    """Return the multiply-adds, and the classes of modules with some for which thop has no rule."""
    import torch
    from torch.utils.flop_counter import FlopCounterMode

    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad():
        module(x)
    inside = {
        path.partition(".")[2]: sum(flops.values()) for path, flops in counter.get_flop_counts().items() if "." in path
    }
    own = {"": counter.get_total_flops(), **inside}
    for path, flops in inside.items():
        above = path.rpartition(".")[0]
        while above not in own:  # a ModuleList is never called, so it has no entry
            above = above.rpartition(".")[0]
        own[above] -= flops
    seen = _layers_of_thop()
    classes = [type(module.get_submodule(path)) for path, flops in own.items() if flops > 0]
    return counter.get_total_flops() // 2, tuple(dict.fromkeys(cls.__name__ for cls in classes if cls not in seen))


def _layers_of_thop() -> set[type]:
    """Return the layer types whose multiply-adds thop counts: convolutions and linear layers."""
    return {
        layer for layer, rule in _thop().register_hooks.items() if rule.__name__ in ("count_convNd", "count_linear")
    }


def _by_thop(throwaway: nn.Module, x: torch.Tensor) -> int:
    """Return the multiply-adds by thop, which changes the module."""
    profiler = _thop()
    nothing = dict.fromkeys(profiler.register_hooks.keys() - _layers_of_thop(), profiler.zero_ops)
    macs, _ = profiler.profile(throwaway, (x,), custom_ops=nothing, verbose=False)
    return round(macs)


def _thop() -> Any:
    """Return the module `thop.profile`, without the deprecation warnings of its import."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from thop import profile as _  # noqa: F401

    return sys.modules["thop.profile"]
