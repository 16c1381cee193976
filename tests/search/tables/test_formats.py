"""Both formats say the same, and every way of naming a network finds it."""

import hashlib
import re
from pathlib import Path

import pytest
from automl.search.tables import read_table
from automl.search.tables.row_values import as_fractions, row_values
from automl.search.tables.table_file import read_rows
from automl.spaces import Space


def curves(table, key: str) -> list:
    return [list(curve) for curve in table.entries[key].curves]


def test_a_key_of_digits_names_the_free_parameters_in_order(read, space: Space, ids):
    table = read({"211": {"accuracy": 0.5}})
    candidate = space.candidate({"depth": 0.2, "width": 0.75, "expansion": 3, "attention": "se"})
    assert list(table.entries) == [candidate.id] == [ids["211"]]


@pytest.mark.parametrize("key", ["2-1-0", "2,1,0", "2_1_0", "2 1 0", "210"])
def test_indices_may_be_parted(read, ids, key: str):
    assert list(read({key: {"accuracy": 0.5}}).entries) == [ids["210"]]


@pytest.mark.parametrize(
    "data",
    [
        {"x": {"settings": {"width": 0.75, "expansion": 2, "attention": "se"}, "accuracy": 0.5}},
        {"x": {"settings": {"width": 0.75, "expansion": 2, "attention": "se", "depth": 0.2}, "accuracy": 0.5}},
        [{"settings": {"width": 0.75, "expansion": 2, "attention": "se"}, "accuracy": 0.5}],
        [{"width": 0.75, "expansion": 2, "attention": "se", "accuracy": 0.5}],
    ],
)
def test_settings_name_a_network(read, ids, data):
    assert list(read(data).entries) == [ids["201"]]


def test_an_id_names_a_network(read, ids):
    assert list(read({"x": {"id": ids["201"], "accuracy": 0.5}}).entries) == [ids["201"]]
    assert list(read({ids["201"]: {"accuracy": 0.5}}).entries) == [ids["201"]]


def test_csv_has_a_column_for_each_parameter(read, ids):
    table = read(
        [
            ["width", "expansion", "attention", "accuracy.0", "accuracy.1"],
            ["0.750", "2", "SE", "0.5", "0.25"],
            [],
            ["0.25", "3", "none", "0.75", "1"],
        ],
        "t.csv",
    )
    assert curves(table, ids["201"]) == [[(1, 0.5)], [(1, 0.25)]]
    assert curves(table, ids["010"]) == [[(1, 0.75)], [(1, 1.0)]]


def test_csv_may_name_networks_by_key_and_by_id_and_leave_cells_empty(read, ids):
    table = read(
        [["key", "id", "seed.0", "seed.1", "seconds"], ["000", "", "0.5", "", "7"], ["", ids["001"], "0.6", "0.7", ""]],
        "t.csv",
    )
    assert table.entries[ids["000"]].curves == (((1, 0.5),),)
    assert table.entries[ids["000"]].seconds == (7.0,)
    assert len(table.entries[ids["001"]].curves) == 2
    assert table.entries[ids["001"]].seconds == (None, None)


def test_seeds_stand_in_the_order_of_their_numbers(read, ids):
    names = [f"accuracy.{number}" for number in (10, 2, 1)]
    table = read([["key", *names], ["000", "0.3", "0.2", "0.1"]], "t.csv")
    assert [curve[0][1] for curve in table.entries[ids["000"]].curves] == [0.1, 0.2, 0.3]


@pytest.mark.parametrize("name", ["accuracy", "accuracies", "val_acc", "test_acc", "test_accuracy"])
def test_accuracies_have_many_names(read, ids, name: str):
    assert read({"000": {name: [0.5, 0.6], "mean": 0.55, "std": 0.05}}).seeds == 2


def test_percent_is_recognised_for_the_whole_table(read, ids):
    table = read({"000": {"accuracy": [0.5, 91.0]}, "001": {"accuracy": 100}})
    assert [curve[0][1] for curve in table.entries[ids["000"]].curves] == pytest.approx([0.005, 0.91])
    assert table.entries[ids["001"]].curves[0][0][1] == 1.0


