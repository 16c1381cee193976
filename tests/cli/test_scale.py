"""`automl scale`: what it prints, writes and refuses."""

import json
from pathlib import Path

import pytest


def test_a_family_is_printed_with_its_stages(call):
    code, out, err = call("scale", "--baseline", "resnet50", "--phi", "0..2")
    assert (code, err) == (0, "")
    assert "α=1.2 β=1.1 γ=1.15 (the paper's for EfficientNet-B0" in out
    assert "1.44/1.21/1.32" in out
    assert "320 608 1248 2464" in out
    assert "5 6 9 5" in out


def test_json_has_every_member(call):
    _, out, _ = call(
        "scale",
        "--baseline",
        "mobilenetv2",
        "--alpha",
        "1.3",
        "--beta",
        "1.1",
        "--gamma",
        "1",
        "--phi",
        "0,0.5,2",
        "--json",
    )
    found = json.loads(out)
    assert found["coefficients"] == {"depth": 1.3, "width": 1.1, "resolution": 1.0}
    assert [one["phi"] for one in found["members"]] == [0.0, 0.5, 2.0]
    assert found["members"][0]["macs"] == found["baseline"]["macs"] == 300774272
    assert all(one["factor"] == one["macs"] / 300774272 for one in found["members"])
    assert {one["image"][1] for one in found["members"]} == {224}


def test_a_budget_is_solved_for_phi(call):
    _, out, _ = call("scale", "--baseline", "efficientnet_b0", "--budget", "4.2GFLOPs", "--json")
    [one] = json.loads(out)["members"]
    assert 4.0e9 < one["macs"] <= 4.2e9
    _, again, _ = call("scale", "--baseline", "efficientnet_b0", "--phi", one["phi"], "--json")
    assert json.loads(again)["members"][0]["id"] == one["id"]


def test_phi_may_be_negative_and_so_may_that_of_a_budget(call, tmp_path: Path):
    _, out, _ = call("scale", "--baseline", "efficientnet_b0", "--phi", "-2..2", "--json")
    members = json.loads(out)["members"]
    assert [one["phi"] for one in members] == [-2.0, -1.0, 0.0, 1.0, 2.0]
    assert [one["macs"] for one in members] == sorted(one["macs"] for one in members)
    assert members[2]["macs"] == 385_814_752
    code, out, _ = call("scale", "--baseline", "efficientnet_b0", "--budget", "50MFLOPs")
    assert code == 0
    assert "largest φ within 50MFLOPs: -3.9762" in out
    code, out, _ = call("scale", "--baseline", "efficientnet_b0", "--phi=-1", "--target-axis", "each")
    assert code == 0
    assert "each axis alone at 0.5 times the cost (φ = -1)" in out
    call("scale", "--baseline", "mobilenetv2", "--phi=-1.5", "--export", "family")
    assert (tmp_path / "family" / "mobilenetv2_phiminus1_5.py").exists()


def test_the_width_alone_may_be_multiplied(call, tmp_path: Path):
    """The multiply-adds that the MobileNetV2 authors' repository states, in millions."""
    stated = {0.35: 59, 0.5: 97, 0.75: 209, 1.0: 300, 1.3: 509, 1.4: 582}
    words = ["scale", "--baseline", "mobilenetv2_100", "--width", ",".join(map(str, stated))]
    _, out, _ = call(*words, "--json")
    members = json.loads(out)["members"]
    assert {one["factors"]["width"]: one["macs"] / 1e6 for one in members} == pytest.approx(stated, rel=0.01)
    assert {one["phi"] for one in members} == {None}
    code, out, _ = call(*words, "--export", "family")
    assert code == 0
    assert "coefficients" not in out
    assert (tmp_path / "family" / "mobilenetv2_100_width0_35.json").exists()
    _, out, _ = call("scale", "--baseline", "mobilenetv2_100", "--width", "largest", "--budget", "100MFLOPs", "--json")
    [one] = json.loads(out)["members"]
    assert 97e6 < one["macs"] <= 100e6


