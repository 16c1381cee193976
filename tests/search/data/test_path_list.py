"""Tables of paths and labels: CSV as spreadsheets and programs write it, Parquet, JSON lines."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from automl.blocks.errors import InputError
from automl.search.data import ImageData, Reading, load, split
from automl.search.data.cache import Cache
from automl.search.data.path_table import text_of
from automl.search.handover.study_data import study_data

from ..one_network import TINY, study_on

Noise = Callable[..., list[Path]]
Table = Callable[..., ImageData]


@pytest.fixture
def photos(tmp_path: Path, noise: Noise) -> list[str]:
    """The names of 24 images in the folder `photos`."""
    return [f"photos/{path.name}" for path in noise(tmp_path / "photos", 24)]


@pytest.fixture
def table(tmp_path: Path) -> Table:
    """table(content, name, reading): what is read of a table in the folder of the test."""

    def read(content: str | bytes, name: str = "pets.csv", **choices: object) -> ImageData:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogateescape"))
        return load(str(path), size=8, reading=Reading(**choices), cache="none")  # pyright: ignore[reportArgumentType]

    return read


def rows(photos: list[str], separator: str = ",", **columns: Callable[[int], object]) -> str:
    """A table with the columns image, label and others."""
    head = separator.join(["image", "label", *columns])
    lines = [
        separator.join([photo, "cat" if number % 2 else "dog", *(str(of(number)) for of in columns.values())])
        for number, photo in enumerate(photos)
    ]
    return "\n".join([head, *lines]) + "\n"


class TestCsv:
    @pytest.mark.parametrize(
        "written",
        [
            lambda text: text.encode("utf-8-sig"),
            lambda text: text.encode("utf-16"),
            lambda text: text.replace("\n", "\r\n").encode(),
            lambda text: text.replace(",", ";").encode(),
            lambda text: text.replace(",", "\t").encode(),
            lambda text: text.replace(",", " , ").encode(),
            lambda text: re.sub(r"([^,\n]+)", r'"\1"', text).encode(),
            lambda text: (text + "\n,\n\n").encode(),
        ],
        ids=["mark", "utf-16", "windows", "semicolons", "tabs", "spaces", "quotes", "empty rows"],
    )
    def test_every_usual_way_of_writing_is_the_same_data(self, table: Table, photos: list[str], written):
        plain, other = table(rows(photos)), table(written(rows(photos)))
        assert plain.classes == ("cat", "dog")
        assert other.fingerprint == plain.fingerprint
        assert len(plain.labels) == 24

    @pytest.mark.parametrize(
        ("head", "names"),
        [("path,class", {}), ("File Name,LABEL", {}), ("a,b", {"image_column": "a", "label_column": "B"})],
    )
    def test_columns_are_known_by_usual_names_or_by_the_options(
        self, table: Table, photos: list[str], head: str, names: dict[str, str]
    ):
        assert len(table(rows(photos).replace("image,label", head), **names).labels) == 24

    def test_rows_have_their_files_and_classes(self, table: Table, photos: list[str], tmp_path: Path):
        data = table(rows(photos))
        assert [path.name for path in data.files] == [Path(photo).name for photo in photos]
        assert [data.classes[label] for label in data.labels[:3]] == ["dog", "cat", "dog"]

    def test_whole_numbers_are_sorted_as_numbers(self, table: Table, photos: list[str]):
        content = "image,label\n" + "\n".join(f"{photo},{number % 3 * 5}" for number, photo in enumerate(photos))
        assert table(content).classes == ("0", "5", "10")

    def test_paths_may_leave_the_folder_be_absolute_or_have_backslashes(
        self, table: Table, photos: list[str], tmp_path: Path
    ):
        (tmp_path / "lists").mkdir()
        for change in ("../{}", f"{tmp_path}/{{}}", "..\\{}"):
            changed = [change.format(photo) for photo in photos]
            changed = [photo.replace("/", "\\") if "\\" in photo else photo for photo in changed]
            assert len(table(rows(changed), "lists/pets.csv").labels) == 24

    @pytest.mark.parametrize("name", ["caf\udce9.png", "a, b.png", 'a "b".png', "-x.png", "\u732b \u00e9.png"])
    def test_hostile_names_of_files_and_classes(self, table: Table, photos: list[str], tmp_path: Path, name: str):
        os.rename(tmp_path / photos[0], tmp_path / name)
        quoted = '"{}"'.format(name.replace('"', '""'))
        content = rows(photos).replace(photos[0], quoted).replace("cat", "c\udce9t")
        data = table(content)
        assert (len(data.labels), data.skipped) == (24, ())
        assert data.classes == ("c\\xe9t", "dog")

    def test_an_exact_duplicate_of_a_row_counts_once(self, table: Table, photos: list[str]):
        content = rows(photos)
        assert len(table(content + content.partition("\n")[2]).labels) == 24

    def test_the_same_image_with_two_labels_is_refused_and_named(self, table: Table, photos: list[str]):
        with pytest.raises(
            InputError,
            match=r"one label, but 1 row has another .*: \./photos/\S+ is dog and cat; several labels .* as cat;dog$",
        ):
            table(rows(photos) + f"./{photos[0]},cat\n")

    def test_the_same_image_in_two_groups_is_refused_and_named(self, table: Table, photos: list[str]):
        content = rows(photos, object=lambda number: number)
        again = content.splitlines()[1]
        assert len(table(f"{content}{again}\n", group="object").labels) == 24  # control: the same row again
        with pytest.raises(InputError, match=r"one group, but photos/\S+ is of 0 and 7$"):
            table(f"{content}{again.rpartition(',')[0]},7\n", group="object")

    def test_lines_that_end_as_on_an_old_macintosh_are_read(self, table: Table, photos: list[str]):
        assert len(table(rows(photos, ";").replace("\n", "\r")).labels) == 24

    def test_a_first_line_that_is_no_csv_is_refused(self, table: Table, photos: list[str]):
        with pytest.raises(InputError, match=r"pets\.csv: line 1 is not CSV: field larger than"):
            table("image," + "x" * 200_000)

    def test_rows_without_a_path_or_a_label_are_left_out_and_counted(self, table: Table, photos: list[str]):
        data = table(rows(photos) + "photos/new.png,\n,cat\n")
        assert data.skipped == ("photos/new.png: left out, it has no label", "row 26: left out, it has no path")

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            ("", "must have at least one row"),
            ("image,label\n", "must have at least one row"),
            ("photos/1.png,cat\nphotos/2.png,dog\n", r"must have a column of paths \(image, path, … or the one that"),
            ("image,x\na,b\n", "must have a column of labels"),
            ("image,label,label\na,b,c\n", "two are called 'label'"),
            ("image,label\na,b,c\n", "line 2 must have 2 cells as the first line does, but has 3"),
            ('image,label\n"a,b\n', "is not CSV"),
            ("image,label\n,\n", "must have at least one row"),
            ("image,label\na,\n", "must hold a row with a path and a label"),
            ("image,label\nnowhere.png,cat\n/dev/zero,dog\n", r"2 of 2 are: nowhere.png \(No such file .*not a file"),
        ],
    )
    def test_what_is_wrong_is_said_in_one_line(self, table: Table, content: str, message: str):
        with pytest.raises(InputError, match=message) as caught:
            table(content)
        assert "\n" not in str(caught.value)

    def test_a_column_that_is_not_there_is_refused_with_the_nearest(self, table: Table, photos: list[str]):
        with pytest.raises(InputError, match=r"--label-column must name one of its columns.* did you mean 'label'"):
            table(rows(photos), label_column="labels")
        with pytest.raises(InputError, match=r"--group must name one of its columns"):
            table(rows(photos), group="objct")

    def test_few_missing_files_are_counted_and_named(
        self, table: Table, photos: list[str], tmp_path: Path, noise: Noise
    ):
        more = [f"more/{path.name}" for path in noise(tmp_path / "more", 80)]
        data = table(rows([*photos, *more, "photos/gone.png"]))
        assert len(data.labels) == 104
        assert data.skipped == ("photos/gone.png: No such file or directory",)


class TestOtherKinds:
    def test_json_lines_and_parquet_are_the_same_data(self, table: Table, photos: list[str], tmp_path: Path):
        import pyarrow as pa
        import pyarrow.parquet as pq

        data = table(rows(photos))
        labels = ["cat" if number % 2 else "dog" for number in range(24)]
        lines = [json.dumps({"file_name": photo, "label": label}) for photo, label in zip(photos, labels, strict=True)]
        assert table("\n".join(lines), "pets.jsonl").fingerprint == data.fingerprint
        pq.write_table(pa.table({"path": photos, "label": labels, "box": [[1, 2]] * 24}), tmp_path / "pets.parquet")
        found = load(str(tmp_path / "pets.parquet"), size=8, cache="none")
        assert found.fingerprint == data.fingerprint

    @pytest.mark.parametrize(
        ("name", "content", "message"),
        [
            ("a.jsonl", b'{"image": "a", "label": 1}\n{', "line 2 is not JSON"),
            ("a.jsonl", b"[1]", "line 1 must be a mapping"),
            (
                "a.jsonl",
                b'{"image": "a", "label": [["b"]]}',
                "the column label must hold text or a number, but got list",
            ),
            ("a.jsonl", b"[" * 100_000, "line 1 is not JSON"),
            ("a.parquet", b"PAR1 no", "cannot be read as Parquet"),
        ],
    )
    def test_what_is_wrong_is_said_in_one_line(self, table: Table, name: str, content: bytes, message: str):
        with pytest.raises(InputError, match=message) as caught:
            table(content, name)
        assert "\n" not in str(caught.value)

    def test_cells_of_any_kind_are_text(self):
        values = [" cat ", 3, 3.0, 2.5, True, b"caf\xe9", "", " ", float("nan"), None]
        assert list(map(text_of, values)) == ["cat", "3", "3", "2.5", "True", "caf\udce9", None, None, None, None]
        with pytest.raises(TypeError):
            text_of([1])


class TestSplits:
    def test_a_column_of_splits_decides_the_parts(self, table: Table, photos: list[str]):
        names = ["train", "val", "Testing", ""]
        data = table(rows(photos, split=lambda number: names[number // 2 % 4]))
        assert (data.official_validation.sum(), data.official_test.sum()) == (6, 6)
        assert dict(data.sources) == {"train": "split train", "validation": "split val", "test": "split Testing"}

    def test_an_option_names_a_split_and_others_are_left_out(self, table: Table, photos: list[str]):
        names = ["train", "a", "b", "test"]
        content = rows(photos, split=lambda number: names[number // 2 % 4])
        data = table(content, validation="a")
        assert (len(data.labels), data.official_validation.sum()) == (18, 6)
        assert data.skipped == ("split b: left out, its name means no part",)
        with pytest.raises(InputError, match="--test must name one of its parts"):
            table(content, test="c")

    def test_without_a_column_of_splits_a_part_cannot_be_named(self, table: Table, photos: list[str]):
        with pytest.raises(InputError, match=r"--test must name a split of .*, but it has no column of splits"):
            table(rows(photos), test="x")

    def test_splits_without_one_that_trains_are_refused(self, table: Table, photos: list[str]):
        with pytest.raises(InputError, match="must have a split 'train', but it has: 1, 2"):
            table(rows(photos, split=lambda number: number // 2 % 2 + 1))

    def test_an_image_in_two_splits_stays_in_the_test_part_alone(self, table: Table, photos: list[str]):
        content = rows(photos, split=lambda number: ["train", "val", "test"][number // 2 % 3])
        data = table(content + f"{photos[0]},dog,test\n")
        found = split(data, seed=0)
        assert (found.unused, len(found.test)) == (1, 9)

    def test_a_class_of_another_split_alone_is_refused_and_can_be_left_out(self, table: Table, photos: list[str]):
        content = rows(photos[:-1], split=lambda number: ["train", "train", "val", "test"][number // 2 % 4])
        content += f"{photos[-1]},emu,test\n"
        with pytest.raises(InputError, match=r"class 'emu' has 0; .*--drop-small-classes 1$"):
            split(table(content), seed=0)
        assert table(content, drop_small_classes=1).dropped == (("emu", 0),)


class TestGroups:
    def test_a_column_says_what_belongs_together_and_an_empty_cell_is_a_group_of_its_own(
        self, table: Table, photos: list[str]
    ):
        data = table(rows(photos, object=lambda number: "" if number > 20 else number // 4), group="object")
        assert data.groups.tolist() == [*(number // 4 for number in range(21)), 6, 7, 8]

    def test_folder_takes_the_folders_of_the_paths(self, table: Table, photos: list[str], tmp_path: Path):
        (tmp_path / "other").mkdir()
        os.rename(tmp_path / photos[3], tmp_path / "other" / "3.png")
        photos[3] = "other/3.png"
        assert np.flatnonzero(table(rows(photos), group="folder").groups).tolist() == [3]

    def test_they_are_kept_in_the_cache(self, table: Table, photos: list[str], tmp_path: Path, monkeypatch):
        monkeypatch.setattr("automl.search.data.builtin.paths_source.SMALLEST", 1)
        direct = table(rows(photos, object=lambda number: number // 4), group="object")
        cache = Cache(folder=tmp_path / "cache")
        for _ in range(2):
            kept = load(str(tmp_path / "pets.csv"), size=8, reading=Reading(group="object"), cache=cache)
            np.testing.assert_array_equal(kept.groups, direct.groups)
            assert list(kept.files) == list(direct.files)
        assert len(cache.entries()) == 1
        assert len(load(str(tmp_path / "pets.csv"), size=8, cache=cache).groups) == 0

    def test_an_image_that_changes_is_decoded_again(self, table: Table, photos: list[str], tmp_path: Path, monkeypatch):
        monkeypatch.setattr("automl.search.data.builtin.paths_source.SMALLEST", 1)
        cache = Cache(folder=tmp_path / "cache")
        table(rows(photos))
        before = load(str(tmp_path / "pets.csv"), size=8, cache=cache).fingerprint
        os.replace(tmp_path / photos[1], tmp_path / photos[0])
        (tmp_path / photos[1]).write_bytes((tmp_path / photos[0]).read_bytes())
        assert load(str(tmp_path / "pets.csv"), size=8, cache=cache).fingerprint != before

    @pytest.mark.parametrize("choice", [{"group": "object"}, {"image_column": "a"}, {"label_column": "a"}])
    def test_data_without_columns_refuse_them(self, choice: dict[str, str], tmp_path: Path):
        np.savez(tmp_path / "a.npz", x=np.zeros((4, 8, 8), np.uint8), y=[0, 1, 0, 1])
        with pytest.raises(InputError, match=r"a\.npz (has no groups|is neither)"):
            load(str(tmp_path / "a.npz"), reading=Reading(**choice))  # pyright: ignore[reportArgumentType]


def test_a_study_keeps_columns_and_groups_and_finds_its_split_again(tmp_path: Path, noise: Noise):
    names = [path.name for path in noise(tmp_path, 48)]
    lines = [f"{name},{number // 2 % 2},{number // 4}" for number, name in enumerate(names)]
    (tmp_path / "pets.csv").write_text("\n".join(["image,kind,object", *lines]))
    study = study_on(tmp_path, tmp_path / "pets.csv", TINY, label_column="kind", group="object")
    assert study.spec.data["reading"] == {"label_column": "kind", "group": "object"}
    data, rows = study_data(study)
    assert rows.to_dict() == study.spec.data["split"]
    parts = [{*data.groups[part].tolist()} for part in (rows.train, rows.validation, rows.test)]
    assert all(parts)
    assert sum(map(len, parts)) == 12
