"""The tables and the figure of `search.py`."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
from cost import machine
from search_figures import means, spreads
from search_problems import Problem, Vector, problem
from search_runs import MARKS, RIVALS, SHOWN, WORDS, gathered, hypervolumes, regrets, significance

RESULTS = Path(__file__).resolve().parent / "results"


def of_budget(
    one: Problem, name: str, place: int, seeds: int, cache: Path
) -> dict[str, dict[int, tuple[Vector, Vector]]]:
    """Sampler → seed → regret of the best evaluated and of the incumbent, at every mark; NaN beyond
    a run's end."""
    found: dict[str, dict[int, tuple[Vector, Vector]]] = {}
    for sampler in WORDS:
        for seed, ran in enumerate(gathered(sampler, name, place, seeds, cache)):
            if ran is not None:
                both = regrets(one, one.budgets[place], ran)
                at = tuple(
                    np.array([values[mark - 1] if len(values) >= mark else np.nan for mark in MARKS]) for values in both
                )
                found.setdefault(sampler, {})[seed] = at  # type: ignore[assignment]
    return found


def of_front(one: Problem, name: str, seeds: int, cache: Path) -> dict[str, dict[int, tuple[Vector, Vector]]]:
    """Likewise, what is left of the hypervolume (1 − share), twice."""
    found: dict[str, dict[int, tuple[Vector, Vector]]] = {}
    for sampler in WORDS:
        for seed, ran in enumerate(gathered(sampler, name, -1, seeds, cache)):
            if ran is not None:
                share = hypervolumes(one, ran)
                found.setdefault(sampler, {})[seed] = (1 - share, 1 - share)
    return found


def table(found: dict[str, dict[int, tuple[Vector, Vector]]], *, front: bool) -> list[str]:
    """A row a sampler: means at every mark, and how it compares with the predictor after 30 and 60
    evaluations."""
    rng = np.random.default_rng(0)
    what = "hypervolume" if front else "regret"
    head = [
        f"| sampler | seeds | {' | '.join(f'{what} {mark}' for mark in MARKS)} |",
        f"|---|---:|{'---:|' * len(MARKS)}",
    ]
    head = [
        f"{line}{more}"
        for line, more in zip(
            head, (" incumbent 30 | 60 |" if not front else "", "---:|---:|" if not front else ""), strict=True
        )
    ]
    head = [f"{line}{more}" for line, more in zip(head, (" apart from ours at 30 | at 60 |", "---|---|"), strict=True)]
    lines = []
    ours = found.get("predictor", {})
    for sampler, runs in found.items():
        values = np.stack([pair[0] for pair in runs.values()])
        later = np.stack([pair[1] for pair in runs.values()])
        mean = 1 - values.mean(0) if front else values.mean(0)
        cells = [WORDS[sampler], str(len(runs)), *("–" if np.isnan(value) else f"{value:.3f}" for value in mean)]
        if not front:
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
    return [*head, *lines, ""]


def verdict(found: dict[str, dict[int, tuple[Vector, Vector]]]) -> str:
    """The goal, and whether it is met: a third of the best rival's regret."""
    words = []
    for place in SHOWN:
        means = {
            name: float(np.stack([pair[0] for pair in runs.values()])[:, place].mean()) for name, runs in found.items()
        }
        rivals = {name: means[name] for name in RIVALS if name in means and not np.isnan(means[name])}
        if "predictor" in means and rivals:
            best = min(rivals, key=lambda name: rivals[name])
            share = means["predictor"] / max(rivals[best], 1e-12)
            words.append(
                f"after {MARKS[place]}: {means['predictor']:.3f}, {share:.2f} of the best other's ({WORDS[best]},"
                f" {rivals[best]:.3f})"
            )
    return "; ".join(words) + "."


