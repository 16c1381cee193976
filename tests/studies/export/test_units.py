"""Every unit and head that is registered can be exported, to Python and to ONNX."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch
from automl.blocks import (
    ConvAttention,
    ConvStem,
    EfficientHead,
    PoolHead,
    Projection,
    Se,
    Separable,
    Unit,
    block_class,
    names,
)
from automl.spaces.candidates.candidate import Candidate, assemble, scaled
from automl.studies.export import export_network
from automl.studies.export.source_check import loaded

pytestmark = pytest.mark.xdist_group("exports")


def unit(name: str, attention: str | None = None) -> Unit:
    """A unit of 16 channels; what else must be given is 16 too."""
    cls = block_class(name, Unit)
    fields: dict[str, Any] = {
        field.name: 16 for field in dataclasses.fields(cls) if field.default is dataclasses.MISSING
    }  # type: ignore[arg-type]
    return cls(**fields, **({} if attention is None else {"attention": block_class(attention, ConvAttention)()}))  # pyright: ignore[reportAbstractUsage]


def takes_attention(name: str) -> bool:
    return "attention" in {field.name for field in dataclasses.fields(block_class(name, Unit))}  # type: ignore[arg-type]


def network_of(*stages: Unit | list[tuple[Unit, int]], head: EfficientHead | PoolHead | None = None) -> Candidate:
    return assemble(
        "efficientnet",
        (3, 32, 32),
        10,
        ConvStem(channels=8),
        [stage if isinstance(stage, list) else scaled(stage, 2, 2) for stage in stages],
        head or EfficientHead(channels=24),
    )


CASES = [
    (name, attention)
    for name in names(Unit)
    for attention in (None, *names(ConvAttention))
    if attention is None or takes_attention(name)
]


@pytest.mark.parametrize(("name", "attention"), CASES)
def test_every_units_network_comes_back_from_its_file(
    name: str, attention: str | None, trained, facts, tmp_path: Path
) -> None:
    candidate = network_of(unit(name, attention))
    weights = trained(candidate)
    export_network(tmp_path / "out", candidate=candidate, weights=weights, facts=facts(candidate), formats=())
    ours = candidate.build()
    ours.load_state_dict(weights)
    x = torch.randn(2, 3, 32, 32)
    with loaded(tmp_path / "out" / "model.py") as module, torch.inference_mode():
        assert torch.equal(module.load().eval()(x), ours.eval()(x))


def test_onnx_runtime_agrees_on_the_units_without_a_residual_one_with_and_the_neck(
    trained, facts, tmp_path: Path
) -> None:
    mobile = dataclasses.replace(unit("mbconv"), attention=Se(), activation="hard_swish")
    candidate = network_of(
        [(dataclasses.replace(unit("plain"), stride=2), 1), (mobile, 2)],
        unit("inception"),
        Separable(channels=16, projection="activated"),
        Projection(channels=32, activation="hard_swish"),
    )
    weights = trained(candidate)
    export_network(tmp_path / "out", candidate=candidate, weights=weights, facts=facts(candidate))
    network = candidate.build()
    network.load_state_dict(weights)
    images = torch.randn(3, 3, 16, 16)
    with torch.inference_mode():
        wanted = network.eval()(images).numpy()
    session = onnxruntime.InferenceSession(str(tmp_path / "out" / "model.onnx"), providers=["CPUExecutionProvider"])
    logits = session.run(["logits"], {"images": images.numpy()})[0]
    np.testing.assert_allclose(np.asarray(logits), wanted, rtol=0, atol=1e-4 * max(1.0, float(abs(wanted).max())))


def test_a_network_without_a_neck_says_nothing_of_one(trained, facts, tmp_path: Path) -> None:
    candidate = network_of(unit("separable"), head=PoolHead())
    export_network(
        tmp_path / "out", candidate=candidate, weights=trained(candidate), facts=facts(candidate), formats=()
    )
    assert "neck=" not in (tmp_path / "out" / "model.py").read_text("utf-8")
