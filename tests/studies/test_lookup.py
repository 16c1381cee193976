"""Candidates of studies by id, as `automl.spaces.find_candidate` asks for them."""

from collections.abc import Callable

import pytest
from automl.blocks import InputError
from automl.search import best_json
from automl.spaces import find_candidate
from automl.spaces.skeletons import skeleton
from automl.studies import CandidateRow, Evaluation, Study
from optuna.distributions import FloatDistribution

TINY = skeleton("resnet").candidate({"width": 0.125, "depth": 0.3}, (3, 32, 32), 10)


@pytest.fixture
def filled(study: Study, evaluation: Callable[..., Evaluation], record: Callable[..., Evaluation]) -> Study:
    """Two rows whose ids begin with zeros, and a real network, the most accurate."""
    record(study, 1)
    record(study, 2)
    cost = TINY.cost()
    row = CandidateRow(id=TINY.id, spec=TINY.spec, macs=cost.macs, params=cost.params, activations=cost.activations)
    tiny = evaluation(3, candidate_id=TINY.id, accuracy=0.9, curve=((3, 0.9),))
    study.record(
        tiny, row, params={"depth": 1.0}, distributions={"depth": FloatDistribution(0.5, 2.0)}, values=(0.9, cost.macs)
    )
    return study


@pytest.mark.parametrize("reference", [TINY.id, TINY.id[:8], f"tiny:{TINY.id[:6]}", "tiny:best"])
def test_a_network_is_found_by_id_beginning_study_or_as_the_best(filled: Study, reference: str):
    assert find_candidate(reference, storage=filled.storage_url) == TINY
    assert best_json(filled.storage_url, "tiny") == TINY.spec


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("0" * 12, "must fit one id, but fits 2"),
        ("ffff0000", "no candidate 'ffff0000'"),
        ("%" * 4 + ":best", "unknown study"),
        ("tiny:ffff0000", "unknown candidate"),
        ("tiyn:best", "did you mean 'tiny'"),
    ],
)
def test_what_is_not_there_or_not_one_is_refused(filled: Study, reference: str, said: str):
    with pytest.raises(InputError, match=said):
        find_candidate(reference, storage=filled.storage_url)


def test_a_study_without_a_trial_has_no_best(study: Study):
    with pytest.raises(InputError, match="no finished trial yet"):
        find_candidate("tiny:best", storage=study.storage_url)


def test_there_is_no_such_database(tmp_path):
    with pytest.raises(InputError, match="there is no database"):
        find_candidate("abcd1234", storage=f"sqlite:///{tmp_path / 'none.db'}")
    assert not list(tmp_path.iterdir())