@pytest.mark.parametrize(
    ("baseline", "met"), [("mobilenetv1", 1), ("mobilenetv2", 3), ("resnet50", 1), ("efficientnet_b0", 1)]
)
def test_each_axis_alone_stands_beside_the_papers_figures(call, baseline: str, met: int):
    _, out, _ = call("scale", "--baseline", baseline, "--phi", "2", "--target-axis", "each", "--json")
    found = json.loads(out)
    assert [each["axis"] for each in found["alone"]] == ["depth", "width", "resolution"]
    assert {each["axis"]: each["idealised"]["factors"][each["axis"]] for each in found["alone"]} == {
        "depth": 4.0,
        "width": 2.0,
        "resolution": 2.0,
    }
    assert sum(row["agrees"] for row in found["published"]) == met
    code, out, _ = call("scale", "--baseline", baseline, "--phi", "2", "--target-axis", "each")
    assert code == 0
    assert out.count("agrees") == met
    assert out.count("differs") == len(found["published"]) - met


def test_one_axis_alone_can_be_asked_for(call):
    _, out, _ = call("scale", "--baseline", "resnet50", "--phi", "1,2", "--target-axis", "width", "--json")
    found = json.loads(out)
    assert [(each["phi"], each["axis"]) for each in found["alone"]] == [(1.0, "width"), (2.0, "width")]
    assert [row["printed"] for row in found["published"]] == ["14.7B"]


def test_the_released_networks_stand_beside_the_rule(call):
    _, out, _ = call("scale", "--preset", "efficientnet", "--json")
    rows = json.loads(out)["members"]
    assert [row["name"] for row in rows] == [f"efficientnet_b{index}" for index in range(8)]
    assert [row["image"][1] for row in rows] == [224, 240, 260, 300, 380, 456, 528, 600]
    assert [row["by_rule"]["id"] == row["id"] for row in rows] == [True] + 7 * [False]
    assert all(row["at_equal_cost"]["macs"] <= row["macs"] for row in rows)
    code, text, _ = call("scale", "--preset", "efficientnet")
    assert code == 0
    assert "0.70B*" in text  # 687M is not 0.70B
    assert "66M" in text


