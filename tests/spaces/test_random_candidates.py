"""Random networks over all skeletons and attentions, 240 by default and 2,000 in all: cost against
counter and module, training, and back from every place they are kept in."""

import json
import math
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from automl.blocks import Attention, Cost, Se, names
from automl.spaces import Candidate, Space
from automl.spaces.draws.bulk import costs, draw, settings
from automl.spaces.skeletons import skeleton, skeletons
from automl.spaces.skeletons.attention_choice import options
from automl.studies import Study, StudySpec
from automl.studies.database.connection import Database
from automl.studies.database.tables import CandidateRecord, StudyRecord
from flop_counter import FlopCounter
from sqlalchemy import select

SOME, EACH = 15, 250
"""Networks of each of the eight skeletons, by default and in all."""
VALUES = {
    "size_multiple": [1, 8],
    "divisor": [4, 8],
    "depth": [0.2, 0.4],
    "width": [0.125, 0.19, 0.25],
    "resolution": [1.0, 1.25],
    "repeats": [1, 3],
    "skip": [False, True],
    "expansion": [1, 2, 3],
    "kernel": [3, 5],
    "stem_width": [16, 32],
    "stem_stride": [1, 2],
    "stem_kernel": ["auto", 3, 7],
    "stem_pool": [False, True],
    "stride": [1, 2],
    "head_width": [128, 256],
    "cardinality": [1, 2, 4],
    "base_width": ["auto", 16, 64],
    "radix": [0, 1, 2],
    "eca_kernel": ["auto", 1, 3, 7],
    "eca_padding": ["zeros", "circular"],
    "se_ratio": [0.1, 0.5],
    "cbam_ratio": [0.1, 0.5],
    "sk_branches": [2, 3],
    "sk_dilated": [False, True],
    "sk_split": [False, True],
    "sk_ratio": [0.1, 0.5],
    "sk_divisor": [1, 8],
}
"""Of dimensions that are no names; those of names take all of them."""


def everything(name: str) -> Space:
    """The space of a skeleton in which every dimension is free, in every layer where it may be."""
    base = skeleton(name)
    dimensions: dict[str, object] = {}
    for dimension in base.dimensions():
        rule = base.rules.get(dimension)
        values = (
            ["none", *names(Attention)]
            if dimension == "attention"
            else list(rule.choices)
            if rule and rule.choices
            else VALUES[dimension]
        )
        each = next((each for each in ("layer", "stage") if base.may_differ(dimension, each)), "network")
        dimensions[dimension] = {"choices": values, "each": each}
    for dimension in options():
        owners = [
            attention
            for attention in names(Attention)
            if dimension.startswith(attention) or (dimension.startswith("eca") and attention == "ecabam")
        ]
        dimensions[dimension] = {**dimensions[dimension], "when": {"attention": owners}}  # type: ignore[dict-item]
    return Space.from_dict({"skeleton": name, "image": [3, 36, 36], "classes": 5, "dimensions": dimensions}, name)


def drawn(name: str, count: int) -> list[tuple[Candidate, Cost]]:
    """Random candidates with the costs that were counted for all of them at once."""
    space = everything(name)
    rows = draw(space, 6 * count, np.random.default_rng(0))
    cost, valid = costs(space, rows)
    rows, kept = rows[valid][:count], np.flatnonzero(valid)[:count]
    assert len(rows) == count
    figures = [
        Cost(*(int(getattr(cost, metric)[index]) for metric in ("macs", "params", "activations", "peak")))
        for index in kept
    ]
    return [(space.candidate(settings(space, row)), figure) for row, figure in zip(rows, figures, strict=True)]


@pytest.fixture(scope="module", params=[SOME, pytest.param(EACH, marks=pytest.mark.exhaustive)], ids=["some", "all"])
def candidates(request: pytest.FixtureRequest) -> dict[str, list[tuple[Candidate, Cost]]]:
    return {name: drawn(name, request.param) for name in skeletons()}


