"""What every block is: a frozen description with `cost` and `build` side by side, known by a name.

A description is data only. `cost` is arithmetic and never imports torch, so that a million
candidates can be counted and a command can be typed without waiting for it; `build` imports the
module it makes from `automl.blocks.modules`.
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar

from .cost import Cost
from .errors import InvalidBlock, unknown
from .registry import Registry
from .rounding import at_least, nearest, scaled_channels
from .shape import Number, Shape

if TYPE_CHECKING:
    from torch import nn


class Block(ABC):
    """A part of a network: a frozen dataclass registered under a name."""

    name: ClassVar[str] = ""
    """The name in YAML, JSON and the database; set by `register`."""
    added: ClassVar[Mapping[str, Any]] = {}
    """Fields that came later, with the value under which a block is what it was before: then its
    plain data leave them out, and ids stay what they were."""

    def out(self, shape: Shape) -> Shape:
        """Shape of the output for an input of `shape`; the same shape unless a block says
        otherwise."""
        return shape

    @abstractmethod
    def cost(self, shape: Shape) -> Cost:
        """Cost for one image of `shape`; arithmetic only, the fields and `shape` may hold arrays."""

    def resolved(self, shape: Shape) -> Self:
        """The same block with everything that depends on `shape` written out, so that equal
        networks have equal descriptions.

        It may look at the channels only: which networks are equal does not depend on the size of
        the image.
        """
        return self


class Attention(Block):
    """A block that keeps the shape of its map and can stand in any attention slot."""

    dimensions: ClassVar[Mapping[str, str]] = {}
    """Which dimensions of a space set which fields of this block, as {"eca_kernel": "kernel_size"}.
    """

    def widened(self, factor: Number) -> Self:
        """The same block for a map of `factor` times the channels; numbers of channels it names
        itself (`reduced`) are scaled and rounded, at least 1.

        What is no number of channels stays: a window over the channels, a ratio.
        """
        reduced: Number | None = getattr(self, "reduced", None)
        if reduced is None or "reduced" not in _fields(self):
            return self
        return _replaced(self, reduced=at_least(nearest(reduced * factor), 1))

    @abstractmethod
    def build(self, shape: Shape) -> nn.Module:
        """Trainable module for maps of `shape`: bchw -> bchw."""


class ConvAttention(Attention):
    """An attention that selects among convolutions: in a unit it takes the place of the spatial
    convolution, with its normalisation and activation.

    In a slot where there is no convolution to replace, it is one of stride 1 that keeps the
    channels (`cost` and `build` of every attention).
    """

    @abstractmethod
    def conv_cost(self, shape: Shape, out: Shape, *, groups: Number = 1) -> Cost:
        """Cost for one image of `shape`, strided and widened to `out`, in `groups` groups (as many
        as channels: depthwise)."""

    @abstractmethod
    def build_conv(self, shape: Shape, channels: int, *, stride: int = 1, groups: int = 1) -> nn.Module:
        """Trainable module for maps of `shape` with `channels` output channels: bchw -> bkhw."""

    def cost(self, shape: Shape) -> Cost:
        return self.conv_cost(shape, shape)

    def build(self, shape: Shape) -> nn.Module:
        return self.build_conv(shape, shape.channels)


class Unit(Block):
    """A residual or convolutional unit; stages are made of them."""

    channels: Number
    stride: int

    def out(self, shape: Shape) -> Shape:
        return shape.strided(self.stride).with_channels(self.channels)

    def widened(self, factor: Number) -> Self:
        """The same unit with its channels, and its attention's, multiplied by `factor` (a number or
        an array) and rounded as skeletons round them."""
        attention: Attention | None = getattr(self, "attention", None)
        inner = {} if attention is None else {"attention": attention.widened(factor)}
        return _replaced(self, channels=scaled_channels(self.channels, factor), **inner)

    @abstractmethod
    def build(self, shape: Shape, *, drop_path: float = 0.0) -> nn.Module:
        """Trainable module for maps of `shape`; `drop_path` is the probability that an image skips
        its residual branch."""


class Part(Block):
    """A stem or head: several modules at the top level of the network, under the names timm gives
    them.

    `out` of a head is what the classifier sees: its channels are the network's features.
    """

    def widened(self, factor: Number) -> Self:
        """The same part with its channels multiplied by `factor` (a number or an array) and rounded
        as skeletons round them; one without channels is itself."""
        if "channels" not in _fields(self):
            return self
        return _replaced(self, channels=scaled_channels(getattr(self, "channels"), factor))  # noqa: B009

    @abstractmethod
    def build(self, shape: Shape) -> dict[str, nn.Module]:
        """Trainable modules by name, in the order they are applied."""

    def tap(self, shape: Shape) -> tuple[str, Shape] | None:
        """The module of a stem whose output is the first level of features, and its shape there;
        None where a stem has no level of its own."""
        return None

    def neck(self, shape: Shape) -> dict[str, nn.Module]:
        """Modules of a head that stand between the global pool and the classifier: bc11 -> bf11;
        none unless a block says otherwise."""
        return {}


B = TypeVar("B", bound=Block)


def _fields(block: Block) -> set[str]:
    return {field.name for field in dataclasses.fields(block)}  # type: ignore[arg-type]


def _replaced(block: B, **values: Any) -> B:
    return dataclasses.replace(block, **values)  # type: ignore[type-var]


def _accepted(name: str, cls: object) -> type[Block]:
    params = getattr(cls, "__dataclass_params__", None)
    if not (isinstance(cls, type) and issubclass(cls, Block) and params is not None and params.frozen):
        raise InvalidBlock(
            f"a block must be a frozen dataclass derived from Attention, Unit or Part, but {cls!r} is not"
        )
    cls.name = name
    return cls


blocks: Registry[type[Block]] = Registry("block", "automl.blocks", accept=_accepted, error=InvalidBlock)
"""All block classes by name."""


def register(name: str) -> Callable[[type[B]], type[B]]:
    """Register a frozen dataclass under `name`: for space files, costs, exports, and the tests that
    walk the registry.

    Raises:
        InvalidBlock: the name is taken, or the class is not a frozen dataclass derived from a block
            class.
    """

    def add(cls: type[B]) -> type[B]:
        blocks.add(name, cls)
        return cls

    return add


def block_class(name: str, kind: type[B]) -> type[B]:
    """The class registered under `name` among the subclasses of `kind`, those of installed packages
    included.

    Raises:
        InputError: there is none; the message names the nearest, or says why a package's block was
            left out.
    """
    found = blocks.parts().get(name)
    if found is not None and issubclass(found, kind):
        return found
    if name in blocks.refused:
        raise InvalidBlock(blocks.refused[name])
    raise unknown(kind.__name__.lower(), name, names(kind))


def names(kind: type[Block] = Block) -> list[str]:
    """Registered names of the subclasses of `kind`, in order of registration; those of installed
    packages come last."""
    return [name for name, cls in blocks.parts().items() if issubclass(cls, kind)]


def adopt(classes: Mapping[str, type[Block]]) -> None:
    """Register classes of another process, under the names they have there."""
    for name, cls in classes.items():
        cls.name = name  # one pickled by reference comes without it, unless its module registers it
    blocks.adopt(classes)


def to_dict(block: Block) -> dict[str, Any]:
    """A block as plain data, `{"block": name, field: value, …}`; the inverse of `from_dict`."""
    data: dict[str, Any] = {"block": type(block).name}
    for field in dataclasses.fields(block):  # type: ignore[arg-type]
        value = getattr(block, field.name)
        if field.name not in block.added or value != block.added[field.name]:
            data[field.name] = to_dict(value) if isinstance(value, Block) else value
    return data


def from_dict(data: Mapping[str, Any]) -> Block:
    """The block described by plain data.

    Raises:
        InputError: an unknown block or field (the nearest is named), or values no block can have.
    """
    if not isinstance(data, Mapping) or "block" not in data:
        raise InvalidBlock(f"a block is a mapping with the key 'block', but got {data!r}")
    cls = block_class(str(data["block"]), Block)
    fields = {field.name for field in dataclasses.fields(cls)}  # type: ignore[arg-type]
    values = {key: value for key, value in data.items() if key != "block"}
    for key in values:
        if key not in fields:
            raise unknown(f"field of block {data['block']!r}:", key, fields)
    if not isinstance(values.get("attention"), Mapping | None):
        raise InvalidBlock(f"attention must be a block or null, but got {values['attention']!r}")
    inner = {key: from_dict(value) if isinstance(value, Mapping) else value for key, value in values.items()}
    if not isinstance(inner.get("attention"), Attention | None):
        raise InvalidBlock(f"attention must be an attention block, but got {inner['attention']!r}")
    try:
        return cls(**inner)  # pyright: ignore[reportAbstractUsage]
    except TypeError as error:
        raise InvalidBlock(f"block {data['block']!r}: {error}") from None
