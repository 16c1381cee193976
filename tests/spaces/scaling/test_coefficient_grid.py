"""Grids of compound scaling: what each rule admits, beside plain loops and an independent
counter."""

import itertools
import math
from dataclasses import replace
from pathlib import Path

import pytest
from automl.blocks import InputError
from automl.spaces import Space
from automl.spaces.scaling.baseline import AXES, Baseline, find_baseline
from automl.spaces.scaling.coefficient_grid import Grid, GridPoint, grid, rounded
from automl.spaces.scaling.cost_exponents import exponents
from automl.spaces.scaling.scaled_space import ScaledSpace
from flop_counter import counted

RESULTS = Path(__file__).resolve().parents[3] / "docs" / "results" / "compound-scaling"
CONVOLUTIONAL = {
    "name": "convolutions",
    "skeleton": "plain",
    "image": [3, 64, 64],
    "classes": 2,
    "stages": [{"channels": 32, "repeats": 10, "stride": 1}, {"channels": 64, "repeats": 10, "stride": 2}],
    "dimensions": {"depth": 1.0, "width": 1.0, "resolution": 1.0, "divisor": 1},
}
"""Nearly all of its cost lies in layers that repeat, and nothing is rounded where α is a tenth,
β·32 and γ·64 are whole."""


def outside(found: Grid, points: list[GridPoint]) -> list[str]:
    """Points whose cost, by the counter, is off the target by more than the tolerance, or not what
    is said of them."""
    own, wrong = counted(found.baseline.network), []
    for point in points:
        macs = counted(found.candidate(point))
        if abs(macs / own / found.multiple - 1) > found.tolerance or abs(macs - float(point.cost.macs)) > 0.5:
            wrong.append(str(point.base))
    return wrong


def tuples(found: Grid) -> set[tuple[float, ...]]:
    """Every triple admitted that scales several axes, of those too that build another's network."""
    return {tuple(base.values()) for point in found.points for base in (point.base, *point.same)}


def test_the_papers_triple_is_on_the_papers_grid():
    found = grid(find_baseline("efficientnet_b0"), rule="paper", step=0.05)
    assert (1.2, 1.1, 1.15) in tuples(found)
    point = next(
        point
        for point in found.points
        if (1.2, 1.1, 1.15) in {tuple(base.values()) for base in (point.base, *point.same)}
    )
    assert math.prod(value**power for value, power in zip((1.2, 1.1, 1.15), (1, 2, 2), strict=True)) == pytest.approx(
        1.92, abs=0.001
    )
    assert point.factor == pytest.approx(counted(found.candidate(point)) / counted(found.baseline.network), rel=1e-12)
    assert point.factor == pytest.approx(2.573, abs=0.001)
    assert found.counts == {"true": 45, "paper": 111, "both": 6, "impossible": 0}


@pytest.mark.parametrize("rule", ["true", "paper"])
@pytest.mark.parametrize("name", ["small-b0", "small-resnet"])
def test_a_grid_is_what_plain_loops_find(name: str, rule):
    base, step, tolerance = find_baseline(RESULTS / f"{name}.yaml"), 0.125, 0.05
    found = grid(base, rule=rule, step=step, tolerance=tolerance)
    values = [1 + step * index for index in range(20)]
    admitted: dict[str, set[tuple[float, ...]]] = {"true": set(), "paper": set()}
    networks: dict[str, set[tuple[float, ...]]] = {}
    for triple in itertools.product(values, repeat=3):
        product = triple[0] * triple[1] ** 2 * triple[2] ** 2
        if product > 5:  # far beyond both rules here: the true factor is at least half of it
            continue
        candidate = base.candidate(dict(zip(AXES, triple, strict=True)))
        if abs(candidate.cost().macs / base.cost.macs / 2 - 1) <= tolerance:
            admitted["true"].add(triple)
        if abs(product / 2 - 1) <= tolerance:
            admitted["paper"].add(triple)
        if triple in admitted[rule]:
            networks.setdefault(candidate.id, set()).add(triple)
    assert found.counts["true"] == len(admitted["true"])
    assert found.counts["paper"] == len(admitted["paper"])
    assert found.counts["both"] == len(admitted["true"] & admitted["paper"])
    # a network that a triple with one coefficient builds is no point of the grid, whatever else
    # builds it
    several = {
        key: kept
        for key, kept in networks.items()
        if not any(sum(value > 1 for value in triple) <= 1 for triple in kept)
    }
    assert {
        found.candidate(point).id: {tuple(base.values()) for base in (point.base, *point.same)}
        for point in found.points
    } == several
    assert found.alone == len(networks) - len(several)


