"""Formats the evidence of a study in lines for a terminal."""

from __future__ import annotations

from collections.abc import Iterable

from ...spaces.metrics import metrics
from ..records.measure import ACCURACY, SCORE, words
from .certificate_text import certificate_lines, certificate_text
from .numbers import Numbers
from .random_baseline import UNKNOWN, Baseline
from .rung_correlations import Correlation
from .savings import Savings
from .summary import Evidence, rank_correlation

GRID = "a grid of compound scaling: its evidence is written by the command that made it, `automl grid … --out DIR`"


def time(seconds: float | None) -> str:
    """A duration in the unit that fits: "12 s", "8.3 min", "2.41 h"."""
    if seconds is None:
        return "-"
    if seconds < 120:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.1f} min" if seconds < 7200 else f"{seconds / 3600:.2f} h"


def report_lines(found: Evidence) -> list[str]:
    """The report: about a dozen lines, and one for each rung and confirmed network."""
    numbers = Numbers(found.measure)
    lines = [f"{name:<11} {value}" for name, value in found.facts.items() if name not in ("recipe",)]
    lines.append(f"{'best':<11} {chosen_text(found)}")
    lines += _named("references", certificate_lines(found.references))
    lines += _named("random", random_lines(found, numbers))
    lines += _named("rungs", rung_lines(found.rungs))
    lines.append(f"{'surrogate':<11} {surrogate_text(found)}")
    lines += _named("seeds", seed_lines(found))
    lines += _named("scoring" if found.measure == SCORE else "training", saving_lines(found))
    return [*lines, f"{'verdict':<11} {verdict_text(found)}"]


def status_lines(found: Evidence) -> list[str]:
    """The report in at most four lines, for `automl status`."""
    if not found.rows:
        return []
    numbers, trained, base = Numbers(found.measure), Numbers(found.quality), found.baseline
    margin = f", margin {margin_text(base, numbers)}" if base.margin is not None else ""
    certificate = certificate_text(found.references)
    lines = [f"against references: {certificate}"] if certificate else []
    lines.append(f"against random search: {verdict_text(found)}{margin}")
    rung = min((one for one in found.rungs if one.spearman is not None), key=lambda one: one.epoch, default=None)
    known = [
        f"rank correlation of epoch {rung.epoch} with the end {rung.spearman:.2f}" if rung else "",
        (
            f"of the surrogate with what it predicted {rank:.2f}"
            if (rank := rank_correlation(found.surrogate)) is not None
            else ""
        ),
        (
            f"sd from seed to seed {trained.difference(found.seeds.noise.sd, sign=False)} {trained.unit}"
            if found.seeds.noise.sd is not None
            else ""
        ),
    ]
    if any(known):
        lines.append(", ".join(part for part in known if part))
    error = None if found.pace is None else found.pace.get("error")
    expected = f", times expected with an error of {error:.0%}" if isinstance(error, float) else ""
    avoided = (
        f", {time(found.savings.seconds_avoided)} avoided by early stopping" if found.savings.seconds_avoided else ""
    )
    return [
        *lines,
        (
            f"{'scoring and training' if found.measure == SCORE else 'training'}: {time(found.savings.spent)}"
            f" spent{avoided}{expected}"
        ),
    ]


def verdict_text(found: Evidence) -> str:
    """The verdict with its reason."""
    if found.is_grid:
        return GRID
    base = found.baseline
    return f"- ({base.reason})" if base.verdict == UNKNOWN else f"{base.verdict}: {base.reason}"


def margin_text(base: Baseline, numbers: Numbers) -> str:
    """The margin over what is expected of random search, with its interval."""
    if base.margin is None or base.margin_interval is None:
        return "-"
    return " ".join(
        part
        for part in (
            numbers.difference(base.margin),
            numbers.unit,
            f"(95 % interval {numbers.apart(base.margin_interval)})",
        )
        if part
    )


def chosen_text(found: Evidence) -> str:
    """The chosen network with its accuracy and cost."""
    chosen = found.chosen
    if chosen is None:
        return "- (nothing has finished)"
    row = found.candidates.get(chosen.id)
    cost = "" if row is None else "".join(f", {cost_text(axis, row.cost(axis))}" for axis in found.axes)
    trained = Numbers(found.quality)
    test = "" if chosen.test is None else f", test {trained.value(chosen.test)}"
    kind = "" if chosen.measure == ACCURACY else f"{words(chosen.measure)} "
    name = "" if chosen.reference is None else f", {chosen.reference}, a reference"
    one = chosen.believed
    believed = "" if one is None else f", believed {trained.value(one.belief.mean)} in a trial"
    believed += "" if one is None else f" (95 % interval {trained.between(one.interval)})"
    return (
        f"{chosen.id[:12]}{name}, {kind}{Numbers(chosen.measure).value(chosen.value)}"
        f" ({'confirmed' if chosen.confirmed else 'not confirmed'}){test}{believed}{cost}"
    )


def cost_text(axis: str, cost: float) -> str:
    """A cost with its metric: "1,234 MACs", "peak memory 2.3 MiB"."""
    if axis in ("macs", "params"):
        return f"{cost:,} {'MACs' if axis == 'macs' else 'params'}"
    return f"{metrics.get(axis).head} {metrics.get(axis).text(cost)}"


