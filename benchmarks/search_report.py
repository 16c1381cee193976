"""The page and the figures of `search.py`, from the rows of its runs."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
from cost import machine
from search_figures import means, spreads
from search_parts import Part
from search_problems import Vector, problem
from search_rows import Rows
from search_runs import MARKS, RIVALS, SHOWN, WORDS, significance

RESULTS = Path(__file__).resolve().parent / "results"
Found = dict[str, dict[int, tuple[Vector, Vector]]]
"""Sampler -> seed -> two measures at every mark, NaN beyond a run's end: regret of the best
evaluated and of the incumbent, or, for a front, what is left of the hypervolume, twice."""
LITTLE = 0.01
"""Percentage points that are added to two regrets before they are divided: two that are 0 are
equal."""


def of(part: Part, name: str, place: int, rows: Rows) -> Found:
    """What there is of one budget of one problem."""
    found: Found = {}
    for sampler in WORDS:
        for seed in range(part.first, part.first + part.seeds):
            row = rows.find(name, place, sampler, seed) if sampler in part.samplers else None
            if row is not None and place < 0:
                left = 1 - _padded(row["hypervolume"])
                found.setdefault(sampler, {})[seed] = left, left
            elif row is not None:
                found.setdefault(sampler, {})[seed] = _padded(row["regret"]), _padded(row["incumbent"])
    return found


def _padded(values: list[float]) -> Vector:
    return np.array([*values, *[np.nan] * (len(MARKS) - len(values))])


def average(found: Found) -> dict[str, Vector]:
    """Sampler -> mean of the first measure at every mark."""
    return {sampler: np.stack([pair[0] for pair in runs.values()]).mean(0) for sampler, runs in found.items()}


def table(found: Found, *, front: bool) -> list[str]:
    """A row a sampler: means at every mark, and how it compares with the predictor after 30 and 60
    evaluations."""
    rng = np.random.default_rng(0)
    what = "hypervolume" if front else "regret"
    marks = [
        place for place, _ in enumerate(MARKS) if any(not np.isnan(mean[place]) for mean in average(found).values())
    ]
    head = ["sampler", "seeds", *(f"{what} {MARKS[place]}" for place in marks)]
    head += [] if front else ["95 % of seeds below, 30", "60", "incumbent 30", "60"]
    head += ["apart from ours at 30", "at 60"]
    lines = [f"| {' | '.join(head)} |", f"|---|{'---:|' * (len(head) - 3)}---|---|"]
    ours = found.get("predictor", {})
    for sampler, runs in found.items():
        values = np.stack([pair[0] for pair in runs.values()])
        later = np.stack([pair[1] for pair in runs.values()])
        mean = 1 - values.mean(0) if front else values.mean(0)
        cells = [WORDS[sampler], str(len(runs)), *("–" if np.isnan(mean[at]) else f"{mean[at]:.3f}" for at in marks)]
        if not front:
            cells += [f"{np.quantile(values[:, place], 0.95):.3f}" for place in SHOWN]
            cells += [f"{later[:, place].mean():.3f}" for place in SHOWN]
        for place in SHOWN:
            both = sorted(set(runs) & set(ours))
            if sampler == "predictor" or len(both) < 3:
                cells.append("")
                continue
            middle, low, high = significance(
                np.array([ours[s][0][place] for s in both]), np.array([runs[s][0][place] for s in both]), rng
            )
            cells.append(f"{middle:+.3f} ({low:+.3f} to {high:+.3f})")
        lines.append(f"| {' | '.join(cells)} |")
    return [*lines, ""]


def ratios(part: Part, rows: Rows) -> list[str]:
    """The regret of the predictor relative to that of the best rival, for every problem and on the
    average."""
    lines = [
        "| problem | seeds | after 30: ours | best rival | ratio | after 60: ours | best rival | ratio |",
        "|---|---:|---:|---|---:|---:|---|---:|",
    ]
    every: dict[int, list[float]] = {place: [] for place in SHOWN}
    for name in part.problems:
        for place in part.places(name):
            found = of(part, name, place, rows)
            mean = average(found)
            if "predictor" not in mean or not set(mean) & set(RIVALS):
                continue
            cells = [f"{name}, {problem(name).budgets[place]:.4g}", str(len(found["predictor"]))]
            for at in SHOWN:
                rivals = {key: float(value[at]) for key, value in mean.items() if key in RIVALS}
                best, ours = min(rivals, key=lambda key: rivals[key]), float(mean["predictor"][at])
                every[at].append((ours + LITTLE) / (rivals[best] + LITTLE))
                cells += [f"{ours:.3f}", f"{rivals[best]:.3f} ({WORDS[best]})", f"{every[at][-1]:.2f}"]
            lines.append(f"| {' | '.join(cells)} |")
    if len(lines) == 2:
        return ["No runs yet.", ""]
    for words, middle in (("mean", np.mean), ("geometric mean", lambda values: np.exp(np.mean(np.log(values))))):
        shown = [f"{middle(every[at]):.2f}" for at in SHOWN]
        lines.append(f"| {words} of {len(every[SHOWN[0]])} |  |  |  | {shown[0]} |  |  | {shown[1]} |")
    return [*lines, "", GOAL, ""]


GOAL = "Asked for: a mean of at most 0.5 after 30 and 0.4 after 60, and no problem above 1.0."
NOTE = f"""\
Regret: the best true (mean) accuracy within the budget, less the best true accuracy among those evaluated, in \
percentage points; "incumbent" is that of the network whose own noisy observation is highest. Hypervolume: of the true \
accuracies and costs of what was evaluated, as a share of that of all the problem's settings, from the accuracy that a \
tenth is below and the highest cost. Observations are those of one seed. "Apart from ours" is the mean paired \
difference in favour of the predictor with its 95 % interval (bootstrap over seeds): significant where it lies above \
0. In a ratio, {LITTLE} points are added to both regrets. The best rival is chosen after the runs, for each mark by \
itself, which favours it, the more so the fewer seeds there are. Every row of every run is in `search_rows.jsonl`.