@pytest.mark.parametrize("name", skeletons())
def test_costs_equal_counter_and_module_and_a_step_of_training_stays_finite(name: str, candidates):
    torch.manual_seed(0)
    for candidate, figure in candidates[name]:
        cost = candidate.cost()
        assert cost == figure, "the cost of many at once differs"
        network = candidate.build(drop_path_rate=0.1).train()
        elements = 0

        def count(module, inputs, output):
            nonlocal elements
            elements += output.numel()

        handles = [
            m.register_forward_hook(count)
            for m in network.modules()
            if isinstance(m, torch.nn.Conv1d | torch.nn.Conv2d | torch.nn.Linear)
        ]
        with FlopCounter() as counter:
            out = network(torch.randn(2, *candidate.image))
        for handle in handles:
            handle.remove()
        counted = (counter.get_total_flops() / 2 / 2, sum(p.numel() for p in network.parameters()), elements / 2)
        assert (cost.macs, cost.params, cost.activations) == counted, candidate.spec
        out.square().sum().backward()
        assert out.isfinite().all()
        assert all(p.grad is None or math.isfinite(float(p.grad.sum())) for p in network.parameters()), candidate.spec


def test_every_attention_is_drawn_in_every_skeleton(candidates):
    for name in skeletons():
        seen = {
            block.attention.name
            for candidate, _ in candidates[name]
            for _, block, _, _ in candidate.walk()
            if getattr(block, "attention", None)
        }
        assert seen == set(names(Attention)), name


READ = """
import json, sys, yaml
from pathlib import Path
from automl.spaces import Candidate
from automl.studies import Study

folder = Path(sys.argv[1])
loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
rows = Study.open(sys.argv[2], "all").candidates().values()
print(json.dumps({
    "json": [Candidate.from_dict(data).id for data in json.loads((folder / "all.json").read_text())],
    "yaml": [Candidate.from_dict(data).id for data in yaml.load((folder / "all.yaml").read_text(), loader)],
    "database": [Candidate.from_dict(json.loads(row.spec)).id for row in rows],
}))
"""


def test_each_is_itself_again_from_json_yaml_and_database_in_a_new_process(candidates, tmp_path: Path):
    every = [candidate for name in skeletons() for candidate, _ in candidates[name]]
    assert len(every) == len(candidates["resnet"]) * len(skeletons()) >= 120
    (tmp_path / "all.json").write_text(json.dumps([candidate.to_dict() for candidate in every]))
    (tmp_path / "all.yaml").write_text(
        yaml.dump([candidate.to_dict() for candidate in every], Dumper=getattr(yaml, "CSafeDumper", yaml.SafeDumper))
    )
    storage = f"sqlite:///{tmp_path / 'all.db'}"
    keep(storage, every)
    done = subprocess.run(
        [sys.executable, "-c", READ, str(tmp_path), storage], capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout)
    ids = [candidate.id for candidate in every]
    assert found["json"] == found["yaml"] == ids
    assert found["database"] == sorted(set(ids))


def keep(storage: str, every: list[Candidate]) -> None:
    """Write candidates into a study's database, all in one transaction."""
    Study.create_or_continue(
        storage, StudySpec(name="all", space={}, budget="", data={}, settings={}), command="", versions={}
    )
    with Database(storage).write() as session:
        study = session.scalars(select(StudyRecord)).one()
        for candidate in {candidate.id: candidate for candidate in every}.values():
            cost = candidate.cost()
            row = {
                "id": candidate.id,
                "spec": candidate.spec,
                "macs": cost.macs,
                "params": cost.params,
                "activations": cost.activations,
            }
            session.add(CandidateRecord(study_id=study.id, **row))


def test_a_cost_that_forgets_a_layer_would_be_noticed(candidates, monkeypatch: pytest.MonkeyPatch):
    candidate = next(
        c
        for c, _ in candidates["resnet"]
        if any(getattr(getattr(b, "attention", None), "name", "") == "se" for _, b, _, _ in c.walk())
    )
    monkeypatch.setattr(Se, "cost", lambda self, shape: Cost())
    assert candidate.cost().params != sum(p.numel() for p in candidate.build().parameters())
