"""Studies keep every cost metric of a candidate, and their front may be in any of them."""

from __future__ import annotations

import json
import shutil
import sqlite3
from dataclasses import replace
from pathlib import Path
from typing import Any

import optuna
import pytest
from automl.blocks.errors import InputError
from automl.spaces import load_space
from automl.spaces.metrics import Metric, metrics, register
from automl.studies import CandidateRow, FrontPoint, Study, StudySpec, studies
from automl.studies.database.schema import HEAD
from automl.studies.records.spec import differences


class Depth(Metric):
    name, unit, words, units = "depth", "blocks", "blocks of the network", {"blocks": 1}

    def of(self, candidate):
        return sum(repeats for *_, repeats in candidate.walk())


@pytest.fixture
def depth(monkeypatch: pytest.MonkeyPatch) -> Metric:
    monkeypatch.setattr(metrics, "known", dict(metrics.known))
    return register(Depth())


@pytest.fixture(scope="module")
def networks() -> list[Any]:
    """Networks with more and more MACs and fewer and fewer blocks."""
    space = load_space("efficientnet").adapted(image_size=32)
    depths = sorted(space.by_name["depth"].values, reverse=True)
    widths = sorted(space.by_name["width"].values)
    found = [space.candidate({"depth": d, "width": w}) for d, w in ((depths[0], widths[0]), (depths[-1], widths[-1]))]
    assert found[0].cost().macs < found[1].cost().macs
    return found


@pytest.fixture
def filled(url: str, spec: StudySpec, networks: list[Any], evaluation):
    """A study with one evaluation of each network, all equally accurate."""

    def fill(cost: str | None) -> Study:
        settings = spec.settings if cost is None else {**spec.settings, "cost": cost}
        study = Study.create_or_continue(url, replace(spec, settings=settings), command="", versions={})
        for number, one in enumerate(networks):
            row = CandidateRow.of(one)
            study.record(
                evaluation(number, candidate_id=row.id, accuracy=0.5),
                row,
                params={},
                distributions={},
                values=(0.5, row.cost(study.spec.cost)),
            )
        return study

    return fill


def test_a_row_has_the_values_of_all_metrics(networks: list[Any], depth: Metric):
    row = CandidateRow.of(networks[0])
    cost = networks[0].cost()
    assert (row.macs, row.params, row.activations) == (cost.macs, cost.params, cost.activations)
    assert row.metrics == {"peak_memory": cost.memory(), "depth": depth.of(networks[0])}
    assert row.cost("macs") == cost.macs
    assert row.cost("depth") == depth.of(networks[0])


def test_a_row_with_a_metric_that_is_no_number_is_refused(candidate):
    for wrong in (float("nan"), -1, "much"):
        with pytest.raises(InputError, match="the metric depth must"):
            candidate(0, metrics={"depth": wrong})


def test_the_front_is_in_the_metric_of_the_study(filled, networks: list[Any], depth: Metric, url: str):
    study = filled("depth")
    [point] = study.front()
    assert (point.id, point.axis, point.cost) == (networks[1].id, "depth", depth.of(networks[1]))
    trials = optuna.load_study(study_name="tiny", storage=url)
    assert trials.metric_names == ["accuracy", "depth"]
    assert [trial.user_attrs["candidate"] for trial in trials.best_trials] == [networks[1].id]
    assert [one.cost for one in studies(url)] == ["depth"]


def test_control_by_macs_the_other_network_is_on_the_front(filled, networks: list[Any], depth: Metric, url: str):
    [point] = filled(None).front()
    assert (point.id, point.axis, point.cost) == (networks[0].id, "macs", networks[0].cost().macs)
    assert optuna.load_study(study_name="tiny", storage=url).metric_names == ["accuracy", "macs"]


def test_metrics_come_back_from_the_database(filled, networks: list[Any], url: str):
    filled(None)
    assert Study.open(url, "tiny").candidates() == {one.id: CandidateRow.of(one) for one in networks}


def test_values_must_be_in_the_metric_of_the_study(filled, networks: list[Any], evaluation):
    study, row = filled("peak_memory"), CandidateRow.of(networks[0])
    with pytest.raises(InputError, match="must be"):
        study.record(
            evaluation(5, candidate_id=row.id, seed=1, accuracy=0.5),
            row,
            params={},
            distributions={},
            values=(0.5, row.macs),
        )


def test_studies_with_other_axes_are_other_studies_but_macs_need_not_be_named(spec: StudySpec):
    named = replace(spec, settings={**spec.settings, "cost": "macs"})
    other = replace(spec, settings={**spec.settings, "cost": "params"})
    assert differences(spec, named) == []
    assert [place for place, *_ in differences(spec, other)] == ["settings.cost"]
    assert (spec.cost, named.cost, other.cost) == ("macs", "macs", "params")


def forget(url: str) -> None:
    """The metrics of all candidates are NULL, as in a database of an older version."""
    connection = sqlite3.connect(url.removeprefix("sqlite:///"))
    connection.execute("UPDATE automl_candidates SET metrics = NULL")
    connection.commit()
    connection.close()