def test_a_grid_of_a_negative_phi_is_what_plain_loops_find():
    """Networks of half of the baseline's cost."""
    base, step, tolerance = find_baseline("resnet18"), 0.2, 0.08
    found = grid(base, phi=-1.0, step=step, tolerance=tolerance)
    admitted = set()
    for triple in itertools.product([round(1 + step * index, 9) for index in range(12)], repeat=3):
        candidate = base.candidate({axis: 1 / value for axis, value in zip(AXES, triple, strict=True)})
        if abs(candidate.cost().macs / base.cost.macs * 2 - 1) <= tolerance:
            admitted.add(candidate.id)
    points = {found.candidate(point).id for point in found.points}
    assert points <= admitted
    assert len(points) + found.alone == len(admitted)
    assert points
    assert all(control.factor == pytest.approx(0.5, abs=0.05) for control in found.controls[1:])


@pytest.mark.parametrize("name", ["efficientnet_b0", "resnet50", "mobilenetv2"])
def test_triples_that_build_one_network_are_one_point(name: str):
    base = find_baseline(name)
    found = grid(base, rule="paper", step=0.1)
    ids = [found.candidate(point).id for point in found.points]
    assert len(set(ids)) == len(ids)
    assert any(point.same for point in grid(base, rule="paper", step=0.05).points)
    for point, name in zip(found.points, ids, strict=True):
        assert all(base.candidate(other).id == name for other in point.same)
        assert not {
            base.network.id,
            *(found.candidate(control).id for control in found.controls if control.control == "baseline"),
        } & {name}


@pytest.mark.parametrize(
    ("name", "phi"),
    [
        pytest.param("small-b0", 1.0, marks=pytest.mark.exhaustive),
        pytest.param("small-resnet", 1.0, marks=pytest.mark.exhaustive),
        ("small-resnet", 2.0),
    ],
)
def test_the_true_cost_of_all_that_is_admitted_lies_within_the_tolerance(name: str, phi: float):
    found = grid(find_baseline(RESULTS / f"{name}.yaml"), step=0.1, phi=phi)
    assert len(found.points) >= 5
    assert outside(found, found.points) == []


def test_a_cost_that_is_off_by_a_tenth_is_noticed(monkeypatch: pytest.MonkeyPatch):
    """The control of the independent counter."""
    examine = ScaledSpace.examine

    def dearer(self, chosen):
        cost, valid, names = examine(self, chosen)
        return replace(cost, macs=cost.macs * 1.1), valid, names

    monkeypatch.setattr(ScaledSpace, "examine", dearer)
    found = grid(find_baseline(RESULTS / "small-resnet.yaml"), step=0.1)
    assert len(outside(found, found.points)) > len(found.points) / 2


def test_without_rounding_the_true_factor_is_the_product():
    base = find_baseline(Space.from_dict(CONVOLUTIONAL))
    slopes = exponents(base)
    assert slopes == pytest.approx({"depth": 1.0, "width": 2.0, "resolution": 2.0}, abs=0.05)
    for alpha, beta, gamma in itertools.product((1.0, 1.3), (1.0, 1.25), (1.0, 1.125)):
        scaled = base.candidate({"depth": alpha, "width": beta, "resolution": gamma})
        assert counted(scaled) / counted(base.network) == pytest.approx(alpha * beta**2 * gamma**2, rel=0.02)


def test_the_exponent_of_depth_is_measured_and_falls_with_a_heavy_stem():
    """The control of the exponents: what does not repeat does not grow."""
    heavy = {
        **CONVOLUTIONAL,
        "stages": [{"channels": 32, "repeats": 2, "stride": 1}, {"channels": 64, "repeats": 2, "stride": 2}],
    }
    heavy["dimensions"] = {**CONVOLUTIONAL["dimensions"], "stem_width": 256}
    assert exponents(find_baseline(Space.from_dict(heavy)))["depth"] < 0.8


def test_coefficients_are_taken_to_the_power_of_phi():
    base = find_baseline("resnet50")
    found = grid(base, phi=2.0, step=0.1)
    assert found.multiple == 4.0
    for point in found.points:
        assert point.factors == pytest.approx({axis: value**2 for axis, value in point.base.items()})
        assert point.factor == pytest.approx(4.0, rel=found.tolerance)


@pytest.mark.parametrize("name", ["efficientnet_b0", "resnet50", "small-b0.yaml"])
def test_controls_are_the_baseline_and_each_axis_alone_as_near_to_the_target_as_it_gets(name: str):
    base = find_baseline(RESULTS / name if name.endswith(".yaml") else name)
    found = grid(base, step=0.25, tolerance=0.2)
    assert [control.control for control in found.controls] == ["baseline", *AXES]
    assert found.candidate(found.controls[0]).id == base.network.id
    for control in found.controls[1:]:
        [(axis, factor)] = [(axis, value) for axis, value in control.factors.items() if value > 1]
        assert axis == control.control
        off = abs(math.log(control.factor / 2))
        for other in (factor - 0.001, factor + 0.001, factor - 0.05, factor + 0.05):
            assert abs(math.log(base.candidate({axis: other}).cost().macs / base.cost.macs / 2)) >= off - 1e-12


