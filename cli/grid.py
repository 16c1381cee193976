"""`automl grid`."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import DEFAULT_STORAGE, DataDir, DropSmallClasses, Json, Storage, Test, Validation
from .output import CONVENTION, cost_json, print_json
from .searching import masked_command
from .tables import pixels, print_table
from .text import command, duration, parse_duration, parse_multiple, parse_part

if TYPE_CHECKING:
    from ..search.grid_report import Evidence
    from ..spaces.scaling.grid import Grid, GridPoint

SHOWN = 200
"""Rows of a table at most."""


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("grid")(grid)


def grid(
    baseline: Annotated[
        str, typer.Option(help="A published network (efficientnet_b0, resnet50, …), a YAML or JSON file, STUDY:best.")
    ],
    phi: Annotated[float, typer.Option(help="Compound coefficient: networks are scaled by α^φ, β^φ, γ^φ.")] = 1.0,
    target: Annotated[str, typer.Option(help="Multiple of the baseline's MACs at φ = 1, as 2x.")] = "2x",
    step: Annotated[float, typer.Option(help="Between neighbouring coefficients.")] = 0.05,
    tolerance: Annotated[str, typer.Option(help="How far from the target: 5% or 0.05.")] = "5%",
    rule: Annotated[str, typer.Option(help="true: by what the network costs; paper: by α·β²·γ².")] = "true",
    axes: Annotated[
        str, typer.Option(help="What is scaled, with commas; cardinality and others where the network has them.")
    ] = "depth,width,resolution",
    size_multiple: Annotated[int, typer.Option(help="Round input sizes to a multiple of it.")] = 1,
    points: Annotated[
        int | None, typer.Option(help="Train at most so many of the grid, spread over it. Without: all.")
    ] = None,
    seeds: Annotated[int, typer.Option(help="Trainings of each network.")] = 3,
    stop: Annotated[bool, typer.Option("--stop/--no-stop", help="Stop clear losers early; never the controls.")] = True,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List the grid and train nothing.")] = False,
    data: Annotated[
        str | None, typer.Option(help="As in search. Without: digits; with --dry-run the baseline's own classes.")
    ] = None,
    data_dir: DataDir = None,
    download: Annotated[bool, typer.Option("--download", help="Download the data set where it is missing.")] = False,
    validation: Validation = None,
    test: Test = None,
    drop_small_classes: DropSmallClasses = 0,
    time_: Annotated[
        str | None, typer.Option("--time", help="Wall time of this run: 90min. The same command again goes on.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Networks trained at once. Without: all GPUs, or all CPUs.")
    ] = None,
    gpus_per_trial: Annotated[float | None, typer.Option(help="GPUs for each network; fractions share one.")] = None,
    storage: Storage = DEFAULT_STORAGE,
    study: Annotated[
        str | None, typer.Option(help="Name of the study. Without: made of baseline, target and data.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the split and the first training of each network.")] = 0,
    address: Annotated[
        str | None, typer.Option(help="Ray cluster (auto, host:port). Without: a private Ray on this machine.")
    ] = None,
    image_size: Annotated[
        int | None, typer.Option(help="Deployment size in pixels at γ = 1. Without: the baseline's.")
    ] = None,
    proxy_size: Annotated[
        int | None, typer.Option(help="Size in pixels at which γ = 1 is trained. Without: 32 to 64, by the data.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Epochs of a full training. Without: by the data.")] = None,
    fraction: Annotated[
        float | None, typer.Option(help="Share of the training images seen in an epoch. Without: by the data.")
    ] = None,
    flip: Annotated[
        bool | None,
        typer.Option("--flip/--no-flip", help="Mirror images at random in training. Without: not for digits."),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for report.md, report.json and the figures.")
    ] = None,
    json: Json = False,
) -> None:
    """Find how to share a cost among depth, width and resolution (α, β, γ), against each of them
    alone.

    The same command again trains what is missing.
    """
    began = time.monotonic()
    from ..blocks.errors import Interrupted
    from ..search.grid import GridOptions, adapted, base_of, enumerated, search_grid

    options = GridOptions(
        baseline=baseline,
        phi=phi,
        target=parse_multiple("--target", target),
        step=step,
        tolerance=parse_part("--tolerance", tolerance),
        rule=rule,  # type: ignore[arg-type]
        axes=tuple(part.strip() for part in axes.split(",") if part.strip()),
        size_multiple=size_multiple,
        points=points,
        seeds=seeds,
        stop=stop,
        data=data or "digits",
        data_dir=data_dir,
        download=download,
        validation=validation,
        test=test,
        drop_small_classes=drop_small_classes,
        seconds=None if time_ is None else parse_duration(time_),
        workers=workers,
        gpus_per_trial=gpus_per_trial,
        storage=storage,
        study=study,
        seed=seed,
        address=address,
        image_size=image_size,
        proxy_size=proxy_size,
        epochs=epochs,
        fraction=fraction,
        flip=flip,
    )
    if dry_run:
        base = base_of(options)
        found = enumerated(options, base if data is None else adapted(options, base))
        if json:
            print_json(grid_json(found))
        else:
            print_grid(found)
        return
    from ..search.grid_report import evidence, write
    from .live import view

    typed = masked_command(sys.argv[1:], storage)
    try:
        with view(to_stderr=json) as listener:
            result = search_grid(options, listener=listener, command=typed, began=began)
    except KeyboardInterrupt:
        raise Interrupted(f"interrupted; what finished is kept, go on with: {typed}") from None
    shown = evidence(result)
    files = [] if out is None else write(shown, out)
    if json:
        print_json(
            {
                "study": result.study.spec.name,
                "seconds": result.seconds,
                "grid": grid_json(result.grid),
                **shown.to_dict(),
            }
        )
        return
    print_grid(result.grid)
    print_evidence(shown, storage)
    for file in files:
        print(f"written: {file}")


def grid_json(found: Grid) -> dict[str, Any]:
    """A grid with stable keys."""

    def point(one: GridPoint) -> dict[str, Any]:
        return {
            "coefficients": one.base,
            "factors": one.factors,
            "control": one.control,
            "product": one.product,
            "factor": one.factor,
            **cost_json(one.cost),
            "same": list(one.same),
        }

    low, median, high = found.true_factors
    return {
        "baseline": {"name": found.baseline.name, **cost_json(found.baseline.cost)},
        "phi": found.phi,
        "target": found.target,
        "step": found.step,
        "tolerance": found.tolerance,
        "rule": found.rule,
        "exponents": found.exponents,
        "examined": found.examined,
        "admitted": found.counts,
        "true_factor_of_paper_rule": {"low": low, "median": median, "high": high} if found.counts["paper"] else None,
        "points": [point(one) for one in found.points],
        "single_axis_admitted": found.alone,
        "controls": [point(one) for one in found.controls],
    }


def print_grid(found: Grid) -> None:
    """Which triples each rule admits, why they differ, and the networks."""
    from ..spaces import human
    from ..spaces.scaling.baseline import GREEK

    base, counts = found.baseline, found.counts
    print(f"baseline {base.name}: {human(base.cost.macs)}FLOPs, {human(base.cost.params)} params; {CONVENTION}")
    exponents = ", ".join(f"{axis} {value:.2f}" for axis, value in found.exponents.items())
    print(f"cost exponents, measured: {exponents} (the paper takes 1, 2, 2 for depth, width, resolution)")
    print(
        f"{found.examined:,} triples in steps of {found.step:g}, φ = {found.phi:g}; target {found.multiple:g} times the"
        f" cost within {found.tolerance:.3g}:"
    )
    impossible = f", {counts['impossible']:,} cannot be built" if counts["impossible"] else ""
    print(f"  true rule   {counts['true']:,} (what the rounded network costs){impossible}")
    low, median, high = found.true_factors
    truth = f"; their true factors: {low:.3f} to {high:.3f}, median {median:.3f}" if counts["paper"] else ""
    print(f"  paper rule  {counts['paper']:,} (the product of idealised exponents){truth}")
    print(f"  both        {counts['both']:,}")
    print(
        "they differ since repeats and maps are rounded up, widths to multiples, and stem and classifier do not grow"
        " with depth:"
    )
    for line in differences(found):
        print(f"  {line}")
    print(
        f"by the {found.rule} rule: {len(found.points):,} different networks scale several axes, {found.alone:,} one"
        " alone (the controls stand for these)"
    )
    letters = [GREEK.get(axis, axis) for axis in found.exponents]
    print_table(
        f"grid ({CONVENTION})",
        ["/".join(letters), "product", "true factor", "FLOPs", "params", "px", "or by"],
        [_row(found, point) for point in (*found.controls, *found.points[:SHOWN])],
    )
    if len(found.points) > SHOWN:
        print(f"… and {len(found.points) - SHOWN:,} more (--json lists all)")


def differences(found: Grid) -> list[str]:
    """One triple that only the paper's rule admits and one that only the true one does, each with
    what rounding made of it."""
    from ..spaces.scaling.baseline import GREEK, in_letters
    from ..spaces.scaling.grid import rounded

    lines = []
    for rule, points in found.only.items():
        for point in points[:1]:
            made = ", ".join(
                f"{GREEK.get(axis, axis)} {asked:.4g} → {got:.4g}" for axis, asked, got in rounded(found, point)
            )
            numbers = f"product {point.product:.3f}, true factor {point.factor:.3f}"
            lines.append(f"only {rule}: {in_letters(point.base)} has {numbers}: rounded, {made}")
    return lines


def _row(found: Grid, point: GridPoint) -> list[str]:
    from ..spaces import human
    from ..spaces.scaling.baseline import GREEK

    if point.control is None:
        also = [_slashed(one) for one in point.same]
        last = ("" if not also else also[0]) + (f" +{len(also) - 1}" if len(also) > 1 else "")
    else:
        last = point.control if point.control == "baseline" else f"{GREEK.get(point.control, point.control)} only"
    return [
        _slashed(point.base),
        f"{point.product:.3f}",
        f"{point.factor:.3f}",
        human(point.cost.macs),
        human(point.cost.params),
        pixels(found.candidate(point).image),
        last,
    ]


def _slashed(coefficients: Mapping[str, float]) -> str:
    return "/".join(f"{value:.4g}" for value in coefficients.values())


def print_evidence(found: Evidence, storage: str) -> None:
    """What the trainings show, and what to do next."""
    result = found.result
    counts, name = result.counts, result.study.spec.name
    print(
        f"{counts['complete']} trained fully, {counts['pruned']} stopped early, {counts['fail']} failed;"
        f" {duration(result.seconds)}"
    )
    for line in found.lines():
        print(line)
    if result.left:
        print(f"{result.left} trainings are left: the same command goes on")
    if found.comparison.best is not None:
        print(
            f"next: {command('scale', '--study', name, '--phi', '0..3', storage=storage)}    the family by the best"
            " coefficients"
        )
