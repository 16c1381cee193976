"""Finds the best coefficients of a grid, their ties, and their margin over single-axis scaling.

Verdicts rest on t intervals with the variance pooled over all networks (`statistics.intervals`). A
paired bootstrap over the seeds (`statistics.bootstrap`) is reported beside them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...blocks.errors import InputError
from ..evidence.numbers import Numbers
from ..records.measure import ACCURACY, as_shown, shown
from ..statistics.bootstrap import SeedBootstrap
from ..statistics.intervals import Estimate, Interval, Noise
from ..writing.json_values import JSON
from .leave_one_out import Fold, leave_one_seed_out
from .scaled_points import ScaledPoint, check, complete, controls_of, grid_of, highest, metric_of


@dataclass(frozen=True, kw_only=True)
class BestPoint:
    """The grid point with the highest mean among those with the most seeds."""

    id: str
    """Id of its candidate."""
    mean: Estimate
    """Mean accuracy. As the highest of many it is biased upwards, which its interval ignores."""
    probability_best: float | None
    """Share of the bootstrap resamples in which it has the highest mean of the points with the most
    seeds; None if no network has two seeds."""

    def to_dict(self) -> dict[str, JSON]:
        """The point as plain JSON."""
        return {"id": self.id, "mean": self.mean.to_dict(), "probability_best": self.probability_best}


@dataclass(frozen=True, kw_only=True)
class Contrast:
    """The comparison of the best grid point with another network."""

    id: str
    """Id of the other network's candidate."""
    axis: str | None
    """Axis that is scaled alone in the other network; None for a point of the grid."""
    mean: float | None
    """Mean accuracy of the other network; None without a complete training."""
    n: int
    """Number of seeds of the other network."""
    difference: Estimate | None
    """Mean of the best grid point minus that of the other network; None if either is unknown."""

    def to_dict(self) -> dict[str, JSON]:
        """The contrast as plain JSON."""
        return {
            "id": self.id,
            "axis": self.axis,
            "mean": self.mean,
            "n": self.n,
            "difference": self.difference.to_dict() if self.difference else None,
        }


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """The statistics of a grid and their verdict."""

    level: float
    """Confidence level of all intervals."""
    resamples: int
    """Number of bootstrap resamples."""
    seed: int
    """Seed of the bootstrap's generator."""
    seeds: tuple[int, ...]
    """Seeds from which at least one network has a complete training."""
    noise: Noise
    """Standard deviation of one training, pooled over all networks."""
    best: BestPoint | None
    """Best grid point; None if no grid point has a complete training."""
    tied: tuple[Contrast, ...]
    """Other grid points that do not differ significantly from the best: their simultaneous
    intervals contain 0.

    With k others each interval has level 1 - (1 - level)/k (Bonferroni). With a probability of at
    least `level`, the truly best network is therefore the best here or one of its ties, although
    the best was chosen after seeing the data: a subset selection as Gupta's, Technometrics 7
    (1965). Points with fewer seeds take part with those they have; points without a complete
    training cannot. Also empty if no network has two seeds, as nothing is known then.
    """
    controls: tuple[Contrast, ...]
    """Every single-axis control. The intervals are not simultaneous and ignore that the best was
    chosen: they inform, the verdict does not use them."""
    best_control: str | None
    """Axis of the control with the highest mean among those with the most seeds."""
    margin: Estimate | None
    """Mean of the best grid point minus that of the best control, both chosen on the seeds on which
    they are compared, and therefore biased upwards.

    Size of this winner's curse: the highest of 13 equally good triples lies on average 1.7 standard
    errors above their common mean, the highest of 3 controls 0.8, so that many triples against few
    controls show a margin where there is none. The pooled t interval treats both networks as named
    in advance. The bootstrap chooses both anew in each resample, which shows how stable the choice
    is but does not remove the bias.
    """
    margin_unbiased: Estimate | None
    """The margin without selection bias (see `leave_one_seed_out`), which decides the verdict; None
    if there are too few seeds to choose by."""
    folds: tuple[Fold, ...]
    """Left-out seeds on which `margin_unbiased` rests."""
    verdict: str
    """Verdict in one sentence, decided by the interval of `margin_unbiased`."""
    metric: str = ACCURACY
    """The quality measure; of all its values here larger is better."""

    def to_dict(self) -> dict[str, JSON]:
        """The comparison as plain JSON with stable keys; unknown values are null."""
        data: dict[str, JSON] = {
            "metric": self.metric,
            "level": self.level,
            "resamples": self.resamples,
            "seed": self.seed,
            "seeds": list(self.seeds),
            "noise": {"sd": self.noise.sd, "df": self.noise.df},
            "best": self.best.to_dict() if self.best else None,
            "tied": [contrast.to_dict() for contrast in self.tied],
            "controls": [contrast.to_dict() for contrast in self.controls],
            "best_control": self.best_control,
            "margin": self.margin.to_dict() if self.margin else None,
            "margin_unbiased": self.margin_unbiased.to_dict() if self.margin_unbiased else None,
            "folds": [
                {
                    "seed": fold.seed,
                    "best": fold.best,
                    "control": fold.control,
                    "difference": shown(self.metric, fold.difference),
                }
                for fold in self.folds
            ],
            "verdict": self.verdict,
        }
        return as_shown(data, self.metric)