def test_a_fourth_axis_takes_part_with_the_exponent_measured():
    base = find_baseline("resnext50_32x4d")
    found = grid(base, step=0.25, axes=(*AXES, "cardinality"))
    assert list(found.exponents) == [*AXES, "cardinality"]
    assert 0.5 < found.exponents["cardinality"] < 1.2
    assert [control.control for control in found.controls] == ["baseline", *AXES, "cardinality"]
    assert any(point.base["cardinality"] > 1 for point in found.points)
    assert outside(found, found.points[:5]) == []


def test_points_are_spread_over_the_grid():
    found = grid(find_baseline(RESULTS / "small-resnet.yaml"))
    few = found.spread(5)
    assert few == found.spread(5)
    assert len({tuple(point.base.values()) for point in few}) == 5
    assert all(point in found.points for point in few)
    assert all(min(point.base.values()) > 1 for point in few)
    assert found.spread(10**6) == found.points


def test_what_rounding_made_of_a_triple_is_told():
    found = grid(find_baseline("efficientnet_b0"), rule="paper", step=0.05)
    made = {axis: (asked, got) for axis, asked, got in rounded(found, found.points[0])}
    assert set(made) == set(AXES)
    assert all(got == pytest.approx(asked, rel=0.35) for asked, got in made.values())


@pytest.mark.parametrize(
    "name",
    [
        "resnext50_32x4d",
        "mobilenetv3_large_100",
        "plain",
        *(
            pytest.param(name, marks=pytest.mark.exhaustive)
            for name in (
                "resnet50",
                "resnest50d",
                "seresnet50",
                "ecaresnet50d",
                "mobilenetv1",
                "mobilenetv2",
                "mnasnet_100",
            )
        ),
    ],
)
def test_any_baseline_has_a_grid(name: str):
    found = grid(find_baseline(name), step=0.1)
    assert found.points
    assert outside(found, found.points[:1]) == []


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"target": 1.0}, "--target must be above 1"),
        ({"target": 1e6}, "--target must be above 1 and at most 1000"),
        ({"step": 0.0}, "--step must be above 0"),
        ({"step": 2e-4}, "at most 20,000,000 triples"),
        ({"step": 50.0}, "no triple in steps of 50 has 2 times the cost"),
        ({"step": 50.0, "rule": "paper"}, "by the paper rule; the nearest is α=1 β=1 γ=1"),
        ({"phi": -11.0}, "--phi must lie between -10 and 10 and not be 0, but got -11"),
        ({"phi": 0.0}, "--phi must lie between -10 and 10 and not be 0, but got 0"),
        ({"tolerance": 0.0}, "--tolerance must be above 0"),
        ({"tolerance": math.nan}, "--tolerance must be above 0"),
        ({"rule": "papr"}, "--rule must be true or paper"),
        ({"axes": ("depth",)}, "at least two axes"),
        ({"axes": ("depth", "depth")}, "axes must be named once each"),
        ({"axes": ("depth", "widht")}, "did you mean 'width'"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(options: dict, says: str):
    with pytest.raises(InputError) as caught:
        grid(find_baseline("resnet50"), **options)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_an_unreachable_target_names_the_nearest_triple():
    with pytest.raises(InputError, match=r"the nearest is α=[\d.]+ β=[\d.]+ γ=[\d.]+ with a true factor of [\d.]+"):
        grid(find_baseline("efficientnet_b0"), step=0.25, tolerance=1e-6)


def test_a_baseline_is_one_network(tmp_path: Path):
    free = tmp_path / "free.yaml"
    free.write_text("skeleton: resnet\ndimensions:\n  cardinality: [1, 2]\n")
    with pytest.raises(InputError, match=r"a baseline is one network, but .* leaves free: cardinality"):
        find_baseline(free)
    with pytest.raises(
        InputError, match="efficientnet_b0 cannot be built for inputs of 16x16 px, below its total stride"
    ):
        _ = find_baseline("efficientnet_b0").resized(16).cost


def test_a_candidate_and_a_space_are_baselines_as_well():
    named = find_baseline("resnet18")
    for other in (named.network, named.at_one):
        found = find_baseline(other)
        assert isinstance(found, Baseline)
        assert found.network.id == named.network.id
