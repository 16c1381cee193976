"""The commands `automl space check`, `describe` and `sample`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from .histogram import bars
from .options import BudgetTexts, ImageSize, Json
from .output import CONVENTION, print_json
from .printed_tables import print_table

SpaceFile = Annotated[str, typer.Argument(metavar="SPACE", help="A space that comes with automl, or a YAML file.")]


def add_to(app: typer.Typer) -> None:
    """Register the command group `space`."""
    group = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Look at a space before any training.")
    group.command("check")(check)
    group.command("describe")(describe)
    group.command("sample")(sample)
    app.add_typer(group, name="space")


def check(space: SpaceFile, json: Json = False) -> None:
    """Read a space file and count the settings that build a network."""
    from ..spaces.surveys.preview import check_space

    found = check_space(space)
    if json:
        print_json(found.to_dict())
        return
    distinct = "" if found.distinct is None else f", {found.distinct:,} different networks"
    print(
        f"{found.space}: good; {found.settings:,} settings{distinct}; {found.excluded:,} of {found.examined:,} examined"
        " are excluded"
    )
    seen = sum(found.reasons.values())
    for reason, count in found.reasons.items():
        print(f"  {count:,} of {seen:,} excluded settings: {reason}")


def describe(space: SpaceFile, budget: BudgetTexts = None, image_size: ImageSize = None, json: Json = False) -> None:
    """Show a space's size, its cost range and the share within a budget."""
    from ..spaces import human
    from ..spaces.surveys.preview import describe_space

    found = describe_space(space, budget=budget or (), image_size=image_size)
    if json:
        print_json(found.to_dict())
        return
    for line in found.lines:
        print(line)
    bounds, counted = found.budget.bounds, found.histogram
    top = bounds[0].high if bounds and bounds[0].metric == "macs" else None
    beyond = "" if top is None else "; those beyond the budget are marked x"
    print(f"FLOPs of {len(found.census.macs):,} settings{beyond}")
    for one, bar in zip(counted, bars([one.count for one in counted]), strict=True):
        mark = "x" if top is not None and one.low > top else " "
        print(f"{human(one.low):>6}..{human(one.high):<6} {mark} {bar} {one.count:,}")
    table = [
        [p.name, _values(p.values), _remaining(p.values, found.feasible_values[p.name]), _when(p.when)]
        for p in found.space.parameters
    ]
    print_table("dimensions", ["parameter", "values", "within the budget", "when"], table)


def _remaining(values: Any, kept: Any) -> str:
    if len(kept) == len(values):
        return "all"
    return _values(kept) or "none"


def _values(values: Any) -> str:
    shown = [str(value) for value in values]
    return ", ".join(shown) if len(shown) <= 10 else f"{', '.join(shown[:4])}, …, {shown[-1]} ({len(shown)})"


def _when(when: Any) -> str:
    return " and ".join(f"{name} in {', '.join(map(str, values))}" for name, values in when) or "always"


def sample(
    space: SpaceFile,
    budget: BudgetTexts = None,
    count: Annotated[int, typer.Option("--count", "-n", min=1, max=10_000, help="How many candidates.")] = 5,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the draw.")] = 0,
    aim: Annotated[
        float,
        typer.Option(
            min=0, max=1, help="Draw only networks that cost at least this share of the budget's upper bound."
        ),
    ] = 0.0,
    image_size: ImageSize = None,
    json: Json = False,
) -> None:
    """Draw candidates within a budget, each network equally likely, with their cost."""
    from ..spaces import human, load_space
    from ..spaces.surveys.preview import sample_space
    from ..spaces.values.parameters import in_words

    loaded = load_space(space)
    drawn = sample_space(loaded, budget=budget or (), count=count, seed=seed, aim=aim, image_size=image_size)
    if json:
        print_json([one.to_dict() for one in drawn])
        return
    rows = [
        [one.candidate.id[:12], human(one.cost.macs), human(one.cost.params), in_words(one.settings)] for one in drawn
    ]
    fewer = f", all {len(rows):,} that were found" if len(rows) < count else ""
    print_table(f"drawn from {loaded.name} ({CONVENTION}){fewer}", ["candidate", "FLOPs", "params", "settings"], rows)
