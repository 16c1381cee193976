"""The folder as a whole: what is in it, when it is refused, and that half of one never remains."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from automl.blocks.errors import AutomlError, InputError
from automl.studies.export import Context, describe, export_network, exporters, source_check
from safetensors.torch import load_file


def export(out: Path, candidate, weights, facts, **options: Any) -> list[Path]:
    return export_network(out, candidate=candidate, weights=weights, facts=facts, **{"formats": (), **options}).files


@pytest.fixture(scope="module")
def found(tmp_path_factory, tiny, trained, facts) -> Path:
    """An exported network whose texts are as awkward as texts can be."""
    candidate = tiny("efficientnet", attention="eca")
    awkward = facts(
        candidate,
        study='a "study"\n""" \\',
        command="automl search --data /home/ada/cats\n| `x`",
        data="/home/ada/cats",
        test_accuracy=None,
        classes=("plain", 'double"', "single'", "back\\slash", "new\nline", "\udcff", "|", '"""', "é", "\u2028"),
    )
    out = tmp_path_factory.mktemp("export") / "found"
    export(out, candidate, trained(candidate), awkward)
    return out


def test_the_files_are_returned_in_order_and_nothing_else_is_in_the_folder(
    found: Path, tiny, trained, facts, tmp_path: Path
) -> None:
    candidate = tiny("resnet")
    files = export(tmp_path / "out", candidate, trained(candidate), facts(candidate))
    assert [path.name for path in files] == ["model.safetensors", "config.json", "model.py", "README.md"]
    assert sorted(files) == sorted((tmp_path / "out").iterdir())
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert {path.stat().st_mode & 0o077 for path in files} == {(tmp_path / "out" / "model.py").stat().st_mode & 0o077}


def test_weights_are_those_given(found: Path, tiny, trained) -> None:
    weights = trained(tiny("efficientnet", attention="eca"))
    stored = load_file(found / "model.safetensors")
    assert stored.keys() == weights.keys()
    assert all(torch.equal(stored[name], weights[name]) for name in stored)


def test_config_is_what_timm_writes_and_what_we_know_in_stable_order(found: Path, tiny) -> None:
    config = json.loads((found / "config.json").read_text("utf-8"))
    assert list(config) == [
        "architecture",
        "num_classes",
        "num_features",
        "global_pool",
        "label_names",
        "pretrained_cfg",
        "model_args",
        "id",
        "candidate",
        "cost",
        "accuracy",
        "preprocessing",
        "checked",
        "training",
        "study",
        "budget",
        "command",
        "settings",
        "versions",
    ]
    candidate = tiny("efficientnet", attention="eca")
    assert config["id"] == candidate.id
    assert type(candidate).from_dict(config["candidate"]) == candidate
    assert config["cost"]["macs"] == candidate.cost().macs
    assert config["accuracy"] == {"validation": 0.9731, "test": None}
    assert config["pretrained_cfg"]["input_size"] == [1, 16, 16]
    assert config["pretrained_cfg"]["mean"] == [0.25]
    assert config["label_names"][4:6] == ["new\nline", "\udcff"]


@pytest.mark.parametrize("name", ["local-dir:{}", "automl_network"])
def test_timm_builds_it_again_with_its_weights(found: Path, name: str) -> None:
    given = {} if name.startswith("local-dir") else {"candidate": str(found)}
    network = timm.create_model(name.format(found), pretrained=True, **given).eval()
    stored = load_file(found / "model.safetensors")
    assert all(torch.equal(stored[key], tensor) for key, tensor in network.state_dict().items())
    assert timm.data.resolve_model_data_config(network)["mean"] in ((0.25,), [0.25])
    adapted = timm.create_model(name.format(found), pretrained=True, in_chans=3, num_classes=4, **given).eval()
    assert adapted(torch.randn(2, 3, 32, 32)).shape == (2, 4)
    first, classifier = adapted.pretrained_cfg["first_conv"] + ".weight", adapted.pretrained_cfg["classifier"]
    taken = [key for key in stored if key != first and not key.startswith(classifier)]
    assert all(torch.equal(stored[key], adapted.state_dict()[key]) for key in taken)
    assert torch.allclose(adapted.state_dict()[first].sum(1), stored[first].sum(1), atol=1e-6)


def test_timm_reads_how_to_prepare_images_from_the_network(found: Path) -> None:
    with source_check.loaded(found / "model.py") as module:
        wanted = timm.data.resolve_model_data_config(module.load())
    assert wanted["input_size"] == (1, 16, 16)
    assert (wanted["mean"], wanted["std"], wanted["interpolation"], wanted["crop_pct"]) == (
        (0.25,),
        (0.5,),
        "bicubic",
        1.0,
    )


