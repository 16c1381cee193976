"""The report of a study whose front has another cost axis than MACs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from automl.studies import CandidateRow, Evaluation, Fidelity, Purpose, State, Study, StudySpec
from automl.studies.evidence import Chosen, Evidence, evidence, front_figure, report_lines, report_markdown
from optuna.distributions import FloatDistribution

from .conftest import BEGAN, EPOCHS
from .test_summary import everything, texts

NETWORKS = [(1_000_000, 900, 5000), (2_000_000, 400, 3_000_000)]
"""MACs, parameters and bytes of two networks, equally accurate: each is the cheapest in one."""


@pytest.fixture
def told(tmp_path: Path, spec: StudySpec) -> Callable[[str], Evidence]:
    """The evidence of a study of these two networks, with a front in the metric given."""

    def make(axis: str) -> Evidence:
        settings = {**spec.settings, "cost": axis}
        url = f"sqlite:///{tmp_path / axis}.db"
        study = Study.create_or_continue(url, replace(spec, settings=settings), command="", versions={})
        for number, (macs, params, memory) in enumerate(NETWORKS):
            row = CandidateRow(
                id=f"{number:064x}",
                spec=f'{{"number":{number}}}',
                macs=macs,
                params=params,
                activations=5,
                metrics={"peak_memory": memory},
            )
            ended = Evaluation(
                candidate_id=row.id,
                fidelity=Fidelity(epochs=EPOCHS, size=16),
                seed=0,
                purpose=Purpose.SEARCH,
                state=State.COMPLETE,
                settings={"width": 0.5},
                curve=((EPOCHS, 0.5),),
                accuracy=0.5,
                seconds=2.0,
                device="cpu",
                started=BEGAN,
                finished=BEGAN + timedelta(seconds=number),
                origin="random",
            )
            study.record(
                ended,
                row,
                params={"width": 0.5},
                distributions={"width": FloatDistribution(0.1, 2.0)},
                values=(0.5, row.cost(axis)),
            )
        [point] = study.front()
        return evidence(study, Chosen(id=point.id, value=0.5, test=None, confirmed=False))

    return make


def front_of(found: Evidence) -> list[float]:
    """Costs of the dots of the front as they are drawn."""
    [line] = [line for line in front_figure(found).axes[0].lines if line.get_label() == "front"]
    return [float(value) for value in line.get_xdata()]  # pyright: ignore[reportArgumentType]


def test_a_front_in_parameters_is_drawn_and_listed_in_parameters(told: Callable[[str], Evidence], tmp_path: Path):
    found = told("params")
    everything(found, tmp_path)
    assert front_of(found) == [400]
    assert "trainable numbers" in texts(front_figure(found))
    assert "| Parameters | MACs |" in report_markdown(found)
    lines = "\n".join(report_lines(found))
    assert "cost axis   params (trainable numbers)" in lines
    assert "400 params, 2,000,000 MACs" in lines
    [point] = found.to_dict()["front"]  # pyright: ignore[reportGeneralTypeIssues]
    assert (point["axis"], point["cost"], point["macs"]) == ("params", 400, 2_000_000)  # pyright: ignore


def test_a_front_in_peak_memory_is_shown_with_its_unit(told: Callable[[str], Evidence], tmp_path: Path):
    found = told("peak_memory")
    everything(found, tmp_path)
    assert front_of(found) == [5000]
    assert "peak activation memory of inference in bytes" in texts(front_figure(found))
    assert "| Peak memory | MACs | Parameters |" in report_markdown(found)
    assert "4.9 KiB" in report_markdown(found)
    assert "peak memory 4.9 KiB, 1,000,000 MACs, 900 params" in "\n".join(report_lines(found))


def test_control_a_front_in_macs_says_nothing_of_an_axis(told: Callable[[str], Evidence], tmp_path: Path):
    found = told("macs")
    everything(found, tmp_path)
    assert front_of(found) == [1_000_000]
    assert "multiply-adds for one image" in texts(front_figure(found))
    assert "| MACs | Parameters |" in report_markdown(found)
    assert "cost axis" not in report_markdown(found) + "\n".join(report_lines(found))
    [point] = found.to_dict()["front"]  # pyright: ignore[reportGeneralTypeIssues]
    assert "axis" not in point  # pyright: ignore
