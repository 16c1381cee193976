"""model.onnx computes what the network computes, for every attention of both skeletons."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from automl.studies.export import export_network
from automl.studies.export.onnx_file import NoOnnx, check, write_onnx
from torch import nn

pytestmark = pytest.mark.xdist_group("exports")  # a process prepares for its first export for seconds

# every stage another attention, so that two networks cover them all
EVERY = {
    "resnet": {
        "attention": ("ecabam", "cbam", "se", "eca"),
        "eca_padding": "circular",
        "radix": (0, 1, 2, 4),
        "downsample": "avg",
        "pool": "first",
        "strides": "fitted",
        "antialias": "blur",
    },
    "efficientnet": {"attention": ("se", "eca", "cbam", "ecabam", "none", "none", "none"), "activation": "hard_swish"},
}


# the units of the second are in the default suite by test_units.py
@pytest.mark.parametrize("skeleton", ["resnet", pytest.param("efficientnet", marks=pytest.mark.exhaustive)])
def test_onnx_runtime_agrees_with_torch_on_every_attention_and_any_batch(
    tiny, trained, facts, tmp_path: Path, skeleton: str, capfd
) -> None:
    candidate = tiny(skeleton, **EVERY[skeleton])
    weights = trained(candidate)
    files = export_network(tmp_path / "found", candidate=candidate, weights=weights, facts=facts(candidate)).files
    assert [path.name for path in files] == ["model.safetensors", "config.json", "model.py", "model.onnx", "README.md"]
    assert capfd.readouterr() == ("", "")
    network = candidate.build()
    network.load_state_dict(weights)
    session = onnxruntime.InferenceSession(str(files[3]), providers=["CPUExecutionProvider"])
    for count in (1, 3, 5):
        images = torch.randn(count, candidate.image[0], 16, 16)
        with torch.inference_mode():
            wanted = network.eval()(images).numpy()
        logits = session.run(["logits"], {"images": images.numpy()})[0]
        np.testing.assert_allclose(np.asarray(logits), wanted, rtol=0, atol=1e-4 * max(1.0, float(abs(wanted).max())))

    contents = files[3].read_bytes()
    for trace in (b"site-packages", b"/blocks/", b"stack_trace", bytes(tmp_path)):
        assert trace not in contents
    assert len(contents) > sum(tensor.numel() for tensor in weights.values()) * 3  # the weights are inside
    onnx.checker.check_model(onnx.load(files[3]))

    class Other(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return network(x) * 1.01

    with pytest.raises(
        NoOnnx, match=r"model\.onnx and PyTorch differ by .* on 1 random images, where .*; 0.001 of it is allowed"
    ):
        check(Other(), files[3], (candidate.image[0], 16, 16))


def test_a_network_that_onnx_cannot_express_is_refused(tmp_path: Path) -> None:
    class Odd(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x if x.sum() > 0 else -x

    with pytest.raises(NoOnnx, match=r"model\.onnx cannot be made"):
        write_onnx(Odd(), tmp_path / "model.onnx", (1, 4, 4))


class Large(nn.Module):
    """Logits in the thousands; `gain` makes another network of it, `last` raises the last class."""

    def __init__(self, gain: float = 1.0, last: float = 0.0) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 3, 4)
        self.gain, self.last = gain, last
        nn.init.normal_(self.conv.weight, std=1000.0, generator=torch.Generator().manual_seed(0))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.conv(x).flatten(1) * self.gain + torch.tensor([0.0, 0.0, self.last])


def test_large_logits_may_differ_in_their_proportion(tmp_path: Path) -> None:
    written = Large().eval()
    write_onnx(written, tmp_path / "model.onnx", (1, 4, 4))
    near, far, other = Large(1 + 3e-4).eval(), Large(1 + 3e-3).eval(), Large(last=1e6).eval()
    for each in (near, far, other):
        each.conv = written.conv
    check(near, tmp_path / "model.onnx", (1, 4, 4))  # differs by 0.3 and more: a bound that knows no scale refuses it
    for each in (far, other):
        with pytest.raises(NoOnnx, match="differ by"):
            check(each, tmp_path / "model.onnx", (1, 4, 4))


def test_another_class_is_refused_though_the_logits_are_near(tmp_path: Path) -> None:
    class Level(nn.Module):
        """Two classes a hair apart; the third, far above zero, makes the scale."""

        def __init__(self, first: float) -> None:
            super().__init__()
            self.first = first

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x.flatten(1)[:, :1] * 0 + torch.tensor([1000.0 + self.first, 1000.0, -2000.0])

    write_onnx(Level(0.9).eval(), tmp_path / "model.onnx", (1, 4, 4))
    check(Level(0.8).eval(), tmp_path / "model.onnx", (1, 4, 4))
    with pytest.raises(NoOnnx, match="name another class for 1 of 1"):
        check(Level(-0.6).eval(), tmp_path / "model.onnx", (1, 4, 4))


def test_where_onnx_differs_the_other_files_are_written_and_the_readme_says_why(
    tiny, trained, facts, tmp_path: Path, monkeypatch
) -> None:
    def differs(*_: object) -> None:
        raise NoOnnx("model.onnx and PyTorch differ by 3")

    def writes(_: nn.Module, path: Path, __: object) -> None:
        path.write_bytes(b"onnx")

    monkeypatch.setattr("automl.studies.export.onnx_file.write_onnx", writes)  # its own takes seconds
    monkeypatch.setattr("automl.studies.export.onnx_file.check", differs)
    candidate = tiny("resnet")
    made = export_network(tmp_path / "found", candidate=candidate, weights=trained(candidate), facts=facts(candidate))
    assert [path.name for path in made.files] == ["model.safetensors", "config.json", "model.py", "README.md"]
    assert sorted(path.name for path in (tmp_path / "found").iterdir()) == sorted(path.name for path in made.files)
    assert made.left_out == {"model.onnx": "model.onnx and PyTorch differ by 3"}
    text = (tmp_path / "found" / "README.md").read_text("utf-8")
    assert "`model.onnx` was left out: model.onnx and PyTorch differ by 3." in text
    assert "onnxruntime" not in text
