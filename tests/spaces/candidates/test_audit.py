"""Formulas beside thop, PyTorch's counter and the built module; planted faults are named by their
place."""

from dataclasses import dataclass, replace

import pytest
import torch
from automl.blocks import Attention, AutomlError, Basic, Cost, Se, Shape, block
from automl.spaces import Candidate, architecture
from automl.spaces.candidates.audit import ELSEWHERE, Audit, audit
from automl.spaces.candidates.candidate import assemble
from torch import nn

NAMES = [
    "efficientnet_b0",
    "mobilenetv3_large_100",
    "resnet18",
    "resnext50_32x4d",
    "seresnet50",
    "ecaresnet50d",
    "resnest50d",
    "skresnet50",
]


def candidate(name: str = "seresnet18", size: int = 64) -> Candidate:
    return architecture(name).candidate(image_size=size)


@pytest.mark.parametrize("name", NAMES)
def test_all_witnesses_agree_with_the_formulas_at_every_place(name: str):
    found = audit(candidate(name))
    assert found.agrees
    assert found.differing == ()
    assert found.total.macs == found.total.counter == found.total.thop > 0
    assert [layer.place for layer in found.layers][-1] == "classifier"
    for key in ("macs", "counter", "thop", "params", "built"):
        assert sum(getattr(layer, key) for layer in found.layers) == getattr(found.total, key)


def test_a_fault_in_one_blocks_cost_is_named_by_its_places(monkeypatch: pytest.MonkeyPatch):
    right = Se.cost
    monkeypatch.setattr(
        Se, "cost", lambda self, shape: right(self, shape) + Cost(1, 0) if shape.channels == 128 else right(self, shape)
    )
    found = audit(candidate())
    assert not found.agrees
    assert {layer.place for layer in found.differing} == {"stages.1"}
    [first, second] = found.differing
    assert first.macs == first.counter + 1
    assert "the formula says" in second.says
    assert "and so does thop" in second.says


def test_a_fault_in_parameters_is_named(monkeypatch: pytest.MonkeyPatch):
    right = Se.cost
    monkeypatch.setattr(Se, "cost", lambda self, shape: replace(right(self, shape), params=0))
    found = audit(candidate())
    assert not found.agrees
    assert {layer.place for layer in found.differing} == {"stages.0", "stages.1", "stages.2", "stages.3"}
    assert all(
        layer.macs == layer.counter and layer.says.startswith("params: the formula says") for layer in found.differing
    )


def test_what_no_block_accounts_for_is_found_elsewhere(monkeypatch: pytest.MonkeyPatch):
    right = Candidate.cost
    monkeypatch.setattr(Candidate, "cost", lambda self: right(self) + Cost(10, 0))
    found = audit(candidate())
    assert not found.agrees
    assert [(layer.place, layer.macs) for layer in found.differing] == [(ELSEWHERE, 10)]


class MatmulModule(nn.Module):
    """Every position attends to every other."""

    def forward(self, x_bchw: torch.Tensor) -> torch.Tensor:
        x_bcn = x_bchw.flatten(2)
        return (x_bcn @ (x_bcn.transpose(1, 2) @ x_bcn).softmax(-1)).view_as(x_bchw)


@dataclass(frozen=True)
class Matmul(Attention):
    """Two matrix products and no layer: thop does not see them."""

    def cost(self, shape: Shape) -> Cost:
        return Cost(macs=2 * shape.channels * shape.pixels**2)

    def build(self, shape: Shape) -> nn.Module:
        return MatmulModule()


class Stops(nn.Module):
    """Looks at numbers, of which there are none on the meta device."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x if float(x.sum()) > 0 else -x


class Looks(Matmul):
    def build(self, shape: Shape) -> nn.Module:
        return Stops()


@pytest.fixture
def matmul(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(block.blocks, "known", dict(block.blocks.known))
    yield block.register("matmul_of_tests")(Matmul)
    Matmul.name = ""


def with_attention(attention: Attention) -> Candidate:
    base = candidate("resnet18", 32)
    stages = [
        [(replace(unit, attention=attention) if isinstance(unit, Basic) else unit, n) for unit, n in stage]
        for stage in base.stages
    ]
    return assemble(base.layout, base.image, base.classes, base.stem, stages, base.head)  # pyright: ignore[reportArgumentType]


def test_where_thop_alone_differs_the_formula_stands_and_the_reason_is_said(matmul: type[Attention]):
    found: Audit = audit(with_attention(matmul()))
    assert found.agrees
    assert found.total.thop < found.total.counter == found.total.macs
    assert found.total.unseen == ("MatmulModule",)
    assert all(
        "thop alone says" in layer.says and "computed in MatmulModule" in layer.says for layer in found.differing
    )
    assert {layer.place for layer in found.differing} == {"stages.0", "stages.1", "stages.2", "stages.3"}


def test_an_instance_given_in_python_is_itself_again_after_json(matmul: type[Attention]):
    one = with_attention(matmul())
    assert Candidate.from_dict(one.to_dict()) == one
    assert sum(p.numel() for p in one.build().parameters()) == one.cost().params


def test_a_block_that_cannot_run_without_numbers_is_named():
    with pytest.raises(AutomlError, match=r"basic at stages.0 must be built and run, but RuntimeError"):
        audit(with_attention(Looks()))


def test_an_audit_leaves_no_trace_in_the_modules_and_counts_the_same_again():
    assert audit(candidate()) == audit(candidate())