def test_an_export_is_read_by_cost_grid_timm_and_python(call, tmp_path: Path):
    import timm
    import torch

    code, _, _ = call(
        "scale", "--baseline", "mobilenetv2", "--image-size", "32", "--phi", "0,1.5", "--export", "family"
    )
    assert code == 0
    assert sorted(path.name for path in (tmp_path / "family").iterdir()) == [
        "README.md",
        "mobilenetv2_phi0.json",
        "mobilenetv2_phi0.py",
        "mobilenetv2_phi1_5.json",
        "mobilenetv2_phi1_5.py",
    ]
    data = json.loads((tmp_path / "family" / "mobilenetv2_phi1_5.json").read_text())
    _, cost, _ = call("cost", "family/mobilenetv2_phi1_5.json", "--json")
    assert json.loads(cost)["macs"] == data["cost"]["macs"]
    code, _, err = call(
        "grid", "--baseline", "family/mobilenetv2_phi1_5.json", "--step", "0.25", "--tolerance", "10%", "--dry-run"
    )
    assert code == 0, err
    ours = timm.create_model(
        "automl_network", candidate="family/mobilenetv2_phi1_5.json", drop_path_rate=data["drop_path_rate"]
    ).eval()
    source = (tmp_path / "family" / "mobilenetv2_phi1_5.py").read_text()
    assert "automl." not in source.replace("from automl is", "")
    module: dict = {"__name__": "exported"}
    exec(compile(source, "exported.py", "exec"), module)
    theirs = module["build"]().eval()
    theirs.load_state_dict(ours.state_dict())
    images = torch.randn(2, *data["cost"]["image"])
    with torch.no_grad():
        assert torch.equal(ours(images), theirs(images))
    assert theirs.drop_rate == data["drop_rate"]
    rates = [part.drop_prob for part in theirs.modules() if type(part).__name__ == "DropPath"]
    assert max(rates) == pytest.approx(data["drop_path_rate"], rel=0.1)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ([], "what is to be scaled? Give --baseline"),
        (["--baseline", "resnet50", "--phi", "7..0"], "--phi must rise, but got 7..0"),
        (["--baseline", "resnet50", "--phi", "2,1"], "φ must rise, but 1 follows 2"),
        (["--baseline", "resnet50", "--phi", "-50"], "at least 1/64 of it is allowed"),
        (["--baseline", "resnet50", "--width", "0.5", "--phi", "1"], "--width scales the width alone"),
        (["--baseline", "resnet50", "--width", "0.5", "--budget", "1G"], "--width and --budget exclude each other"),
        (["--baseline", "resnet50", "--width", "largest"], "largest with a --budget, but got 'largest'"),
        (["--baseline", "resnet50", "--width", "0.5,x"], "--width must be numbers like"),
        (["--baseline", "resnet50", "--width", "100"], "a width multiplier must lie between 1/64 and 64, but got 100"),
        (["--baseline", "resnet50", "--phi", "x"], "--phi must be numbers like 0..7, 2 or 0,0.5,1, but got 'x'"),
        (["--baseline", "resnet50", "--phi", "0..inf"], "--phi must be numbers like"),
        (["--baseline", "resnet50", "--phi", "0..1000"], "--phi must have at most 100 numbers"),
        (["--baseline", "resnet50", "--phi", "2", "--budget", "9G"], "--phi and --budget exclude each other"),
        (
            ["--baseline", "resnet50", "--budget", "1kFLOPs"],
            "lies below the smallest network that resnet50 can be scaled to",
        ),
        (["--baseline", "resnet50", "--alpha", "0.9"], "a coefficient must be at least 1, but got α=0.9"),
        (
            ["--baseline", "resnet50", "--coefficients", "depht=2"],
            "unknown axis of resnet50: 'depht'; did you mean 'depth'",
        ),
        (["--baseline", "resnet50", "--coefficients", "depth"], "--coefficients must be like depth=1.2,width=1.1"),
        (
            ["--baseline", "resnet50", "--coefficients", "depth=1.2", "--alpha", "1.2"],
            "coefficients come from one place",
        ),
        (["--baseline", "resnet50", "--phi", "2", "--target-axis", "foo"], "unknown axis of resnet50: 'foo'"),
        (
            ["--baseline", "resnet50", "--phi", "2", "--target-axis", "each", "--target", "1x"],
            "--target must be above 1",
        ),
        (
            ["--baseline", "resnet50", "--phi", "50"],
            "φ = 50 makes the depth 9100 times the baseline's; at most 64 times is allowed",
        ),
        (
            ["--baseline", "resnet50", "--image-size", "4"],
            "resnet50 cannot be built for inputs of 4x4 px, below its total stride",
        ),
        (["--baseline", "resnet50", "--size-multiple", "0"], "--size-multiple must be at least 1"),
        (["--baseline", "resnet50", "--export", "."], "the output folder must not exist"),
        (["--baseline", "resnet50", "--export", "none/family"], "the output folder's parent must be a folder"),
        (["--baseline", "resnet5"], "did you mean 'resnet50'"),
        (["--baseline", "nobody:best"], "there is no database"),
        (["--study", "nobody"], "there is no database"),
        (["--preset", "resnet"], "unknown preset 'resnet' (known: efficientnet)"),
        (["--preset", "efficientnet", "--phi", "2"], "--preset has its own networks"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(call, tmp_path: Path, arguments: list[str], says: str):
    code, out, err = call("scale", *arguments)
    assert (code, out) == (2, "")
    assert says in err
    assert len(err.strip().splitlines()) == 1
    assert not any(tmp_path.iterdir())
