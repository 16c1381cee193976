"""A comparison of the rules of scaling as tables, conclusions and a page in Markdown.

Shares, such as accuracies, are shown in percent, their differences in percentage points.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..records.measure import ACCURACY, words
from ..statistics.intervals import Estimate
from ..writing.markdown_table import capital, cell, plain, sentence, table
from .phrases import estimate_text, in_points, percent, unit_of
from .rules_compared import WIDTH, AtMultiple, RulesCompared, RuleVerdict, rule_of
from .scaled_points import ScaledPoint


def accuracy_table(found: RulesCompared) -> tuple[list[str], list[list[str]]]:
    """Head and rows: one row for each rule, one column for each multiple and one for the baseline;
    in each cell the mean ± standard deviation (number of seeds)."""
    columns: list[tuple[float, AtMultiple | None]] = [(group.multiple, group) for group in found.groups]
    columns = sorted([*columns, (1.0, None)], key=lambda column: column[0])
    head = ["rule", *("baseline" if group is None else f"{multiple:g}x" for multiple, group in columns)]
    rows = []
    for rule in ("compound", *found.baseline.coefficients):
        cells = [percent(found.baseline) if group is None else _cell(group, rule) for _, group in columns]
        rows.append([rule if rule == "compound" else f"{rule} only", *cells])
    return head, rows


def _cell(group: AtMultiple, rule: str) -> str:
    found = next((one for one in group.points if rule_of(one) == rule), None)
    if found is None:
        return f"– (nearest {group.unreached[rule]:.2f}x)" if rule in group.unreached else "–"
    return percent(found)


def network_table(found: RulesCompared) -> tuple[list[str], list[list[str]]]:
    """Head and rows: every network with its coefficients, costs and accuracy."""
    head = ["multiple", "rule", *found.baseline.coefficients]
    head += ["MACs", "true factor", "off", "parameters", words(found.metric), "id"]
    rows = [_network(1.0, found.baseline)]
    rows += [_network(group.multiple, one) for group in found.groups for one in group.points]
    return head, rows


def _network(multiple: float, one: ScaledPoint) -> list[str]:
    return [
        f"{multiple:g}",
        rule_of(one),
        *(f"{value:.4g}" for value in one.coefficients.values()),
        f"{one.macs:,}",
        f"{one.factor:.3f}",
        f"{100 * (one.factor / multiple - 1):+.1f} %",
        f"{one.params:,}",
        percent(one),
        one.id[:8],
    ]


def rule_conclusions(found: RulesCompared) -> list[str]:
    """The conclusions as sentences, each with its interval or its limit."""
    lines = [_counted(found.verdicts)]
    for group, verdict in zip(found.groups, found.verdicts, strict=True):
        lines.append(f"At {group.multiple:g} times the cost {verdict.verdict}.")
        for rule, factor in group.unreached.items():
            name = "Compound" if rule == "compound" else f"{rule.capitalize()} only"
            lines.append(
                f"{name} reaches no network of {group.multiple:g} times the cost; its nearest has {factor:.2f} times."
            )
        lines += _below(verdict, found.level, found.metric)
    off = max((abs(one.factor / group.multiple - 1) for group in found.groups for one in group.points), default=0.0)
    lines.append(f"Costs are true MACs: the networks of a multiple differ from it by {100 * off:.1f} % at most.")
    if found.noise.sd is not None:
        spread = f"{in_points(found.noise.sd, metric=found.metric)} {unit_of(found.metric)}"
        lines.append(
            f"One training has a standard deviation of {spread}, pooled over all networks"
            f" ({found.noise.df} degrees of freedom). Each interval has a level of {100 * found.level:.4g} % by itself,"
            " so that of many intervals one or another misses the truth."
        )
    if len(found.seeds) < 5:
        lines.append(f"{len(found.seeds)} seeds can show large differences only.")
    return lines


def _counted(verdicts: Sequence[RuleVerdict]) -> str:
    """How often the compound rule wins, loses and neither."""
    known = [one.margin.interval for one in verdicts if one.margin is not None and one.margin.interval is not None]
    better = sum(interval.low > 0 for interval in known if not interval.holds_zero)
    worse = sum(interval.high < 0 for interval in known if not interval.holds_zero)
    several = f"{len(verdicts)} multiples" if len(verdicts) > 1 else "1 multiple"
    return (
        f"Of {several} of the baseline's cost, compound scaling is better than the best single axis at {better}, worse"
        f" at {worse}, and no difference can be shown at {len(verdicts) - better - worse}."
    )


def _below(verdict: RuleVerdict, level: float, metric: str = ACCURACY) -> list[str]:
    """What a multiple below 1 says about TinyNet's finding."""
    shrunk = verdict.shrunk_width
    if not shrunk:
        return []
    told = ", minus ".join(
        f"that of {axis} only is {estimate_text(one, level, metric)}" for axis, one in shrunk.items()
    )
    intervals = [one.interval for one in shrunk.values() if one.interval is not None]
    if any(one.high < 0 and not one.holds_zero for one in intervals):
        says = "is not what these trainings show"
    elif len(intervals) == len(shrunk) and all(one.low > 0 and not one.holds_zero for one in intervals):
        says = "shows here"
    else:
        says = "can neither be shown nor be ruled out here"
    return [
        f"That resolution and depth matter more than width below the baseline (TinyNet, arXiv:2010.14819) {says}: at"
        f" {verdict.multiple:g} times the cost the {words(metric)} of {WIDTH} only minus {told}."
    ]


def rules_markdown(found: RulesCompared, *, facts: Mapping[str, str], figures: Sequence[tuple[str, str]]) -> str:
    """The comparison as a page in Markdown; `facts` are the rows of the first table, `figures`
    pairs of caption and path."""
    head, rows = accuracy_table(found)
    parts = [
        "# Rules of scaling compared at equal cost",
        f"**{sentence(_counted(found.verdicts))}**",
        table(["", ""], [[name, plain(value)] for name, value in facts.items()]) if facts else "",
        f"## {capital(words(found.metric))}",
        table(head, rows, left=1),
        (
            f"Validation {words(found.metric)}, mean ± standard deviation over the seeds (n - 1). *Compound*: all axes"
            " by the coefficients to the power of φ, negative below the baseline. *Only*: one axis alone."
        ),
        *(f"![{cell(caption)}]({path})" for caption, path in figures),
        "## Reading",
        "\n".join(f"- {line}" for line in rule_conclusions(found)[1:]),
        "## Compound against each axis",
        _differences(found),
        "## Networks",
        table(*network_table(found)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _differences(found: RulesCompared) -> str:
    axes = list(found.baseline.coefficients)
    rows = [
        [
            f"{verdict.multiple:g}",
            *(_estimate(verdict.differences.get(axis), found.level, found.metric) for axis in axes),
            _estimate(verdict.margin, found.level, found.metric),
        ]
        for verdict in found.verdicts
    ]
    return table(["multiple", *(f"over {axis} only" for axis in axes), "over the best axis, on left-out seeds"], rows)


def _estimate(one: Estimate | None, level: float, metric: str) -> str:
    return "–" if one is None else estimate_text(one, level, metric)
