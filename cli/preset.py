"""Prints `automl scale --preset efficientnet`: the released networks beside the paper's figures and
beside what its coefficients make of B0."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .output import CONVENTION, print_json
from .printed_tables import print_table

if TYPE_CHECKING:
    from ..spaces.scaling.family import Member
    from ..spaces.scaling.released import ReleasedNetwork


def efficientnet(export: Path | None, json: bool) -> None:
    """Print EfficientNet-B0 to B7 as released, and write them to the folder `export` if given."""
    from ..search.scale import export_released
    from ..spaces.scaling.family import PAPER
    from ..spaces.scaling.released import released_networks

    found = released_networks()
    files = [] if export is None else export_released(export, found)
    if json:
        members = [one.to_dict() for one in found]
        print_json(
            {
                "preset": "efficientnet",
                "coefficients": PAPER,
                "members": members,
                "files": [str(file) for file in files],
            }
        )
        return
    _print(found)
    for file in files:
        print(f"written: {file}")


def _print(found: list[ReleasedNetwork]) -> None:
    from ..spaces import human

    print_table(
        f"EfficientNet as released ({CONVENTION}; * is not ours, rounded)",
        ["", "depth", "width", "px", "params", "printed", "FLOPs", "printed", "top-1", "drop"],
        [
            [
                _number(one),
                f"{one.depth:g}",
                f"{one.width:g}",
                str(one.candidate.image[1]),
                human(one.cost.params),
                one.released.params + ("" if one.params_agree else "*"),
                human(one.cost.macs),
                one.released.flops + ("" if one.flops_agree else "*"),
                f"{one.released.top1:.1f}",
                f"{one.released.dropout:g}",
            ]
            for one in found
        ],
    )
    print("These are not α^φ, β^φ, γ^φ of the paper's own α=1.2 β=1.1 γ=1.15. Depth/width/px of both:")
    print_table(
        "released, and by the rule at φ = the number and at the φ of equal cost",
        ["", "released", "FLOPs", "φ", "by the rule", "FLOPs", "φ", "equal cost"],
        [
            [
                _number(one),
                f"{one.depth:g}/{one.width:g}/{one.candidate.image[1]}",
                human(one.cost.macs),
                f"{one.by_rule.phi:g}",
                _slashed(one.by_rule),
                human(one.by_rule.cost.macs),
                f"{one.at_equal_cost.phi:.2f}",
                _slashed(one.at_equal_cost),
            ]
            for one in found
        ],
    )


def _number(one: ReleasedNetwork) -> str:
    return one.released.name.removeprefix("efficientnet_").upper()


def _slashed(one: Member) -> str:
    return f"{one.factors['depth']:.3g}/{one.factors['width']:.3g}/{one.candidate.image[1]}"
