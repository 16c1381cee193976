"""`automl cost`: what a network costs, place by place, and what independent witnesses say of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import DEFAULT_STORAGE, ImageSize, Json, Storage
from .output import CONVENTION, metrics_json, print_json
from .printed_tables import print_table

if TYPE_CHECKING:
    from ..blocks import Cost
    from ..search.network_cost import NetworkCost
    from ..spaces import Candidate
    from ..spaces.candidates.audit import Audit, Tally


SHOWN = ("macs", "params", "activations", "peak_memory")
"""Metrics that have their own place in the output."""


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("cost")(cost)


def cost(
    candidate: Annotated[
        str,
        typer.Argument(
            metavar="CANDIDATE",
            help=(
                "A published network (resnet50, …), a space, STUDY:best, STUDY:ID, ID, a JSON or YAML file, an export."
            ),
        ),
    ],
    image_size: ImageSize = None,
    layers: Annotated[bool, typer.Option("--layers", help="Show every block.")] = False,
    audit: Annotated[
        bool,
        typer.Option(
            "--audit",
            help="Build it and compare with thop, PyTorch's counter and its parameters; exit code 1 if one is wrong.",
        ),
    ] = False,
    batch: Annotated[
        int, typer.Option(min=1, max=1_000_000_000, help="Images at once, for the peak activation memory.")
    ] = 1,
    storage: Storage = DEFAULT_STORAGE,
    json: Json = False,
) -> None:
    """Count MACs, parameters, activations, peak memory and further costs; nothing is trained."""
    from ..search.network_cost import cost as count

    found = count(candidate, image_size=image_size, storage=storage)
    network, total = found.candidate, found.cost
    witnessed = found.audit() if audit else None
    if json:
        extra: dict[str, Any] = {"layers": _layers(found, batch)} if layers else {}
        if witnessed is not None:
            extra["audit"] = _audit_json(witnessed)
        print_json(
            {
                "id": network.id,
                "image": list(network.image),
                "batch": batch,
                "base_of": None if found.space is None else {"space": found.space, "free": list(found.free)},
                **_json(total, batch),
                "metrics": metrics_json(total),
                "strides": found.strides,
                "stride_rule": found.stride_rule,
                **extra,
            }
        )
    else:
        if found.free:
            free = _some(found.free)
            print(f"base of the space {found.space}: what it leaves free ({free}) is as in its skeleton")
        _print(network, total, batch)
        print(f"strides{'' if found.stride_rule is None else ' ' + found.stride_rule}: {found.strides}")
        if layers:
            _print_layers(_layers(found, batch), batch)
        if witnessed is not None:
            _print_audit(witnessed, layers=layers)
    if witnessed is not None and not witnessed.agrees:
        raise typer.Exit(1)


def _json(cost: Cost, batch: int) -> dict[str, int]:
    from ..spaces.candidates.main_costs import main_costs

    return {**main_costs(cost), "peak": int(cost.peak), "memory_bytes": int(cost.memory(batch))}


def _layers(found: NetworkCost, batch: int) -> list[dict[str, Any]]:
    return [
        {"place": one.place, "block": one.block, "repeats": one.repeats, **_json(one.cost, batch)}
        for one in found.layers
    ]


def _print(candidate: Candidate, total: Cost, batch: int) -> None:
    from ..spaces import human
    from ..spaces.metrics import metrics

    channels, height, width = candidate.image
    counted = (
        f"{total.macs:,} MACs ({human(total.macs)}FLOPs), {total.params:,} params, {total.activations:,} activations"
    )
    print(f"{candidate.id[:12]} at {channels}x{height}x{width}: {counted}; {CONVENTION}")
    print(
        f"peak activation memory of inference at batch {batch}: {_bytes(total.memory(batch))} in float32, beside"
        f" {_bytes(4 * total.params)} of weights"
    )
    for name, metric in metrics.parts().items():
        if name not in SHOWN:
            print(f"{name}: {metric.exactly(metric.value(total))} ({metric.words})")


def _print_layers(rows: list[dict[str, Any]], batch: int) -> None:
    table = [
        [
            row["place"],
            row["block"],
            str(row["repeats"]),
            f"{row['macs']:,}",
            f"{row['params']:,}",
            f"{row['activations']:,}",
            _bytes(row["memory_bytes"]),
        ]
        for row in rows
    ]
    print_table(
        "layers (a block's peak is its own; the network's adds the maps held outside the block)",
        ["place", "block", "repeats", "MACs", "params", "activations", f"peak at batch {batch}"],
        table,
    )


def _bytes(count: int) -> str:
    return f"{count / 2**20:,.1f} MiB" if count < 2**30 else f"{count / 2**30:,.2f} GiB"


def _audit_json(found: Audit) -> dict[str, Any]:
    def line(tally: Tally) -> dict[str, Any]:
        return {**asdict(tally), "unseen": list(tally.unseen), "agrees": tally.agrees, "says": tally.says}

    return {"agrees": found.agrees, "total": line(found.total), "layers": [line(layer) for layer in found.layers]}


def _print_audit(found: Audit, *, layers: bool) -> None:
    """Print the audit of the whole network and of each place whose counts differ, or with `layers`
    of every place."""
    shown = [*(found.layers if layers else found.differing), found.total]
    table = [
        [
            one.place,
            one.block,
            str(one.repeats),
            f"{one.macs:,}",
            f"{one.counter:,}",
            f"{one.thop:,}",
            f"{one.params:,}",
            f"{one.built:,}",
        ]
        for one in shown
    ]
    columns = [
        "place",
        "block",
        "repeats",
        "MACs by formula",
        "by torch's counter",
        "by thop",
        "params by formula",
        "in the module",
    ]
    print_table("audit", columns, table)
    for one in found.differing:
        print(f"{'differs' if one.agrees else 'WRONG'}: {one.place} ({one.block}): {one.says}")
    if found.agrees:
        print(
            f"the formulas are right at all {len(found.layers)} places, by PyTorch's counter and the built module"
            + ("" if found.differing else ", and by thop")
        )
    else:
        print("the formulas are wrong where PyTorch's counter or the built module says otherwise")


def _some(names: Sequence[str]) -> str:
    return ", ".join(names) if len(names) <= 6 else f"{', '.join(names[:5])}, … {len(names)} in all"
