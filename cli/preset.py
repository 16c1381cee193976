"""`automl scale --preset efficientnet`: the released networks, beside what is printed of them and
beside the rule they are said to follow."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .output import CONVENTION, cost_json, print_json
from .scale import member_json
from .tables import print_table


def efficientnet(export: Path | None, json: bool) -> None:
    """Print B0 to B7 as released: what they cost, what the paper prints, and what the coefficients
    would have made of B0."""
    from ..spaces import human
    from ..spaces.budget import Bound, Budget
    from ..spaces.scaling.baseline import find_baseline
    from ..spaces.scaling.family import FIRST_RATE, PAPER, member, phi_for
    from ..spaces.scaling.published import EFFICIENTNETS, agrees
    from ..studies.export import Relative, export_family

    base = find_baseline("efficientnet_b0")
    rows, relatives = [], []
    for index, released in enumerate(EFFICIENTNETS):
        made = released.architecture.candidate()
        cost, settings = made.cost(), released.architecture.settings
        by_number = member(base, PAPER, index)
        macs = int(cost.macs)
        at_cost = phi_for(base, PAPER, Budget((Bound("macs", 0, macs),)))
        rows.append(
            {
                "name": released.name,
                "id": made.id,
                "width": settings["width"],
                "depth": settings["depth"],
                "image": list(made.image),
                **cost_json(cost),
                "dropout": released.dropout,
                "drop_path": FIRST_RATE,
                "printed_params": released.params,
                "printed_flops": released.flops,
                "top1": released.top1,
                "agrees": {"params": agrees(int(cost.params), released.params), "flops": agrees(macs, released.flops)},
                "by_rule": member_json(by_number),
                "phi_of_equal_cost": at_cost,
                "at_equal_cost": member_json(member(base, PAPER, at_cost)),
            }
        )
        relatives.append(
            Relative(
                name=released.name,
                candidate=made,
                drop_rate=released.dropout,
                drop_path_rate=FIRST_RATE,
                scaling={"released": True},
            )
        )
    files = [] if export is None else export_family(export, "EfficientNet-B0 to B7 as released", relatives)
    if json:
        print_json(
            {"preset": "efficientnet", "coefficients": PAPER, "members": rows, "files": [str(file) for file in files]}
        )
        return
    print_table(
        f"EfficientNet as released ({CONVENTION}; * is not ours, rounded)",
        ["", "depth", "width", "px", "params", "printed", "FLOPs", "printed", "top-1", "drop"],
        [
            [
                _number(row),
                f"{row['depth']:g}",
                f"{row['width']:g}",
                str(row["image"][1]),
                human(row["params"]),
                row["printed_params"] + ("" if row["agrees"]["params"] else "*"),
                human(row["macs"]),
                row["printed_flops"] + ("" if row["agrees"]["flops"] else "*"),
                f"{row['top1']:.1f}",
                f"{row['dropout']:g}",
            ]
            for row in rows
        ],
    )
    print("These are not α^φ, β^φ, γ^φ of the paper's own α=1.2 β=1.1 γ=1.15. Depth/width/px of both:")
    print_table(
        "released, and by the rule at φ = the number and at the φ of equal cost",
        ["", "released", "FLOPs", "φ", "by the rule", "FLOPs", "φ", "equal cost"],
        [
            [
                _number(row),
                f"{row['depth']:g}/{row['width']:g}/{row['image'][1]}",
                human(row["macs"]),
                f"{row['by_rule']['phi']:g}",
                _slashed(row["by_rule"]),
                human(row["by_rule"]["macs"]),
                f"{row['phi_of_equal_cost']:.2f}",
                _slashed(row["at_equal_cost"]),
            ]
            for row in rows
        ],
    )
    for file in files:
        print(f"written: {file}")


def _number(row: Mapping[str, Any]) -> str:
    return str(row["name"]).removeprefix("efficientnet_").upper()


def _slashed(row: Mapping[str, Any]) -> str:
    return f"{row['factors']['depth']:.3g}/{row['factors']['width']:.3g}/{row['image'][1]}"
