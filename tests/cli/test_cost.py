"""`automl cost`: names, memory, and the audit's verdict as exit code."""

import json

import pytest
from automl.blocks import Cost, Se


def test_an_audit_that_agrees_says_so(call):
    code, out, _ = call("cost", "seresnet18", "--image-size", 64, "--audit")
    assert code == 0
    assert "the formulas are right at all 10 places, by PyTorch's counter and the built module, and by thop" in out


def test_an_audit_that_finds_a_wrong_formula_names_the_place_and_fails(call, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Se, "cost", lambda self, shape: Cost())
    code, out, _ = call("cost", "seresnet18", "--image-size", 64, "--audit")
    assert code == 1
    assert "WRONG: stages.3 (basic): MACs: the formula says" in out
    assert "WRONG: stem" not in out
    code, out, _ = call("cost", "seresnet18", "--image-size", 64, "--audit", "--json")
    found = json.loads(out)["audit"]
    assert code == 1
    assert not found["agrees"]
    assert {layer["place"] for layer in found["layers"] if not layer["agrees"]} == {
        "stages.0",
        "stages.1",
        "stages.2",
        "stages.3",
    }


def test_peak_memory_is_of_the_batch(call):
    one = json.loads(call("cost", "resnet50", "--json")[1])
    many = json.loads(call("cost", "resnet50", "--batch", 32, "--layers", "--json")[1])
    assert many["memory_bytes"] == 32 * one["memory_bytes"] == 4 * 32 * one["peak"]
    assert max(layer["peak"] for layer in many["layers"]) <= many["peak"]
    assert (
        f"at batch 32: {many['memory_bytes'] / 2**20:,.1f} MiB in float32, beside 97.5 MiB of weights"
        in call("cost", "resnet50", "--batch", 32)[1]
    )
    assert call("cost", "resnet50", "--batch", 0)[0] == 2


def test_timms_tag_is_left_off(call):
    assert json.loads(call("cost", "resnet50.a1_in1k", "--json")[1])["params"] == 25_557_032


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("vit_base_patch16_224", "timm has 'vit_base_patch16_224', but no candidate of the skeletons equals it"),
        ("resnet50_gn.a1h_in1k", "timm has 'resnet50_gn', but no candidate of the skeletons equals it; near: resnet50"),
        (
            "vit_base_patch16_223",
            "unknown architecture 'vit_base_patch16_223'; the nearest is timm's 'vit_base_patch16_224'",
        ),
        ("resnet5", "unknown architecture 'resnet5'; did you mean 'resnet50'"),
        ("resnet50.json", "resnet50.json"),
    ],
)
def test_a_name_that_is_not_known_is_refused_in_one_line(call, name: str, says: str):
    code, out, err = call("cost", name)
    assert (code, out) == (2, "")
    assert says in err
    assert len(err.strip().splitlines()) == 1


def test_a_spaces_base_is_costed_and_said_to_be_that(call, tmp_path):
    code, out, _ = call("cost", "mobilenetv3")
    assert code == 0
    assert out.startswith(
        "base of the space mobilenetv3: what it leaves free (depth, width, resolution) is as in its skeleton\n"
    )
    _, out, _ = call("cost", "ofa-mobilenetv3", "--image-size", "32", "--json")
    assert json.loads(out)["image"] == [3, 32, 32]
    assert len(json.loads(out)["base_of"]["free"]) > 6
    (tmp_path / "one.yaml").write_text(
        "{name: one, skeleton: plain, image: [3, 32, 96], classes: 10, dimensions: {width: 0.5}}"
    )
    _, out, _ = call("cost", "one.yaml")
    assert "base of" not in out  # control: nothing is free
    assert " at 3x32x96: " in out
    _, out, _ = call("cost", "resnet50", "--json")
    assert json.loads(out)["base_of"] is None
