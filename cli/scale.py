"""The command `automl scale`: the family of a baseline scaled with φ, and each axis alone beside
it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .completion import complete_study
from .options import DEFAULT_STORAGE, BudgetTexts, Json, Storage
from .output import CONVENTION, print_json
from .printed_tables import pixels, print_table
from .text import parse_list, parse_multiple

if TYPE_CHECKING:
    from ..search.scale import PublishedRow, ScaledFamily
    from ..spaces.scaling.family import Member


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("scale")(scale)


def scale(
    baseline: Annotated[
        str | None, typer.Option(help="A published network, a YAML or JSON file, STUDY:best. Without: that of --study.")
    ] = None,
    study: Annotated[
        str | None,
        typer.Option(
            help="A study of `automl grid`, whose best coefficients are taken.", autocompletion=complete_study
        ),
    ] = None,
    alpha: Annotated[
        float | None, typer.Option(help="α, depth at φ = 1. Without any of the three: the paper's 1.2, 1.1, 1.15.")
    ] = None,
    beta: Annotated[float | None, typer.Option(help="β, width at φ = 1.")] = None,
    gamma: Annotated[float | None, typer.Option(help="γ, resolution at φ = 1.")] = None,
    coefficients: Annotated[str | None, typer.Option(help="The same for any axes: depth=1.2,cardinality=2.")] = None,
    phi: Annotated[
        str | None, typer.Option(help="Compound coefficients: 0..7, 2, -2..2, or 0,0.5,1. Without: 0..7.")
    ] = None,
    width: Annotated[
        str | None, typer.Option(help="Width multipliers alone: 0.5,0.75,1.4; or largest, the largest within --budget.")
    ] = None,
    budget: BudgetTexts = None,
    target_axis: Annotated[
        str | None, typer.Option(help="Beside it, this axis alone at the same cost: depth, width, …, or each.")
    ] = None,
    target: Annotated[
        str, typer.Option(help="Multiple of the baseline's MACs at φ = 1 that an axis alone is scaled to, as 2x.")
    ] = "2x",
    size_multiple: Annotated[int, typer.Option(help="Round input sizes to a multiple of it.")] = 1,
    image_size: Annotated[
        int | None, typer.Option(min=1, max=100_000, help="Input size in pixels at γ = 1. Without: the baseline's.")
    ] = None,
    preset: Annotated[
        str | None, typer.Option(help="efficientnet: B0 to B7 as released, beside what the coefficients make of B0.")
    ] = None,
    export: Annotated[
        Path | None,
        typer.Option("--export", help="Folder for the networks as JSON and Python files; it must not exist."),
    ] = None,
    storage: Storage = DEFAULT_STORAGE,
    json: Json = False,
) -> None:
    """Scale a baseline in depth, width and resolution at once: the networks for φ = 0, 1, 2, …, or
    the largest within a budget.

    A negative φ gives networks smaller than the baseline. --width scales the width alone.
    """
    from ..blocks.errors import InputError, unknown

    letters = {"depth": alpha, "width": beta, "resolution": gamma}
    if preset is not None:
        if preset != "efficientnet":
            raise unknown("preset", preset, ["efficientnet"])
        if any(
            value is not None
            for value in (baseline, study, coefficients, phi, width, budget, target_axis, image_size, *letters.values())
        ):
            raise InputError("--preset has its own networks: it goes with --export and --json alone")
        from .preset import efficientnet

        efficientnet(export, json)
        return
    from ..search.scale import scale as run

    found = run(
        baseline,
        study=study,
        coefficients=_coefficients(letters, coefficients),
        phi=None if phi is None else parse_list("--phi", phi),
        width=width if width is None or width.isalpha() else parse_list("--width", width),
        budget=budget or (),
        target_axis=target_axis,
        target=parse_multiple("--target", target),
        size_multiple=size_multiple,
        image_size=image_size,
        storage=storage,
    )
    files = [] if export is None else found.export(export)
    if json:
        print_json({**found.to_dict(), "budget": budget, "files": [str(file) for file in files]})
        return
    print_family(found, budget)
    for file in files:
        print(f"written: {file}")


def _coefficients(letters: Mapping[str, float | None], text: str | None) -> dict[str, float] | None:
    """Axis -> coefficient from --alpha, --beta, --gamma or --coefficients; None without any."""
    from ..blocks.errors import InputError

    given = {axis: value for axis, value in letters.items() if value is not None}
    if text is None:
        return {axis: given.get(axis, 1.0) for axis in letters} if given else None
    if given:
        raise InputError("coefficients come from one place: --alpha, --beta, --gamma, or --coefficients, or --study")
    return coefficients_in(text)


def coefficients_in(text: str) -> dict[str, float]:
    """Axis -> coefficient from "depth=1.2,width=1.1".

    Raises:
        InputError: the text has another form, or an axis twice.
    """
    from ..blocks.errors import InputError

    found: dict[str, float] = {}
    for part in text.split(","):
        axis, equals, value = (word.strip() for word in part.partition("="))
        if not equals or axis in found:
            raise InputError(f"--coefficients must be like depth=1.2,width=1.1 with every axis once, but got {text!r}")
        found[axis] = parse_multiple("--coefficients", value)
    return found


def print_family(found: ScaledFamily, budget: list[str] | None = None) -> None:
    """A family as tables; `budget` is what φ or the width was solved for."""
    from ..spaces import human
    from ..spaces.scaling.baseline import in_letters

    base = found.baseline
    print(f"baseline {base.name}: {human(base.cost.macs)}FLOPs, {human(base.cost.params)} params; {CONVENTION}")
    if found.coefficients:
        print(f"coefficients at φ = 1: {in_letters(found.coefficients)} ({found.source})")
    if budget:
        print(f"largest {_symbol(found.members)} within {', '.join(budget)}: {_number(found.members[0])}")
    _print_members(found.members)
    for one in found.members:
        _print_alone(found, one)
        _print_published(found.published(one))


def _print_members(members: list[Member]) -> None:
    from ..spaces import human
    from ..spaces.scaling.baseline import GREEK

    symbol = _symbol(members)
    letters = "/".join(GREEK.get(axis, axis) for axis in members[0].factors)
    compound = members[0].phi is not None
    print_table(
        "family (drop: rate of dropout, and of stochastic depth at the last unit)",
        [
            symbol,
            *([f"{letters} to the φ"] if compound else []),
            "px",
            "FLOPs",
            "params",
            "factor",
            "ideal",
            *(["2^φ"] if compound else []),
            "drop",
        ],
        [
            [
                _number(one),
                *(["/".join(f"{value:.3g}" for value in one.factors.values())] if compound else []),
                pixels(one.candidate.image),
                human(one.cost.macs),
                human(one.cost.params),
                f"{one.factor:.2f}",
                f"{one.ideal:.2f}",
                *([] if one.phi is None else [f"{2**one.phi:.3g}"]),
                f"{one.dropout:.2f}",
            ]
            for one in members
        ],
    )
    print_table(
        "stages, from first to last",
        [symbol, "widths", "repeats"],
        [
            [
                _number(one),
                " ".join(str(stage.width) for stage in one.stages),
                " ".join(str(stage.repeats) for stage in one.stages),
            ]
            for one in members
        ],
    )


def _symbol(members: list[Member]) -> str:
    """What tells the members of a family apart."""
    return "width" if members[0].phi is None else "φ"


def _number(one: Member) -> str:
    """The φ or the width of a member."""
    return f"{one.factors['width'] if one.phi is None else one.phi:g}"


def _print_alone(found: ScaledFamily, one: Member) -> None:
    rows = [
        _row(f"{each.axis} {made.factors[each.axis]:.4g}", kind, made)
        for each in found.alone_beside(one)
        for kind, made in (("idealised", each.idealised), ("equal cost", each.equal))
    ]
    if rows and one.phi is not None:
        rows.append(_row("all of them", f"φ = {one.phi:g}", one))
        title = f"each axis alone at {found.target**one.phi:.4g} times the cost (φ = {one.phi:g})"
        print_table(title, ["axis", "by", "FLOPs", "factor", "params", "px"], rows)


def _row(axis: str, by: str, made: Member) -> list[str]:
    from ..spaces import human

    cost = made.cost
    return [axis, by, human(cost.macs), f"{made.factor:.3f}", human(cost.params), pixels(made.candidate.image)]


def _print_published(rows: list[PublishedRow]) -> None:
    if not rows:
        return
    print_table(
        "as published (arXiv:1905.11946, Tables 3 and 7)",
        ["scaled by", "FLOPs", "printed", "", "top-1"],
        [
            [
                row.scaled_by,
                f"{row.macs / 1e9:.3f}B",
                row.printed,
                "agrees" if row.agrees else "differs",
                f"{row.top1:.1f}",
            ]
            for row in rows
        ],
    )
    for row in rows:
        if row.remark and not row.agrees:
            print(f"{row.scaled_by}: {row.remark}")
