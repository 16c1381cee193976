"""`automl grid --multiples`: the rules of scaling compared at several costs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from .output import CONVENTION, print_json
from .printed_tables import pixels, print_table
from .text import duration, parse_multiple

if TYPE_CHECKING:
    from ..search.scaling_rules import RuleNetworks, RulesResult


def multiples_in(text: str) -> list[float]:
    """[0.5, 1, 2] from "0.5,1,2" or "0.5x,1x,2x".

    Raises:
        InputError: one of them is no number.
    """
    return [parse_multiple("--multiples", part) for part in text.split(",")]


def coefficients_of(text: str | None, storage: str) -> dict[str, float] | None:
    """The coefficients of the compound rule at φ = 1: given as depth=1.2,width=1.1, or the best of
    a grid's study; None without a text.

    Raises:
        InputError: neither of the two.
    """
    if text is None:
        return None
    if "=" in text:
        from .scale import coefficients_in

        return coefficients_in(text)
    from ..search.grid import best_of

    return best_of(text, storage)[1]


def list_rules(found: RuleNetworks, *, json: bool) -> None:
    """Print the networks of every rule and train nothing."""
    if json:
        print_json(found.to_dict())
    else:
        print_networks(found)


def show_rules(result: RulesResult, out: Path | None, *, json: bool) -> None:
    """Write the report if a folder is given, and print the result."""
    files = [] if out is None else result.write(out)
    if json:
        print_json({**result.to_dict(), "seconds": result.seconds})
        return
    from ..studies.records.measure import words
    from ..studies.scaling import accuracy_table, rule_conclusions

    print_networks(result.networks)
    counts = result.trained.study.counts()
    print(f"{counts['complete']} trained fully, {counts['fail']} failed; {duration(result.seconds)}")
    print_table(f"validation {words(result.compared.metric)}, mean ± sd (seeds)", *accuracy_table(result.compared))
    for line in rule_conclusions(result.compared):
        print(line)
    if result.trained.left:
        print(f"{result.trained.left} trainings are left: the same command continues")
    for file in files:
        print(f"written: {file}")


def print_networks(found: RuleNetworks) -> None:
    """Print the network of every rule at every multiple, with its true cost."""
    from ..spaces import human
    from ..spaces.scaling.baseline import in_letters

    base = found.baseline
    print(f"baseline {base.name}: {human(base.cost.macs)}FLOPs, {human(base.cost.params)} params; {CONVENTION}")
    print(f"compound rule: {in_letters(found.coefficients)} to the power of φ")
    axes, within = list(found.coefficients), f"within {100 * found.tolerance:.3g} %"
    print_table(
        f"networks of each rule, nearest to the cost ({CONVENTION})",
        ["rule", "multiple", "φ", "/".join(axes), "px", "FLOPs", "factor", "off", "params", within],
        [
            [
                one.rule if one.phi is not None else f"{one.rule} only",
                f"{one.multiple:g}x",
                "" if one.phi is None else f"{one.phi:.4g}",
                "/".join(f"{one.factors[axis]:.4g}" for axis in axes),
                pixels(one.candidate.image),
                human(one.cost.macs),
                f"{one.factor:.3f}",
                f"{100 * (one.factor / one.multiple - 1):+.1f} %",
                human(one.cost.params),
                "yes" if one.reached(found.tolerance) else "no",
            ]
            for one in found.networks
        ],
    )
