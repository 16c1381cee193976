"""What every attention block must keep: a class of tests that the tests of a block inherit.

class TestGate(AttentionConformance):
    block = Gate()
"""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from automl.blocks import Attention, Block, ConvStem, Cost, PoolHead, Separable, Shape, from_dict, to_dict
from automl.spaces.candidates.candidate import assemble, scaled
from automl.studies.export import Facts, export_network
from automl.studies.export.source_check import loaded
from automl.studies.tasks.preprocessing import Preprocessing
from flop_counter import FlopCounter
from torch import nn

SHAPES = (Shape(32, 6, 5), Shape(48, 9, 9), Shape(16, 1, 1))
"""Maps of different sizes; all channels are multiples of 16."""


def counted(module: nn.Module, shape: Shape) -> Cost:
    """MACs by PyTorch's counter, parameters, and output elements of the counted layers."""
    module, outputs = module.to("meta").eval(), []
    for layer in module.modules():
        if isinstance(layer, nn.Conv1d | nn.Conv2d | nn.Linear):
            layer.register_forward_hook(lambda _, __, output: outputs.append(output.numel()))
    with FlopCounter() as counter, torch.no_grad():
        module(torch.empty(1, shape.channels, shape.height, shape.width, device="meta"))
    params = sum(parameter.numel() for parameter in module.parameters())
    return Cost(macs=counter.get_total_flops() // 2, params=params, activations=sum(outputs))


class AttentionConformance:
    """Inherit it, and name the block with the fields to test."""

    block: Attention

    @pytest.fixture(autouse=True)
    def _seeded(self) -> None:
        torch.manual_seed(0)

    @pytest.fixture(params=SHAPES, ids=lambda shape: f"{shape.channels}x{shape.height}x{shape.width}")
    def shape(self, request: pytest.FixtureRequest) -> Shape:
        return request.param

    def test_keeps_the_shape_of_its_map(self, shape: Shape):
        x = torch.randn(2, shape.channels, shape.height, shape.width)
        assert self.block.build(shape)(x).shape == x.shape
        assert self.block.out(shape) == shape

    def test_costs_what_the_built_module_counts(self, shape: Shape):
        said, found = self.block.cost(shape), counted(self.block.build(shape), shape)
        assert (said.macs, said.params, said.activations) == (found.macs, found.params, found.activations)

    def test_costs_in_arrays_what_it_costs_in_numbers(self):
        columns = [np.array(side) for side in zip(*map(dataclasses.astuple, SHAPES), strict=True)]
        many, each = self.block.cost(Shape(*columns)), [self.block.cost(shape) for shape in SHAPES]
        for metric in ("macs", "params", "activations", "peak"):
            got = np.broadcast_to(getattr(many, metric), len(SHAPES)).tolist()
            assert got == [getattr(cost, metric) for cost in each], metric

    def test_goes_through_json_and_back(self, shape: Shape):
        for block in (self.block, self.block.resolved(shape)):
            assert from_dict(json.loads(json.dumps(to_dict(block)))) == block

    def test_resolved_is_the_same_block_written_out(self, shape: Shape):
        resolved = self.block.resolved(shape)
        assert resolved.resolved(shape) == resolved
        assert resolved.cost(shape) == self.block.cost(shape)

    def test_cannot_be_changed(self):
        assert isinstance(self.block, Block)
        assert type(self.block).__dataclass_params__.frozen  # type: ignore[attr-defined]

    def test_widened_it_can_be_built_and_costs_what_it_says(self, shape: Shape):
        assert self.block.widened(1) == self.block
        wide = shape.with_channels(2 * shape.channels)
        for block in (self.block, self.block.resolved(shape)):
            widened = block.widened(2)
            assert counted(widened.build(wide), wide).params == widened.cost(wide).params

    def test_trains_one_step(self):
        shape = SHAPES[0]
        module = self.block.build(shape).train()
        before = [parameter.detach().clone() for parameter in module.parameters()]
        x = torch.randn(4, shape.channels, shape.height, shape.width, requires_grad=True)
        (module(x) - torch.randn_like(x)).square().mean().backward()
        assert x.grad is not None
        assert x.grad.isfinite().all()
        assert all(p.grad is not None and p.grad.isfinite().all() for p in module.parameters())
        torch.optim.SGD(module.parameters(), 0.1).step()
        assert any(not torch.equal(old, new) for old, new in zip(before, module.parameters(), strict=True))

    def test_its_network_is_exported_and_computes_the_same(self, tmp_path: Path):
        unit = Separable(channels=16, attention=self.block)
        stages = [scaled(unit, 1, 1)]
        candidate = assemble("efficientnet", (3, 16, 16), 4, ConvStem(channels=16), stages, PoolHead())
        network = candidate.build().eval()
        facts = Facts(
            study="conformance",
            command="automl search",
            data="images",
            classes=tuple("abcd"),
            preprocessing=Preprocessing.to(16, 16, channels=3),
            mean=(0.5, 0.5, 0.5),
            std=(0.5, 0.5, 0.5),
            accuracy=0.5,
            test_accuracy=None,
            epochs=1,
            seed=0,
            budget="",
        )
        weights = network.state_dict()
        export_network(tmp_path / "out", candidate=candidate, weights=weights, facts=facts, formats=())
        x = torch.randn(2, 3, 16, 16)
        with loaded(tmp_path / "out" / "model.py") as module, torch.inference_mode():
            assert torch.equal(module.load().eval()(x), network(x))
