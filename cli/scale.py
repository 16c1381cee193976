"""`automl scale`: the family of a baseline scaled with φ, each axis alone beside it, and the
EfficientNets as they were released."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .completion import complete_study
from .options import DEFAULT_STORAGE, BudgetTexts, Json, Storage
from .output import CONVENTION, cost_json, print_json
from .tables import pixels, print_table
from .text import parse_list, parse_multiple

if TYPE_CHECKING:
    from ..spaces.scaling.baseline import Baseline
    from ..spaces.scaling.family import Member
    from ..studies.export import Relative

EACH = "each"


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
    phi: Annotated[str | None, typer.Option(help="Compound coefficients: 0..7, 2, or 0,0.5,1. Without: 0..7.")] = None,
    budget: BudgetTexts = None,
    target_axis: Annotated[
        str | None, typer.Option(help="Beside it, this axis alone at the same cost: depth, width, …, or each.")
    ] = None,
    target: Annotated[
        str, typer.Option(help="Multiple of the baseline's MACs at φ = 1 that an axis alone is scaled to, as 2x.")
    ] = "2x",
    size_multiple: Annotated[int, typer.Option(help="Round input sizes to a multiple of it.")] = 1,
    image_size: Annotated[
        int | None, typer.Option(min=1, help="Input size in pixels at γ = 1. Without: the baseline's.")
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
    the largest within a budget."""
    from ..blocks.errors import InputError, unknown

    letters = {"depth": alpha, "width": beta, "resolution": gamma}
    if preset is not None:
        if preset != "efficientnet":
            raise unknown("preset", preset, ["efficientnet"])
        if any(
            value is not None
            for value in (baseline, study, coefficients, phi, budget, target_axis, image_size, *letters.values())
        ):
            raise InputError("--preset has its own networks: it goes with --export and --json alone")
        from .preset import efficientnet

        efficientnet(export, json)
        return
    if phi is not None and budget:
        raise InputError("--phi and --budget exclude each other: a budget is solved for φ")
    if baseline is None and study is None:
        raise InputError(
            "what is to be scaled? Give --baseline (resnet50, a file, STUDY:best) or --study (of automl grid)"
        )
    base, at_one, source = _asked(baseline, study, letters, coefficients, storage)
    base = base if image_size is None else base.resized(image_size)
    base = base if size_multiple == 1 else base.rounded_to(size_multiple)
    _family(base, at_one, source, phi, budget, target_axis, parse_multiple("--target", target), export, json)


def _asked(
    baseline: str | None, study: str | None, letters: Mapping[str, float | None], coefficients: str | None, storage: str
) -> tuple[Baseline, dict[str, float], str]:
    """The baseline, its coefficients at φ = 1, and where they come from."""
    from ..blocks.errors import InputError
    from ..spaces.scaling.baseline import find_baseline
    from ..spaces.scaling.family import PAPER

    given = {axis: value for axis, value in letters.items() if value is not None}
    if sum((bool(given), coefficients is not None, study is not None)) > 1:
        raise InputError("coefficients come from one place: --alpha, --beta, --gamma, or --coefficients, or --study")
    base = None
    if baseline is not None:
        from .. import search  # noqa: F401 (with it, candidates of studies are found)

        base = find_baseline(baseline, storage=storage)
    if study is not None:
        from ..search.grid import best_of

        found, at_one = best_of(study, storage)
        return base or found, at_one, f"the best of study {study}"
    assert base is not None  # one of the two is given
    if coefficients is not None:
        return base, _coefficients(coefficients), "given"
    if given:
        return base, {axis: given.get(axis, 1.0) for axis in letters}, "given"
    return base, dict(PAPER), "the paper's for EfficientNet-B0; `automl grid` finds this baseline's own"


def _coefficients(text: str) -> dict[str, float]:
    from ..blocks.errors import InputError

    found = {}
    for part in text.split(","):
        axis, equals, value = (word.strip() for word in part.partition("="))
        if not equals or axis in found:
            raise InputError(f"--coefficients must be like depth=1.2,width=1.1 with every axis once, but got {text!r}")
        found[axis] = parse_multiple("--coefficients", value)
    return found


def _family(
    base: Baseline,
    at_one: dict[str, float],
    source: str,
    phi: str | None,
    budget: list[str] | None,
    axis: str | None,
    target: float,
    export: Path | None,
    json: bool,
) -> None:
    from ..blocks.errors import unknown
    from ..spaces import parse_budget
    from ..spaces.scaling.baseline import in_letters
    from ..spaces.scaling.family import alone, family, phi_for

    phis = [phi_for(base, at_one, parse_budget(budget))] if budget else parse_list("--phi", phi or "0..7")
    members = family(base, at_one, phis)
    axes = [] if axis is None else list(at_one) if axis == EACH else [axis]
    if axis not in (None, EACH, *base.own):
        raise unknown(f"axis of {base.name}:", str(axis), [*base.own, EACH])
    apart = [
        (one, each)
        for one in members
        if one.phi > 0
        for each in (alone(base, axes, one.phi, target=target) if axes else [])
    ]
    files: list[Path] = []
    if export is not None:
        from ..studies.export import export_family

        files = export_family(
            export, f"{base.name} scaled by {in_letters(at_one)}", [_relative(base, at_one, one) for one in members]
        )
    if json:
        print_json(
            {
                "baseline": {"name": base.name, **cost_json(base.cost)},
                "coefficients": at_one,
                "source": source,
                "budget": budget,
                "members": [member_json(one) for one in members],
                "alone": [
                    {
                        "phi": one.phi,
                        "axis": each.axis,
                        "idealised": member_json(each.idealised),
                        "equal_cost": member_json(each.equal),
                    }
                    for one, each in apart
                ],
                "published": [row for one in members for row in _published(base, one, apart, target)],
                "files": [str(file) for file in files],
            }
        )
        return
    from ..spaces import human

    print(f"baseline {base.name}: {human(base.cost.macs)}FLOPs, {human(base.cost.params)} params; {CONVENTION}")
    print(f"coefficients at φ = 1: {in_letters(at_one)} ({source})")
    if budget:
        print(f"largest φ within {', '.join(budget)}: {phis[0]:g}")
    _print_members(members)
    if axes:
        _print_alone(base, members, apart, target)
    for file in files:
        print(f"written: {file}")


