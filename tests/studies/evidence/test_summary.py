"""A study's evidence as a whole: JSON, figures, and studies that lack everything."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from automl.studies import CandidateRow, Evaluation, Fidelity, Paused, Study
from automl.studies.evidence import (
    UNKNOWN,
    Chosen,
    Evidence,
    Numbers,
    evidence,
    front_figure,
    progress_figure,
    report_lines,
    report_markdown,
    status_lines,
)
from automl.studies.scaling import save
from matplotlib.figure import Figure

from .conftest import BEGAN, EPOCHS

Record = Callable[..., Evaluation]
DRAWN = (front_figure, progress_figure)


def texts(figure: Figure) -> str:
    from matplotlib.text import Text

    return "\n".join(found.get_text() for found in figure.findobj(Text))  # pyright: ignore[reportAttributeAccessIssue]


def everything(found: Evidence, folder: Path) -> None:
    """Whatever is known, all of it can be written."""
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False)) == found.to_dict()
    assert json.loads(json.dumps(found.short(), allow_nan=False)) == found.short()
    for draw in DRAWN:
        ElementTree.fromstring(save(draw(found), folder / "figure.svg").read_bytes())
    text = report_markdown(found) + "\n".join(report_lines(found) + status_lines(found))
    for unwanted in ("None", "nan", "inf "):
        assert unwanted not in text


def test_json_repeats_itself_and_figures_byte_for_byte(searched: Study, tmp_path: Path) -> None:
    first, second = (evidence(searched, Chosen(id="ab", value=0.9, test=None, confirmed=False)) for _ in range(2))
    everything(first, tmp_path)
    assert first.to_dict() == second.to_dict()
    for draw in DRAWN:
        one, two = (
            save(draw(found), tmp_path / f"{number}.svg").read_bytes() for number, found in enumerate((first, second))
        )
        assert one == two


def test_figures_say_what_they_show(searched: Study) -> None:
    found = evidence(searched)
    front, progress = (texts(draw(found)) for draw in DRAWN)
    for part in (
        "random",
        "search",
        "stopped early, or below",
        "front",
        "confirmed, mean ± 1 sd over seeds",
        "multiply-adds for one image",
    ):
        assert part in front
    for part in (
        "random search, expected",
        "random search, extrapolated",
        "its 95 % interval",
        "search, best so far",
        "hours of training",
        "evaluations ended",
    ):
        assert part in progress


@pytest.mark.parametrize("kind", ["empty", "one", "one random", "failed", "stopped", "older", "random", "final only"])
def test_a_study_that_lacks_most_is_told_without_it(study: Study, record: Record, tmp_path: Path, kind: str) -> None:
    if kind == "one":
        record(study, 0, 0.5, origin="predictor")
    if kind == "one random":
        record(study, 0, 0.5)
    if kind == "final only":
        record(study, 0, 0.5, final=1)
    for number in range(8):
        origin = "random" if number < 3 or kind == "random" else "" if kind == "older" else "predictor"
        if kind in ("older", "random"):
            record(study, number, 0.5 + number / 100, origin=origin, curve=() if kind == "older" else ((1, 0.1),))
        elif kind in ("failed", "stopped"):
            (
                record(study, number, 0.5, stopped=3, origin=origin)
                if kind == "stopped"
                else record(study, number, origin=origin)
            )
    found = evidence(study)
    everything(found, tmp_path)
    keys = set(evidence(study).to_dict())
    assert set(found.to_dict()) == keys
    if kind in ("empty", "one", "failed", "stopped", "older"):
        assert found.baseline.verdict == UNKNOWN
        assert found.baseline.reason


def test_a_training_that_waits_is_spent_and_a_draw(searched: Study) -> None:
    before = evidence(searched)
    one = CandidateRow(id=f"{99:064x}", spec='{"number":99}', macs=1_000_000, params=10, activations=5)
    waiting = Paused(
        candidate=one,
        fidelity=Fidelity(epochs=EPOCHS, size=16),
        seed=0,
        settings={},
        curve=((1, 0.1), (3, 0.2)),
        seconds=12.0,
        origin="random",
        started=BEGAN,
        finished=BEGAN,
    )
    searched.pause(waiting)
    after = evidence(searched)
    assert after.baseline.random == before.baseline.random + 1
    assert after.savings.evaluations["waiting"] == 1
    assert after.savings.spent == pytest.approx(before.savings.spent + 12)
    assert after.rungs[0].stopped == before.rungs[0].stopped + 1


@pytest.mark.parametrize("note", [None, {}, {"rank_correlation": None}, {"rank_correlation": True}, [1]])
def test_a_surrogate_that_noted_nothing_is_a_dash(study: Study, tmp_path: Path, note: object) -> None:
    study.note("surrogate", note)  # pyright: ignore[reportArgumentType]
    found = evidence(study)
    everything(found, tmp_path)
    assert found.short()["surrogate_rank_correlation"] is None
    assert "surrogate   - (the search noted none)" in report_lines(found)


def test_a_score_is_no_percentage(searched: Study, tmp_path: Path) -> None:
    score = replace(evidence(searched), measure="score")
    everything(score, tmp_path)
    assert " %" not in "".join(line for line in report_lines(score) if "best" in line and "interval" not in line)
    assert Numbers("score").value(12.3456) == "12.35"
    assert Numbers("mae").value(-215_432.1) == "215432"  # not 2.154e+05
    assert Numbers("mae").difference(-12_345.6) == "+12346"
    assert Numbers("accuracy").value(0.91234) == "91.23 %"
    assert Numbers("accuracy").difference(-0.00001) == "+0.00"


def test_importing_the_statistics_loads_neither_torch_nor_ray_nor_optuna() -> None:
    code = (
        "import sys, automl.studies.evidence; print([name for name in ('torch', 'ray', 'optuna', 'matplotlib',"
        " 'sqlalchemy') if name in sys.modules])"
    )
    assert (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == "[]"
    )