@pytest.mark.parametrize("name", ["README.md", "config.json", "model.py"])
def test_no_file_names_a_folder_of_this_machine(found: Path, name: str) -> None:
    text = (found / name).read_text("utf-8")
    assert "/home/ada" not in text
    assert str(found.parent) not in text
    assert str(Path(source_check.__file__).parents[2]) not in text


def test_the_readme_says_what_a_reader_asks(found: Path) -> None:
    text = (found / "README.md").read_text("utf-8")
    assert "1 FLOP = 1 multiply-add" in text
    assert "97.31 % on validation data, not tested" in text
    assert "measured at 16x16 pixels. The cost is counted at 32x32" in text
    assert "python model.py" in text
    assert "onnx" not in text.lower()
    rows = [line for line in text.splitlines() if line.startswith("|")]
    assert all(line.replace("\\|", "").count("|") == 3 for line in rows)


def test_of_many_classes_the_readme_names_the_first(tiny, facts) -> None:
    candidate = tiny("resnet")
    many = facts(candidate, classes=tuple(f"class {number}" for number in range(50)))
    usage = [exporters.get("onnx").usage(Context(candidate=candidate, facts=many))]
    text = describe.readme(candidate.build(), candidate, many, ["torch", "timm", "scipy"], usage=usage)
    assert "`class 19` and 30 more" in text
    assert "class 20" not in text
    assert "torch and timm and scipy" in text
    assert "onnxruntime" in text


def test_an_existing_folder_file_or_dangling_link_is_refused_and_left_alone(
    tiny, trained, facts, tmp_path: Path
) -> None:
    candidate = tiny("resnet")
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to("nowhere")
    for name in ("folder", "file", "link"):
        with pytest.raises(InputError, match=f"the output folder must not exist, but .*{name} does"):
            export(tmp_path / name, candidate, trained(candidate), facts(candidate))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder", "link"]
    assert (tmp_path / "file").read_text() == "mine"


def test_a_name_that_is_no_text_is_refused_before_anything_is_made(tiny, facts, tmp_path: Path) -> None:
    candidate = tiny("resnet")
    with pytest.raises(InputError, match=r"must have a name in UTF-8, but got .*caf\\udce9"):
        export(tmp_path / "caf\udce9", candidate, {}, facts(candidate))
    assert list(tmp_path.iterdir()) == []


def test_a_missing_parent_is_refused(tiny, facts, tmp_path: Path) -> None:
    candidate = tiny("resnet")
    with pytest.raises(InputError, match=r"parent must be a folder, but .*nowhere is none"):
        export(tmp_path / "nowhere" / "found", candidate, {}, facts(candidate))


@pytest.mark.parametrize(
    "fault", [OSError(28, "No space left on device"), RuntimeError("anything"), KeyboardInterrupt()]
)
def test_a_failure_in_the_middle_leaves_nothing_behind(
    tiny, trained, facts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: BaseException
) -> None:
    def fail(*args: object, **options: object) -> str:
        assert len(list(tmp_path.glob(".found.*/*"))) == 3  # weights, config and model.py are there
        raise fault

    monkeypatch.setattr(describe, "readme", fail)
    candidate = tiny("resnet")
    wanted = AutomlError if isinstance(fault, OSError) else type(fault)
    with pytest.raises(wanted):
        export(tmp_path / "found", candidate, trained(candidate), facts(candidate))
    assert list(tmp_path.iterdir()) == []


def test_weights_of_another_network_are_refused(tiny, trained, facts, tmp_path: Path) -> None:
    candidate = tiny("resnet")
    with pytest.raises(InputError, match="the weights must be those of the candidate"):
        export(tmp_path / "found", candidate, trained(tiny("resnet", attention="eca")), facts(candidate))


def test_weights_that_are_not_finite_are_refused(tiny, trained, facts, tmp_path: Path) -> None:
    candidate = tiny("resnet")
    weights = trained(candidate)
    weights["fc.bias"][0] = float("nan")
    with pytest.raises(InputError, match="weights must be finite"):
        export(tmp_path / "found", candidate, weights, facts(candidate))


@pytest.mark.parametrize("changes", [{"classes": ("a", "b")}, {"mean": (0.5,), "std": (0.5,)}])
def test_facts_about_another_network_are_refused(tiny, trained, facts, tmp_path: Path, changes: dict[str, Any]) -> None:
    candidate = tiny("resnet")
    with pytest.raises(InputError, match=r"the network's (3|10)"):
        export(tmp_path / "found", candidate, trained(candidate), facts(candidate, **changes))


def test_without_the_onnx_packages_the_extra_is_named_and_nothing_written(
    tiny, trained, facts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: None if name == "onnxscript" else real(name, *rest)
    )
    candidate = tiny("resnet")
    with pytest.raises(InputError, match=r"model\.onnx needs onnxscript: install automl\[export\]"):
        export(tmp_path / "found", candidate, trained(candidate), facts(candidate), formats=["onnx"])
    assert list(tmp_path.iterdir()) == []
