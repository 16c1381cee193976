"""The commands `automl space check`, `describe` and `sample`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from .histogram import histogram
from .options import BudgetTexts, ImageSize, Json
from .output import CONVENTION, cost_json, print_json
from .printed_tables import print_table

if TYPE_CHECKING:
    from ..spaces import Census, Space

SpaceFile = Annotated[str, typer.Argument(metavar="SPACE", help="A space that comes with automl, or a YAML file.")]


def add_to(app: typer.Typer) -> None:
    """Register the command group `space`."""
    group = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Look at a space before any training.")
    group.command("check")(check)
    group.command("describe")(describe)
    group.command("sample")(sample)
    app.add_typer(group, name="space")


def _census(space: str, budget: list[str] | None, image_size: int | None) -> tuple[Space, Any, Census]:
    from ..spaces import Budget, census, load_space, parse_budget

    loaded = load_space(space).adapted(image_size=image_size)
    bounds = parse_budget(budget) if budget else Budget()
    return loaded, bounds, census(loaded, bounds)


def check(space: SpaceFile, json: Json = False) -> None:
    """Read a space file and count the settings that build a network."""
    from ..spaces import exclusions

    loaded, _, found = _census(space, None, None)
    excluded = found.examined - found.valid
    reasons = exclusions(loaded, found.excluded)
    if json:
        counts = {
            "settings": found.size,
            "distinct": found.distinct,
            "examined": found.examined,
            "valid": found.valid,
            "excluded": excluded,
        }
        print_json({"space": loaded.name, "exact": found.exact, **counts, "reasons": reasons})
        return
    distinct = "" if found.distinct is None else f", {found.distinct:,} different networks"
    print(
        f"{loaded.name}: good; {found.size:,} settings{distinct}; {excluded:,} of {found.examined:,} examined are"
        " excluded"
    )
    for reason, count in reasons.items():
        print(f"  {count:,} of {len(found.excluded):,} excluded settings: {reason}")


def describe(space: SpaceFile, budget: BudgetTexts = None, image_size: ImageSize = None, json: Json = False) -> None:
    """Show a space's size, its cost range and the share within a budget."""
    import numpy as np

    from ..search import describe as lines
    from ..spaces import feasible_values, human

    loaded, bounds, found = _census(space, budget, image_size)
    deciles = [int(value) for value in np.quantile(found.macs, np.linspace(0, 1, 11))]
    bars = histogram(found.macs.tolist())
    remaining = feasible_values(loaded, bounds, found)
    if json:
        print_json(
            {
                "space": loaded.name,
                "settings": found.size,
                "distinct": found.distinct,
                "exact": found.exact,
                "examined": found.examined,
                "valid": found.valid,
                "budget": str(bounds),
                "feasible": found.feasible,
                "share": found.share,
                "cheapest": {**cost_json(found.cheapest.cost), "settings": found.cheapest.settings},
                "costliest": {**cost_json(found.costliest.cost), "settings": found.costliest.settings},
                "macs_deciles": deciles,
                "macs_histogram": [{"from": int(low), "to": int(high), "count": count} for low, high, count, _ in bars],
                "dimensions": {p.name: list(p.values) for p in loaded.parameters},
                "feasible_values": remaining,
            }
        )
        return
    for line in lines(loaded, bounds, found):
        print(line)
    top = bounds.bounds[0].high if bounds.bounds and bounds.bounds[0].metric == "macs" else None
    print(f"FLOPs of {len(found.macs):,} settings" + ("" if top is None else "; those beyond the budget are marked x"))
    for low, high, count, bar in bars:
        print(f"{human(low):>6}..{human(high):<6} {'x' if top is not None and low > top else ' '} {bar} {count:,}")
    table = [
        [p.name, _values(p.values), _remaining(p.values, remaining[p.name]), _when(p.when)] for p in loaded.parameters
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
    from itertools import islice

    import numpy as np

    from ..blocks.errors import InputError
    from ..spaces import human, require_feasible
    from ..spaces.bulk import settings
    from ..spaces.distinct import feasible
    from ..spaces.parameters import in_words

    loaded, bounds, found = _census(space, budget, image_size)
    require_feasible(found, loaded, bounds)
    drawing = feasible(loaded, bounds, np.random.default_rng(seed), aim=aim)
    chosen = [settings(loaded, row) for row in islice((row for rows in drawing for row in rows), count)]
    if not chosen:
        raise InputError(
            f"no network was found that costs at least {aim} of the budget {bounds}; a smaller --aim admits more"
        )
    drawn = [(loaded.candidate(one), one) for one in chosen]
    if json:
        print_json([{"id": c.id, **cost_json(c.cost()), "settings": one, "candidate": c.to_dict()} for c, one in drawn])
        return
    rows = [[c.id[:12], human(c.cost().macs), human(c.cost().params), in_words(one)] for c, one in drawn]
    fewer = f", all {len(rows):,} that were found" if len(rows) < count else ""
    print_table(f"drawn from {loaded.name} ({CONVENTION}){fewer}", ["candidate", "FLOPs", "params", "settings"], rows)
