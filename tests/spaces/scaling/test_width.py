"""Width multipliers: the networks that are published at other widths, and the largest in a
budget."""

import pytest
import timm
import torch
from automl.blocks import InputError
from automl.spaces import architecture, parse_budget
from automl.spaces.scaling.baseline import Baseline, find_baseline
from automl.spaces.scaling.width import FINEST, HEADS, by_width, widened, width_for

PUBLISHED = [(name, percent) for name in ("mobilenetv2", "mnasnet") for percent in (50, 75, 100, 140)]


def head_channels(baseline: Baseline, multiplier: float) -> int:
    return int(widened(baseline, multiplier).features)


@pytest.mark.parametrize(("name", "percent"), PUBLISHED)
def test_a_multiplier_gives_the_network_that_is_published_at_it(name: str, percent: int):
    base = find_baseline(f"{name}_100")
    assert widened(base, percent / 100).id == architecture(f"{name}_{percent:03}").candidate().id


@pytest.mark.parametrize(("ours", "multiplier", "theirs"), [
    ("mobilenetv3_large_100", 0.75, "mobilenetv3_large_075"),
    ("mobilenetv2_100", 0.35, "mobilenetv2_035"),
    ("semnasnet_100", 0.75, "semnasnet_075"),
])  # fmt: skip
def test_a_network_of_timm_at_another_width_has_the_same_parameters(ours: str, multiplier: float, theirs: str):
    with torch.device("meta"):
        network = timm.create_model(theirs)
    found = widened(find_baseline(ours), multiplier)
    assert found.cost().params == sum(parameter.numel() for parameter in network.parameters())


def test_a_multiplier_starts_from_the_width_of_the_baseline():
    assert widened(find_baseline("mobilenetv2_050"), 2.0).id == architecture("mobilenetv2_100").candidate().id
    assert widened(find_baseline("mobilenetv2_140"), 0.5 / 1.4).id == architecture("mobilenetv2_050").candidate().id


def test_control_without_its_rule_the_head_is_scaled_like_the_rest(monkeypatch: pytest.MonkeyPatch):
    base = find_baseline("mobilenetv2_100")
    assert head_channels(base, 0.5) == 1280
    monkeypatch.delitem(HEADS, "mobilenetv2")  # type: ignore[arg-type]
    assert head_channels(base, 0.5) == 640


@pytest.mark.parametrize("name", ["efficientnet_b0", "resnet18", "resnext50_32x4d", "plain"])
def test_other_networks_scale_all_of_their_layers(name: str):
    base = find_baseline(name)
    assert widened(base, 0.5).id == base.candidate({"width": 0.5}).id


@pytest.mark.parametrize(("name", "budget"), [("resnet18", "100MFLOPs"), ("mnasnet_100", "2MActs"), ("plain", "90M")])
def test_the_largest_width_is_within_the_budget_and_the_next_is_not(name: str, budget: str):
    base, bounds = find_baseline(name), parse_budget(budget)
    width = width_for(base, bounds)
    assert bounds.admits(widened(base, width).cost())
    assert not bounds.admits(widened(base, width + 1 / FINEST).cost())


def test_a_family_of_widths_has_no_phi():
    first, second = by_width(find_baseline("resnet18"), [0.5, 1.0])
    assert (first.phi, first.label, first.factors, first.dropout) == (None, "width0.5", {"width": 0.5}, 0.2)
    assert first.ideal == 0.25
    assert second.factor == 1.0
    assert first.to_dict()["two_to_phi"] is None


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (lambda base: by_width(base, []), "at least one width multiplier"),
        (lambda base: widened(base, 0.0), "must lie between 1/64 and 64, but got 0"),
        (lambda base: width_for(base, parse_budget("1k")), "below the smallest network that resnet18 can be scaled to"),
        (lambda base: width_for(base, parse_budget("9e16")), "needs more than 64 times the width of resnet18"),
        (lambda base: width_for(base, parse_budget("600M..600.001M")), "no width is within 600000000<=macs"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(wrong, says: str):
    with pytest.raises(InputError) as caught:
        wrong(find_baseline("resnet18"))
    assert says in str(caught.value)