def ratios(problems: list[str], seeds: int, cache: Path) -> list[str]:
    """The regret of the predictor relative to that of the best rival, for every problem and on the
    average; a hundredth of a point is added to both, so that two that are 0 are equal."""
    lines = [
        "| problem | after 30: ours | best rival | ratio | after 60: ours | best rival | ratio |",
        "|---|---:|---|---:|---:|---|---:|",
    ]
    every: dict[int, list[float]] = {place: [] for place in SHOWN}
    for name in problems:
        one = problem(name)
        for place in range(len(one.budgets)):
            found = of_budget(one, name, place, seeds, cache)
            average = {key: np.stack([pair[0] for pair in runs.values()]).mean(0) for key, runs in found.items()}
            if "predictor" not in average or not set(average) & set(RIVALS):
                continue
            cells = [f"{name}, {one.budgets[place]:.4g}"]
            for at in SHOWN:
                rivals = {
                    key: float(mean[at]) for key, mean in average.items() if key in RIVALS and not np.isnan(mean[at])
                }
                best, ours = min(rivals, key=lambda key: rivals[key]), float(average["predictor"][at])
                every[at].append((ours + 0.01) / (rivals[best] + 0.01))
                cells += [f"{ours:.3f}", f"{rivals[best]:.3f} ({WORDS[best]})", f"{every[at][-1]:.2f}"]
            lines.append(f"| {' | '.join(cells)} |")
    if len(lines) > 2:
        mean = [f"{np.mean(every[at]):.2f}" for at in SHOWN]
        lines.append(f"| mean of {len(lines) - 2} |  |  | {mean[0]} |  |  | {mean[1]} |")
    return [*lines, ""]


def rows(problems: list[str], seeds: int, cache: Path) -> str:
    """Regret of every run at every mark, as CSV."""
    lines = [f"problem,budget,sampler,seed,{','.join(f'regret{mark}' for mark in MARKS)}"]
    for name in problems:
        one = problem(name)
        for place, budget in enumerate(one.budgets):
            for sampler, runs in of_budget(one, name, place, seeds, cache).items():
                for seed, (values, _) in runs.items():
                    cells = ["" if np.isnan(value) else f"{value:.4f}" for value in values]
                    lines.append(f"{name},{budget:.6g},{sampler},{seed},{','.join(cells)}")
    return "\n".join(lines) + "\n"


NOTE = """\
Regret: the best true (mean) accuracy within the budget, less the best true accuracy among those evaluated, in per \
cent points; "incumbent" is that of the
network whose own noisy observation is highest. Hypervolume: of the true accuracies and costs of what was evaluated, \
as a share of that of all the problem's
settings, from the accuracy that a tenth is below and the highest cost. Observations are those of one seed. "Apart \
from ours" is the mean paired
difference in favour of the predictor with its 95 % interval (bootstrap over seeds): significant where it lies above \
0. Every row says how many seeds it has;
the Gaussian process is run for 60 evaluations. CMA-ES takes no categorical parameters (and is left out). Generated \
problems whose number is 100 or more are held
out: no sampler was tuned on them."""


def report(problems: list[str], seeds: int, cache: Path, *, write: str | None) -> str:
    """Everything there is in `cache`; kept in benchmarks/results/ under the name `write`."""
    lines = ["# How samplers spend evaluations", ""]
    lines += [
        f"`uv run python benchmarks/search.py --write`, {date.today()}, {machine('optuna', 'scipy')}.",
        "",
        NOTE,
        "",
    ]
    lines += ["## The predictor relative to the best rival", "", *ratios(problems, seeds, cache)]
    curves: list[tuple[str, dict]] = []
    for name in problems:
        one = problem(name)
        lines += [f"## {name}: {one.words}", ""]
        for place, budget in enumerate(one.budgets):
            found = of_budget(one, name, place, seeds, cache)
            if found:
                title = f"{name}, budget {budget / 1e6:g} MMACs" if budget > 1e6 else f"{name}, budget {budget:.4g}"
                lines += [f"### {title}", "", *table(found, front=False), verdict(found), ""]
                curves.append((title, found))
        found = of_front(one, name, seeds, cache)
        if found:
            lines += [f"### {name}, the front", "", *table(found, front=True)]
            curves.append((f"{name}, front (1 − hypervolume)", found))
    text = "\n".join(lines)
    if write:
        (RESULTS / f"{write}.md").write_text(text)
        (RESULTS / f"{write}_rows.csv").write_text(rows(problems, seeds, cache))
        means(curves, RESULTS / f"{write}.svg")
        spreads(curves, RESULTS / f"{write}_seeds.svg")
    return text
