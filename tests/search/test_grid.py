"""The grid as a study, without Ray and without training: workers are played by the test."""

import json
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from automl.blocks import InputError
from automl.search.grid import GridOptions, GridResult, best_of, search_grid
from automl.search.grid_report import evidence, write
from automl.search.proposing.listed import Listed, Points
from automl.spaces import find_candidate
from automl.studies import Purpose, State, Study
from automl.studies.records.evaluation import cut_reason
from PIL import Image

from .conftest import write_images
from .course.played_workers import accuracy_of
from .played_grid import BASELINE, Workers

Run = Callable[..., GridResult]


@pytest.fixture
def run(tmp_path: Path, workers: Workers) -> Run:
    (tmp_path / "little.yaml").write_text(BASELINE)
    write_images(tmp_path / "images.npz", size=20)

    def again(**options: object) -> GridResult:
        asked = {
            "baseline": tmp_path / "little.yaml",
            "data": str(tmp_path / "images.npz"),
            "storage": f"sqlite:///{tmp_path}/a.db",
            "points": 3,
            "seeds": 2,
        }
        return search_grid(GridOptions(**{**asked, "epochs": 9, **options}), command="automl grid")  # type: ignore[arg-type]

    return again


def rows(folder: Path, sql: str) -> list[tuple]:
    with sqlite3.connect(folder / "a.db") as database:
        return database.execute(sql).fetchall()


def test_points_and_controls_are_trained_from_every_seed(run: Run, workers: Workers):
    found = run(stop=False)
    assert len(found.points) == 3 + 4
    assert [point.control for point in found.points[:4]] == ["baseline", "depth", "width", "resolution"]
    assert all(sorted(point.accuracies) == [0, 1] for point in found.points)
    assert (found.left, found.counts["complete"]) == (0, 14)
    assert len(set(workers.pairs)) == len(workers.pairs) == 14
    assert [seed for _, seed in workers.pairs] == 7 * [0] + 7 * [1]


def test_a_run_cut_in_the_middle_is_continued_with_what_is_missing(run: Run, workers: Workers, tmp_path: Path):
    workers.stop_after = 5
    partly = run(stop=False)
    done = {(point.id, seed) for point in partly.points for seed in point.accuracies}
    assert partly.left == 14 - len(done) > 0
    workers.stop_after = None
    whole = run(stop=False)
    assert whole.left == 0
    assert len(workers.pairs) == 14 - len(done)  # exactly what was missing
    assert not {(find_candidate(json.loads(spec)).id, seed) for spec, seed in workers.pairs} & done
    assert rows(tmp_path, "SELECT count(*), count(DISTINCT candidate_id || ' ' || seed) FROM automl_evaluations") == [
        (14, 14)
    ]


def test_what_the_time_has_cut_is_trained_by_the_next_run_and_is_not_taken_for_stopped(run: Run, workers: Workers):
    workers.stop_after, workers.by_time = 9, True
    partly = run(points=12)
    assert partly.counts["complete"] + partly.counts["pruned"] < len(workers.pairs)  # the others were cut
    workers.stop_after = None
    whole = run(points=12)
    assert (partly.left > 0, whole.left) == (True, 0)
    assert all("rung" in (each.reason or "") for each in whole.study.evaluations(state=State.PRUNED))
    assert all(point.stopped or sorted(point.accuracies) == [0, 1] for point in whole.points)


def test_a_grid_whose_trainings_an_earlier_version_recorded_as_cut_goes_on_with_their_other_seeds(run: Run):
    found = run(stop=True)
    [known] = [each for each in found.study.evaluations(Purpose.SEARCH) if each.state is State.PRUNED][:1]
    listed = [Listed(candidate=found.grid.candidate(found.grid.points[0]), cost=None, settings={}, stoppable=True)]  # type: ignore[arg-type]
    for reason, left in ((cut_reason(3), 1), ("beaten at the rung of 3 epochs", 0)):
        former = replace(known, candidate_id=listed[0].id, seed=0, reason=reason)
        assert Points(listed, seeds=[0, 1], distributions={}, known=[former]).left == left


def test_a_finished_grid_starts_no_workers(run: Run, workers: Workers):
    first = run(stop=False)
    again = run(stop=False)
    assert workers.runs == 1
    assert [point.accuracies for point in first.points] == [point.accuracies for point in again.points]


