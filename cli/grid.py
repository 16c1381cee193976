"""The command `automl grid`."""

from __future__ import annotations

import sys
import time
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .derived import Text, options_of
from .options import Json, Storage
from .output import CONVENTION, print_json
from .printed_tables import pixels, print_table
from .searching import masked_command, measures_in_words
from .stopping import interruptible
from .text import columns_in, command, duration, names_in, parse_duration, parse_multiple, parse_part

if TYPE_CHECKING:
    from ..search.grid_options import GridOptions
    from ..search.grid_report import GridEvidence
    from ..spaces.scaling.coefficient_grid import Grid, GridPoint

SHOWN = 200
"""Largest number of rows of a table."""


def _options() -> type:
    from ..search.grid_options import GridOptions

    return GridOptions


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("grid")(grid)


@options_of(
    _options,
    {
        "baseline": Text(parse=str, required=True),
        "target": Text(parse=partial(parse_multiple, "--target"), default="2x"),
        "tolerance": Text(parse=partial(parse_part, "--tolerance"), default="5%"),
        "axes": Text(parse=names_in, default="depth,width,resolution"),
        "targets": Text(parse=columns_in),
        "metric": Text(parse=str, help=measures_in_words),
        "seconds": Text(parse=parse_duration, flag="--time"),
        "storage": Storage,
        "db_patience": Text(parse=parse_duration, default="10min"),
    },
)
def grid(
    options: GridOptions,
    data: Annotated[
        str | None, typer.Option(help="As in search. Default: digits; with --dry-run the baseline's own classes.")
    ] = None,
    multiples: Annotated[
        str | None,
        typer.Option(
            help="Instead of the grid, compare the compound rule with each axis alone at these multiples of the cost:"
            " 0.5,1,2,4."
        ),
    ] = None,
    coefficients: Annotated[
        str | None,
        typer.Option(
            help="With --multiples, the compound rule's at φ = 1: depth=1.2,width=1.1,resolution=1.15, or a study of"
            " `automl grid`. Without: the paper's."
        ),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List the grid and train nothing.")] = False,
    out: Annotated[
        Path | None, typer.Option("--out", help="Folder for report.md, report.json and the figures.")
    ] = None,
    json: Json = False,
) -> None:
    """Find how to divide a cost among depth, width and resolution (α, β, γ).

    Networks that scale one of them alone are the control. The same command again trains what is
    missing.
    """
    began = time.monotonic()
    from ..blocks.errors import InputError
    from ..search.grid import adapted, base_of, enumerated, search_grid
    from ..search.scaling_rules import RulesResult, compare_scaling_rules, rule_networks
    from .grid_rules import coefficients_of, list_rules, multiples_in, show_rules

    storage = options.storage
    rules = None if multiples is None else (multiples_in(multiples), coefficients_of(coefficients, storage))
    if rules is None and coefficients is not None:
        raise InputError("--coefficients goes with --multiples: a grid finds the coefficients itself")
    if dry_run:
        base = base_of(options)
        if rules is not None:
            list_rules(rule_networks(options, *rules, base if data is None else adapted(options, base)), json=json)
            return
        found = enumerated(options, base if data is None else adapted(options, base))
        if json:
            print_json(grid_json(found))
        else:
            print_grid(found)
        return
    from ..search.grid_report import evidence, write
    from .live import view

    typed = masked_command(sys.argv[1:], storage)
    run = partial(search_grid, options) if rules is None else partial(compare_scaling_rules, options, *rules)
    with interruptible(typed, "finished trainings"), view(to_stderr=json) as listener:
        result = run(listener=listener, command=typed, began=began)
    if isinstance(result, RulesResult):
        show_rules(result, out, json=json)
        return
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
    """A grid as JSON with stable keys."""
    from ..spaces.candidates.main_costs import main_costs

    def point(one: GridPoint) -> dict[str, Any]:
        return {
            "coefficients": one.base,
            "factors": one.factors,
            "control": one.control,
            "product": one.product,
            "factor": one.factor,
            **main_costs(one.cost),
            "same": list(one.same),
        }

    low, median, high = found.true_factors
    return {
        "baseline": {"name": found.baseline.name, **main_costs(found.baseline.cost)},
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
    """Print how many triples each rule admits, why the rules differ, and the networks."""
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
        "the rules differ because repeats and maps are rounded up, widths to multiples, and stem and classifier do not"
        " grow with depth:"
    )
    for line in differences(found):
        print(f"  {line}")
    print(
        f"by the {found.rule} rule: {len(found.points):,} different networks scale several axes, {found.alone:,} one"
        " alone (the controls represent these)"
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
    """One triple that only the paper's rule admits and one that only the true rule admits, each
    with its factors after rounding."""
    from ..spaces.scaling.baseline import GREEK, in_letters
    from ..spaces.scaling.coefficient_grid import rounded

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


def print_evidence(found: GridEvidence, storage: str) -> None:
    """Print the result of the trainings, and the next command."""
    result = found.result
    counts, name = result.counts, result.study.spec.name
    print(
        f"{counts['complete']} trained fully, {counts['pruned']} stopped early, {counts['fail']} failed;"
        f" {duration(result.seconds)}"
    )
    for line in found.lines():
        print(line)
    if result.left:
        print(f"{result.left} trainings are left: the same command continues")
    if found.comparison.best is not None:
        print(
            f"next: {command('scale', '--study', name, '--phi', '0..3', storage=storage)}    the family with the best"
            " coefficients"
        )
