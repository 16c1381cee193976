"""What a candidate costs by our formulas, beside independent witnesses of it: thop, PyTorch's own
counter, and the parameters of the built module.

Everything runs on torch's meta device: shapes flow, no number is computed, so that a large image
costs no more than a small one. The formula is wrong where PyTorch's counter (over two: it counts a
multiply-add as two) or the built module says otherwise. thop is a witness that knows layers only,
by their exact type: what a module computes itself, by `torch.matmul` or `F.conv2d`, it does not
see. Where thop alone differs, the modules it does not see into are named, and the formula stands.
thop's rules for normalisation, activations and pooling are set to zero: by our convention those
count nothing.
"""

from __future__ import annotations

import copy
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from ..blocks import AutomlError, Block, Cost, Part, Shape, Unit
from ..blocks.cost import linear_cost
from .candidate import Candidate

if TYPE_CHECKING:
    import torch
    from torch import nn

    from ..blocks.modules.network import Network

M = TypeVar("M", bound="nn.Module")

ELSEWHERE = "elsewhere"
"""The place of what the whole network has and none of its blocks."""


@dataclass(frozen=True, kw_only=True)
class Tally:
    """What the formula and each witness say of one place, for one image."""

    place: str
    """Where: stem, stages.2, head, classifier, elsewhere, or network for all of it."""
    block: str
    """Name of the block."""
    repeats: int = 1
    """How often it stands there in a row; the numbers are of all of them."""
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
    """Classes of modules which compute something that thop has no rule for."""

    @property
    def agrees(self) -> bool:
        """Whether the formula is what the counter and the module say."""
        return self.macs == self.counter and self.params == self.built

    @property
    def thop_agrees(self) -> bool:
        """Whether thop says what PyTorch's counter says."""
        return self.thop == self.counter

    @property
    def says(self) -> str:
        """The disagreement in words; empty where there is none."""
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
    """A candidate's cost and what witnesses say of it."""

    total: Tally
    """Of the network as a whole."""
    layers: tuple[Tally, ...]
    """Place by place, in order; their sum is the total."""

    @property
    def agrees(self) -> bool:
        """Whether every formula is what PyTorch's counter and the built module say; thop's word
        alone changes nothing."""
        return self.total.agrees and all(layer.agrees for layer in self.layers)

    @property
    def differing(self) -> tuple[Tally, ...]:
        """The places at which any witness says something else, thop included."""
        return tuple(layer for layer in self.layers if layer.says)


def audit(candidate: Candidate) -> Audit:
    """Build `candidate` block by block and as a whole, and ask every witness.

    Raises:
        AutomlError: a block cannot be built, or not be run.
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
    """What the witnesses say of a module."""

    counter: int
    thop: int
    params: int
    unseen: tuple[str, ...]


def _of_block(place: str, block: Block, shape: Shape, repeats: int) -> Tally:
    witnessed = _ask(f"{block.name} at {place}", _trunk(block, shape), (shape.channels, shape.height, shape.width))[1]
    return _tally(place, block.name, repeats, block.cost(shape) * repeats, witnessed)


def _trunk(block: Block, shape: Shape) -> Callable[[], nn.Module]:
    """What makes a module that applies `block` to a map."""

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
    """Make a module without memory for its weights, run one input of `size` through it, and count."""
    import torch

    x = torch.empty(1, *size, device="meta")
    try:
        with torch.device("meta"):
            module = make().eval()
        counter, unseen = _by_torch(module, x)
        thop = _by_thop(copy.deepcopy(module), x)  # it leaves keys behind
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
    """Multiply-adds, and the classes of modules that compute some themselves, which thop has no
    rule for."""
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
        while above not in own:  # a list of modules is not itself called
            above = above.rpartition(".")[0]
        own[above] -= flops
    seen = _layers_of_thop()
    classes = [type(module.get_submodule(path)) for path, flops in own.items() if flops > 0]
    return counter.get_total_flops() // 2, tuple(dict.fromkeys(cls.__name__ for cls in classes if cls not in seen))


def _layers_of_thop() -> set[type]:
    """The layers that thop counts multiply-adds of: convolutions and linear ones, by exact type."""
    return {
        layer for layer, rule in _thop().register_hooks.items() if rule.__name__ in ("count_convNd", "count_linear")
    }


def _by_thop(throwaway: nn.Module, x: torch.Tensor) -> int:
    """Multiply-adds by thop; the module is of no use afterwards."""
    profiler = _thop()
    nothing = dict.fromkeys(profiler.register_hooks.keys() - _layers_of_thop(), profiler.zero_ops)
    macs, _ = profiler.profile(throwaway, (x,), custom_ops=nothing, verbose=False)
    return round(macs)


def _thop() -> Any:
    """The module of thop's rules; it warns of Python's own matters when it is imported."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from thop import profile as _  # noqa: F401

    return sys.modules["thop.profile"]