def test_more_seeds_continue_the_same_study(run: Run, workers: Workers):
    run(stop=False)
    more = run(stop=False, seeds=3)
    assert [seed for _, seed in workers.pairs] == 7 * [2]
    assert all(sorted(point.accuracies) == [0, 1, 2] for point in more.points)


def test_another_grid_is_not_mixed_into_the_study(run: Run):
    run(study="one")
    with pytest.raises(InputError, match="step"):
        run(study="one", step=0.1)


def test_controls_are_never_stopped_early(run: Run):
    found = run(points=12)
    assert found.counts["pruned"] > 0
    for point in found.points:
        if point.control:
            assert not point.stopped
            assert sorted(point.accuracies) == [0, 1]


def test_the_best_is_that_of_the_mean_and_known_to_the_other_commands(run: Run, tmp_path: Path):
    found = run(stop=False)
    means = {point.id: sum(point.accuracies.values()) / 2 for point in found.points if not point.control}
    best = max(means, key=lambda key: means[key])
    storage, name = f"sqlite:///{tmp_path}/a.db", found.study.spec.name
    note = Study.open(storage, name).notes()["grid"]
    assert isinstance(note, dict)
    assert note["id"] == best
    assert find_candidate(f"{name}:best", storage=storage).id == best
    baseline, coefficients = best_of(name, storage)
    chosen = next(point for point in found.points if point.id == best and not point.control)
    assert coefficients == dict(chosen.coefficients)
    assert baseline.candidate({axis: value for axis, value in coefficients.items()}).id == best


def test_only_a_grids_study_has_coefficients(run: Run, workers: Workers, tmp_path: Path):
    workers.stop_after = 0
    found = run(stop=False)
    with pytest.raises(InputError, match="has trained nothing to the end yet"):
        best_of(found.study.spec.name, f"sqlite:///{tmp_path}/a.db")


def test_the_evidence_is_written(run: Run, tmp_path: Path):
    found = evidence(run(stop=False, seeds=3))
    files = write(found, tmp_path / "out")
    assert sorted(path.name for path in files) == ["report.json", "report.md", "scaling.svg", "simplex.svg"]
    data = json.loads((tmp_path / "out" / "report.json").read_text())
    assert len(data["points"]) == 7
    page = (tmp_path / "out" / "report.md").read_text()
    assert "compound" in page.lower()
    assert any("margin" in line for line in found.lines())
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="--out cannot be written"):
        write(found, tmp_path / "file")


def test_a_grid_may_be_about_the_error_of_numbers(run: Run, workers: Workers, tmp_path: Path):
    random = np.random.default_rng(0)
    for number in range(60):
        Image.fromarray(random.integers(0, 255, (20, 20), dtype=np.uint8)).save(tmp_path / f"{number}.png")
    rows = [f"{number}.png,{200_000 + 1000 * number}" for number in range(60)]
    (tmp_path / "prices.csv").write_text("\n".join(["image,price", *rows]))
    workers.accuracy = lambda job, epoch: 3e5 * (accuracy_of(job, epoch) - 1)  # inside larger is better
    asked = {"data": str(tmp_path / "prices.csv"), "targets": ("price",), "stop": False, "seeds": 3}
    found = run(**asked)
    assert found.grid.baseline.at_one.classes == 1
    assert (found.left, found.study.spec.metric) == (0, "mae")
    shown = evidence(found)
    lines = shown.lines()
    assert " MAE on left-out seeds" in lines[-1]
    assert "e+0" not in "\n".join(lines)  # 215000, not 2.15e+05
    told = json.loads(json.dumps(shown.to_dict()))
    assert all(0 < point["mean"] < 3e5 for point in told["points"])
    best = min((point for point in told["points"] if point["control"] is None), key=lambda point: point["mean"])
    assert told["comparison"]["best"]["id"] == best["id"]
    with pytest.raises(InputError, match="metric: mae in the database, rmse now"):
        run(**asked, metric="rmse", study=found.study.spec.name)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"metric": "mae"}, "--metric mae is for regression, but .* is for classification: accuracy, "),
        ({"metric": "balanced-acuracy"}, "did you mean 'balanced-accuracy'"),
        ({"balance": "weight"}, "unknown --balance .*did you mean 'weights'"),
        ({"seeds": 0}, "--seeds must be at least 1"),
        ({"points": 0}, "--points must be at least 1"),
        ({"data": "nowhere"}, "nowhere"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(run: Run, tmp_path: Path, options: dict, says: str):
    with pytest.raises(InputError, match=says):
        run(**options)
    assert not (tmp_path / "a.db").exists()
