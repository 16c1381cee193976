"""The margin over a reference against intervals computed by hand, its words and its keys."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from automl.studies import Study
from automl.studies.choosing.chosen import best
from automl.studies.choosing.reference_trials import NOTE, ORIGIN
from automl.studies.evidence import Certificate, TriedReference, against_random, certificate, certificate_text, rows
from automl.studies.evidence.certificate_text import certificate_lines, selection_text
from automl.studies.evidence.margin import Margin, margin_over
from automl.studies.statistics.intervals import Interval
from hypothesis import given
from hypothesis import strategies as st

T_4, T_6 = 2.7764451051977987, 2.4469118487916806
"""The 97.5 % quantiles of Student's t with 4 and 6 degrees of freedom."""
REFERENCE = {1: 0.70, 2: 0.72, 3: 0.71}


def above(*differences: float) -> dict[int, float]:
    return {seed: REFERENCE[seed] + one for seed, one in enumerate(differences, start=1)}


def test_one_network_is_compared_by_students_t_with_the_variance_of_both():
    margin = margin_over(REFERENCE, {"a": above(0.02, 0.01, 0.03)})  # 0.72, 0.73, 0.74: the deviation of both is 0.01
    assert margin is not None
    assert margin.value == pytest.approx(0.02)
    half = T_4 * 0.01 * math.sqrt(2 / 3)
    assert margin.interval == pytest.approx((0.02 - half, 0.02 + half))
    assert (margin.n, margin.selection, margin.verdict) == (3, "none", "tied")


def test_of_several_networks_each_seed_compares_the_one_that_the_others_choose():
    margin = margin_over(REFERENCE, {"a": above(0.03, 0.01, 0.02), "b": above(0.00, 0.04, 0.01)})
    assert margin is not None
    # without seed 1 "b" is better, without seed 2 "a", without seed 3 they are equal: 0, 0.01, 0.02
    assert margin.value == pytest.approx(0.01)
    squares = 2 * 0.01**2 + 0 + (0.70 - 0.72667) ** 2 + (0.76 - 0.72667) ** 2 + (0.72 - 0.72667) ** 2
    half = T_6 * math.sqrt(squares / 6) * math.sqrt(2 / 3 + 2 / 2)
    assert margin.interval == pytest.approx((0.01 - half, 0.01 + half), rel=1e-3)
    assert margin.selection == "left out"


@pytest.mark.claims
@pytest.mark.parametrize("n", [2, 3, 5])
@pytest.mark.parametrize("rivals", [1, 4])
@pytest.mark.parametrize("reference", [1.0, 2.0])
def test_intervals_hold_the_margin_as_often_as_they_say(n: int, rivals: int, reference: float):
    """Also where the reference varies twice as much as the others. Of several networks, the margin
    is that which their choice by the other seeds has on average."""
    generator = np.random.default_rng(0)
    truth = [5.0, 4.7, 4.4, 3.0][:rivals]
    found = []
    for _ in range(1500):
        own = dict(enumerate(map(float, generator.normal(0, reference, n))))
        others = {
            str(index): dict(enumerate(map(float, generator.normal(one, 1, n)))) for index, one in enumerate(truth)
        }
        margin = margin_over(own, others)
        assert margin is not None
        found.append(margin)
    target = np.mean([one.value for one in found])
    holds = np.mean([one.interval is not None and one.interval.low <= target <= one.interval.high for one in found])
    assert holds >= 0.92
    narrow = [
        one.interval is not None and abs(one.value - target) < (one.interval.high - one.value) / 2 for one in found
    ]
    assert np.mean(narrow) < 0.93  # control: half of the interval does not


def test_a_seed_that_only_some_networks_have_takes_no_part_in_the_choice():
    """As where the time ended while the third seed was trained: the best network lacks it."""
    reference = {1: 0.4828, 2: 0.5011, 3: 0.4844}
    networks = {"a": {1: 0.5156, 2: 0.5006, 3: 0.4928}, "b": {1: 0.5700, 2: 0.5706}}
    margin = margin_over(reference, networks)
    assert margin is not None
    assert (margin.n, margin.value) == (2, pytest.approx((0.5700 - 0.4828 + 0.5706 - 0.5011) / 2))
    later = margin_over(reference, {**networks, "b": {**networks["b"], 3: 0.5600}, "a": {1: 0.5156, 2: 0.5006}})
    assert later is not None
    assert (later.n, later.verdict) == (3, "better")
    assert later.value == pytest.approx((0.5700 - 0.4828 + 0.5706 - 0.5011 + 0.5600 - 0.4844) / 3)


@pytest.mark.parametrize(
    ("differences", "verdict"),
    [((0.10, 0.11, 0.12), "better"), ((-0.10, -0.11, -0.12), "worse"), ((0.1, -0.1, 0.0), "tied")],
)
def test_the_verdict_is_that_of_the_interval(differences: tuple[float, ...], verdict: str):
    margin = margin_over(REFERENCE, {"a": above(*differences)})
    assert margin is not None
    assert margin.verdict == verdict


def test_one_seed_has_no_interval_and_is_a_tie_and_says_what_chose():
    margin = margin_over({1: 0.5}, {"a": {1: 0.6}, "b": {1: 0.7}, "c": {2: 0.9}})
    assert margin == Margin(value=pytest.approx(0.2), n=1, interval=None, selection="same seed")
    assert margin is not None
    assert margin.verdict == "tied"
    assert "flatters" in selection_text(Certificate(margin=margin))


