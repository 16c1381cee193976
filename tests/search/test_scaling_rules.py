"""A comparison of the rules of scaling as a study, without Ray and without training: workers are
played by the test."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from automl.blocks import InputError
from automl.search.grid import GridOptions, best_of
from automl.search.scaling_rules import RulesResult, compare_scaling_rules
from automl.studies import Purpose, Study

from .conftest import write_images
from .course.played_workers import accuracy_of
from .played_grid import BASELINE, Workers

Run = Callable[..., RulesResult]
AXES = ("depth", "width", "resolution")


@pytest.fixture
def run(tmp_path: Path, workers: Workers) -> Run:
    (tmp_path / "little.yaml").write_text(BASELINE)
    write_images(tmp_path / "images.npz", size=20)

    def again(multiples: tuple[float, ...] = (0.5, 1, 2), coefficients: dict | None = None, **options) -> RulesResult:
        asked = {
            "baseline": tmp_path / "little.yaml",
            "data": str(tmp_path / "images.npz"),
            "storage": f"sqlite:///{tmp_path}/a.db",
            "seeds": 2,
            "epochs": 9,
            "tolerance": 0.2,
            **options,
        }
        return compare_scaling_rules(GridOptions(**asked), multiples, coefficients, command="automl grid")

    return again


def test_all_rules_are_trained_to_the_end_from_every_seed(run: Run, workers: Workers):
    found = run()
    groups = found.compared.groups
    assert [group.multiple for group in groups] == [0.5, 2]
    assert [[point.control for point in group.points] for group in groups] == [[None, *AXES[1:]], [None, *AXES]]
    assert list(groups[0].unreached) == ["depth"]  # stages of one unit still cost 0.87 times the baseline
    points = [found.compared.baseline, *(point for group in groups for point in group.points)]
    assert all(sorted(point.accuracies) == [0, 1] for point in points)
    assert len(workers.pairs) == len(set(workers.pairs)) == 2 * len({point.id for point in points})
    assert found.trained.study.counts()["pruned"] == 0
    assert found.trained.left == 0


def test_rules_may_be_compared_by_another_measure(run: Run, workers: Workers, tmp_path: Path):
    workers.accuracy = lambda job, epoch: accuracy_of(job, epoch) - 1
    found = run(metric="log-loss")
    assert found.compared.metric == "log-loss"
    page = found.write(tmp_path / "out")[0].read_text()
    assert "Validation log loss, mean" in page
    assert "accurac" not in page


def test_a_run_cut_in_the_middle_is_continued_and_a_finished_one_starts_no_workers(run: Run, workers: Workers):
    workers.stop_after = 5
    partly = run()
    done = len(partly.trained.study.evaluations(Purpose.SEARCH))
    assert partly.trained.left == 16 - done > 0
    workers.stop_after = None
    whole = run()
    assert len(workers.pairs) == 16 - done
    assert whole.trained.left == 0
    again = run()
    assert workers.runs == 2
    assert again.compared.to_dict() == whole.compared.to_dict()
    more = run(seeds=3)
    assert [seed for _, seed in workers.pairs] == 8 * [2]
    assert more.compared.seeds == (0, 1, 2)


def test_a_network_outside_the_tolerance_is_not_trained(run: Run):
    found = run((0.1, 2.0), tolerance=0.05)
    small = found.compared.groups[0]
    assert "depth" in small.unreached
    assert "depth" not in {point.control for point in small.points}
    with pytest.raises(InputError, match="no rule has a network within 1e-09"):
        run((1.9,), tolerance=1e-9)


def test_other_coefficients_or_multiples_are_another_study(run: Run):
    run(study="one")
    with pytest.raises(InputError, match="multiples"):
        run((0.5, 2, 4), study="one")
    with pytest.raises(InputError, match="coefficients"):
        run(coefficients={"depth": 1.3, "width": 1.1, "resolution": 1.1}, study="one")


def test_it_chooses_no_coefficients_and_no_network(run: Run, tmp_path: Path):
    found = run()
    name, storage = found.trained.study.spec.name, f"sqlite:///{tmp_path}/a.db"
    assert name == "rules-little-0.5-1-2x-images"
    with pytest.raises(InputError, match="compares rules of scaling, and chooses no coefficients"):
        best_of(name, storage)
    assert "grid" not in Study.open(storage, name).notes()


def test_the_report_is_written(run: Run, tmp_path: Path):
    found = run(seeds=3)
    files = found.write(tmp_path / "out")
    assert [path.name for path in files] == ["rules.md", "rules.json", "rules.svg"]
    data = json.loads(files[1].read_text())
    assert data["left"] == 0
    assert data["rules"]["multiples"] == [0.5, 1, 2]
    assert [one["multiple"] for one in data["comparison"]["multiples"]] == [0.5, 2]
    page = files[0].read_text()
    assert "## Accuracy" in page
    assert "0, 1, 2 (initial weights" in page
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="--out cannot be written"):
        found.write(tmp_path / "file")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"points": 3}, "--multiples compares rules of scaling at given costs: it takes no --points"),
        ({"phi": 2.0}, "it takes no --phi"),
        ({"rule": "paper"}, "it takes no --rule"),
        ({"tolerance": 0.0}, "--tolerance must be above 0"),
        ({"multiples": (2, 1)}, "multiples must rise"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_is_written(run: Run, tmp_path: Path, options: dict, says: str):
    with pytest.raises(InputError, match=says):
        run(**options)
    assert not (tmp_path / "a.db").exists()
