"""The front and the ranks against their definitions, and against Optuna."""

from __future__ import annotations

import inspect
import math
import random

import optuna
import pytest
from automl.blocks.errors import InputError
from automl.studies import front as module
from automl.studies.front import front, ranks
from hypothesis import example, given, settings
from hypothesis import strategies as st
from optuna.trial import create_trial

few = st.sampled_from([0.0, -0.0, 0.5, 1.0, math.inf, -math.inf])  # few values make many ties
values = st.one_of(few, st.floats(allow_nan=False))
points = st.lists(st.tuples(values, values), max_size=30)
points_and_nan = st.lists(st.tuples(st.one_of(few, st.just(math.nan)), st.one_of(few, st.just(math.nan))), max_size=20)


def beats(one: tuple[float, float], other: tuple[float, float]) -> bool:
    return one[0] >= other[0] and one[1] <= other[1] and one != other


def naive_ranks(found: list[tuple[float, float]]) -> list[int]:
    """By peeling: the front of all, the front of the rest, and so on."""
    left = {i for i, point in enumerate(found) if not any(map(math.isnan, point))}
    result = [0] * len(found)
    rank = 0
    while left:
        peeled = {i for i in left if not any(beats(found[j], found[i]) for j in left)}
        for i in peeled:
            result[i] = rank
        left -= peeled
        rank += 1
    return [max(rank, 1) if any(map(math.isnan, point)) else r for point, r in zip(found, result, strict=True)]


def disagree(ranks_of, found: list[tuple[float, float]]) -> bool:
    return ranks_of([a for a, _ in found], [c for _, c in found]) != naive_ranks(found)


@settings(deadline=None)
@given(points_and_nan)
@example([(math.nan, 1.0)])
@example([(math.nan, 1.0), (-math.inf, math.inf)])
def test_ranks_are_those_of_peeling_front_after_front(found: list[tuple[float, float]]) -> None:
    assert not disagree(ranks, found)


@settings(deadline=None)
@given(points)
def test_the_front_is_rank_zero_of_the_naive_sorting(found: list[tuple[float, float]]) -> None:
    wanted = [i for i, rank in enumerate(naive_ranks(found)) if rank == 0]
    assert front([a for a, _ in found], [c for _, c in found]) == wanted


@settings(deadline=None, max_examples=60)
@given(points)
def test_the_front_is_what_optuna_calls_best_trials(found: list[tuple[float, float]]) -> None:
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    try:
        study = optuna.create_study(directions=["maximize", "minimize"], sampler=optuna.samplers.RandomSampler())
        study.add_trials([create_trial(values=list(point)) for point in found])
        wanted = [trial.number for trial in study.best_trials]
    finally:
        optuna.logging.set_verbosity(before)
    assert front([a for a, _ in found], [c for _, c in found]) == wanted


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        (
            "bisect_right(best, -point[0])",
            "__import__('bisect').bisect_left(best, -point[0])",
        ),  # >= for >: a tie in accuracy would not be beaten by lower cost
        ("if point != before:", "if True:"),  # equal points would push each other down
        ("(cost[index], -accuracy[index])", "(cost[index], accuracy[index])"),
        ("or math.isnan(cost[index])", ""),
    ],
)
def test_control_a_planted_fault_in_the_ranks_is_found(right: str, wrong: str) -> None:
    source = inspect.getsource(module.ranks)
    assert right in source
    scope = dict(vars(module))
    exec(source.replace(right, wrong), scope)
    generator = random.Random(0)
    choices = [0.0, 0.5, 1.0, math.inf, math.nan]
    trials = [[(generator.choice(choices), generator.choice(choices)) for _ in range(6)] for _ in range(300)]
    assert any(disagree(scope["ranks"], found) for found in trials)
    assert not any(disagree(ranks, found) for found in trials)


def test_what_has_no_accuracy_is_never_on_the_front() -> None:
    assert front([math.nan, 0.1], [1, 2]) == [1]
    assert front([math.nan], [1]) == []


def test_lists_of_two_lengths_are_refused() -> None:
    with pytest.raises(InputError, match="one length"):
        front([0.1], [1, 2])
