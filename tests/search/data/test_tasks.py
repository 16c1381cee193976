"""Tables of several labels for each image, and of numbers: what is read, how it is split, and what
is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from automl.blocks import InputError
from automl.search import SearchOptions
from automl.search.data import ImageData, Reading, load, split
from automl.search.data.answers import Answers
from automl.search.data.cache import Cache
from automl.search.data.checking import check_data
from automl.search.data.strata import MOST, label_strata, number_strata

Noise = Callable[..., list[Path]]


@pytest.fixture
def photos(tmp_path: Path, noise: Noise) -> list[str]:
    return [f"photos/{path.name}" for path in noise(tmp_path / "photos", 60)]


@pytest.fixture
def table(tmp_path: Path, photos: list[str]) -> Callable[..., ImageData]:
    """table(cells, name, **reading): what is read of a table with these cells in turn."""

    def read(cells: list[object], name: str = "t.csv", **choices: object) -> ImageData:
        rows = [(photo, cells[number % len(cells)]) for number, photo in enumerate(photos)]
        path = tmp_path / name
        if name.endswith(".jsonl"):
            path.write_text("\n".join(json.dumps({"image": photo, "label": cell}) for photo, cell in rows))
        elif name.endswith(".parquet"):
            import pyarrow as pa
            import pyarrow.parquet as pq

            pq.write_table(pa.table({"image": [row[0] for row in rows], "label": [row[1] for row in rows]}), path)
        else:
            path.write_text("image,label\n" + "".join(f"{photo},{cell}\n" for photo, cell in rows))
        return load(str(path), size=8, reading=Reading(**choices), cache="none")  # pyright: ignore[reportArgumentType]

    return read


def labels_of(data: ImageData, row: int) -> set[str]:
    return {data.classes[place] for place in np.flatnonzero(data.targets[row])}


class TestLabels:
    @pytest.mark.parametrize(
        ("cells", "name"),
        [
            (["cat;dog", "dog", "cat", ";"], "t.csv"),
            ([" cat | dog|cat", "dog|", "cat", "|"], "t.tsv"),
            ([["cat", "dog"], ["dog"], ["cat"], []], "t.jsonl"),
            ([["dog", "cat"], ["dog"], ["cat"], []], "t.parquet"),
        ],
    )
    def test_cells_of_several_labels_are_read_from_every_kind_of_table(self, table, cells: list, name: str) -> None:
        data = table(cells, name)
        assert (data.task, data.classes, data.targets.shape) == ("multi-label", ("cat", "dog"), (60, 2))
        assert [labels_of(data, row) for row in range(4)] == [{"cat", "dog"}, {"dog"}, {"cat"}, set()]

    def test_control_single_labels_stay_classes(self, table) -> None:
        data = table(["cat", "dog"])
        assert (data.task, data.targets.shape, data.strata) == ("classification", (0, 0), 2)

    @pytest.mark.parametrize(
        "cells", [["AC|DC", "Rock|Roll", "Jazz"], ["Animalia|Aves|Crow", "Animalia|Aves|Tit", "Animalia|Mammalia|Dog"]]
    )
    def test_parts_of_names_are_no_labels_and_it_is_asked_what_they_are(self, table, cells: list) -> None:
        with pytest.raises(InputError, match=r"names of classes with \|, such as A.*give --task multi-label or --task"):
            table(cells)
        assert table(cells, task="classification").classes == tuple(sorted(cells))
        assert table([*cells, *"|".join(cells).split("|")]).task == "multi-label"  # control: each stands alone too

    def test_a_separator_between_nothing_is_a_part_of_a_name(self, table) -> None:
        assert table(["cat;", "dog"]).classes == ("cat;", "dog")

    def test_two_separators_are_refused(self, table) -> None:
        with pytest.raises(InputError, match=r"must separate labels by ; or by \|, but holds both"):
            table(["red|green", "blue;red", "red"])

    def test_the_task_that_is_asked_for_decides(self, table) -> None:
        assert table(["cat;dog", "cat"], task="classification").classes == ("cat", "cat;dog")
        assert table(["cat", "dog"], task="multi-label").targets.sum() == 60

    def test_an_empty_cell_is_left_out_and_counted(self, table) -> None:
        data = table(["cat;dog", "", "cat"])
        assert len(data.labels) == 40
        assert data.skipped[0].endswith(": left out, it has no label")

    @pytest.mark.parametrize(
        ("cells", "name", "message"),
        [
            ([["a"], "b"], "t.jsonl", "must hold lists of labels in all rows, but one holds 'b'"),
            ([["a", {"x": 1}]], "t.jsonl", "must hold text or a number, but got dict"),
            (["a;b", "a"] + ["b"] * 58, "t.csv", r"every label needs at least 3 images, .* 'a' has 2; .*classes 3"),
        ],
    )
    def test_what_is_wrong_is_said_in_one_line(self, table, cells: list, name: str, message: str) -> None:
        with pytest.raises(InputError, match=message):
            split(table(cells, name), seed=0)

    def test_labels_with_too_few_images_can_be_left_out_and_their_images_stay(self, table) -> None:
        data = table(["a;b", *["c;d", "c", "d"] * 19, "c", "d"], drop_small_classes=3)
        assert data.classes == ("c", "d")
        assert (len(data.labels), dict(data.dropped)) == (60, {"a": 1, "b": 1})

    def test_every_part_has_its_share_of_every_label(self, table) -> None:
        random = np.random.default_rng(0)
        flags = random.random((60, 5)) < (0.5, 0.4, 0.3, 0.2, 0.1)
        cells = [";".join("abcde"[place] for place in np.flatnonzero(row)) + ";" for row in flags]
        data = table(cells)
        rows = split(data, seed=3)
        share = len(rows.train) / 60

        def missed(rows: np.ndarray) -> float:
            """The largest deviation of a label from its share, in images."""
            return float(np.abs(flags[rows].sum(axis=0) - share * flags.sum(axis=0)).max())

        dealt = missed(rows.train)
        shuffled = [missed(np.random.default_rng(seed).permutation(60)[: len(rows.train)]) for seed in range(20)]
        assert dealt <= 2.0
        assert np.mean(shuffled) > dealt  # the control: rows drawn without regard to labels
        assert np.unique(np.concatenate([rows.train, rows.validation, rows.test])).tolist() == list(range(60))
        assert split(data, seed=4).to_dict()["sha256"] != rows.to_dict()["sha256"]

    def test_a_rare_label_is_in_every_part_though_no_two_of_its_images_have_the_same_labels(self, table) -> None:
        cells = [f"{'abcde'[number % 5]};{'abcde'[number % 4]};" for number in range(60)]
        cells[7:60:20] = ["rare;a", "rare;b", "rare;c;d"]
        data = table(cells, task="multi-label")
        place = data.classes.index("rare")
        for seed in range(5):
            rows = split(data, seed=seed)
            assert [data.targets[part, place].sum() for part in (rows.train, rows.validation, rows.test)] == [1, 1, 1]
        assert len({data.labels[row] for row in (7, 27, 47)}) == 1
        often = table(["a;b", "a"], task="multi-label")
        assert often.strata == 2  # control: combinations of many images are strata of their own

    def test_groups_stay_whole(self, tmp_path: Path, photos: list[str]) -> None:
        cells = ["a;b", "b", "a", "c"]
        lines = [f"{photo},{cells[number // 3 % 4]},{number // 3}" for number, photo in enumerate(photos)]
        (tmp_path / "g.csv").write_text("image,label,plant\n" + "\n".join(lines))
        data = load(str(tmp_path / "g.csv"), size=8, reading=Reading(group="plant"), cache="none")
        rows = split(data, seed=0)
        parts = [set(data.groups[part].tolist()) for part in (rows.train, rows.validation, rows.test)]
        assert sum(map(len, parts)) == len(set.union(*parts)) == 20
        assert all(data.targets[part].sum(axis=0).min() > 0 for part in (rows.train, rows.validation, rows.test))

    def test_strata_of_very_many_combinations_are_the_rarest_labels(self) -> None:
        flags = (np.random.default_rng(0).random((2000, 12)) < 0.5).astype(float)
        assert len(np.unique(flags, axis=0)) > MOST
        assert label_strata(flags).max() <= 12
        assert label_strata(flags[:, :4]).max() == 15


class TestOtherLayouts:
    """Tables of labels that are not read say how they would be."""

    def test_columns_of_flags(self, tmp_path: Path) -> None:
        (tmp_path / "t.csv").write_text("image,cat,dog,year\na.png,1,0,2001\nb.png,0,1,2002\n")
        with pytest.raises(InputError, match=r"columns of 0 and 1 such as cat, dog are not read: write their names"):
            load(str(tmp_path / "t.csv"))
        (tmp_path / "t.csv").write_text("image,cat,year\na.png,1,2001\nb.png,0,2002\n")
        with pytest.raises(InputError, match=r"its columns are: image, cat, year$"):  # control: one column
            load(str(tmp_path / "t.csv"))

    @pytest.mark.parametrize(("task", "several"), [(None, "several"), ("multi-label", "all")])
    def test_a_row_for_each_label(self, tmp_path: Path, task: str | None, several: str) -> None:
        (tmp_path / "t.csv").write_text("image,label\na.png,cat\na.png,dog\nb.png,cat\n")
        with pytest.raises(InputError, match=rf"a.png is cat and dog; {several} labels of one image belong into one"):
            load(str(tmp_path / "t.csv"), reading=Reading(task=task))


class TestNumbers:
    def test_numbers_are_read_from_the_columns_that_are_named(self, tmp_path: Path, photos: list[str]) -> None:
        lines = [f"{photo},{number},{number * 2.5e3}, {-number} " for number, photo in enumerate(photos)]
        (tmp_path / "n.csv").write_text("image,Age,weight,label\n" + "\n".join(lines))
        data = load(str(tmp_path / "n.csv"), size=8, reading=Reading(targets=("age", "weight")), cache="none")
        assert (data.task, data.classes) == ("regression", ("Age", "weight"))
        assert data.targets[3].tolist() == [3.0, 7500.0]
        alone = load(str(tmp_path / "n.csv"), size=8, reading=Reading(task="regression"), cache="none")
        assert (alone.classes, alone.targets[3].tolist()) == (("label",), [-3.0])
        never_guessed = load(str(tmp_path / "n.csv"), size=8, cache="none")
        assert never_guessed.task == "classification"

    def test_empty_cells_and_nan_are_left_out_and_counted(self, table) -> None:
        data = table(["1.5", "", "nan", "-2e3"], task="regression")
        assert len(data.labels) == 30
        assert {line.rpartition(": ")[2] for line in data.skipped} == {"left out, it has no label"}

    @pytest.mark.parametrize(
        ("cells", "name", "message"),
        [
            (["1", "old"], "t.csv", "column label must hold finite numbers to be predicted, but row 2 holds 'old'"),
            (["1", "inf"], "t.csv", "but row 2 holds 'inf'"),
            (["1", "1_000"], "t.csv", "finite numbers to be predicted, but row 2 holds '1_000'"),
            (["1", "-1e200"], "t.csv", r"numbers of at most 1e\+18 to be predicted, but row 2 holds '-1e200'"),
            (
                ["1700000000", "1700000078"],
                "t.csv",
                r"lie between 1700000000 and 1700000078, too close .* subtract 1.7e",
            ),
            ([1, True], "t.jsonl", "but row 2 holds True"),
            ([1, [2]], "t.jsonl", r"but row 2 holds \[2\]"),
            ([1, {"x": 2}], "t.jsonl", "column label must hold text or a number, but got dict"),
        ],
    )
    def test_what_is_no_number_is_refused(self, table, cells: list, name: str, message: str) -> None:
        with pytest.raises(InputError, match=message):
            table(cells, name, task="regression")

    @pytest.mark.parametrize(
        ("choices", "message"),
        [
            ({"targets": ("a",), "task": "multi-label"}, "--targets name numbers to be predicted, which --task multi"),
            ({"targets": ("a",), "label_column": "b"}, "--targets and --label-column must not both be given"),
            ({"task": "regresion"}, "unknown --task 'regresion'; did you mean 'regression'"),
            ({"task": "regression", "drop_small_classes": 2}, "leaves out classes, but numbers to be predicted"),
            ({"targets": ("label", "Label")}, "--targets must name each column once, but label is named twice"),
            ({"targets": ("none",)}, "--targets must name one of its columns, but got an unknown column 'none'"),
            ({"targets": ("labels",)}, r"--targets must name one of its columns, .* did you mean 'label'"),
        ],
    )
    def test_options_that_do_not_fit_are_refused(self, table, choices: dict, message: str) -> None:
        with pytest.raises(InputError, match=message):
            table(["1"], **choices)

    def test_other_kinds_of_data_are_refused(self, tmp_path: Path, noise: Noise) -> None:
        noise(tmp_path / "f" / "a")
        with pytest.raises(
            InputError, match="--task regression needs a table of paths and labels or numbers, or shards, but"
        ):
            load(str(tmp_path / "f"), reading=Reading(task="regression"))

    def test_many_classes_that_are_numbers_are_asked_after(self, table) -> None:
        with pytest.raises(InputError, match="numbers to be predicted need --task regression"):
            split(table([f"{number / 7:.3f}" for number in range(60)]), seed=0)

    def test_control_names_with_underscores_between_digits_are_no_numbers(self, table) -> None:
        with pytest.raises(InputError, match="every class needs at least 3 images") as error:
            split(table([f"{number}_000" for number in range(60)]), seed=0)
        assert "regression" not in str(error.value)

    def test_one_text_is_one_column(self, table) -> None:
        assert Reading(targets="age").targets == SearchOptions(targets="age").reading.targets == ("age",)
        assert table(["1", "2"], targets="label").classes == ("label",)

    def test_every_part_has_numbers_of_the_whole_range(self, table) -> None:
        data = table([str(number**2) for number in range(60)], task="regression")
        rows = split(data, seed=0)
        for part in (rows.train, rows.validation, rows.test):
            assert set(data.labels[part].tolist()) == set(range(10))  # one of each tenth at least
        assert number_strata(np.random.default_rng(0).random((100, 2))).max() == 8

    def test_answers_are_standardised_by_the_images_that_train(self, table) -> None:
        data = table([str(number) for number in range(60)], task="regression")
        rows = split(data, seed=0)
        answers = Answers.of(data, rows.train)
        assert answers is not None
        assert answers.values[rows.train].mean() == pytest.approx(0, abs=1e-6)
        assert answers.values[rows.train].std() == pytest.approx(1, abs=1e-6)
        assert answers.values * answers.std[0] + answers.mean[0] == pytest.approx(data.targets, abs=1e-4)
        constant = Answers.of(table(["0.1"], task="regression"), rows.train)
        assert constant is not None
        assert (constant.std, np.abs(constant.values).max()) == ((1.0,), pytest.approx(0, abs=1e-6))


@pytest.mark.parametrize(("cells", "task"), [(["a;b", "b"], "multi-label"), (["1", "2.5"], "regression")])
def test_the_cache_gives_back_what_was_read(tmp_path: Path, table, monkeypatch, cells: list, task: str) -> None:
    monkeypatch.setattr("automl.search.data.builtin.paths_source.SMALLEST", 1)
    plain = table(cells, task=task)
    reading = Reading(task=task)
    for _ in range(2):
        kept = load(str(tmp_path / "t.csv"), size=8, reading=reading, cache=Cache(folder=tmp_path / "cache"))
        assert kept.stored
        assert (kept.task, kept.fingerprint, kept.classes) == (task, plain.fingerprint, plain.classes)
        assert np.array_equal(kept.targets, plain.targets)
        assert np.array_equal(kept.labels, plain.labels)
    other = table(["b", "a;b"] if task == "multi-label" else ["2.5", "1"], task=task)
    assert other.fingerprint != plain.fingerprint  # the control: the same pictures with other answers


def test_a_check_tells_what_is_predicted(tmp_path: Path, table) -> None:
    table(["cat;dog", "dog", ";"])
    found = check_data(str(tmp_path / "t.csv"), sheet=tmp_path / "sheet.png", cache="none")
    assert (found.task, found.images, found.refused) == ("multi-label", 60, None)
    assert {name: sum(parts.values()) for name, parts in found.classes.items()} == {"cat": 20, "dog": 40}
    assert found.lines[0] == "2 labels, 1 an image: cat, dog; 20 images have none"
    assert any(
        line.startswith("the same answer for every image has the mean average precision 0.") for line in found.lines
    )
    table([str(number) for number in range(60)])
    found = check_data(str(tmp_path / "t.csv"), sheet=tmp_path / "sheet2.png", task="regression", cache="none")
    assert found.targets["label"]["highest"] == 59.0
    assert found.lines[0] == "1 target: label (0 to 59)"
    assert any(line.startswith("the median as the answer for every image has the MAE 1") for line in found.lines)
    assert found.to_dict()["targets"]["label"]["mean"] == 29.5
