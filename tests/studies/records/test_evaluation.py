"""What cannot be stored is refused before it comes near a database."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from automl.blocks.errors import InputError
from automl.studies import CandidateRow, Evaluation, Fidelity, State
from automl.studies.writing.json_values import canonical, plain
from hypothesis import given
from hypothesis import strategies as st

Make = Callable[..., Evaluation]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
)


@pytest.mark.parametrize("accuracy", [math.nan, math.inf, -math.inf, "0.5x", None])
def test_a_complete_evaluation_has_a_finite_accuracy(evaluation: Make, accuracy: object) -> None:
    with pytest.raises(InputError, match="accuracy"):
        evaluation(accuracy=accuracy)


def test_nan_in_the_curve_is_refused(evaluation: Make) -> None:
    with pytest.raises(InputError, match="finite"):
        evaluation(curve=((1, math.nan),))


def test_the_epochs_of_a_curve_rise(evaluation: Make) -> None:
    with pytest.raises(InputError, match="rise"):
        evaluation(curve=((2, 0.1), (2, 0.2)))


def test_a_failure_needs_a_reason_but_no_accuracy(evaluation: Make) -> None:
    assert evaluation(state=State.FAIL, accuracy=None, curve=(), reason="out of memory").accuracy is None
    with pytest.raises(InputError, match="reason"):
        evaluation(state=State.FAIL, accuracy=None, curve=())


def test_a_running_evaluation_cannot_be_said(evaluation: Make) -> None:
    with pytest.raises(InputError, match="COMPLETE, PRUNED, FAIL"):
        evaluation(state="RUNNING")


def test_a_time_without_a_zone_is_refused_and_others_become_utc(evaluation: Make) -> None:
    with pytest.raises(InputError, match="time zone"):
        evaluation(started=datetime(2026, 1, 1))
    east = datetime(2026, 1, 1, 5, tzinfo=timezone(timedelta(hours=5)))
    made = evaluation(started=east)
    assert made.started == datetime(2026, 1, 1, tzinfo=UTC)
    assert made.started.tzinfo is UTC


def test_a_reason_may_quote_anything(evaluation: Make) -> None:
    assert evaluation(state=State.FAIL, reason="bytes \0 and \udcff").reason == "bytes \\0 and \\udcff"


def test_numpy_numbers_become_plain_ones(evaluation: Make) -> None:
    made = evaluation(
        accuracy=np.float32(0.5),
        seed=np.int64(3),
        settings={"kernel": np.int64(5), "width": np.float32(0.5), "each": (1, 2)},
    )
    assert (
        json.dumps([made.accuracy, made.seed, made.settings]) == '[0.5, 3, {"kernel": 5, "width": 0.5, "each": [1, 2]}]'
    )


@pytest.mark.parametrize("wrong", [{"x": math.nan}, {"x": {1: 2}}, {"x": {2}}, {3: 1}, [1]])
def test_settings_that_are_no_json_are_refused(evaluation: Make, wrong: object) -> None:
    with pytest.raises(InputError, match="settings"):
        evaluation(settings=wrong)


def test_evaluations_are_compared_and_hashed_by_value(evaluation: Make) -> None:
    assert evaluation() == evaluation()
    assert len({evaluation(), evaluation(), evaluation(seed=1)}) == 2


def test_equal_fidelities_have_one_key() -> None:
    one, other = Fidelity(epochs=3, size=32, fraction=1), Fidelity.from_dict(Fidelity(epochs=3, size=32).to_dict())
    assert one.key == other.key == '{"epochs":3,"fraction":1.0,"size":32}'
    assert str(Fidelity(epochs=3, size=32, fraction=0.25)) == "3 epochs at 32 px on 0.25 of the data"


@pytest.mark.parametrize(
    "wrong",
    [
        {"epochs": 0},
        {"size": 0},
        {"size": 32.5},
        {"fraction": 0},
        {"fraction": 1.01},
        {"epochs": True},
        {"fraction": math.nan},
    ],
)
def test_fidelities_that_train_nothing_are_refused(wrong: dict) -> None:
    with pytest.raises(InputError):
        Fidelity(**{"epochs": 1, "size": 8, **wrong})


@pytest.mark.parametrize(
    "wrong", [{"id": ""}, {"id": "a" * 129}, {"macs": -1}, {"macs": 1.5}, {"params": 2**63}, {"spec": None}]
)
def test_candidates_that_no_column_holds_are_refused(candidate: Callable[..., CandidateRow], wrong: dict) -> None:
    with pytest.raises(InputError):
        candidate(**wrong)


@given(json_values)
def test_canonical_text_reads_back_and_does_not_depend_on_the_order_of_keys(value: object) -> None:
    made = plain(value, "value")
    assert json.loads(canonical(made)) == made == value
    if isinstance(value, dict):
        assert canonical(plain(dict(reversed(value.items())), "value")) == canonical(made)
