"""Candidates: one network as plain data, which is costed, built, stored and exported.

All rounded widths and kernels are written out, so that two settings that build the same network are
the same candidate.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from ...blocks import Block, Cost, InvalidBlock, Part, Shape, Unit, from_dict, to_dict
from ...blocks.cost import linear_cost
from ...blocks.shape import Number

if TYPE_CHECKING:
    from ...blocks.modules.network import Network

Layers: TypeAlias = tuple[tuple[Unit, int], ...]
"""A stage: (unit, number of repetitions in a row); only a unit that keeps its shape is repeated."""

Layout = Literal["efficientnet", "resnet"]
"""The module names of a network in timm: `blocks.0` and `classifier`, or `layer1` and `fc`."""


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A network: image, stem, stages, head, classes.

    Candidates are made by `assemble`, `from_dict` or a space.
    """

    layout: Layout
    """The module names of the network."""
    image: tuple[int, int, int]
    """Channels, height and width in pixels of the input at which cost is counted."""
    classes: int
    """Outputs of the classifier."""
    stem: Part
    """The modules before the stages."""
    stages: tuple[Layers, ...]
    """The units of every stage, in order."""
    head: Part
    """The modules between the last stage and the classifier."""

    @property
    def input(self) -> Shape:
        """Shape of the input."""
        return Shape(*self.image)

    @cached_property
    def spec(self) -> str:
        """Canonical JSON: sorted keys, no spaces."""
        return json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"))

    @cached_property
    def id(self) -> str:
        """SHA-256 of the canonical JSON, in hexadecimal; the same in every process."""
        return hashlib.sha256(self.spec.encode()).hexdigest()

    def walk(self) -> Iterator[tuple[str, Block, Shape, int]]:
        """Yield every block in order: (place, block, shape of its input, repetitions).

        Places are "stem", "stages.0" and so on, "head".
        """
        shape = self.input
        yield "stem", self.stem, shape, 1
        shape = self.stem.out(shape)
        for index, stage in enumerate(self.stages):
            for unit, repeats in stage:
                yield f"stages.{index}", unit, shape, repeats
                shape = unit.out(shape)
        yield "head", self.head, shape, 1

    @property
    def features(self) -> Number:
        """Number of inputs of the classifier."""
        *_, (_, head, shape, _) = self.walk()
        return head.out(shape).channels

    def cost(self) -> Cost:
        """Return the cost of one image, by the convention of `automl.blocks.cost`."""
        image = self.input.elements
        total, start, began, features = Cost(), 0, "", 0
        for place, block, shape, repeats in self.walk():
            cost = block.cost(shape)
            if place == "stem":
                total += cost
            else:
                # while a layer runs, its callers hold the image and, beyond a stage's first layer,
                # the stage's input
                if place != began:
                    start, began, later = shape.elements, place, repeats > 1
                else:
                    later = True
                total += (cost * repeats).beside(image + start * (later and place != "head"))
            features = block.out(shape).channels
        return replace(total + linear_cost(features, self.classes), subject=self)

    def build(self, *, drop_rate: float = 0.0, drop_path_rate: float = 0.0) -> Network:
        """Build the trainable network, randomly initialised from torch's global generator."""
        from .build import build

        return build(self, drop_rate=drop_rate, drop_path_rate=drop_path_rate)

    def to_dict(self) -> dict[str, Any]:
        """Return the candidate as plain data; `from_dict` reads it back."""
        return {
            "layout": self.layout,
            "image": list(self.image),
            "classes": self.classes,
            "stem": to_dict(self.stem),
            "stages": [[[to_dict(unit), repeats] for unit, repeats in stage] for stage in self.stages],
            "head": to_dict(self.head),
        }

    @classmethod
    def from_spec(cls, spec: str) -> Candidate:
        """Make the candidate whose canonical JSON is `spec`; raises as `from_dict`."""
        return cls.from_dict(json.loads(spec))

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Candidate:
        """Make the candidate that plain data describe, in canonical form.

        Raises:
            InputError: a key is missing or unknown, or no network can be built from the values.
        """
        if not isinstance(data, Mapping) or {"layout", "image", "classes", "stem", "stages", "head"} ^ set(data):
            got = sorted(map(str, data)) if isinstance(data, Mapping) else type(data).__name__
            raise InvalidBlock(f"a candidate has the keys layout, image, classes, stem, stages and head, but got {got}")
        try:
            stem, head = from_dict(data["stem"]), from_dict(data["head"])
            stages = [[(from_dict(unit), repeats) for unit, repeats in stage] for stage in data["stages"]]
            image, units = tuple(data["image"]), [unit for stage in stages for unit, _ in stage]
            counts = [*image, data["classes"], *(repeats for stage in stages for _, repeats in stage)]
        except (TypeError, ValueError, AttributeError, KeyError) as error:
            raise InvalidBlock(f"a candidate cannot be read: {error}") from None
        if not (isinstance(stem, Part) and isinstance(head, Part) and all(isinstance(unit, Unit) for unit in units)):
            raise InvalidBlock("a candidate's stem and head must be parts and its stages units")
        if len(image) != 3 or not all(
            isinstance(count, int) and not isinstance(count, bool) and count >= 1 for count in counts
        ):
            raise InvalidBlock(
                f"image sides, classes and repeats must be whole numbers of at least 1, but got {counts}"
            )
        return assemble(data["layout"], image, data["classes"], stem, stages, head)  # type: ignore[arg-type]


def assemble(
    layout: Layout,
    image: tuple[int, int, int],
    classes: int,
    stem: Part,
    stages: list[list[tuple[Unit, int]]],
    head: Part,
) -> Candidate:
    """Make a candidate in canonical form.

    Values that depend on shapes are written out, and equal neighbouring units are merged.

    Raises:
        InvalidBlock: an unknown layout, an empty stage, a repeated unit that changes the shape of
            its map, or an image side, channels or classes below 1.
    """
    if layout not in ("efficientnet", "resnet"):
        raise InvalidBlock(f"layout must be 'efficientnet' or 'resnet', but got {layout!r}")
    if classes < 1 or min(image) < 1:
        raise InvalidBlock(
            f"image sides, channels and classes must be at least 1, but got image={list(image)}, classes={classes}"
        )
    stem = stem.resolved(Shape(*image))
    shape = stem.out(Shape(*image))
    resolved_stages: list[Layers] = []
    for stage in stages:
        resolved: list[tuple[Unit, int]] = []
        kept = False
        for unit, repeats in stage:
            if repeats == 0:
                continue
            unit = unit.resolved(shape)
            after = unit.out(shape)
            if repeats > 1 and after != shape:
                raise InvalidBlock(
                    f"a repeated unit must keep its map's shape, but {unit!r} turns {shape!r} into {after!r}"
                )
            if kept and resolved[-1][0] == unit:
                resolved[-1] = (unit, resolved[-1][1] + repeats)
            else:
                resolved.append((unit, repeats))
            # a unit that changes the shape is not merged with an equal one after it: its shortcut
            # has a projection
            kept = after == shape
            shape = after
        if not resolved:
            raise InvalidBlock("a stage must hold at least one unit, but got none")
        resolved_stages.append(tuple(resolved))
    return Candidate(
        layout=layout, image=image, classes=classes, stem=stem, stages=tuple(resolved_stages), head=head.resolved(shape)
    )


def scaled(unit: Unit, stride: int, repeats: int) -> list[tuple[Unit, int]]:
    """Make a stage of `repeats` equal units for `assemble`; the first one has the `stride`."""
    return [(replace(unit, stride=stride), 1), (replace(unit, stride=1), repeats - 1)]  # type: ignore[type-var]
