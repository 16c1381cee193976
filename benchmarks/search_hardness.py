"""Whether the generated problems are as hard as published tables: how well a model ranks the best.

    uv run python benchmarks/search_hardness.py [--seeds 3] [--problems cells-0,pairs-0]

After 30 trainings, a model's rank correlation with the truth among the true best 1,000 of a cell
table is 0.15 to 0.34. Prints the same of the predictor's model on each problem, and the share of
the settings that fail or are broken. Problems with conditional parameters are left out.
"""

from __future__ import annotations

import argparse
import sys

import numpy as np
import optuna
from automl.search.sampling.columns import columns_of
from automl.search.sampling.predictor import PredictorSampler
from optuna.trial import TrialState
from scipy.stats import spearmanr
from search_generated import DEVELOPMENT
from search_problems import FAILED, numbers, problem

BEST, TRAININGS = 1_000, 30


def correlation(name: str, seed: int) -> float:
    """The rank correlation among the best of one problem, after one search."""
    one, rng = problem(name), np.random.default_rng([seed, 11])
    sampler = PredictorSampler(seed=seed, cost=one.cost, budget=one.budgets[0])
    study = optuna.create_study(direction="maximize", sampler=sampler)
    for _ in range(TRAININGS):
        trial = study.ask()
        params = one.ask(trial)
        if one.at(params)[0] == FAILED:
            study.tell(trial, state=TrialState.FAIL)
        else:
            study.tell(trial, one.observed(params, rng, seed))
    one.ask(study.ask())  # the sampler reads the last result
    assert sampler._history is not None
    assert sampler._encoded is not None
    model = sampler._models.fit(sampler._history, sampler._encoded[1], 0, rng, warped=True)
    arrays, mean, macs = one.sample
    inside = np.flatnonzero(macs <= one.budgets[0])
    best = inside[np.argsort(-mean[inside])[:BEST]]
    table = np.stack([numbers(column, arrays[column.name][best]) for column in columns_of(one.space)], axis=1)
    return float(spearmanr(model.mean(sampler._encoded[1](table, macs[best])), mean[best]).statistic)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--problems", default=",".join(DEVELOPMENT))
    given = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    sys.stdout.write("| problem | rank correlation among the best | failing | broken |\n|---|---|---:|---:|\n")
    for name in given.problems.split(","):
        if problem(name).conditional:
            continue
        found = [correlation(name, seed) for seed in range(given.seeds)]
        mean = problem(name).sample[1]
        shares = [f"{np.mean(mean == value):.0%}" for value in (FAILED, 10.0)]
        each = ", ".join(f"{value:.2f}" for value in found)
        sys.stdout.write(f"| {name} | {np.mean(found):.2f} ({each}) | {' | '.join(shares)} |\n")


if __name__ == "__main__":
    main()