def test_without_a_common_seed_nothing_is_compared():
    assert margin_over({1: 0.5}, {"a": {2: 0.6}}) is None
    assert margin_over({1: 0.5}, {}) is None


def test_equal_differences_give_an_interval_of_one_point():
    margin = margin_over(REFERENCE, {"a": above(0.0, 0.0, 0.0)})
    assert margin is not None
    assert margin.verdict == "tied"
    assert margin.value == pytest.approx(0)


accuracies = st.lists(st.lists(st.floats(0, 1), min_size=4, max_size=4), min_size=1, max_size=4)


@given(accuracies)
def test_the_margin_is_never_above_that_of_the_network_with_the_best_mean(rows: list[list[float]]):
    networks = {str(index): dict(enumerate(row)) for index, row in enumerate(rows)}
    margin = margin_over(dict.fromkeys(range(4), 0.5), networks)
    assert margin is not None
    assert margin.value <= max(math.fsum(row) / 4 for row in rows) - 0.5 + 1e-9


def tried(count: int = 4, accuracy: float = 0.6) -> tuple[TriedReference, ...]:
    one = TriedReference(
        id="f" * 64,
        words="resnet18 at width 0.27",
        macs=2_966_928,
        accuracy=accuracy,
        state="COMPLETE",
        origin={"name": "resnet18 width 0.27"},
    )
    return (one,) * count


def given_margin(value: float, interval: Interval | None, n: int = 3) -> Margin:
    return Margin(value=value, n=n, interval=interval, selection="left out")


def test_the_words():
    best, four = tried()[0], tried()
    better = Certificate(tried=four, best=best, margin=given_margin(0.018, Interval(0.006, 0.03)), confirmed=True)
    assert (
        certificate_text(better)
        == "+1.8 points over resnet18 at width 0.27, the best of 4 references (95 % +0.6 to +3.0, 3 seeds)"
    )
    tie = Certificate(tried=tried(1), best=best, margin=given_margin(-0.0, None, 1), confirmed=True)
    assert certificate_text(tie).startswith(
        "+0.0 points over resnet18 at width 0.27, the only reference (95 % -, 1 seed): too close to tell"
    )
    chosen = Certificate(
        tried=four, best=best, margin=given_margin(-0.02, Interval(-0.03, -0.01)), confirmed=True, chosen=True
    )
    assert certificate_text(chosen).startswith(
        "the best is resnet18 at width 0.27, a reference: the search has found no better one (its own best: -2.0"
        " points, 95 % -3.0 to -1.0, 3 seeds); try more --time or --trials"
    )
    assert certificate_text(Certificate()) == ""
    assert "no reference has been trained to the end" in certificate_text(Certificate(tried=four))
    assert "no network of the search" in certificate_text(Certificate(tried=four, best=best))
    assert certificate_lines(better)[-1] == "resnet18 at width 0.27: 60.00 %, 2,966,928 MACs, complete"


KEYS = {"tried", "best", "chosen", "confirmed", "margin", "margin_interval", "n", "selection", "verdict"}
KEYS |= {"verification"}


def with_references(study: Study, record, *, finals: bool = True) -> None:
    """Two references before the networks of a search; the second reference was stopped."""
    origins = {"name": "resnet18 width 0.27", "words": "resnet18 at width 0.27", "reference": "resnet18"}
    study.note(NOTE, [{"id": f"{number:064x}", **origins} for number in (100, 101, 102)])
    record(study, 100, 0.84, origin=ORIGIN)
    record(study, 101, 0.7, stopped=3, origin=ORIGIN)
    for seed in (1, 2, 3) if finals else ():
        record(study, 100, 0.85 + seed / 1000, final=seed)


def test_the_keys_are_always_there(study: Study, record):
    before = certificate(study).to_dict()
    assert set(before) == KEYS
    assert before["tried"] == []
    assert {before[name] for name in ("best", "margin", "n", "verdict")} == {None}
    with_references(study, record, finals=False)
    found = certificate(study).to_dict()
    assert set(found) == KEYS
    assert found["margin"] is None  # there is no other network yet
    assert [(one["state"], one["accuracy"]) for one in found["tried"]] == [  # type: ignore[index, union-attr]
        ("COMPLETE", 0.84),
        ("PRUNED", pytest.approx(0.7 / 3)),
    ]
    assert set(found["tried"][0]) == {"name", "id", "macs", "accuracy", "state", "origin"}  # type: ignore[index, arg-type]
    chosen = best(study)
    assert chosen is not None
    assert chosen.reference == "resnet18 at width 0.27"


def test_references_leave_the_statistics_of_random_search_as_they_were(searched: Study, record):
    before = rows(searched.evaluations())
    with_references(searched, record)
    after = rows(searched.evaluations())
    assert len(after) == len(before) + 2
    alone, beside = against_random(before), against_random(after)
    for name in ("random", "random_complete", "guided", "best", "best_random", "better", "chance"):
        assert getattr(alone, name) == getattr(beside, name)
    assert beside.bases["evaluations"] == alone.bases["evaluations"] + 2  # they are spent
    as_random = against_random([replace(row, origin="random" if row.origin == ORIGIN else row.origin) for row in after])
    assert as_random.random != alone.random  # the control
    assert as_random.chance != alone.chance


def test_a_study_with_references_compares_final_trainings(searched: Study, record):
    with_references(searched, record)
    found = certificate(searched)
    assert found.confirmed
    assert found.margin is not None
    assert found.margin.n == 3
    assert found.best is not None
    assert found.best.id == f"{100:064x}"