def _print_members(members: list[Member]) -> None:
    from ..spaces import human
    from ..spaces.scaling.baseline import GREEK

    letters = "/".join(GREEK.get(axis, axis) for axis in members[0].factors)
    print_table(
        "family (drop: rate of dropout, and of stochastic depth at the last unit)",
        ["φ", f"{letters} to the φ", "px", "FLOPs", "params", "factor", "ideal", "2^φ", "drop"],
        [
            [
                f"{one.phi:g}",
                "/".join(f"{value:.3g}" for value in one.factors.values()),
                pixels(one.candidate.image),
                human(one.cost.macs),
                human(one.cost.params),
                f"{one.factor:.2f}",
                f"{one.ideal:.2f}",
                f"{2**one.phi:.3g}",
                f"{one.dropout:.2f}",
            ]
            for one in members
        ],
    )
    print_table(
        "stages, from first to last",
        ["φ", "widths", "repeats"],
        [
            [
                f"{one.phi:g}",
                " ".join(str(stage.width) for stage in one.stages),
                " ".join(str(stage.repeats) for stage in one.stages),
            ]
            for one in members
        ],
    )


def _print_alone(base: Baseline, members: list[Member], apart: list[tuple[Member, Any]], target: float) -> None:
    from ..spaces import human

    for one in members:
        rows = []
        for each in (each for other, each in apart if other is one):
            for kind, alone in (("idealised", each.idealised), ("equal cost", each.equal)):
                value = alone.factors[each.axis]
                px = pixels(alone.candidate.image)
                rows.append(
                    [
                        f"{each.axis} {value:.4g}",
                        kind,
                        human(alone.cost.macs),
                        f"{alone.factor:.3f}",
                        human(alone.cost.params),
                        px,
                    ]
                )
        if rows:
            rows.append(
                [
                    "all of them",
                    f"φ = {one.phi:g}",
                    human(one.cost.macs),
                    f"{one.factor:.3f}",
                    human(one.cost.params),
                    pixels(one.candidate.image),
                ]
            )
            title = f"each axis alone at {target**one.phi:.4g} times the cost (φ = {one.phi:g})"
            print_table(title, ["axis", "by", "FLOPs", "factor", "params", "px"], rows)
        published = _published(base, one, apart, target)
        if published:
            print_table(
                "as published (arXiv:1905.11946, Tables 3 and 7)",
                ["scaled by", "FLOPs", "printed", "", "top-1"],
                [
                    [
                        row["scaled_by"],
                        f"{row['macs'] / 1e9:.3f}B",
                        row["printed"],
                        "agrees" if row["agrees"] else "differs",
                        f"{row['top1']:.1f}",
                    ]
                    for row in published
                ],
            )
        for row in published:
            if row["remark"] and not row["agrees"]:
                print(f"{row['scaled_by']}: {row['remark']}")


def _published(base: Baseline, one: Member, apart: list[tuple[Member, Any]], target: float) -> list[dict[str, Any]]:
    """What the paper prints of this baseline at four times its cost, beside what it truly costs."""
    from ..spaces.scaling.family import PAPER, member, scaled
    from ..spaces.scaling.published import SCALED, agrees

    axes = {each.axis for other, each in apart if other is one}
    if abs(target**one.phi - 4) > 1e-9 or not axes:
        return []
    found = []
    for row in SCALED:
        if row.baseline == base.name and (row.way in axes or len(axes) > 1):
            made = member(base, PAPER, 2.0) if row.factors is None else scaled(base, row.factors)
            letters = (
                ", ".join(f"{axis} {value:g}" for axis, value in made.factors.items())
                if row.factors is not None
                else "φ = 2 (coefficients not printed)"
            )
            macs = int(made.cost.macs)
            found.append(
                {
                    "scaled_by": letters,
                    "factors": made.factors,
                    "macs": macs,
                    "printed": row.flops,
                    "agrees": agrees(macs, row.flops),
                    "top1": row.top1,
                    "remark": row.remark,
                }
            )
    return found


def member_json(one: Member) -> dict[str, Any]:
    """One network of a family with stable keys."""
    return {
        "phi": one.phi,
        "factors": one.factors,
        "id": one.candidate.id,
        "image": list(one.candidate.image),
        **cost_json(one.cost),
        "factor": one.factor,
        "idealised": one.ideal,
        "two_to_phi": 2**one.phi,
        "dropout": one.dropout,
        "drop_path": one.drop_path,
        "widths": [stage.width for stage in one.stages],
        "repeats": [stage.repeats for stage in one.stages],
    }


def _relative(base: Baseline, at_one: Mapping[str, float], one: Member) -> Relative:
    from ..studies.export import Relative

    scaling = {
        "of": base.name,
        "coefficients": dict(at_one),
        "phi": one.phi,
        "factors": one.factors,
        "factor": one.factor,
    }
    stem = "".join(letter if letter.isalnum() else "_" for letter in Path(base.name).stem)
    name = f"{stem}_phi{one.phi:g}".replace(".", "_")
    return Relative(
        name=name if name[0].isalpha() else f"network_{name}",
        candidate=one.candidate,
        drop_rate=one.dropout,
        drop_path_rate=one.drop_path,
        scaling=scaling,
    )