def test_exact_metrics_of_old_rows_are_computed_from_the_network(filled, networks: list[Any], depth: Metric, url: str):
    study = filled("depth")
    forget(url)
    row = study.candidates()[networks[1].id]
    assert row.metrics == {}
    assert row.cost("peak_memory") == networks[1].cost().memory()
    assert [point.cost for point in study.front()] == [depth.of(networks[1])]


def test_predicted_metrics_of_old_rows_are_unknown(networks: list[Any], depth: Metric, monkeypatch: pytest.MonkeyPatch):
    row = replace(CandidateRow.of(networks[0]), metrics={})
    monkeypatch.setattr(Depth, "predicted", True)
    with pytest.raises(InputError, match="keeps no 'depth'"):
        row.cost("depth")


def test_an_old_row_gets_its_metrics_when_its_network_is_recorded_again(filled, networks, evaluation, url: str):
    study, row = filled(None), CandidateRow.of(networks[0])
    forget(url)
    values = (0.5, row.macs)
    again = evaluation(7, candidate_id=row.id, seed=1, accuracy=0.5)
    study.record(again, row, params={}, distributions={}, values=values)
    assert study.candidates()[row.id].metrics == row.metrics
    forget(url)
    with study.recording():
        study.record(replace(again, seed=2), row, params={}, distributions={}, values=values)
    assert study.candidates()[row.id].metrics == row.metrics


def test_another_value_of_an_exact_metric_is_refused(filled, networks: list[Any], evaluation):
    study, row = filled(None), CandidateRow.of(networks[0])
    wrong = replace(row, metrics={"peak_memory": 1})
    with pytest.raises(InputError, match="another network or cost"):
        study.record(
            evaluation(7, candidate_id=row.id, seed=1, accuracy=0.5),
            wrong,
            params={},
            distributions={},
            values=(0.5, row.macs),
        )


@pytest.mark.parametrize("asset", ["study-0001.sqlite", "study-0002/study.sqlite"])
def test_databases_of_both_earlier_schemas_keep_their_rows(asset: str, tmp_path: Path):
    file = tmp_path / "old.sqlite"
    shutil.copy(Path(__file__).parent / "assets" / asset, file)
    connection = sqlite3.connect(file)
    counts = [
        connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        for table in ("automl_candidates", "automl_evaluations")
    ]
    connection.close()
    assert min(counts) > 0
    for one in studies(f"sqlite:///{file}"):
        study = Study.open(f"sqlite:///{file}", one.name)
        assert study.spec.cost == "macs"
        assert [point.cost for point in study.front()] == [point.macs for point in study.front()]
    connection = sqlite3.connect(file)
    assert counts == [
        connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
        for table in ("automl_candidates", "automl_evaluations")
    ]
    assert connection.execute("SELECT version_num FROM automl_alembic_version").fetchone() == (HEAD,)
    connection.close()


class TestCommands:
    """What `front`, `status`, `studies` and `cost` show of a metric that was registered."""

    @pytest.fixture
    def call(self, capsys: pytest.CaptureFixture[str], url: str):
        from automl.cli.main import main

        def run(*words: str) -> str:
            with pytest.raises(SystemExit) as ended:
                raise SystemExit(main([*words, "--storage", url]))
            assert ended.value.code in (0, None)
            return capsys.readouterr().out

        return run

    def test_the_axis_has_its_own_column_and_keys(self, filled, networks: list[Any], depth: Metric, call):
        filled("depth")
        blocks = depth.of(networks[1])
        shown = call("front", "tiny")
        assert shown.splitlines()[2].split()[:4] == ["candidate", "accuracy", "confirmed", "depth"]
        [point] = json.loads(call("front", "tiny", "--json"))
        assert (point["axis"], point["cost"], point["macs"]) == ("depth", blocks, networks[1].cost().macs)
        assert f"{blocks} blocks" in call("status", "tiny")
        assert json.loads(call("status", "tiny", "--json"))["cost"] == "depth"
        assert "cost axis" in call("studies")

    def test_control_a_study_in_macs_has_the_columns_it_had(self, filled, call):
        filled(None)
        head = call("front", "tiny").splitlines()[2]
        assert head.split()[:5] == ["candidate", "accuracy", "confirmed", "FLOPs", "params"]
        assert "cost axis" not in call("studies")

    def test_cost_prints_further_metrics_after_its_own(self, depth: Metric, call):
        found = json.loads(call("cost", "resnet50", "--json"))
        assert found["metrics"] == {
            "macs": found["macs"],
            "params": found["params"],
            "activations": found["activations"],
            "peak_memory": found["memory_bytes"],
            "depth": 18,
        }
        assert call("cost", "resnet50").splitlines()[2] == "depth: 18 blocks (blocks of the network)"


def test_points_are_ordered_by_the_axis(networks: list[Any], evaluation):
    row = CandidateRow.of(networks[0])
    point = FrontPoint(candidate=row, evaluation=evaluation(0, candidate_id=row.id), axis="params")
    assert point.cost == row.params
