"""The cost metrics that come with automl, and those that are added."""

from __future__ import annotations

import numpy as np
import pytest
from automl.blocks import Cost, InputError
from automl.spaces import Candidate, Space, architecture, census, load_space, parse_budget
from automl.spaces.draws.bulk import costs, draw, selected
from automl.spaces.metrics import Metric, metric_names, metrics, register, value
from automl.spaces.metrics import registry as module

from .conformance import MetricConformance
from .depth import Depth


class TestMacs(MetricConformance):
    metric = metrics.get("macs")


class TestParams(MetricConformance):
    metric = metrics.get("params")


class TestActivations(MetricConformance):
    metric = metrics.get("activations")


class TestPeakMemory(MetricConformance):
    metric = metrics.get("peak_memory")

    def test_it_is_the_memory_of_one_image_in_float32(self):
        cost = architecture("resnet50").candidate().cost()
        assert value("peak_memory", cost) == cost.memory(1) == 4 * cost.peak


@pytest.fixture
def depth(monkeypatch: pytest.MonkeyPatch) -> Depth:
    monkeypatch.setattr(metrics, "known", dict(metrics.known))
    metric = Depth()
    register(metric)
    return metric


class TestDepth(MetricConformance):
    """A metric without a form for arrays keeps to the same."""

    metric = Depth()

    @pytest.fixture(autouse=True)
    def registered(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(metrics, "known", dict(metrics.known))
        register(self.metric)


class Moody(Depth):
    def of_many(self, candidates):
        return super().of_many(candidates) + 1


def test_control_an_array_form_that_differs_is_found(monkeypatch: pytest.MonkeyPatch):
    class Planted(MetricConformance):
        metric = Moody()

    monkeypatch.setattr(metrics, "known", {**metrics.known, "depth": Planted.metric})
    space = load_space("resnext-attention").adapted(image_size=32)
    one = space.candidate({})
    with pytest.raises(AssertionError):
        Planted().test_arrays_have_the_values_of_the_candidates(([one], one.cost()))


def test_four_metrics_come_with_automl_in_this_order():
    assert metric_names()[:4] == ["macs", "params", "activations", "peak_memory"]


def test_an_unknown_metric_names_the_nearest():
    with pytest.raises(InputError, match="unknown cost metric 'mac'; did you mean 'macs'"):
        metrics.get("mac")


def test_a_metric_of_a_user_is_found_in_a_budget_after_those_of_automl(depth: Depth):
    assert str(parse_budget("12 blocks,2MB,400M")) == "macs<=400000000, peak_memory<=2000000, depth<=12"


def test_a_budget_in_a_users_metric_bounds_a_whole_space(depth: Depth):
    dimensions = {"depth": [0.3, 0.6, 1.0], "width": [0.25, 0.5], "attention": ["none", "se"]}
    space = Space.from_dict({"skeleton": "resnet", "image": [3, 32, 32], "dimensions": dimensions})
    free = census(space, parse_budget("12 blocks"))
    assert 0 < free.feasible < free.valid
    assert depth.of(space.candidate(free.nearest.settings)) <= 12


def test_a_metric_that_walks_looks_only_at_what_other_bounds_admit(depth: Depth, monkeypatch: pytest.MonkeyPatch):
    space = load_space("resnext-attention").adapted(image_size=32)
    seen: list[Candidate] = []
    of = Depth.of

    def counted(self: Depth, candidate: Candidate) -> float:
        seen.append(candidate)
        return of(self, candidate)

    monkeypatch.setattr(Depth, "of", counted)
    cost, valid = costs(space, draw(space, 100, np.random.default_rng(0)))
    cost = selected(cost, valid)
    limit = int(np.quantile(cost.macs, 0.1))
    inside = parse_budget(f"{limit}, 1000 blocks").admits(cost)
    assert 0 < inside.sum() <= len(seen) <= 20


def test_a_cost_without_its_network_is_refused(depth: Depth):
    with pytest.raises(InputError, match="'depth' needs the network"):
        value("depth", Cost(1, 2, 3, 4))
    assert value("macs", Cost(1, 2, 3, 4)) == 1  # control: a formula of the cost needs none


class TestRefused:
    @pytest.mark.parametrize(
        ("changes", "says"),
        [
            ({"name": "macs"}, "'macs' is taken"),
            ({"units": {"MB": 1.0}}, "the unit 'MB' of the cost metric 'depth' is taken by 'peak_memory'"),
            ({"name": "Two Words"}, "small letters"),
        ],
    )
    def test_a_metric_whose_name_or_unit_cannot_be(self, changes, says: str):
        metric = type("Changed", (Depth,), changes)()
        with pytest.raises(InputError, match=says):
            register(metric)
        assert "depth" not in metrics.known

    def test_what_is_no_metric(self):
        with pytest.raises(InputError, match="must be derived from Metric, but got int"):
            metrics.add("depth", 3)
        with pytest.raises(InputError, match="must be derived from Metric, but got Metric"):
            metrics.add("depth", Metric)


class TestPredicted:
    """A metric such as a latency: not whole, with units of its own, of a device."""

    @pytest.fixture(autouse=True)
    def latency(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(metrics, "known", dict(metrics.known))

        class Latency(Depth):
            name, unit, whole, predicted = "latency", "ms", False, True
            units = {"ms": 1.0, "s": 1000.0, "us": 0.001, "ms@phone": 1.0}  # noqa: RUF012

        register(Latency())

    @pytest.mark.parametrize(
        ("text", "canonical"),
        [
            ("8ms", "latency<=8"),
            ("8.25 ms", "latency<=8.25"),
            ("0.5..1.5ms", "0.5<=latency<=1.5"),
            ("800us", "latency<=0.8"),
            ("0.01s", "latency<=10"),
            ("8ms@phone", "latency<=8"),
        ],
    )
    def test_spellings(self, text: str, canonical: str):
        assert str(parse_budget(text)) == canonical
        assert parse_budget(canonical) == parse_budget(text)

    def test_an_unknown_device_is_refused(self):
        with pytest.raises(InputError, match=r"unknown unit .*'ms@phones'; did you mean 'ms@phone'"):
            parse_budget("8ms@phones")


def test_a_metric_of_an_installed_package_is_found(tmp_path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "deep_package.py").write_text(
        "from automl.spaces.metrics import Metric\n\n\nclass Deep(Metric):\n"
        "    name, unit, words = 'deep', 'deeps', 'a'\n"
        "    units = {'deeps': 1}\n\n    def of(self, candidate):\n        return len(candidate.stages)\n"
    )
    info = tmp_path / "deep_package-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: deep-package\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[automl.metrics]\ndeep = deep_package:Deep\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(metrics, "known", dict(metrics.known))
    monkeypatch.setattr(metrics, "origins", {})
    monkeypatch.setattr(metrics, "_looked", False)
    monkeypatch.setattr(metrics, "_done", False)
    assert "deep" in metric_names()
    assert metrics.origins == {"deep": "deep-package"}
    assert str(parse_budget("4deeps")) == "deep<=4"
    assert module.value("deep", load_space("resnext-attention").candidate({}).cost()) == 4
