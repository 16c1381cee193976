"""Which training of a network a search sees, and what NAS-Bench-Macro's table holds."""

import json
from pathlib import Path

import numpy as np
import pytest
from automl.blocks import InputError
from automl.search.tables import read_table
from automl.spaces import Space, census, load_space, parse_budget
from automl.spaces.draws.bulk import enumerate_rows, settings


def test_successive_seeds_see_different_trainings_until_all_have_been_seen(read, ids):
    table = read({key: {"accuracy": [0.1, 0.2, 0.3]} for key in ids})
    for first in (0, 1, 7, 1000):
        for key in ids.values():
            seen = [table.seen(key, first + number).curve[0][1] for number in range(4)]
            assert sorted(seen[:3]) == [0.1, 0.2, 0.3]
            assert seen[3] == seen[0]


def test_the_first_seed_is_not_the_same_training_for_all(read, ids):
    table = read({key: {"accuracy": [0.1, 0.2, 0.3]} for key in ids})
    assert len({table.seen(key, 0).curve for key in ids.values()}) > 1


def test_a_network_that_it_lacks_is_not_seen(read, ids):
    assert read({"000": {"accuracy": 0.1}}).seen(ids["001"], 0) is None


def test_its_share_of_what_is_within_the_budget(read, space: Space, ids):
    table = read({key: {"accuracy": 0.5} for key in list(ids)[:6]})
    everything = parse_budget("1G")
    assert table.coverage(space, census(space, everything), 0) == pytest.approx(0.5)


def test_the_cost_of_a_row_named_by_id_is_checked_when_its_network_is_met(read, space: Space, ids):
    candidate = space.candidate({"depth": 0.2, "width": 0.25, "expansion": 2, "attention": "none"})
    right, wrong = (
        read({"x": {"id": ids["000"], "accuracy": 0.5, "macs": macs}}) for macs in (candidate.cost().macs, 5)
    )
    right.check(candidate, candidate.cost())
    with pytest.raises(InputError, match="entry 'x': the MACs of a row"):
        wrong.check(candidate, candidate.cost())


class TestNasBenchMacro:
    def test_its_6561_rows_are_3969_networks_whose_seeds_are_pooled(self, nas_bench_macro: Path):
        space = load_space("nas-bench-macro")
        table = read_table(nas_bench_macro, space)
        assert (len(table.entries), table.rows, table.outside, table.epochs, table.seeds) == (3969, 6561, 0, 1, 3)
        assert sum(len(entry.curves) for entry in table.entries.values()) == 3 * 6561
        given = json.loads(nas_bench_macro.read_text())
        rows = np.concatenate(list(enumerate_rows(space)))
        for row in rows[np.random.default_rng(0).choice(len(rows), 40, replace=False)]:
            code = "".join(map(str, row[2:]))
            pooled = [curve[0][1] for curve in table.entries[space.candidate(settings(space, row)).id].curves]
            assert {value / 100 for value in given[code]["test_acc"]} <= set(pooled)

    def test_another_size_or_another_number_of_classes_is_not_its_space(self, nas_bench_macro: Path):
        for space in (
            load_space("nas-bench-macro").adapted(image_size=64),
            load_space("nas-bench-macro").adapted(classes=100),
        ):
            with pytest.raises(InputError, match="must be those of its network"):
                read_table(nas_bench_macro, space)