**Development and held out.** The predictor was developed on the generated problems of seeds below 100 only (see \
`search_generated.py`), with seeds of runs below 100. All other parts were run with seeds from 100 on, after the \
sampler was finished; a part without a run is not shown. What was tried in development is in \
[search_ablation.md](search_ablation.md); an older page with Optuna's samplers on more problems is \
[search_optuna.md](search_optuna.md)."""


def report(parts: list[Part], rows: Rows) -> str:
    """The page of all the runs there are."""
    lines = ["# How samplers spend evaluations", ""]
    lines += [
        f"`uv run python benchmarks/search.py --write`, {date.today()}, {machine('optuna', 'scipy')}.",
        "",
        NOTE,
        "",
    ]
    for part in parts:
        if _found([part], rows):
            lines += [f"## {part.title}", "", part.words, "", *([] if part.front else ratios(part, rows))]
    lines += ["## Every problem", ""]
    for name, place, found, front in _found(parts, rows):
        lines += [f"### {_title(name, place)}: {problem(name).words}", "", *table(found, front=front)]
    return "\n".join(lines)


def write(parts: list[Part], rows: Rows) -> None:
    """Make the page and the figures."""
    (RESULTS / "search.md").write_text(report(parts, rows))
    shown = [(_title(name, place), found) for name, place, found, _ in _found(parts, rows)]
    means(shown, RESULTS / "search.svg")
    spreads(shown, RESULTS / "search_seeds.svg")


def _found(parts: list[Part], rows: Rows) -> list[tuple[str, int, Found, bool]]:
    """Problem, place of its budget, the runs that there are, and whether a front was searched."""
    every = [(part, name, place) for part in parts for name in part.problems for place in part.places(name)]
    return [(name, place, found, part.front) for part, name, place in every if (found := of(part, name, place, rows))]


def _title(name: str, place: int) -> str:
    budget = 0.0 if place < 0 else problem(name).budgets[place]
    if place < 0:
        return f"{name}, the front"
    return f"{name}, budget {budget / 1e6:g} MMACs" if budget > 1e6 else f"{name}, budget {budget:.4g}"
