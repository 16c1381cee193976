"""The base classes of blocks, their registry, and blocks as plain data.

A block is a frozen description: data only. `cost` is arithmetic and imports no torch, so that
millions of candidates can be costed and commands start without delay. `build` imports the module
that it makes from `automl.blocks.modules`.
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
    """Fields added in later versions → the value that keeps the earlier behaviour. Plain data leave
    out a field with that value, so that the ids of earlier candidates stay the same."""

    def out(self, shape: Shape) -> Shape:
        """Return the shape of the output for an input of `shape`; by default the same shape."""
        return shape

    @abstractmethod
    def cost(self, shape: Shape) -> Cost:
        """Return the cost for one image of `shape`, by arithmetic.

        The fields of the block and `shape` may hold arrays with one entry for each of many
        candidates.
        """

    def resolved(self, shape: Shape) -> Self:
        """Return the same block with all values that depend on `shape` written out.

        Blocks that build equal networks then have equal descriptions. Only the channels of `shape`
        may be used: whether two networks are equal must not depend on the image size.
        """
        return self


class Attention(Block):
    """A block that keeps the shape of its map and can be used in any attention slot."""

    dimensions: ClassVar[Mapping[str, str]] = {}
    """Dimension of a space → the field of this block that it sets, e.g. {"eca_kernel":
    "kernel_size"}."""

    def widened(self, factor: Number) -> Self:
        """Return the same block for a map with `factor` times the channels.

        The field `reduced`, a number of channels, is multiplied and rounded, at least 1. Fields
        that are not numbers of channels stay, such as a ratio or a window over the channels.
        """
        reduced: Number | None = getattr(self, "reduced", None)
        if reduced is None or "reduced" not in _fields(type(self)):
            return self
        return _replaced(self, reduced=at_least(nearest(reduced * factor), 1))

    @abstractmethod
    def build(self, shape: Shape) -> nn.Module:
        """Make the trainable module for maps of `shape`: bchw -> bchw."""


class ConvAttention(Attention):
    """An attention that selects among convolutions, such as selective kernels.

    In a unit it replaces the spatial convolution with its normalisation and activation. In a slot
    without a convolution (`cost` and `build`) it has stride 1 and keeps the channels.
    """

    @abstractmethod
    def conv_cost(self, shape: Shape, out: Shape, *, groups: Number = 1) -> Cost:
        """Return the cost for one image, from `shape` to `out`, in `groups` groups.

        As many groups as channels is the depthwise form.
        """

    @abstractmethod
    def build_conv(self, shape: Shape, channels: int, *, stride: int = 1, groups: int = 1) -> nn.Module:
        """Make the trainable module for maps of `shape` with k = `channels`: bchw -> bkhw."""

    def cost(self, shape: Shape) -> Cost:
        return self.conv_cost(shape, shape)

    def build(self, shape: Shape) -> nn.Module:
        return self.build_conv(shape, shape.channels)


class Unit(Block):
    """A residual or convolutional unit; stages are made of units."""

    channels: Number
    """Output channels."""
    stride: int
    """Stride of the unit: 1 or 2."""

    def out(self, shape: Shape) -> Shape:
        return shape.strided(self.stride).with_channels(self.channels)

    def widened(self, factor: Number) -> Self:
        """Return the same unit with its channels, and those of its attention, times `factor`.

        `factor` is a number or an array; channels are rounded as skeletons round them.
        """
        attention: Attention | None = getattr(self, "attention", None)
        inner = {} if attention is None else {"attention": attention.widened(factor)}
        return _replaced(self, channels=scaled_channels(self.channels, factor), **inner)

    @abstractmethod
    def build(self, shape: Shape, *, drop_path: float = 0.0) -> nn.Module:
        """Make the trainable module for maps of `shape`.

        `drop_path` is the probability with which an image skips the residual branch (stochastic
        depth); units without a residual branch ignore it.
        """


class Part(Block):
    """A stem or head: several modules at the top level of the network, with timm's names.

    The output of a head goes to the classifier: its channels are the network's features.
    """

    def widened(self, factor: Number) -> Self:
        """Return the same part with its channels times `factor`, a number or an array.

        Channels are rounded as skeletons round them. A part without channels is returned as it is.
        """
        if "channels" not in _fields(type(self)):
            return self
        return _replaced(self, channels=scaled_channels(getattr(self, "channels"), factor))  # noqa: B009

    @abstractmethod
    def build(self, shape: Shape) -> dict[str, nn.Module]:
        """Make the trainable modules, by name, in the order in which they are applied."""

    def tap(self, shape: Shape) -> tuple[str, Shape] | None:
        """Return the stem's module whose output is the first level of features, and its shape.

        None if the stem has no level of its own.
        """
        return None

    def neck(self, shape: Shape) -> dict[str, nn.Module]:
        """Make the modules between the global pool and the classifier: bc11 -> bf11.

        By default there are none.
        """
        return {}


B = TypeVar("B", bound=Block)


def _fields(cls: type[Block]) -> set[str]:
    return {field.name for field in dataclasses.fields(cls)}  # type: ignore[arg-type]


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
    """Return a class decorator that registers a block under `name`.

    Space files, candidates' data and the tests that walk the registry know the block by this name.

    Raises:
        InvalidBlock: the name is taken, or the class is not a frozen dataclass derived from
            Attention, Unit or Part.
    """

    def add(cls: type[B]) -> type[B]:
        blocks.add(name, cls)
        return cls

    return add


def block_class(name: str, kind: type[B]) -> type[B]:
    """Return the class registered under `name`, which must be a subclass of `kind`.

    Blocks of installed packages are included.

    Raises:
        InputError: there is none; the message gives the nearest name, or the reason why a package's
            block was left out.
    """
    found = blocks.find(name)
    if found is not None and issubclass(found, kind):
        return found
    raise blocks.missing(name, unknown(kind.__name__.lower(), name, names(kind)))


def names(kind: type[Block] = Block) -> list[str]:
    """List the names of the subclasses of `kind`, in order of registration.

    Those of installed packages come last.
    """
    return [name for name, cls in blocks.parts().items() if issubclass(cls, kind)]


def adopt(classes: Mapping[str, type[Block]]) -> None:
    """Register classes of another process under the names that they have there."""
    for name, cls in classes.items():
        cls.name = name  # a class pickled by reference lacks it, unless its module registers it
    blocks.adopt(classes)


def to_dict(block: Block) -> dict[str, Any]:
    """Return a block as plain data: `{"block": name, field: value, …}`; `from_dict` reads it."""
    data: dict[str, Any] = {"block": type(block).name}
    for field in dataclasses.fields(block):  # type: ignore[arg-type]
        value = getattr(block, field.name)
        if field.name not in block.added or value != block.added[field.name]:
            data[field.name] = to_dict(value) if isinstance(value, Block) else value
    return data


def from_dict(data: Mapping[str, Any]) -> Block:
    """Make the block that plain data describe.

    Raises:
        InputError: an unknown block or field (the message gives the nearest name), or a value that
            the block refuses.
    """
    if not isinstance(data, Mapping) or "block" not in data:
        raise InvalidBlock(f"a block is a mapping with the key 'block', but got {data!r}")
    cls = block_class(str(data["block"]), Block)
    fields = _fields(cls)
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
