"""Costs by arithmetic against independent counters, for random candidates of every shipped
space."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
from automl.spaces import Candidate, Space, load_space, shipped_spaces
from automl.spaces.draws.bulk import costs, deactivate, draw, settings
from flop_counter import FlopCounter
from published_rules import without_memory

COUNT = 5
"""Networks of each space by default, and eight times as many in all."""


def counted(candidate: Candidate) -> tuple[float, int, int]:
    """MACs by torch's counter, parameters of the module, output elements of its counted layers:
    nothing of ours."""
    network = bare(candidate)
    elements = 0

    def add(module, inputs, output):
        nonlocal elements
        elements += output.numel()

    for module in network.modules():
        if isinstance(module, torch.nn.Conv1d | torch.nn.Conv2d | torch.nn.Linear):
            module.register_forward_hook(add)
    with FlopCounter() as counter, torch.no_grad():
        network(torch.empty(1, *candidate.image, device="meta"))
    return counter.get_total_flops() / 2, sum(p.numel() for p in network.parameters()), elements


def drawn(name: str, count: int, seed: int = 0) -> tuple[Space, np.ndarray]:
    space = load_space(name)
    rows = draw(space, 2 * count, np.random.default_rng(seed))
    return space, rows[costs(space, rows)[1]][:count]


@pytest.mark.parametrize("name", shipped_spaces())
class TestEverySpace:
    @pytest.mark.parametrize("count", [COUNT, pytest.param(8 * COUNT, marks=pytest.mark.exhaustive)])
    def test_costs_equal_the_counter_and_the_module_to_the_unit(self, name: str, count: int):
        space, rows = drawn(name, count)
        assert len(rows) == count
        for row in rows:
            candidate = space.candidate(settings(space, row))
            cost = candidate.cost()
            assert (cost.macs, cost.params, cost.activations) == counted(candidate), settings(space, row)

    def test_costs_of_many_at_once_equal_those_of_each(self, name: str):
        space, rows = drawn(name, COUNT, seed=1)
        many, valid = costs(space, rows)
        assert valid.all()
        for index, row in enumerate(rows):
            one = space.candidate(settings(space, row)).cost()
            assert (many.macs[index], many.params[index], many.activations[index]) == (
                one.macs,
                one.params,
                one.activations,
            )

    @pytest.mark.parametrize("count", [1, pytest.param(3, marks=pytest.mark.exhaustive)])
    def test_changing_any_one_dimension_changes_the_network_or_keeps_the_id(self, name: str, count: int):
        space, rows = drawn(name, count, seed=2)
        for row in rows:
            candidate = space.candidate(settings(space, row))
            network = anatomy(candidate)
            for index, parameter in enumerate(space.parameters):
                last = len(parameter.values) - 1
                every = {0, last // 2, last} - {row[index]}
                for value in every if count > 1 else [max(every, default=0)]:  # by default one, mostly the last
                    other = row.copy()
                    other[index] = value
                    changed = space.candidate(settings(space, deactivate(space, other[None])[0]))
                    if changed.id != candidate.id:
                        assert anatomy(changed) != network, (parameter.name, parameter.values[value])

    def test_a_candidate_is_itself_again_after_json(self, name: str):
        space, rows = drawn(name, 20, seed=3)
        for row in rows:
            candidate = space.candidate(settings(space, row))
            again = Candidate.from_dict(json.loads(candidate.spec))
            assert again == candidate
            assert again.id == candidate.id


def anatomy(candidate: Candidate) -> list[tuple]:
    """The network itself, without its weights: the input size and every module with its plain
    attributes."""
    plain = int | float | str | tuple | bool
    modules = [
        (
            path,
            type(module).__name__,
            sorted((key, value) for key, value in vars(module).items() if isinstance(value, plain)),
        )
        for path, module in bare(candidate).named_modules()
        if path
    ]
    return [candidate.image, *modules]


def bare(candidate: Candidate) -> torch.nn.Module:
    """The network without memory for its weights and without initialising them."""
    with without_memory():
        return candidate.build().eval()


def test_ids_are_the_same_in_another_process():
    code = (
        "from automl.spaces import load_space; s = load_space('resnext-attention'); print(s.candidate({'attention':"
        " 'eca', 'radix': 2}).id)"
    )
    again = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert load_space("resnext-attention").candidate({"attention": "eca", "radix": 2}).id == again


def test_a_given_kernel_that_is_the_automatic_one_is_the_same_candidate():
    space = load_space("resnext-attention").adapted(image_size=64)
    automatic = space.candidate({"attention": "eca", "width": 0.25})
    given = {value: space.candidate({"attention": "eca", "eca_kernel": value, "width": 0.25}) for value in (3, 5, 7)}
    assert any(automatic.id == one.id for one in given.values()) == (
        len({k for _, b, _, _ in automatic.walk() if (k := kernel(b))}) == 1
    )


def kernel(block) -> int | None:
    return getattr(getattr(block, "attention", None), "kernel_size", None)


def test_a_cost_that_forgets_a_layer_would_be_seen(monkeypatch):
    from automl.blocks import Cost, Se

    candidate = load_space("efficientnet").adapted(image_size=64).candidate({"attention": "se"})
    monkeypatch.setattr(Se, "cost", lambda self, shape: Cost())
    cost = candidate.cost()
    assert (cost.macs, cost.params, cost.activations) != counted(candidate)


def test_equal_cost_widths_are_those_of_resnexts_table_2():
    from automl.spaces.skeletons.resnet import equal_cost_width

    assert [equal_cost_width(c) for c in (1, 2, 4, 8, 32)] == [64, 40, 24, 14, 4]
