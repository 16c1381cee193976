"""Combines what is believed of accuracies with trainings; all beliefs are normal.

Model: a network has the true accuracy t = f + u. A model of all networks expects f ~ N(m, v) by
what *other* networks have reached, and u ~ N(0, own²) is special to the network. A training has the
accuracy t + s + e: e ~ N(0, noise²) differs from seed to seed, and the shift s is common to all
trainings of another fidelity than that of the trials. The posterior is the conjugate one (Gelman et
al., Bayesian Data Analysis, 3rd edition, chapter 2.5), with a flat prior of s.

A model cannot tell own² from noise², since it sees each network once: it knows their sum. Final
trainings at the fidelity of the trials tell noise² from seed to seed.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

from .intervals import Interval, mean_of

OWN, LEAST = 0.25, 0.05
"""Share of the variance around a model that is special to a network: as it is guessed before
networks are trained again, and the least."""
GUESS = 3
"""Weight of this guess beside trainings from several seeds, in degrees of freedom."""
Z = 1.959963984540054
"""The 97.5 % quantile of the normal distribution."""


@dataclass(frozen=True, slots=True)
class Normal:
    """A belief about an accuracy."""

    mean: float
    """Its mean, as a fraction."""
    sd: float
    """Its standard deviation; inf if nothing is known."""

    @property
    def interval(self) -> Interval:
        """The interval that holds the accuracy with a probability of 95 %."""
        return Interval(self.mean - Z * self.sd, self.mean + Z * self.sd)

    def updated(self, value: float, variance: float) -> Normal:
        """The belief after an independent observation `value`, whose error has this variance."""
        if math.isinf(self.sd):
            return Normal(value, math.sqrt(variance))
        if not self.sd or math.isinf(variance):
            return self
        weight = self.sd**2 / (self.sd**2 + variance)
        return Normal(self.mean + weight * (value - self.mean), self.sd * math.sqrt(1 - weight))

    def widened(self, variance: float) -> Normal:
        """The belief about this accuracy plus independent noise of mean 0 and this variance."""
        return Normal(self.mean, math.sqrt(self.sd**2 + variance))

    def above(self, other: Normal) -> float:
        """The probability that this accuracy exceeds the other, if the two are independent."""
        apart, sd = self.mean - other.mean, math.hypot(self.sd, other.sd)
        if not sd:
            return 0.5 + 0.5 * ((apart > 0) - (apart < 0))
        return 0.5 if math.isinf(sd) else 0.5 * math.erfc(-apart / sd / math.sqrt(2))


def posterior(
    prior: Mapping[str, Normal],
    trials: Mapping[str, float],
    finals: Mapping[str, Collection[float]],
    *,
    scatter: float | None,
    shifted: bool,
) -> dict[str, Normal]:
    """What is believed of the true accuracy of every network of `prior`, on the scale of its trial.

    Args:
        prior: f, by the other networks; a standard deviation of inf if there is no model.
        trials: accuracy of the network's own trial, where f does not contain it.
        finals: accuracies of the final trainings of some of the networks, one for each seed.
        scatter: standard deviation of a trial around f, own² + noise² being its square; None if it
            is not known.
        shifted: whether the final trainings have another fidelity than the trials. They then have a
            shift in common, and the order of networks may differ between the two fidelities, by a
            variance as large as own²; what is believed is the accuracy at that of the final ones.
    """
    trained = {key: values for key, values in finals.items() if values and key in prior}
    square = (scatter or 0.0) ** 2
    noise = pooled(trained.values(), None if scatter is None else math.sqrt((1 - OWN) * square))
    of_trial = (1 - OWN) * square if shifted or scatter is None else min(noise**2, (1 - LEAST) * square)
    own = square - of_trial
    found = {key: one.widened(own) for key, one in prior.items()}
    found |= {key: found[key].updated(value, of_trial) for key, value in trials.items() if key in found}
    if not trained:
        return found
    means = {key: mean_of(values) or 0.0 for key, values in trained.items()}
    errors = {key: noise**2 / len(values) for key, values in trained.items()}
    widened = {key: found[key].widened(own if shifted else 0.0) for key in trained}
    shift = _shift(widened, means, errors) if shifted else 0.0
    for key, one in widened.items():
        flat = math.isinf(one.sd) and math.isinf(errors[key])
        found[key] = Normal(means[key] - shift, math.inf) if flat else one.updated(means[key] - shift, errors[key])
    return found


def _shift(prior: Mapping[str, Normal], means: Mapping[str, float], errors: Mapping[str, float]) -> float:
    """The generalised least-squares estimate of the shift."""
    known = {key: one.sd**2 + errors[key] for key, one in prior.items()}
    weights = {key: 1 / max(variance, 1e-18) for key, variance in known.items() if math.isfinite(variance)}
    if not weights:
        return 0.0
    total = math.fsum(weight * (means[key] - prior[key].mean) for key, weight in weights.items())
    return total / math.fsum(weights.values())


def pooled(trainings: Collection[Collection[float]], guess: float | None) -> float:
    """Standard deviation from seed to seed, pooled over the networks and with `guess` as `GUESS`
    degrees of freedom; inf if nothing tells it."""
    squares, df = (0.0, 0) if guess is None else (GUESS * guess**2, GUESS)
    for values in trainings:
        mean = mean_of(values) or 0.0
        squares += math.fsum((value - mean) ** 2 for value in values)
        df += max(len(values) - 1, 0)
    return math.sqrt(squares / df) if df else math.inf
