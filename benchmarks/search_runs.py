"""Runs of samplers on the problems of `search_problems.py`, and what is measured of them."""

from __future__ import annotations

import time
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna
from optuna.samplers import BaseSampler
from optuna.trial import Trial, TrialState
from search_problems import FAILED, Problem, Vector, problem
from search_rows import Row, code_of

MARKS = (10, 20, 30, 60, 100)
"""Numbers of evaluations after which regret and hypervolume are taken."""
SHOWN = (2, 3)
"""Marks, by place, that are compared: 30 and 60 evaluations."""
SHORTER = {"gp": 60}
"""Evaluations of a sampler that takes too long for more."""
PLACES = 5
"""Decimal places that are kept of a measure."""
PATIENCE = {"gp": 8, "tpe": 20, "tpe-multivariate": 20}
OURS = ("predictor", "evolution", "random")
SIMPLE = ("ard", "forest", "ridge", "local")
"""Those of `search_rivals.py`."""
RIVALS = ("tpe", "tpe-multivariate", "nsga2", "gp", "evolution", *SIMPLE)
"""What the predictor is compared with; `random` is for orientation."""
WORDS = {
    "predictor": "predictor (ours)",
    "evolution": "regularised evolution (ours)",
    "random": "random (ours)",
    "tpe": "TPE, univariate",
    "tpe-multivariate": "TPE, multivariate",
    "nsga2": "NSGA-II",
    "gp": "Gaussian process",
    "ard": "ARD Hamming process, EI",
    "forest": "random forest, EI",
    "ridge": "Bayesian ridge, EI",
    "local": "local search",
}


@dataclass(frozen=True, kw_only=True)
class Task:
    """One run."""

    sampler: str
    problem: str
    place: int
    """Which of the problem's budgets; -1: no budget, the front."""
    seed: int
    length: int
    """Evaluations, unless the sampler takes too long for them."""

    @property
    def evaluations(self) -> int:
        """Evaluations that are made."""
        return min(self.length, SHORTER.get(self.sampler, self.length))


def make(task: Task, one: Problem, budget: float | None) -> BaseSampler:
    """The sampler of a run."""
    from optuna.samplers import GPSampler, NSGAIISampler, TPESampler

    seed = task.seed
    match task.sampler:
        case "tpe":
            return TPESampler(seed=seed, multivariate=False, n_startup_trials=10)
        case "tpe-multivariate":
            return TPESampler(seed=seed, multivariate=True, group=True, n_startup_trials=10)
        case "nsga2":
            return NSGAIISampler(seed=seed, population_size=10)
        case "gp":
            return GPSampler(seed=seed, n_startup_trials=10)
    from automl.search.sampling.evolution import EvolutionSampler, RandomSampler
    from automl.search.sampling.predictor import PredictorSampler

    if task.sampler == "predictor":
        return PredictorSampler(seed=seed, cost=one.cost, budget=budget)
    from search_rivals import ArdProcess, Forest, LocalSearch, Ridge

    kind = {
        "evolution": EvolutionSampler,
        "random": RandomSampler,
        "ard": ArdProcess,
        "forest": Forest,
        "ridge": Ridge,
        "local": LocalSearch,
    }[task.sampler]
    return kind(seed=seed, cost=one.cost, budget=budget)


def run(task: Task) -> dict[str, list[float]]:
    """Evaluations in their order: true accuracy, observed accuracy, cost; and the seconds that all
    asks took."""
    one = problem(task.problem)
    front = task.place < 0
    budget = None if front else one.budgets[task.place]
    rng = np.random.default_rng([task.seed, 11])
    study = optuna.create_study(
        directions=["maximize", "minimize"] if front else ["maximize"], sampler=make(task, one, budget)
    )
    true, seen, costs = [], [], []
    known: set[tuple] = set()
    began = time.perf_counter()
    for _ in range(task.evaluations):
        trial, params = _asked(task, one, study, budget, known, rng, [*seen])
        accuracy, macs = one.at(params)
        value = one.observed(
            {name: params.get(name, one._default(kind)) for name, kind in one.space.items()}, rng, task.seed
        )
        known.add(tuple(sorted(params.items())))
        true.append(accuracy)
        seen.append(value)
        costs.append(macs)
        if accuracy == FAILED:
            seen[-1] = FAILED
            study.tell(trial, state=TrialState.FAIL)
        else:
            study.tell(trial, [value, macs] if front else value)
    return {"true": true, "seen": seen, "macs": costs, "seconds": [time.perf_counter() - began]}


