"""A verification from accuracies made by hand: the margin, the seeds that are compared, and the
words."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

import pytest
from automl.studies.evidence import Certificate, Verification, VerifiedNetwork, certificate_files, certificate_text
from automl.studies.evidence.certificate_text import certificate_lines, selection_text
from automl.studies.evidence.margin import Margin, margin_over
from automl.studies.evidence.verification_text import verification_text
from automl.studies.quality import measures
from automl.studies.statistics.intervals import Interval

T_6 = 2.4469118487916806
"""The 97.5 % quantile of Student's t with 6 degrees of freedom."""
OWN = (0.72, 0.70, 0.71)
WORDS = {"a": "resnet18 at width 0.27", "b": "efficientnet_b0 at width 0.22"}


def network(key: str, values: Sequence[float], role: str = "reference", **more) -> VerifiedNetwork:
    accuracies = dict(enumerate(values, start=1))
    return VerifiedNetwork(
        role=role,  # type: ignore[arg-type]
        id=key * 64,
        words=WORDS.get(key, key),
        macs=1000,
        params=10,
        accuracies=accuracies,
        **more,
    )


def made(*networks: VerifiedNetwork, n: int = 3, chosen: str = "0", **more) -> Verification:
    values = {
        "study": "s",
        "chosen": chosen * 64,
        "current": True,
        "networks": networks,
        "seeds": tuple(range(1, n + 1)),
        "left": 0,
        "epochs": 16,
        "images": 3000,
        "facts": {"again": "automl verify s --epochs 16 --seeds 5", "budget": "macs<=3000000"},
    }
    return Verification(**{**values, **more})


def test_the_best_reference_is_chosen_without_the_seed_on_which_it_is_compared():
    # the references are above the network by 0.03, 0.01, 0.02 and by 0.00, 0.04, 0.01
    found = made(network("0", OWN, "own"), network("a", (0.75, 0.71, 0.73)), network("b", (0.72, 0.74, 0.72)))
    margin = found.margin
    assert margin is not None
    # without seed 1 "b" is better, without seed 2 "a", without seed 3 they are equal, and the first
    # is taken: 0, -0.01, -0.02
    assert margin.value == pytest.approx(-0.01)
    squares = 2 * 0.01**2 + 2 * 0.02**2 + 2 * (0.02 / math.sqrt(3)) ** 2  # about the means of the three networks
    half = T_6 * math.sqrt(squares / 6) * math.sqrt(2 / 3 + 2 / 2)
    assert margin.interval == pytest.approx((-0.01 - half, -0.01 + half))
    assert margin.selection == "left out"
    on_all_seeds = min(sum(OWN) - sum(one.accuracies.values()) for one in found.references) / 3
    assert on_all_seeds == pytest.approx(-0.02)  # the control: chosen and compared on the same seeds


def test_the_best_reference_is_named_by_its_mean():
    found = made(network("0", OWN, "own"), network("a", (0.60, 0.61, 0.62)), network("b", (0.64, 0.63, 0.62)))
    assert found.best is not None
    assert found.best.words == WORDS["b"]
    assert certificate_text(Certificate(verification=found)).startswith(
        "+8.0 points over efficientnet_b0 at width 0.22"
    )


def test_a_margin_reversed_has_its_interval_reversed():
    margin = Margin(value=0.01, n=3, interval=Interval(-0.01, 0.03), selection="none")
    assert margin.reversed.interval == Interval(-0.03, 0.01)
    assert margin.reversed.reversed == margin


def test_only_seeds_of_all_networks_are_compared():
    found = made(network("0", OWN, "own"), network("a", (0.65, 0.66)), n=2)
    assert found.margin is not None
    assert found.margin.n == 2
    assert [one.mean((1, 2)) for one in found.networks] == [pytest.approx(0.71), pytest.approx(0.655)]
    assert found.networks[1].mean((1, 2, 3)) is None


