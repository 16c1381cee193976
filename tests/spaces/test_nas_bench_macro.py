"""The shipped space of NAS-Bench-Macro against its published table: every network's parameters and
MACs."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from automl.spaces import Space, load_space
from automl.spaces.draws.bulk import Rows, costs, enumerate_rows, examine, joined, settings

TABLE = Path(__file__).resolve().parents[3] / "shared" / "data" / "nas-bench-macro" / "nas-bench-macro_cifar10.json"


def every(space: Space) -> tuple[Rows, list[str]]:
    """All settings, and the eight digits that the table calls them."""
    rows = np.concatenate(list(enumerate_rows(space)))
    digits = [index for index, parameter in enumerate(space.parameters) if parameter.layer is not None]
    return rows, ["".join(map(str, row)) for row in rows[:, digits].tolist()]


@pytest.fixture(scope="module")
def table() -> dict[str, tuple[int, int]]:
    """Digits → parameters and MACs."""
    if not TABLE.exists():
        pytest.skip("NAS-Bench-Macro's table is not beside this checkout (../shared/data/nas-bench-macro)")
    return {code: (row["params"], row["flops"]) for code, row in json.loads(TABLE.read_text()).items()}


def differing(space: Space, table: dict[str, tuple[int, int]]) -> set[str]:
    """The networks whose costs, many at once, are not those of the table."""
    rows, codes = every(space)
    cost, valid = costs(space, rows)
    assert valid.all()
    return {
        code for code, params, macs in zip(codes, cost.params, cost.macs, strict=True) if (params, macs) != table[code]
    }


def changed(**kernels: int) -> Space:
    """The shipped space with other kernels in some of its layers."""
    data = json.loads(json.dumps(load_space("nas-bench-macro").to_dict()))
    for name, kernel in kernels.items():
        data["dimensions"]["layer"]["choices"][name]["kernel"] = kernel
    return Space.from_dict(data)


class TestTheTable:
    def test_every_network_costs_what_the_table_says(self, table):
        space = load_space("nas-bench-macro")
        assert sorted(every(space)[1]) == sorted(table)
        assert len(table) == 3**8
        assert differing(space, table) == set()

    def test_networks_one_by_one_cost_and_hold_what_the_table_says(self, table):
        space = load_space("nas-bench-macro")
        rows, codes = every(space)
        for index in np.random.default_rng(0).choice(len(rows), 50, replace=False):
            candidate = space.candidate(settings(space, rows[index]))
            with torch.device("meta"):
                held = sum(parameter.numel() for parameter in candidate.build().parameters())
            cost = candidate.cost()
            assert (cost.params, cost.macs) == (held, cost.macs) == table[codes[index]], codes[index]

    def test_a_space_with_another_kernel_would_be_seen_in_every_network_that_has_it(self, table):
        assert differing(changed(mb3_k3=3, mb6_k5=5), table) == set()
        assert differing(changed(mb3_k3=5), table) == {code for code in table if "1" in code}
        assert differing(changed(mb6_k5=3), table) == {code for code in table if "2" in code}


class TestDistinctNetworks:
    """An identity may stand anywhere behind a stage's first layer: 3 · (1 + 2) networks of a stage
    of two layers, 3 · (1 + 2 + 4) of one of three."""

    def test_fingerprints_and_ids_tell_the_same_3969_networks(self):
        space = load_space("nas-bench-macro")
        rows, _ = every(space)
        names = joined(examine(space, rows)[2]).tolist()
        ids = [space.candidate(settings(space, row)).id for row in rows]
        assert len(rows) == 6561
        assert len(set(names)) == len(set(ids)) == len(set(zip(names, ids, strict=True))) == 9 * 21 * 21 == 3969

    def test_they_are_those_whose_digits_agree_without_the_zeros_behind_a_first_layer(self):
        space = load_space("nas-bench-macro")
        rows, codes = every(space)
        names = joined(examine(space, rows)[2]).tolist()
        written = [
            tuple(code[start] + code[start + 1 : end].replace("0", "") for start, end in ((0, 2), (2, 5), (5, 8)))
            for code in codes
        ]
        assert len(set(written)) == len(set(names)) == len(set(zip(names, written, strict=True)))