def _asked(
    task: Task,
    one: Problem,
    study: optuna.Study,
    budget: float | None,
    known: set,
    rng: np.random.Generator,
    seen: list,
) -> tuple[Trial, dict]:
    """The next trial that is new and within the budget."""
    for _ in range(PATIENCE.get(task.sampler, 50)):
        trial = study.ask()
        params = one.ask(trial)
        macs = one.cost(params)
        if budget is not None and macs > budget:
            _refused(task, study, trial, macs / budget - 1, seen)
        elif tuple(sorted(params.items())) in known:
            study.tell(trial, state=TrialState.FAIL)
        else:
            if budget is not None and task.sampler not in (*OURS, *SIMPLE):
                trial.set_constraint("budget", macs / budget - 1)
            return trial, params
    while True:
        params = {column: value for column, value in _uniform(one, rng).items()}
        if (budget is None or one.cost(params) <= budget) and tuple(sorted(params.items())) not in known:
            study.enqueue_trial(params)
            trial = study.ask()
            chosen = one.ask(trial)
            if budget is not None and task.sampler not in (*OURS, *SIMPLE):
                trial.set_constraint("budget", one.cost(chosen) / budget - 1)
            return trial, chosen


def _refused(task: Task, study: optuna.Study, trial: Trial, violation: float, seen: list) -> None:
    """Told so that a sampler which can learn the feasible region does, and as often as helps it:
    see the note on each."""
    if task.sampler in (*OURS, *SIMPLE):
        raise AssertionError(f"{task} proposed what is outside the budget")
    if task.sampler == "gp":  # its model of constraints is made of completed trials alone
        trial.set_constraint("budget", violation)
        study.tell(trial, float(np.median(seen)) if seen else 0.0)
        return
    refused = (
        sum(one.state == TrialState.PRUNED for one in study._storage.get_all_trials(study._study_id, deepcopy=False))
        if "tpe" in task.sampler
        else 0
    )
    if "tpe" in task.sampler and refused < len(
        seen
    ):  # more of them would make TPE's good share larger than a tenth of what was evaluated
        trial.set_constraint("budget", violation)
        study.tell(trial, state=TrialState.PRUNED)
    else:
        study.tell(trial, state=TrialState.FAIL)


def _uniform(one: Problem, rng: np.random.Generator) -> dict[str, Any]:
    from automl.search.sampling.columns import columns_of

    found = {column.name: column.value(column.draw(1, rng)[0]) for column in columns_of(one.space)}
    return {
        name: value
        for name, value in found.items()
        if name not in one.conditional or found[one.conditional[name][0]] == one.conditional[name][1]
    }


# ---- measures


def regrets(one: Problem, budget: float, found: dict[str, list[float]]) -> tuple[Vector, Vector]:
    """After each evaluation: the best true accuracy there is, less that of the best of those
    evaluated, and less that of the one seen highest."""
    true, seen = np.array(found["true"]), np.array(found["seen"])
    leaders = [int(np.argmax(seen[: end + 1])) for end in range(len(seen))]
    best = one.best(budget)
    return best - np.maximum.accumulate(true), best - true[leaders]


def hypervolumes(one: Problem, found: dict[str, list[float]], marks: list[int]) -> list[float]:
    """At every mark: what the true accuracies and the costs dominate, as a share of what all the
    problem's settings do."""
    true, macs = np.array(found["true"]), np.array(found["macs"])
    _, mean, cost = one.sample
    whole = area(mean, cost, one.corner)
    return [area(true[:mark], macs[:mark], one.corner) / whole for mark in marks]


def area(accuracy: Vector, macs: Vector, corner: tuple[float, float]) -> float:
    """Dominated, from (lowest accuracy, highest cost)."""
    order = np.lexsort((-accuracy, macs))
    height = np.maximum(np.maximum.accumulate(accuracy[order]) - corner[0], 0.0)
    return float((height * np.diff(np.append(macs[order], corner[1])).clip(0)).sum())


def significance(ours: Vector, theirs: Vector, rng: np.random.Generator) -> tuple[float, float, float]:
    """Mean paired difference theirs − ours and its 95 % interval, by the bootstrap."""
    apart = theirs - ours
    means = apart[rng.integers(0, len(apart), (10_000, len(apart)))].mean(axis=1)
    return float(apart.mean()), float(np.quantile(means, 0.025)), float(np.quantile(means, 0.975))


def measured(task: Task) -> Row:
    """Make a run, and measure it at every mark."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = run(task)
    one, marks = problem(task.problem), [mark for mark in MARKS if mark <= task.evaluations]
    if task.place < 0:
        measures = {"hypervolume": hypervolumes(one, found, marks)}
    else:
        both = regrets(one, one.budgets[task.place], found)
        measures = {
            name: [float(values[mark - 1]) for mark in marks]
            for name, values in zip(("regret", "incumbent"), both, strict=True)
        }
    return {
        "problem": task.problem,
        "place": task.place,
        "sampler": task.sampler,
        "seed": task.seed,
        "code": code_of(task.sampler),
        "evaluations": task.evaluations,
        "seconds": round(found["seconds"][0], 2),
        **{name: [round(value, PLACES) for value in values] for name, values in measures.items()},
    }
