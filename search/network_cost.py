"""The cost of one network as a function: MACs, parameters, activations and peak memory, without
training it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..blocks import Cost, InputError
from ..blocks.cost import linear_cost
from ..blocks.documented import documented
from ..spaces import Candidate, Space, architectures, find_candidate
from ..spaces.architecture_names import find_architecture
from ..spaces.candidates.fitted_strides import strides_in_words
from ..spaces.named_candidate import FILES, base_of, find_space
from ..spaces.surveys.census_lines import stride_rule
from ..studies.storage_url import storage_url

if TYPE_CHECKING:
    from ..spaces.candidates.audit import Audit


@documented
@dataclass(frozen=True, kw_only=True)
class LayerCost:
    """The cost of one block of a network, or of several equal ones in a row."""

    place: str
    """Where it stands: stem, stages.2, head, classifier."""
    block: str
    """Name of the block."""
    repeats: int
    """Number of equal blocks in a row; the cost is that of all of them."""
    cost: Cost
    """Cost for one image."""


@documented
@dataclass(frozen=True, kw_only=True)
class NetworkCost:
    """A network and its cost for one image; one FLOP is one multiply-add (MAC)."""

    candidate: Candidate
    """The network."""
    cost: Cost
    """Its cost; `cost.memory(batch)` is the peak activation memory of inference in bytes."""
    space: str | None = None
    """Name of the space whose base the network is; None for any other network."""
    free: tuple[str, ...] = ()
    """Parameters that the space leaves free; here they are as in its skeleton."""
    stride_rule: str | None = None
    """Where the strides of the space's networks come from; None for any other network."""

    @property
    def strides(self) -> str:
        """Strides of stem, pool and stages, and the size of the last map, in words."""
        return strides_in_words(self.candidate)

    @property
    def macs(self) -> int:
        """Multiply-adds."""
        return int(self.cost.macs)

    @property
    def params(self) -> int:
        """Trainable parameters."""
        return int(self.cost.params)

    @property
    def activations(self) -> int:
        """Output elements of the convolutions and linear layers."""
        return int(self.cost.activations)

    @property
    def layers(self) -> list[LayerCost]:
        """The cost of every block, from the input to the classifier."""
        found = [
            LayerCost(place=place, block=type(block).name, repeats=repeats, cost=block.cost(shape) * repeats)
            for place, block, shape, repeats in self.candidate.walk()
        ]
        last = linear_cost(self.candidate.features, self.candidate.classes)
        return [*found, LayerCost(place="classifier", block="linear", repeats=1, cost=last)]

    def audit(self) -> Audit:
        """The formulas beside thop, PyTorch's counter and the parameters of the built module."""
        from ..spaces.candidates.audit import audit

        return audit(self.candidate)


def cost(
    network: Candidate | Space | Mapping[str, Any] | str | os.PathLike[str],
    *,
    image_size: int | None = None,
    storage: str | None = None,
) -> NetworkCost:
    """Count the MACs, parameters, activations and peak memory of a network, without training it.

    Args:
        network: a candidate or its dict, a published network (resnet50, …), a space or its file,
            a JSON or YAML file of a candidate, an exported folder, STUDY:best, STUDY:ID or ID.
        image_size: input size in pixels of a published network or a space; its own if None.
        storage: database URL in which studies and ids are looked up; AUTOML_STORAGE or
            sqlite:///automl.db if None.

    Raises:
        InputError: there is no such network, or it cannot be built at this size.
    """
    space = network if isinstance(network, Space) else find_space(network)
    if space is not None:
        space = space.adapted(image_size=image_size)
        found, free = base_of(space)
        rule = stride_rule(space)
        return NetworkCost(candidate=found, cost=found.cost(), space=space.name, free=tuple(free), stride_rule=rule)
    assert not isinstance(network, Space)  # those have been dealt with
    if image_size is None:
        found = find_candidate(network, storage=storage_url(storage))
    elif not isinstance(network, str) or _has_own_size(network):
        raise InputError("--image-size goes with a published network or a space; a candidate has its own size")
    else:
        found = find_architecture(network).candidate(image_size=image_size)
    return NetworkCost(candidate=found, cost=found.cost())


def _has_own_size(text: str) -> bool:
    """Whether `text` names a candidate, which has a size, and no published network."""
    return text not in architectures() and (":" in text or os.path.exists(text) or Path(text).suffix in FILES)
