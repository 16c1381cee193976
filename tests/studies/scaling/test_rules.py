"""The rules of scaling compared: verdicts against known truths, and what is said of them."""

from collections.abc import Callable, Mapping

import numpy as np
import pytest
from automl.blocks import InputError
from automl.studies.scaling import (
    AtMultiple,
    RulesCompared,
    ScaledPoint,
    accuracy_table,
    compare_rules,
    network_table,
    rule_conclusions,
    rules_figure,
    rules_markdown,
)

AXES = ("depth", "width", "resolution")
Make = Callable[..., RulesCompared]


@pytest.fixture
def made(point: Callable[..., ScaledPoint]) -> Make:
    """A comparison whose true accuracies are given: multiple → rule → accuracy."""

    def make(
        truth: Mapping[float, Mapping[str, float]], *, n: int = 3, noise: float = 0.005, seed: int = 0
    ) -> RulesCompared:
        generator = np.random.default_rng(seed)

        def one(rule: str, multiple: float, accuracy: float) -> ScaledPoint:
            return point(
                f"{rule}-{multiple:g}",
                [float(value) for value in accuracy + noise * generator.normal(size=n)],
                coefficients={axis: multiple if rule in (axis, "compound") else 1.0 for axis in AXES},
                control=None if rule == "compound" else rule,
                factor=multiple * 1.02,
                macs=round(1_000_000 * multiple),
            )

        groups = [
            AtMultiple(
                multiple=multiple,
                points=tuple(one(rule, multiple, accuracy) for rule, accuracy in rules.items()),
                unreached={rule: 1.5 for rule in ("compound", *AXES) if rule not in rules},
            )
            for multiple, rules in truth.items()
        ]
        return compare_rules(one("baseline", 1.0, 0.5), groups)

    return make


def rules(compound: float, depth: float, width: float, resolution: float) -> dict[str, float]:
    return {"compound": compound, "depth": depth, "width": width, "resolution": resolution}


def test_a_rule_that_is_better_is_found_in_either_direction_at_its_own_multiple(made: Make):
    found = made({0.5: rules(0.4, 0.4, 0.4, 0.4), 2: rules(0.6, 0.5, 0.5, 0.5), 4: rules(0.5, 0.5, 0.6, 0.5)})
    equal, better, worse = (verdict.verdict for verdict in found.verdicts)
    assert equal.startswith("no difference can be shown (")
    assert better.startswith("compound beats the best single axis (")
    assert worse.startswith("a single axis is better (")
    told = rule_conclusions(found)
    assert "better than the best single axis at 1, worse at 1, and no difference can be shown at 1" in told[0]
    assert any(line.startswith("At 2 times the cost compound beats the best single axis (+") for line in told)


def test_differences_are_those_of_the_means(made: Make):
    found = made({2: rules(0.6, 0.5, 0.55, 0.65)})
    points = {point.control or "compound": point for point in found.groups[0].points}
    for axis, estimate in found.verdicts[0].differences.items():
        assert estimate.value == pytest.approx((points["compound"].mean or 0) - (points[axis].mean or 0))
        assert estimate.interval is not None
        assert estimate.interval.low < estimate.value < estimate.interval.high
    assert set(found.verdicts[0].differences) == set(AXES)


def test_without_a_true_difference_a_verdict_is_rare(made: Make):
    wrong = sum(
        "no difference" not in verdict.verdict
        for seed in range(100)
        for verdict in made({0.5: rules(0.4, 0.4, 0.4, 0.4), 2: rules(0.4, 0.4, 0.4, 0.4)}, seed=seed).verdicts
    )
    assert wrong <= 10  # of 200; a single axis is chosen as the best of three


def test_the_finding_of_tinynet_is_shown_contradicted_or_open(made: Make):
    def told(depth: float, width: float, resolution: float) -> str:
        found = made({0.5: rules(0.45, depth, width, resolution), 2: rules(0.6, 0.5, 0.7, 0.5)})
        [line] = [line for line in rule_conclusions(found) if "TinyNet" in line]  # never above the baseline
        assert ": at 0.5 times the cost the accuracy of width only minus that of depth only is " in line
        return line

    assert ") shows here:" in told(0.40, 0.48, 0.41)
    assert ") is not what these trainings show:" in told(0.48, 0.40, 0.38)
    assert ") can neither be shown nor be ruled out here:" in told(0.45, 0.45, 0.45)
    assert ") can neither be shown nor be ruled out here:" in told(0.45, 0.45, 0.30)


def test_a_rule_that_reaches_no_network_is_left_out_and_said(made: Make):
    found = made({0.5: {"compound": 0.5, "width": 0.4, "resolution": 0.4}, 4: {"depth": 0.6, "width": 0.6}})
    told = rule_conclusions(found)
    assert "Depth only reaches no network of 0.5 times the cost; its nearest has 1.50 times." in told
    assert any("the compound rule has no network of this cost" in line for line in told)
    head, rows = accuracy_table(found)
    assert head == ["rule", "0.5x", "baseline", "4x"]
    cells = {row[0]: row[1:] for row in rows}
    assert cells["depth only"][0] == "– (nearest 1.50x)"
    assert "± " in cells["compound"][0]


def test_one_seed_and_no_training_give_no_verdict(made: Make, point: Callable[..., ScaledPoint]):
    single = made({2: rules(0.9, 0.1, 0.1, 0.1)}, n=1)
    assert single.verdicts[0].verdict.startswith("no difference can be shown")
    none = made({2: rules(0.9, 0.1, 0.1, 0.1)}, n=0)
    assert "the compound network has no complete training" in none.verdicts[0].verdict
    assert none.verdicts[0].differences == {}
    with pytest.raises(InputError, match="at least one multiple"):
        compare_rules(point("base", control="baseline"), [])


def test_the_page_has_every_network_its_cost_and_its_verdict(made: Make):
    found = made({0.5: rules(0.4, 0.4, 0.4, 0.4), 2: rules(0.6, 0.5, 0.5, 0.5)})
    page = rules_markdown(found, facts={"command": "automl grid"}, figures=[("Accuracy", "rules.svg")])
    for group in found.groups:
        for one in group.points:
            assert one.id[:8] in page
    head, rows = network_table(found)
    assert {row[head.index("off")] for row in rows[1:]} == {"+2.0 %"}
    assert "differ from it by 2.0 % at most" in page
    assert "![Accuracy](rules.svg)" in page
    for line in rule_conclusions(found):
        assert line.rstrip(".") in page
    data = found.to_dict()
    assert [one["multiple"] for one in data["multiples"]] == [0.5, 2]  # type: ignore[index, union-attr]


def test_the_figure_leads_every_rule_through_the_baseline(made: Make):
    figure = rules_figure(made({0.5: rules(0.4, 0.4, 0.4, 0.4), 2: rules(0.6, 0.5, 0.5, 0.5)}), "small")
    lines = [line for line in figure.axes[0].get_lines() if len(line.get_xdata()) == 3]  # type: ignore[arg-type]
    assert len(lines) == 4
    assert all(list(line.get_xdata()) == [500_000, 1_000_000, 2_000_000] for line in lines)  # type: ignore[arg-type]