def compare(
    points: Sequence[ScaledPoint], *, resamples: int = 10_000, seed: int = 0, level: float = 0.95
) -> Comparison:
    """Compare the points of a grid with each other and with its single-axis controls.

    Raises:
        InputError: the points do not belong to one grid, `level` is not between 0 and 1, or
            `resamples` is below 1.
    """
    check(points)
    if not 0 < level < 1:
        raise InputError(f"level must be above 0 and below 1, but got {level}")
    if resamples < 1:
        raise InputError(f"resamples must be at least 1, but got {resamples}")
    grid, controls = grid_of(points), controls_of(points)
    best, control = highest(grid), highest(controls)
    noise = Noise.pooled(points)
    drawn = SeedBootstrap(points, resamples=resamples, seed=seed, level=level)
    several = noise.sd is not None  # with one seed all resamples are equal
    margin, unbiased, folds = None, None, ()
    if best and control:
        naive = noise.difference(best, control, level)
        wavering = drawn.best(complete(grid)) - drawn.best(complete(controls))
        margin = Estimate(
            value=naive.value,
            n=naive.n,
            interval=naive.interval,
            bootstrap=drawn.interval(wavering) if several else None,
        )
        unbiased, folds = leave_one_seed_out(grid, controls, noise, level)
    return Comparison(
        level=level,
        resamples=resamples,
        seed=seed,
        seeds=tuple(sorted({one for point in points for one in point.accuracies})),
        noise=noise,
        best=_best(best, complete(grid), noise, drawn, several) if best else None,
        tied=_tied(best, grid, noise, level) if best else (),
        controls=tuple(_contrast(best, point, noise, level) for point in controls),
        best_control=control.control if control else None,
        margin=margin,
        margin_unbiased=unbiased,
        folds=folds,
        verdict=margin_verdict(best, control, unbiased, level, metric_of(points)),
        metric=metric_of(points),
    )


def _best(
    best: ScaledPoint, rivals: Sequence[ScaledPoint], noise: Noise, drawn: SeedBootstrap, several: bool
) -> BestPoint:
    value = best.mean or 0.0
    bootstrap: Interval | None = drawn.interval(drawn.of([best])[:, 0]) if several else None
    mean = Estimate(value=value, n=best.n, interval=noise.around(value, best.n**-0.5, drawn.level), bootstrap=bootstrap)
    return BestPoint(id=best.id, mean=mean, probability_best=drawn.probability_best(best, rivals) if several else None)


def _contrast(best: ScaledPoint | None, other: ScaledPoint, noise: Noise, level: float) -> Contrast:
    difference = noise.difference(best, other, level) if best and other.n else None
    return Contrast(id=other.id, axis=other.control, mean=other.mean, n=other.n, difference=difference)


def _tied(best: ScaledPoint, grid: Sequence[ScaledPoint], noise: Noise, level: float) -> tuple[Contrast, ...]:
    others = [point for point in grid if point is not best and point.n]
    contrasts = (_contrast(best, point, noise, 1 - (1 - level) / len(others)) for point in others)
    return tuple(
        one for one in contrasts if one.difference and one.difference.interval and one.difference.interval.holds_zero
    )


def margin_verdict(
    best: ScaledPoint | None, control: ScaledPoint | None, margin: Estimate | None, level: float, metric: str = ACCURACY
) -> str:
    """The verdict on a compound network and a single-axis network in one sentence, decided by the
    interval of the `margin` between them."""
    if best is None:
        return "no difference can be shown: no point of the grid has a complete training"
    if control is None:
        return "no difference can be shown: no single-axis control has a complete training"
    if margin is None:
        n = min(best.n, control.n)
        return (
            f"no difference can be shown: n = {n} {'seed' if n == 1 else 'seeds'}, which leaves none to compare on"
            " after the choice"
        )
    numbers = Numbers(metric)
    told = f"{numbers.difference(margin.value)} {numbers.unit} on left-out seeds"
    if margin.interval is None:
        return (
            f"no difference can be shown: {told}, n = {margin.n} {'seed' if margin.n == 1 else 'seeds'}, which gives no"
            " interval"
        )
    within = numbers.apart(margin.interval)
    told = f"({told}, {100 * level:.4g} % interval {within}, n = {margin.n} seeds)"
    if margin.interval.holds_zero:
        return f"no difference can be shown {told}"
    winner = "compound beats the best single axis" if margin.interval.low > 0 else "a single axis is better"
    return f"{winner} {told}"
