"""Formats the evidence of a study as a page in Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from ...spaces.metrics import metrics
from ..records.measure import ACCURACY, SCORE, words
from ..trained.measures_page import measures_section
from ..writing.markdown_table import plain, table
from .certificate_text import OUTDATED, certificate_text, selection_text
from .numbers import Numbers
from .summary import Evidence
from .terminal import (
    chosen_text,
    random_lines,
    rung_lines,
    saving_lines,
    seed_lines,
    surrogate_text,
    time,
    verdict_text,
)
from .verification_text import verification_parts

COUNTS = {"macs": "MACs", "params": "Parameters"}
"""The cost metrics that are written with all digits, and the heads of their columns."""


def report_markdown(found: Evidence, *, figures: Sequence[tuple[str, str]] = ()) -> str:
    """The report as a page in Markdown; `figures` are pairs of caption and path."""
    numbers = Numbers(found.measure)
    verdict = verdict_text(found)
    parts = [
        f"# {plain(found.study)}: what the search shows",
        f"**{verdict[:1].upper()}{verdict[1:]}.**",
        table(["", ""], [[name, plain(value)] for name, value in found.facts.items()]),
        f"Network chosen: {chosen_text(found)}. Validation data chose it; its test accuracy had no part in the search.",
        *(f"![{caption}]({path})" for caption, path in figures),
        *([] if found.measures is None else [measures_section(found.measures, usage=False).strip()]),
        "## Front",
        _front(found, numbers),
        *_references(found),
        "## Against random search of the same price",
        _listed(random_lines(found, numbers)),
        _random_note(found),
        "## Rungs",
        _listed(rung_lines(found.rungs)),
        "## Surrogate",
        surrogate_text(found) + ".",
        "## Seeds",
        _listed(seed_lines(found)),
        "## Spent and avoided",
        _spent(found),
        _listed(saving_lines(found)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _front(found: Evidence, numbers: Numbers) -> str:
    if not found.front:
        return "No training has come to its end."
    from ...spaces.values.parameters import in_words

    means = {one.id: one for one in found.seeds.networks}
    rows = [
        [
            f"`{point.id[:12]}`",
            plain(in_words(point.evaluation.settings)),
            *(_cost(axis, point.candidate.cost(axis)) for axis in found.axes),
            numbers.value(point.accuracy),
            Numbers(found.quality).mean(means[point.id]) if point.id in means else "-",
        ]
        for point in found.front
    ]
    trained = "One seed in the search, where the highest of many is flattered by luck"
    luck = "Scores of networks that have not been trained" if found.measure == SCORE else trained
    what = "accuracies" if found.quality == ACCURACY else words(found.quality)
    note = f"{luck}; *confirmed*: {what} of final trainings, mean ± standard deviation over the seeds."
    return (
        table(["Candidate", "Settings", *map(_head, found.axes), _first(words(found.measure)), "Confirmed"], rows)
        + f"\n\n{note}"
    )


def _head(axis: str) -> str:
    return _first(COUNTS.get(axis) or metrics.get(axis).head)


def _first(text: str) -> str:
    """`text` with a capital letter."""
    return text[:1].upper() + text[1:]


def _cost(axis: str, cost: float) -> str:
    return f"{cost:,}" if axis in COUNTS else metrics.get(axis).text(cost)


def _references(found: Evidence) -> list[str]:
    """The section on references; none if the search tried none and has not been verified."""
    references = found.references
    if not references.tried and references.verification is None:
        return []
    value = Numbers(found.quality).value
    rows = [
        [plain(one.words), f"`{one.id[:12]}`", f"{one.macs:,}", value(one.accuracy), one.state.lower()]
        for one in references.tried
    ]
    outdated = OUTDATED if references.outdated else ""
    said = [line for line in (certificate_text(references), selection_text(references), outdated) if line]
    verified = references.verification
    head = ["Reference", "Candidate", "MACs", f"{_first(words(found.quality))} in the search", "Ended as"]
    return [
        "## Against published networks of the same price",
        _listed(said),
        *([] if verified is None else verification_parts(verified)),
        *([table(head, rows, left=2)] if rows else []),
    ]


def _random_note(found: Evidence) -> str:
    if found.baseline.expected is None:
        return ""
    sides = "Both sides are scores of one seed."
    if found.measure != SCORE:
        what = "accuracies" if found.measure == ACCURACY else f"values of {words(found.measure)}"
        stopped = "a random network that was stopped is a draw that cost what it cost and is never the best."
        sides = f"Both sides are {what} of one seed, with early stopping: {stopped}"
    return (
        f"{sides} Beyond the random part the expectation is an extrapolation (the number of better networks by order"
        " statistics, their excess by a generalised Pareto distribution fitted to all networks of the study above the"
        " threshold); its interval holds the luck of random search."
    )


def _spent(found: Evidence) -> str:
    spent = found.savings
    rows = [
        [name, str(count), str(spent.epochs[name]), time(spent.seconds[name])]
        for name, count in spent.evaluations.items()
        if count
    ]
    return table(["Ended as", "Evaluations", "Epochs", "Time"], rows, left=1) if rows else ""


def _listed(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" if not line.startswith("- ") else line for line in lines)
