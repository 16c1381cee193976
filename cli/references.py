"""The command `automl references`: published networks, each scaled to a budget."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from .options import Json
from .output import CONVENTION, print_json
from .printed_tables import pixels, print_table

if TYPE_CHECKING:
    from ..spaces.references import NotScaled, ScaledReference


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("references")(references)


def references(
    budget: Annotated[
        list[str],
        typer.Option(
            "--budget", help="Bound on cost: 3MFLOPs, 300kParams, 2MB (peak memory), …; may be given several times."
        ),
    ],
    image_size: Annotated[
        int | None,
        typer.Option("--image-size", min=1, max=100_000, help="Image size in pixels. Without: as published, 224."),
    ] = None,
    classes: Annotated[int, typer.Option(min=1, max=10_000_000, help="Outputs of the classifier.")] = 1000,
    channels: Annotated[int, typer.Option(min=1, max=100_000, help="Channels of an image.")] = 3,
    json: Json = False,
) -> None:
    """List published networks, each scaled to the largest network within a budget.

    They are scaled by width alone and by the compound rule of EfficientNet, each with its published
    strides and with strides fitted to the image. They are what a network that a search has found is
    to be compared with.
    """
    from ..spaces.references import scaled_references

    found, left_out = scaled_references(budget, image_size=image_size, classes=classes, channels=channels)
    if json:
        print_json(
            {
                "budget": budget,
                "image_size": image_size,
                "classes": classes,
                "channels": channels,
                "references": [one.to_dict() for one in found],
                "left_out": [one.to_dict() for one in left_out],
            }
        )
        return
    _print(found, ", ".join(budget))
    _print_left_out(left_out)


def _print(found: Sequence[ScaledReference], budget: str) -> None:
    from ..spaces import human

    if not found:
        print(f"no reference network is within {budget}")
        return
    print_table(
        f"largest reference networks within {budget} ({CONVENTION})",
        ["network", "strides", "px", "FLOPs", "params", "activations", "widths", "repeats", "id"],
        [
            [
                one.name,
                " = ".join(dict.fromkeys(origin.strides for origin in one.origins)),
                pixels(one.candidate.image),
                human(one.cost.macs),
                human(one.cost.params),
                human(one.cost.activations),
                " ".join(map(str, one.widths)),
                " ".join(map(str, one.repeats)),
                one.candidate.id[:12],
            ]
            for one in found
        ],
    )
    for one in found:
        same = sorted({origin.name.removesuffix(" fitted") for origin in one.origins} - {one.name})
        if same:
            print(f"{one.name} is also {', '.join(same)}")


def _print_left_out(left_out: Sequence[NotScaled]) -> None:
    for one in left_out:
        print(f"{one.reference} by the {one.rule} rule with {one.strides} strides: {one.reason}")