def random_lines(found: Evidence, numbers: Numbers) -> list[str]:
    """The random part of the search, and the expected result of random search at equal cost."""
    base = found.baseline
    if not base.random:
        return [f"- ({base.reason})"]
    scored = found.measure == SCORE
    share = "" if base.random_share is None else f", {base.random_share:.0%} of the {'time' if scored else 'training'}"
    ended = "scored" if scored else "trained to the end"
    networks = "1 network" if base.random == 1 else f"{base.random} networks"
    lines = [f"{networks}, {base.random_complete} {ended}{share}; the best of these {numbers.value(base.best_random)}"]
    if base.expected is None:
        return lines
    asked = ", ".join(f"{value:.4g} by equal {name}" for name, value in base.bases.items())
    kind = "extrapolated" if base.expected.extrapolated else "by order statistics"
    lines.append(f"at the same price: {asked} (the most decides)")
    lines.append(
        f"random search finds {numbers.value(base.expected.value)} (95 % interval"
        f" {numbers.between(base.expected.interval)}), {kind}"
    )
    lines.append(f"the search found {numbers.value(base.best)}: margin {margin_text(base, numbers)}")
    if base.reached is not None:
        lines.append(f"{base.reached:.0%} of random searches would find as good a one")
    return lines


def rung_lines(rungs: Iterable[Correlation]) -> list[str]:
    """The rank correlation of each rung with full training, one line for each rung."""
    lines = []
    for one in rungs:
        stopped = f", {one.stopped} stopped here" if one.stopped else ""
        if one.spearman is None or one.spearman_interval is None:
            lines.append(f"epoch {one.epoch}: - (n = {one.n}{stopped})")
            continue
        low, high = one.spearman_interval
        lines.append(
            f"epoch {one.epoch}: Spearman {one.spearman:.2f} ({low:.2f} to {high:.2f}), Kendall {one.kendall:.2f} (n ="
            f" {one.n}{stopped})"
        )
    if not lines:
        return ["- (no complete training reported at a rung)"]
    return [
        *lines,
        "over complete trainings, which were promoted for being good at the rung: over all candidates it is higher",
    ]


def surrogate_text(found: Evidence) -> str:
    """The cross-validated rank correlation of the surrogate model."""
    rank = rank_correlation(found.surrogate)
    if rank is None or found.surrogate is None:
        return "- (the search noted none)"
    n = found.surrogate.get("n")
    return f"cross-validated rank correlation {rank:.2f}" + (f" (n = {n})" if isinstance(n, int) else "")


def seed_lines(found: Evidence) -> list[str]:
    """The spread over seeds, the networks by their mean, and the lead of the first.

    Final trainings have the quality measure, also after a search by scores.
    """
    seeds, numbers = found.seeds, Numbers(found.quality)
    if not seeds.networks:
        return ["- (no network was trained again after the search)"]
    noise = seeds.noise
    spread = (
        "spread unknown: no network has two final seeds"
        if noise.sd is None
        else f"sd {numbers.difference(noise.sd, sign=False)} {numbers.unit}".rstrip()
        + f" from seed to seed, pooled, {noise.df} degrees of freedom"
    )
    lines = [spread, *(f"{one.id[:12]}  {numbers.mean(one)}, {one.fidelity}" for one in seeds.networks)]
    if seeds.lead is not None and seeds.lead.interval is not None:
        told = "can" if seeds.told else "cannot"
        lines.append(
            f"the first {told} be told from the second: {numbers.difference(seeds.lead.value)} (95 % interval"
            f" {numbers.apart(seeds.lead.interval)})"
        )
    return lines


def saving_lines(shown: Evidence) -> list[str]:
    """The evaluations and time spent, and the time saved by early stopping and the gate."""
    found: Savings = shown.savings
    scored = shown.measure == SCORE
    counts, seconds = found.evaluations, found.seconds
    spent = ", ".join(f"{counts[name]} {name} {time(seconds[name])}" for name in counts if counts[name])
    lines = [f"{time(found.spent)} spent" + (f": {spent}" if spent else "")]
    if shown.faults:
        lines.append(f"at fault in what failed: {shown.faults}")
    if found.epochs_avoided:
        untimed = f"; {found.untimed} stopped without a time are not in it" if found.untimed else ""
        lines.append(
            f"{time(found.seconds_avoided)} avoided by early stopping ({found.epochs_avoided} epochs not"
            f" trained{untimed})"
        )
    if found.epochs_share is not None and not scored:
        lines.append(f"{found.epochs_share:.0%} of the epochs that training every candidate to the end takes")
    error = None if shown.pace is None else shown.pace.get("error")
    if isinstance(error, float):
        lines.append(f"times of trainings were expected with an error of {error:.0%} (median)")
    if found.refused is not None and found.duplicates is not None:
        each = "score" if scored else "complete training"
        hours = "" if found.gate_seconds is None else f": {time(found.gate_seconds)} at the mean of a {each}"
        lines.append(
            f"{found.refused} over the budget and {found.duplicates} known ones refused before"
            f" {'scoring' if scored else 'training'}{hours}"
        )
    return lines


def _named(name: str, lines: list[str]) -> list[str]:
    return [f"{name if number == 0 else '':<11} {line}" for number, line in enumerate(lines)]