def test_accuracies_up_to_one_are_fractions(read, ids):
    assert read({"000": {"accuracy": [0.5, 1.0]}}).entries[ids["000"]].curves[1][0][1] == 1.0


def test_a_row_may_be_several(read, ids):
    table = read({"000": [{"accuracy": 0.5, "seconds": 3}, {"accuracy": 0.6, "seconds": 4}]})
    assert table.entries[ids["000"]].curves == (((1, 0.5),), ((1, 0.6),))
    assert table.entries[ids["000"]].seconds == (3.0, 4.0)
    assert table.rows == 2


def test_curves_are_one_or_one_for_each_seed_and_their_end_is_full_training(read, ids):
    table = read(
        {
            "000": {"curve": [[1, 0.1], [3, 0.3], [9, 0.4]]},
            "001": {"curve": [[[9, 0.5]], [[4, 0.4], [9, 0.6]]], "seconds": [5, 6]},
        }
    )
    assert table.epochs == 9
    assert table.entries[ids["000"]].curves == (((1, 0.1), (3, 0.3), (9, 0.4)),)
    assert table.entries[ids["001"]].curves == (((9, 0.5),), ((4, 0.4), (9, 0.6)))
    assert table.entries[ids["001"]].seconds == (5.0, 6.0)


def test_without_curves_there_is_one_epoch(read):
    assert read({"000": {"accuracy": 0.5}}).epochs == 1


def test_its_fingerprint_is_the_files_sha_256(read, tmp_path: Path):
    table = read({"000": {"accuracy": 0.5}})
    assert table.fingerprint == hashlib.sha256((tmp_path / "table.json").read_bytes()).hexdigest()
    assert table.path == (tmp_path / "table.json").resolve()


def test_a_networks_cost_may_stand_in_its_row(read, space: Space, ids):
    cost = space.candidate({"depth": 0.2, "width": 0.25, "expansion": 2, "attention": "none"}).cost()
    assert read({"000": {"accuracy": 0.5, "macs": cost.macs, "params": float(cost.params)}}).entries[ids["000"]]
    assert read({"000": {"accuracy": 0.5, "flops": cost.macs}}).entries[ids["000"]]


def test_rows_against_a_constraint_are_counted_and_left_out(read, space: Space):
    constrained = Space.from_dict({**space.to_dict(), "constraints": ["expansion <= 2"]})
    table = read({"000": {"accuracy": 0.5}, "010": {"accuracy": 0.6}}, of=constrained)
    assert (len(table.entries), table.outside) == (1, 1)


def test_conditional_parameters_that_do_not_matter_need_no_value(read, tmp_path: Path):
    data = {"name": "c", "skeleton": "efficientnet", "image": [1, 18, 18], "classes": 3}
    kernel = {"choices": [3, 5], "when": {"attention": "eca"}}
    space = Space.from_dict(
        {**data, "dimensions": {"depth": 0.2, "width": 0.25, "attention": ["none", "eca"], "eca_kernel": kernel}}
    )
    (tmp_path / "t.json").write_text(
        '[{"attention": "none", "accuracy": 0.1}, {"attention": "eca", "eca_kernel": 5, "accuracy": 0.2}]'
    )
    assert len(read_table(tmp_path / "t.json", space).entries) == 2
    (tmp_path / "t.json").write_text(
        '{"00": {"accuracy": 0.1}, "01": {"accuracy": 0.2}, "10": {"accuracy": 0.3}, "11": {"accuracy": 0.4}}'
    )
    table = read_table(tmp_path / "t.json", space)
    assert sorted(len(entry.curves) for entry in table.entries.values()) == [1, 1, 2]


def test_the_examples_of_the_docs_are_read(tmp_path: Path):
    page = (Path(__file__).resolve().parents[3] / "docs" / "tables.md").read_text()
    examples = re.findall(r"```(json|csv)\n(.*?)```", page, re.DOTALL)
    assert [suffix for suffix, _ in examples] == ["json", "json", "csv"]
    for suffix, text in examples:
        (tmp_path / f"t.{suffix}").write_text(text)
        rows, _ = read_rows(tmp_path / f"t.{suffix}")
        assert len(as_fractions([row_values(row) for row in rows])) == 2
