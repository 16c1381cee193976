"""How long a proposal takes: the predictor beside Optuna's samplers, after 100, 1,000 and 10,000
trials.

    uv run python benchmarks/ask.py [--write]

40 parameters of 4 choices each (4^40 settings), a budget that half of them meet, one thread. Times
are CPU seconds of one `study.ask()` with its suggestions. Memory is the peak of what a further
proposal, and the pool that the sampler keeps, take (tracemalloc, which counts numpy's arrays).
Optuna's samplers have neither cost nor budget here. Prints a Markdown table; `--write` keeps it in
benchmarks/results/ask.md.
"""

import argparse
import os
import statistics
import time
import tracemalloc
import warnings
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_name] = "1"  # read when numpy and torch are imported

import numpy as np  # noqa: E402
import optuna  # noqa: E402
from cost import machine  # noqa: E402
from optuna.distributions import CategoricalDistribution  # noqa: E402
from optuna.samplers import BaseSampler, GPSampler, NSGAIISampler, TPESampler  # noqa: E402
from optuna.trial import create_trial  # noqa: E402

RESULTS = Path(__file__).resolve().parent / "results" / "ask.md"
CHOICES = 4
SPACE: dict[str, Any] = {
    f"layer{index:02d}": CategoricalDistribution(tuple(f"op{choice}" for choice in range(CHOICES)))
    for index in range(40)
}
ASKS = 9
"""Proposals of which the median is taken, after the first, which makes the pool."""


def cost(params: dict[str, Any]) -> Any:
    """Every choice costs more than the one before it."""
    return sum(
        1e6 * (1 + np.asarray([int(value[2:]) for value in np.atleast_1d(params[name]).tolist()])) for name in SPACE
    )


def study_of(count: int, sampler: BaseSampler) -> optuna.Study:
    """With `count` complete trials."""
    rng = np.random.default_rng(0)
    study = optuna.create_study(direction="maximize", sampler=sampler)
    trials = []
    for _ in range(count):
        params = {name: one.choices[rng.integers(CHOICES)] for name, one in SPACE.items()}
        value = sum(float(value[2:]) ** 0.5 for value in params.values()) + rng.normal()
        trials.append(create_trial(params=params, distributions=SPACE, value=float(value)))
    study.add_trials(trials)
    return study


def memory(study: optuna.Study) -> float:
    """Megabytes that a new sampler of the same kind allocates at most in two proposals."""
    tracemalloc.start()
    try:
        for _ in range(2):
            study.tell(study.ask(SPACE), 0.0)
        return tracemalloc.get_traced_memory()[1] / 1e6
    finally:
        tracemalloc.stop()


def asked(study: optuna.Study) -> float:
    """CPU seconds of a proposal."""
    began = time.process_time()
    trial = study.ask(SPACE)
    took = time.process_time() - began
    study.tell(trial, sum(float(value[2:]) ** 0.5 for value in trial.params.values()))
    return took


def predictor() -> BaseSampler:
    from automl.search import PredictorSampler

    pairs = [
        cost({name: one.choices[rng.integers(CHOICES)] for name, one in SPACE.items()})
        for rng in map(np.random.default_rng, range(500))
    ]
    return PredictorSampler(seed=0, cost=cost, budget=float(np.median(pairs)))


MAKERS: dict[str, tuple[Callable[[], BaseSampler], int]] = {
    "predictor": (predictor, 10_000),
    "Optuna's TPE, multivariate": (lambda: TPESampler(seed=0, multivariate=True, group=True), 10_000),
    "Optuna's NSGA-II": (lambda: NSGAIISampler(seed=0), 10_000),
    "Optuna's Gaussian process": (lambda: GPSampler(seed=0), 100),
}
"""And up to how many trials each is asked."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    lines = [
        "# How long a proposal takes",
        "",
        f"`uv run python benchmarks/ask.py --write`, {date.today()}, {machine('optuna', 'scipy')}.",
        "",
        (
            f"CPU seconds of one proposal, one thread, {len(SPACE)} parameters of {CHOICES} choices: median (lowest to"
            f" highest) of {ASKS}. Memory: peak of the first two proposals of a new sampler."
        ),
        "",
        "| sampler | trials | first | then | memory, MB |",
        "|---|---:|---:|---|---:|",
    ]
    for name, (make, most) in MAKERS.items():
        for count in (100, 1_000, 10_000):
            if count > most:
                continue
            study = study_of(count, make())
            first, times = asked(study), [asked(study) for _ in range(ASKS)]
            peak = memory(study_of(count, make()))
            lines.append(
                f"| {name} | {count:,} | {first:.2f} | {statistics.median(times):.3f} ({min(times):.3f} to"
                f" {max(times):.3f}) | {peak:.0f} |"
            )
            print(lines[-1], flush=True)
    text = "\n".join(lines) + "\n"
    print(text)
    if given.write:
        RESULTS.write_text(text)


if __name__ == "__main__":
    main()
