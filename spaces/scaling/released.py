"""The released EfficientNets beside the networks that the paper's own coefficients make of B0.

Source: Tan & Le, EfficientNet, ICML 2019, arXiv:1905.11946, Table 2 and the authors' released code.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...blocks import Cost
from ...blocks.documented import documented
from ..budget import Bound, Budget
from ..candidates.candidate import Candidate
from .baseline import find_baseline
from .family import FIRST_RATE, PAPER, Member, cost_dict, member, phi_for
from .paper_tables import EFFICIENTNETS, Released, agrees


@documented
@dataclass(frozen=True, kw_only=True)
class ReleasedNetwork:
    """A released EfficientNet, with its true cost and two networks by the paper's rule."""

    released: Released
    """Name, dropout, and the figures that the paper prints."""
    candidate: Candidate
    """The network as released."""
    cost: Cost
    """Its true cost."""
    by_rule: Member
    """B0 scaled with φ = the number of the network."""
    at_equal_cost: Member
    """B0 scaled with the largest φ whose MACs are at most those of the released network."""

    @property
    def depth(self) -> float:
        """Depth coefficient as released."""
        return self.released.architecture.settings["depth"]

    @property
    def width(self) -> float:
        """Width coefficient as released."""
        return self.released.architecture.settings["width"]

    @property
    def drop_path(self) -> float:
        """Rate of stochastic depth at the last unit, the same for all of them."""
        return FIRST_RATE

    @property
    def params_agree(self) -> bool:
        """Whether the parameters, rounded as printed, are those printed."""
        return agrees(int(self.cost.params), self.released.params)

    @property
    def flops_agree(self) -> bool:
        """Whether the MACs, rounded as printed, are those printed."""
        return agrees(int(self.cost.macs), self.released.flops)

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON with stable keys."""
        return {
            "name": self.released.name,
            "id": self.candidate.id,
            "width": self.width,
            "depth": self.depth,
            "image": list(self.candidate.image),
            **cost_dict(self.cost),
            "dropout": self.released.dropout,
            "drop_path": self.drop_path,
            "printed_params": self.released.params,
            "printed_flops": self.released.flops,
            "top1": self.released.top1,
            "agrees": {"params": self.params_agree, "flops": self.flops_agree},
            "by_rule": self.by_rule.to_dict(),
            "phi_of_equal_cost": self.at_equal_cost.phi,
            "at_equal_cost": self.at_equal_cost.to_dict(),
        }


def released_networks() -> list[ReleasedNetwork]:
    """EfficientNet-B0 to B7 as released, each beside the rule that they are said to follow."""
    base, found = find_baseline("efficientnet_b0"), []
    for index, released in enumerate(EFFICIENTNETS):
        candidate = released.architecture.candidate()
        cost = candidate.cost()
        phi = phi_for(base, PAPER, Budget((Bound("macs", 0, int(cost.macs)),)))
        found.append(
            ReleasedNetwork(
                released=released,
                candidate=candidate,
                cost=cost,
                by_rule=member(base, PAPER, index),
                at_equal_cost=member(base, PAPER, phi),
            )
        )
    return found