@pytest.mark.parametrize(
    ("networks", "says"),
    [
        ((network("0", OWN, "own"),), "- (no reference network could be compared)"),
        ((network("0", (), "own"), network("a", ())), "- (no seed has been trained with all networks yet)"),
        ((network("a", OWN),), "- (the search has found no network of its own"),
    ],
)
def test_what_cannot_be_compared_is_a_dash_with_its_reason(networks, says: str):
    found = made(*networks, n=min(len(one.accuracies) for one in networks))
    assert found.margin is None
    assert certificate_text(Certificate(verification=found)).startswith(says)


def test_a_reference_that_was_chosen_is_said_to_be_one():
    found = made(
        network("0", (0.60, 0.61, 0.62), "own"),
        network("a", (0.70, 0.70, 0.72)),
        network("b", (0.5, 0.5, 0.5)),
        chosen="a",
    )
    text = certificate_text(Certificate(verification=found, chosen=True))
    assert text.startswith("the network chosen is resnet18 at width 0.27, a reference; the best that the search itself")
    assert "-9.7 points over resnet18 at width 0.27" in text
    assert "the search has found no better network; try" in text


def test_one_seed_has_no_interval_and_says_what_chose():
    found = made(network("0", OWN[:1], "own"), network("a", (0.65,)), network("b", (0.69,)), n=1)
    certificate = Certificate(verification=found, margin=found.margin, confirmed=True)
    assert "+3.0 points over efficientnet_b0 at width 0.22, the best of 2 references (95 % -, 1 seed)" in (
        certificate_text(certificate)
    )
    assert "too close to tell" in certificate_text(certificate)
    assert any("with one seed there is no interval" in line for line in certificate_lines(certificate))
    assert selection_text(certificate) == ""  # that of the search would be wrong here


def test_the_certificate_has_every_network_and_what_is_missing():
    found = made(
        network("0", OWN, "own"),
        network("a", (0.65, 0.66, 0.64), margin=margin_over({1: 0.65, 2: 0.66}, {"0": {1: 0.72, 2: 0.70}})),
        network("b", (0.65,), failed={2: "the loss is not finite"}),
        network("c", (0.4, 0.5, 0.3), "random"),
        left=4,
        left_out=("compound scaling gives no other network within the budget",),
    )
    files = certificate_files(found)
    page, data = files["certificate.md"], json.loads(files["certificate.json"])
    assert (
        "| resnet18 at width 0.27 | reference | `aaaaaaaaaaaa` | 1,000 | 10 | 65.00 ± 1.00 % (n = 3) | +5.5 points"
        in page
    )
    assert "1 failed (the loss is not finite)" in page
    assert "- 4 trainings are missing: `automl verify s --epochs 16 --seeds 5` continues" in page
    assert "- compound scaling gives no other network" in page
    assert "test images" in page
    assert [one["role"] for one in data["networks"]] == ["own", "reference", "reference", "random"]
    assert data["networks"][2]["failed"] == {"2": "the loss is not finite"}
    assert len(found.references) == 1


@pytest.mark.parametrize("metric", [name for name in measures.names() if name != "accuracy"])
def test_a_certificate_is_about_the_measure_of_its_study(metric: str):
    one = measures.get(metric)
    lowered = 5.0 if one.smaller_is_better else 0.0
    own, other = ([value - lowered for value in values] for values in (OWN, (0.60, 0.61, 0.62)))
    found = made(network("0", own, "own"), network("a", other), measure=metric)
    page, data = certificate_files(found).values()
    text, shown = verification_text(found), json.loads(data)
    assert one.words in page
    assert ("points" in text) == one.share
    assert "accurac" not in (page + text).lower().replace(one.words, "")
    assert "no better network" not in text
    assert text.startswith("-" if one.smaller_is_better else "+")
    assert shown["metric"] == metric
    assert shown["margin"] == pytest.approx(-0.1 if one.smaller_is_better else 0.1)
    assert shown["margin_interval"] == sorted(shown["margin_interval"])
    assert shown["networks"][0]["mean"] == pytest.approx(5 - 0.71 if lowered else 0.71)
