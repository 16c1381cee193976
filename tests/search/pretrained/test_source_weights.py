"""Weights are read from files of every usual form, from an exported folder, and from timm's hub."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from automl.blocks import AutomlError, InputError
from automl.search.pretrained.source_weights import Source, read_source
from automl.spaces import architecture
from safetensors.torch import save_file
from torch import Tensor

NAME = "mobilenetv2_050"
exhaustive = pytest.mark.exhaustive


@pytest.fixture(scope="module")
def weights() -> dict[str, Tensor]:
    """What timm's own network of this name holds."""
    torch.manual_seed(0)
    return timm.create_model(NAME, num_classes=3, in_chans=1).state_dict()


def written(folder: Path, name: str, content: Mapping[str, Any]) -> str:
    """A source in a file, as `--pretrained` names it."""
    path = folder / name
    if path.suffix == ".safetensors":
        save_file({key: value.contiguous() for key, value in content.items()}, path)
    else:
        torch.save(content, path)
    return f"{NAME}:{path}"


def test_files_of_all_forms_hold_the_same_source(tmp_path: Path, weights: dict[str, Tensor]):
    wrapped = {"epoch": 3, "state_dict": {f"module.{key}": value for key, value in weights.items()}}
    found = [read_source(written(tmp_path, "b.pth", wrapped)), read_source(written(tmp_path, "c.safetensors", weights))]
    assert len({one.fingerprint for one in found}) == 1
    network = found[0].network()
    assert (network.num_classes, network.in_chans) == (3, 1)
    assert all(torch.equal(network.state_dict()[key], value) for key, value in weights.items() if value.ndim)
    other = {**weights, "conv_stem.weight": weights["conv_stem.weight"] + 1}  # the control
    assert read_source(written(tmp_path, "d.pt", other)).fingerprint != found[0].fingerprint


@exhaustive
def test_weights_without_a_classifier_are_enough(tmp_path: Path, weights: dict[str, Tensor]):
    body = {key: value for key, value in weights.items() if not key.startswith("classifier")}
    network = read_source(written(tmp_path, "body.pt", body)).network()
    assert network.num_classes == 0
    assert network(torch.zeros(1, 1, 32, 32)).shape == (1, 1280)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("shape.pt", {"conv_head.weight": torch.zeros(3)}, r"the shape of 'conv_head.weight' is \[3\]"),
        pytest.param(
            "more.pt",
            {"blocks.9.0.conv_pw.weight": torch.zeros(3)},
            "'blocks.9.0.conv_pw.weight' .* network none",
            marks=exhaustive,
        ),
        ("text.pt", {"state_dict": {}}, "holds no tensors"),
        ("code.pt", {"state_dict": Path("x")}, "something else"),
        ("weights.onnx", {}, "must end with .pt"),
    ],
)
def test_what_is_no_file_of_the_network_is_refused_in_a_line(
    tmp_path: Path, weights: dict[str, Tensor], name: str, change: dict[str, Any], message: str
):
    content = change if "state_dict" in change else {**weights, **change}
    with pytest.raises(InputError, match=message) as error:
        read_source(written(tmp_path, name, content))
    assert "\n" not in str(error.value)


def test_unknown_networks_and_missing_files_are_refused(tmp_path: Path):
    with pytest.raises(InputError, match="did you mean 'resnet50'"):
        read_source("resnet5")
    with pytest.raises(InputError, match="no candidate of the skeletons equals it"):
        read_source("convnext_tiny")
    with pytest.raises(InputError, match="No such file"):
        read_source(f"{NAME}:{tmp_path / 'none.pt'}")
    with pytest.raises(InputError, match="no trained weights of 'vgg16_gap'"):
        read_source("vgg16_gap")


def test_a_hub_out_of_reach_is_told_in_a_line_that_names_the_way_out(monkeypatch: pytest.MonkeyPatch):
    def unreachable(name: str, pretrained: object) -> None:
        raise OSError("no route to host\nfurther lines")

    monkeypatch.setattr(timm, "create_model", unreachable)
    monkeypatch.setattr("socket.getaddrinfo", lambda host, port: [])
    with pytest.raises(AutomlError, match=r"timm's hub \(no route to host\): .* --pretrained resnet18:FILE") as error:
        read_source("resnet18")
    assert not isinstance(error.value, InputError)  # exit code 1: nothing is wrong with what was typed
    monkeypatch.setattr("socket.getaddrinfo", unreachable)
    monkeypatch.setattr("automl.search.pretrained.source_weights.getproxies", dict)
    with pytest.raises(AutomlError, match=r"timm's hub \(no network\)"):
        read_source("resnet18")


def test_the_hubs_weights_are_those_of_the_network(monkeypatch: pytest.MonkeyPatch, weights: dict[str, Tensor]):
    made = timm.create_model
    monkeypatch.setattr(timm, "create_model", lambda name, pretrained: made(NAME, num_classes=3, in_chans=1))
    source = read_source("mobilenetv2_050.lamb_in1k")
    assert source.name == "mobilenetv2_050.lamb_in1k"
    assert source.candidate == architecture(NAME).candidate(classes=3, channels=1).spec


@exhaustive
def test_the_values_of_half_precision_are_kept(weights: dict[str, Tensor]):
    candidate = architecture(NAME).candidate(classes=3, channels=1)
    halves = {key: value.half() if value.is_floating_point() else value for key, value in weights.items()}
    source = Source.of(NAME, candidate, halves)
    assert torch.equal(torch.tensor(source.weights["conv_stem.weight"]), halves["conv_stem.weight"].float())
