"""model.onnx computes what the network computes, for every attention of both skeletons."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from automl.blocks.errors import AutomlError
from automl.studies.export import export_network
from automl.studies.export.onnx_file import check, write_onnx
from torch import nn

# every stage another attention, so that two networks cover them all
EVERY = {
    "resnet": {"attention": ("ecabam", "cbam", "se", "eca"), "eca_padding": "circular", "radix": (0, 1, 2, 4), "downsample": "avg", "pool": "first"},
    "efficientnet": {"attention": ("se", "eca", "cbam", "ecabam", "none", "none", "none"), "activation": "hard_swish"},
}


@pytest.mark.parametrize("skeleton", list(EVERY))
def test_onnx_runtime_agrees_with_torch_on_every_attention_and_any_batch(tiny, trained, facts, tmp_path: Path, skeleton: str, capfd) -> None:
    candidate = tiny(skeleton, **EVERY[skeleton])
    weights = trained(candidate)
    files = export_network(tmp_path / "found", candidate=candidate, weights=weights, facts=facts(candidate))
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

    with pytest.raises(AutomlError, match=r"model\.onnx and PyTorch differ by .* on 1 random images; at most 0.0001 is allowed"):
        check(Other(), files[3], (candidate.image[0], 16, 16))


def test_a_network_that_onnx_cannot_express_is_refused_with_the_way_out(tmp_path: Path) -> None:
    class Odd(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x if x.sum() > 0 else -x

    with pytest.raises(AutomlError, match=r"model\.onnx cannot be made .*export without ONNX"):
        write_onnx(Odd(), tmp_path / "model.onnx", (1, 4, 4))
