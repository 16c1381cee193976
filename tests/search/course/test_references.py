"""A search that begins with references: what is trained, confirmed, chosen and said."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import pytest
from automl.search.beginning import _references_first
from automl.search.course.confirmation import Final, described
from automl.search.course.engine import Engine
from automl.search.course.events import Silent
from automl.search.course.job import Job
from automl.search.proposing.references_first import ReferencesFirst, references_of
from automl.spaces import Space, parse_budget
from automl.studies import Purpose, Study
from automl.studies.choosing.chosen import best, finalists
from automl.studies.choosing.finalists import complete_points
from automl.studies.choosing.reference_trials import ORIGIN, noted_references
from automl.studies.evidence import certificate, certificate_text, evidence
from automl.studies.evidence.search_rows import RANDOM

from .played_workers import Time, accuracy_of, digest, make, open_study, play

COUNT = 3


def searched(folder: Path, space: Space, *, wanted: int | None = COUNT, **limits) -> Engine:
    def behind(study: Study, proposer):
        references = references_of(study, space, parse_budget("200k"), trials=12, wanted=wanted)
        known = {*study.candidates(), *(one.candidate.id for one in study.paused())}
        return ReferencesFirst(proposer, references, known=known)

    return make(folder, space, behind=behind, **limits)


def planted(engine: Engine, accuracy: float):
    """Accuracies of the played workers, where references have this one, but for a little."""
    noted = list(noted_references(engine.study))

    def of(job: Job, epoch: int) -> float:
        key = digest(job)
        return accuracy + noted.index(key) / 1000 + epoch / 10_000 if key in noted else accuracy_of(job, epoch)

    return of


@pytest.fixture
def bad(tmp_path: Path, space: Space) -> Study:
    engine = searched(tmp_path, space)
    play(engine, accuracy=planted(engine, 0.4))
    return engine.study


@pytest.fixture
def good(tmp_path: Path, space: Space) -> Study:
    engine = searched(tmp_path, space)
    play(engine, accuracy=planted(engine, 0.995))
    return engine.study


def test_references_come_first_and_are_trials_like_all_others(bad: Study):
    trials = sorted(bad.evaluations(Purpose.SEARCH), key=lambda one: one.started)
    assert len(trials) == 12
    assert [one.origin for one in trials[:COUNT]] == [ORIGIN] * COUNT
    assert sum(one.origin == ORIGIN for one in trials) == COUNT
    assert len({one.candidate_id for one in trials}) == 12
    assert {one.fidelity.key for one in trials} == {trials[-1].fidelity.key}
    assert max(row.macs for row in bad.candidates().values()) <= 200_000
    assert trials[0].settings == {"reference": "resnet18 width 0.06"}


def test_a_bad_reference_loses_and_the_certificate_says_by_how_much(bad: Study):
    chosen = best(bad)
    assert chosen is not None
    assert chosen.reference is None
    found = certificate(bad)
    assert (len(found.tried), found.chosen, found.confirmed) == (COUNT, False, True)
    assert found.best is not None
    assert found.margin is not None
    rival = [each.accuracy for each in bad.evaluations(Purpose.FINAL) if each.candidate_id == found.best.id]
    assert found.margin.value == pytest.approx(chosen.accuracy - (rival[0] or 0))
    assert (found.margin.n, found.margin.verdict) == (2, "better")
    assert f"points over {found.best.words}, the best of 3 references (95 % " in certificate_text(found)


def test_a_good_reference_is_handed_over_and_the_words_say_so(good: Study):
    chosen, found = best(good), certificate(good)
    assert chosen is not None
    assert chosen.confirmed
    assert chosen.candidate.id in noted_references(good)
    assert found.chosen
    assert found.best is not None
    assert chosen.reference == found.best.words
    assert found.margin is not None
    assert found.margin.value < 0
    assert found.margin.verdict == "worse"
    text = certificate_text(found)
    assert text.startswith(f"the best is {chosen.reference}, a reference: the search has found no better one")
    assert "automl references" in text


def test_the_best_reference_is_confirmed_beside_the_leaders_of_the_search(bad: Study):
    noted = noted_references(bad)
    finals = {each.candidate_id for each in bad.evaluations(Purpose.FINAL)}
    assert len(finals & set(noted)) == 1
    assert certificate(bad).to_dict()["best"]["id"] in finals  # type: ignore[index]
    own = [point.id for point in sorted(complete_points(bad), key=lambda point: -point.accuracy)]
    assert finals - set(noted) == set([key for key in own if key not in noted][:3])


def test_what_is_confirmed_is_said_also_where_it_is_the_reference_alone(bad: Study):
    points = finalists(bad, 3)
    reference = [point for point in points if point.evaluation.origin == ORIGIN]
    finals = [Final(point=point, fidelity=point.evaluation.fidelity, seed=1) for point in points]
    assert described(finals).startswith(f"confirming {len(points) - 1} networks and the best reference: ")
    alone = [final for final in finals if final.point in reference]
    assert described(alone).startswith("confirming the best reference: ")
    assert described([final for final in finals if final not in alone]).count("reference") == 0


def test_a_dominated_reference_is_confirmed_too(bad: Study):
    assert certificate(bad).best is not None
    finals = {each.candidate_id for each in bad.evaluations(Purpose.FINAL)}
    assert not (finals & set(noted_references(bad))) & {point.id for point in bad.front()}


def test_without_finals_the_trainings_of_the_search_are_compared(tmp_path: Path, space: Space):
    engine = searched(tmp_path, space, finals=0)
    play(engine, accuracy=planted(engine, 0.4))
    found = certificate(engine.study)
    assert found.margin is not None
    assert (found.confirmed, found.margin.n, found.margin.interval) == (False, 1, None)
    assert found.margin.verdict == "tied"
    assert found.margin.value == pytest.approx(max(p.accuracy for p in engine.study.front()) - _best(found))
    assert "one training of the search" in certificate_text(found)


def _best(found) -> float:
    return max(one.accuracy for one in found.tried if one.state == "COMPLETE")


@pytest.mark.parametrize("stop_after", [1, 5])
def test_a_study_that_goes_on_trains_no_reference_twice(tmp_path: Path, space: Space, stop_after: int):
    first = searched(tmp_path, space)
    play(first, accuracy=planted(first, 0.4), stop_after=stop_after)
    second = searched(tmp_path, space, wanted=None)
    play(second, accuracy=planted(second, 0.4))
    third = searched(tmp_path, space, wanted=None, trials=16)
    play(third, accuracy=planted(third, 0.4))
    trials = third.study.evaluations(Purpose.SEARCH)
    assert len({one.candidate_id for one in trials}) == len(trials) == 16
    assert sum(one.origin == ORIGIN for one in trials) == COUNT


def test_references_are_no_random_draws(tmp_path: Path, space: Space):
    for name in ("with", "without"):
        (tmp_path / name).mkdir()
    beside, alone = searched(tmp_path / "with", space, trials=23), make(tmp_path / "without", space, trials=20)
    play(beside, accuracy=planted(beside, 0.4))
    play(alone)
    drawn = [
        {one.candidate_id for one in engine.study.evaluations(Purpose.SEARCH) if one.origin == RANDOM}
        for engine in (beside, alone)
    ]
    assert drawn[0] == drawn[1]
    assert evidence(beside.study).baseline.random == evidence(alone.study).baseline.random
    assert beside._random._count == alone._random._count


def test_time_that_is_short_compares_the_best_of_both_first(tmp_path: Path, space: Space):
    clock = Time()
    engine = searched(tmp_path, space, clock=clock, trials=None, seconds=90)
    play(engine, clock=clock, accuracy=planted(engine, 0.4))
    finals = engine.study.evaluations(Purpose.FINAL)
    assert {each.candidate_id in noted_references(engine.study) for each in finals} == {True, False}


def test_the_certificate_has_the_first_of_the_seeds_after_the_second(tmp_path: Path, space: Space):
    engine = searched(tmp_path, space, most_seeds=4, race=2)
    of = planted(engine, 0.4)

    def varied(job: Job, epoch: int) -> float:  # so much by the seed that all of the search may be the best
        return of(job, epoch) + 0.2 * (job.seed * int(digest(job)[:4], 16) % 3 == 1)

    play(engine, accuracy=varied)
    seeds = Counter(each.candidate_id for each in engine.study.evaluations(Purpose.FINAL))
    margin = certificate(engine.study).margin
    assert sorted(seeds.values()) == [2, 2, 3, 3]
    assert margin is not None
    assert margin.n == 3


def test_only_evaluators_that_train_begin_with_references(tmp_path: Path, space: Space):
    study = open_study(tmp_path, space)
    plan = SimpleNamespace(space=space, budget=parse_budget("200k"), trials=12, seconds=None)
    inner = SimpleNamespace(refused=0, duplicates=0)

    def first(*, references: int | None = None, **evaluator: object):
        options = SimpleNamespace(references=references)
        doubles = SimpleNamespace(plan=plan, **evaluator), inner, options, Silent()
        return _references_first(study, *doubles, known=())  # type: ignore[arg-type]

    assert first(keeps_weights=False, score=None) is inner  # a table
    assert first(keeps_weights=True, score="naswot") is inner
    assert first(keeps_weights=True, score=None, references=0).left == []  # type: ignore[attr-defined]
    assert len(first(keeps_weights=True, score=None, references=2).left) == 2  # type: ignore[attr-defined]
