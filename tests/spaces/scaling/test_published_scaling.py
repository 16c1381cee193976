"""The paper's scaled networks, beside what an independent counter says they cost: which printed
figures are met, and which cannot be."""

import pytest
import timm
import torch
from automl.spaces.scaling.baseline import find_baseline
from automl.spaces.scaling.family import PAPER, member, scaled
from automl.spaces.scaling.paper_tables import EFFICIENTNETS, SCALED, Released, Scaled, agrees
from flop_counter import counted

MET = {
    ("mobilenetv1", "width"),
    ("mobilenetv2", "depth"),
    ("mobilenetv2", "width"),
    ("mobilenetv2", "resolution"),
    ("resnet50", "resolution"),
    ("efficientnet_b0", "compound"),
}
"""Rows whose printed figure ours is, once rounded; the others are not, by any counter."""


ENDS = ("efficientnet_b0", "efficientnet_b7")


@pytest.mark.parametrize(
    "row",
    [pytest.param(row, id=row.name, marks=() if row.name in ENDS else pytest.mark.exhaustive) for row in EFFICIENTNETS],
)
def test_the_released_networks_have_timms_parameters_and_the_counters_cost(row: Released):
    found = row.architecture.candidate()
    with torch.device("meta"):
        theirs = timm.create_model(row.name)
    assert found.cost().params == sum(parameter.numel() for parameter in theirs.parameters())
    assert found.cost().macs == pytest.approx(counted(found), rel=0.01)


def test_the_released_networks_are_not_the_rules():
    base = find_baseline("efficientnet_b0")
    assert [
        row.architecture.candidate().id == member(base, PAPER, phi).candidate.id
        for phi, row in enumerate(EFFICIENTNETS)
    ] == [True] + 7 * [False]


@pytest.mark.parametrize(
    "row",
    [
        pytest.param(row, id=f"{row.baseline}-{row.way}", marks=() if row.way == "compound" else pytest.mark.exhaustive)
        for row in SCALED
    ],
)
def test_every_scaled_baseline_costs_what_the_counter_says_and_meets_the_figures_it_can(row: Scaled):
    base = find_baseline(row.baseline)
    found = member(base, PAPER, 2.0) if row.factors is None else scaled(base, row.factors)
    macs = counted(found.candidate)
    assert found.cost.macs == pytest.approx(macs, rel=1e-9)
    assert agrees(int(found.cost.macs), row.flops) == ((row.baseline, row.way) in MET)
    assert agrees(round(macs), row.flops) == ((row.baseline, row.way) in MET)


def test_remarks_on_figures_that_are_not_met_hold():
    rows = {(row.baseline, row.way): row for row in SCALED}
    compound = rows["mobilenetv2", "compound"]
    assert agrees(int(member(find_baseline("mobilenetv2").rounded_to(32), PAPER, 2.0).cost.macs), compound.flops)
    assert compound.remark == "met with --size-multiple 32"
    base = find_baseline("resnet50")
    for axis, other in (("depth", "width"), ("width", "depth")):
        exchanged = float(rows["resnet50", other].flops.removesuffix("B")) * 1e9
        assert scaled(base, rows["resnet50", axis].factors or {}).cost.macs == pytest.approx(exchanged, rel=0.01)
    cut = scaled(find_baseline("mobilenetv1"), {"resolution": 2.0}).cost.macs
    assert int(cut / 1e8) / 10 == 2.2


@pytest.mark.parametrize(
    ("value", "printed", "same"),
    [
        (385_814_752, "0.39B", True),
        (2_249_000_000, "2.2B", True),
        (2_251_000_000, "2.2B", False),
        (66_347_960, "66M", True),
        (37.7e9, "37B", False),
    ],
)
def test_a_figure_agrees_when_it_rounds_to_what_is_printed(value: float, printed: str, same: bool):
    assert agrees(value, printed) is same
