"""Observes and changes a forward pass without changing the network.

Every torch function that a network calls passes through a `TorchFunctionMode`, which can give a
convolution other weights, leave out a normalisation, or observe an activation. Nothing is patched,
no hook is registered, no parameter and no buffer is written, and any module works. The mode is
active for the current thread, inside its `with` block.

Shape letters: b batch, c channels, h height, w width.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

LAYERS = {"conv1d", "conv2d", "conv3d", "conv_transpose1d", "conv_transpose2d", "conv_transpose3d", "linear"}
ACTIVATIONS = {
    "relu",
    "relu6",
    "hardtanh",
    "silu",
    "hardswish",
    "gelu",
    "mish",
    "leaky_relu",
    "rrelu",
    "prelu",
    "elu",
    "celu",
    "selu",
    "softplus",
    "threshold",
}
"""Functions that pass positive inputs, approximately, and suppress negative ones."""
BOUNDED = {"sigmoid", "hardsigmoid", "tanh", "clamp", "hardtanh", "relu6", "softmax"}
"""Functions that compute gates."""
SUMS = {"add", "iadd", "radd"}
PRODUCTS = {"mul", "imul", "rmul", "multiply"}


@dataclass(frozen=True, kw_only=True)
class Tag:
    """What is known about a tensor in a pass."""

    layers: int = 0
    """Number of convolutions and linear layers on the longest path to it."""
    norms: frozenset[int] = frozenset()
    """Indices of the normalisations on its paths."""
    bounded: bool = False
    """Whether it comes from a bounded function, with no layer since."""
    share: int = 1
    """Number of branches of the softmax that it comes from, with no layer since; else 1."""
    exponent: int = 0
    """The true value is the tensor times 2 to this power."""


def tag_of(tensor: Any) -> Tag:
    return getattr(tensor, "_automl_tag", Tag())


def tagged(tensor: Tensor, tag: Tag) -> Tensor:
    tensor._automl_tag = tag  # type: ignore[attr-defined]
    return tensor


def tensors(values: Any) -> Iterator[Tensor]:
    """The tensors among arguments and in lists of them, except parameters."""
    for value in values:
        if isinstance(value, Tensor):
            if not isinstance(value, nn.Parameter):
                yield value
        elif isinstance(value, list | tuple):
            yield from tensors(value)


class Trace(TorchFunctionMode):
    """A pass in which subclasses change layers, normalisations, activations, sums and products.

    The base class changes batch normalisation only. It uses the statistics of the batch, since a
    new network has no others, with scale 1 and shift 0: initial scales, such as 0 at the end of a
    residual branch, are made for training and would hide the branch. Running statistics are neither
    read nor written.
    """

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "").strip("_")
        if name == "get":  # an attribute, such as a shape
            return func(*args, **kwargs)
        before = [tag_of(each) for each in tensors((*args, *kwargs.values()))]
        if name in LAYERS:
            found = self.layer(func, *args, **kwargs)
        elif name in ACTIVATIONS:
            found = self.activation(func, *args, **kwargs)
        elif name == "batch_norm":
            found = self.batch_norm(func, *args, **kwargs)
        elif name in {"layer_norm", "group_norm", "instance_norm"}:
            found = self.other_norm(func, *args, **kwargs)
        elif name in SUMS and len(args) == 2 and all(isinstance(each, Tensor) for each in args):
            found = self.total(func, *args, **kwargs)
        elif name in PRODUCTS and len(args) == 2 and all(isinstance(each, Tensor) for each in args):
            found = self.product(func, *args, **kwargs)
        else:
            found = self.other(func, *args, **kwargs)
        if before:
            self._pass_on(name, before, args, kwargs, found)
        return found

    def layer(
        self,
        func: Callable[..., Tensor],
        input: Tensor,
        weight: Tensor,
        bias: Tensor | None = None,
        *args: Any,
        **kwargs: Any,
    ) -> Tensor:
        """A convolution or a linear layer."""
        return func(input, weight, bias, *args, **kwargs)

    def activation(self, func: Callable[..., Tensor], input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """An activation; it may be in place."""
        return func(input, *args, **kwargs)

    def batch_norm(
        self,
        func: Callable[..., Tensor],
        input: Tensor,
        running_mean: Any,
        running_var: Any,
        weight: Any = None,
        bias: Any = None,
        training: bool = False,
        momentum: float = 0.1,
        eps: float = 1e-5,
        *args: Any,
        **kwargs: Any,
    ) -> Tensor:
        """A batch normalisation."""
        return torch.nn.functional.batch_norm(input, None, None, None, None, True, 0.0, eps)

    def other_norm(self, func: Callable[..., Tensor], input: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        """A normalisation that does not depend on the batch."""
        return func(input, *args, **kwargs)

    def total(self, func: Callable[..., Tensor], one: Tensor, other: Tensor, **kwargs: Any) -> Tensor:
        """A sum of two tensors."""
        return self.other(func, one, other, **kwargs)

    def product(self, func: Callable[..., Tensor], one: Tensor, other: Tensor, **kwargs: Any) -> Tensor:
        """An elementwise product of two tensors."""
        return self.other(func, one, other, **kwargs)

    def other(self, func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Any other function."""
        found = func(*args, **kwargs)
        if args and found is args[0]:  # in place: the tag of the previous value is no longer valid
            found.__dict__.pop("_automl_tag", None)
        return found

    def _pass_on(self, name: str, before: list[Tag], args: tuple[Any, ...], kwargs: dict[str, Any], found: Any) -> None:
        """Tag the result by the tags of the arguments, unless it is one of the arguments."""
        layers = max(tag.layers for tag in before) + (name in LAYERS)
        norms = frozenset[int]().union(*(tag.norms for tag in before))
        bounded = name in BOUNDED or (name not in LAYERS and any(tag.bounded for tag in before))
        share = 1 if name in LAYERS else max(tag.share for tag in before)
        if name == "softmax":
            share = int(args[0].shape[kwargs["dim"] if "dim" in kwargs else args[1]])
        tag = Tag(
            layers=layers, norms=norms, bounded=bounded, share=share, exponent=max(tag.exponent for tag in before)
        )
        for each in tensors([found]):
            if not hasattr(each, "_automl_tag"):
                tagged(each, tag)


def gated(one: Tensor, other: Tensor) -> tuple[Tensor, int] | None:
    """The map in a product of a map and a gate, and the number of branches that its gate is a
    softmax over; None if neither factor is a gate.

    A factor is a gate if it is broadcast over the other one, or if only it comes from a bounded
    function. A parameter is not a gate.
    """
    if isinstance(one, nn.Parameter) or isinstance(other, nn.Parameter):
        return None
    whole = torch.broadcast_shapes(one.shape, other.shape)
    if one.shape != other.shape:
        for each, gate in ((one, other), (other, one)):
            if each.shape == whole:
                return each, tag_of(gate).share
        return None
    first, second = tag_of(one), tag_of(other)
    if first.bounded != second.bounded:
        return (other, first.share) if first.bounded else (one, second.share)
    return None


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Inside, every module of `network` is in evaluation mode, so that dropout is off and batches
    are not counted; afterwards it is in its previous mode."""
    modes = [(module, module.training) for module in network.modules()]
    try:
        network.eval()
        yield
    finally:
        for module, mode in modes:
            module.training = mode
