"""`automl references`: what it lists and refuses."""

import json

import automl
import pytest

WORDS = ["references", "--image-size", "32", "--classes", "10"]


def test_the_list_is_that_of_the_function(call):
    code, out, err = call(*WORDS, "--budget", "3MFLOPs", "--json")
    assert (code, err) == (0, "")
    found = json.loads(out)
    expected = automl.references("3MFLOPs", image_size=32, classes=10)
    assert [one["id"] for one in found["references"]] == [one.candidate.id for one in expected]
    assert {key: found[key] for key in ("budget", "image_size", "classes", "channels")} == {
        "budget": ["3MFLOPs"],
        "image_size": 32,
        "classes": 10,
        "channels": 3,
    }
    assert all(one["macs"] <= 3e6 for one in found["references"])
    first = found["references"][0]
    keys = "name reference rule phi coefficients strides id image macs params activations widths repeats origins"
    assert set(first) == set(keys.split())
    assert set(found["left_out"][0]) == {"reference", "rule", "strides", "reason"}


def test_the_table_names_networks_costs_and_what_is_left_out(call):
    code, out, _ = call(*WORDS, "--budget", "3MFLOPs")
    assert code == 0
    [row] = [line for line in out.splitlines() if "resnet18 width 0.27" in line]
    assert all(word in row for word in ("published", "2.97M", "809k", "12.9k", "16 32 72 136", "7d7d78f02a86"))
    assert "resnet18 by the width rule with fitted strides: the budget macs<=3000000 lies below the smallest" in out


def test_equal_strides_share_a_row(call):
    _, out, _ = call("references", "--budget", "1814073344")
    rows = [line.split("   ")[0].strip() for line in out.splitlines() if "resnet18" in line]
    assert rows[0] == "resnet18"
    assert "published = fitted" in out
    assert "resnet18 is also resnet18, resnet18 fitted" not in out


def test_a_budget_below_all_says_why(call):
    code, out, _ = call(*WORDS, "--budget", "1kFLOPs")
    assert code == 0
    assert out.startswith("no reference network is within 1kFLOPs")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [([], "--budget"), (["--budget", "3x"], "unknown unit"), (["--budget", "3M", "--classes", "0"], "--classes")],
)
def test_what_cannot_be_is_refused_in_one_line(call, arguments: list[str], says: str):
    code, out, err = call("references", *arguments)
    assert (code, out) == (2, "")
    assert says in err
    assert len(err.strip().splitlines()) == 1
