"""Data sets of the hub: once through a stand-in for the package `datasets`, once through the real
one where it is installed."""

from __future__ import annotations

import io
import sys
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from automl.blocks.errors import AutomlError, InputError
from automl.search.data import Reading, described, load
from PIL import Image

from .conformance import SourceConformance


class FakeImage:
    def __init__(self, decode: bool = True) -> None:
        self.decode = decode


class FakeLabel:
    def __init__(self, names: Sequence[str]) -> None:
        self.names = list(names)


class FakeDataset:
    """As much of `datasets.Dataset` as is used."""

    def __init__(self, columns: dict[str, list[Any]], features: dict[str, object]) -> None:
        self.columns, self.features = columns, features

    def __getitem__(self, key: int | str) -> Any:
        return (
            self.columns[key]
            if isinstance(key, str)
            else {column: values[key] for column, values in self.columns.items()}
        )

    def cast_column(self, column: str, feature: FakeImage) -> FakeDataset:
        assert not feature.decode
        return FakeDataset(self.columns, {**self.features, column: feature})


def png(shade: int, size: tuple[int, int] = (10, 10)) -> bytes:
    buffer = io.BytesIO()
    Image.new("L", size, shade).save(buffer, "PNG")
    return buffer.getvalue()


def fake_split(labels: list[int], sizes: Sequence[tuple[int, int]] = ((10, 10),)) -> FakeDataset:
    images = [{"bytes": png(10 * row, sizes[row % len(sizes)]), "path": None} for row in range(len(labels))]
    return FakeDataset({"image": images, "label": labels}, {"image": FakeImage(), "label": FakeLabel(["cat", "dog"])})


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the stand-in's `load_dataset` gives, to be filled by the test; `asked` notes its
    arguments."""
    splits: dict[str, Any] = {}
    module = SimpleNamespace(Image=FakeImage, ClassLabel=FakeLabel, asked=[])

    def load_dataset(name: str, *, cache_dir: str | None) -> dict[str, Any]:
        module.asked.append((name, cache_dir))
        if not splits:
            raise ConnectionError("no\nnetwork")
        return splits

    module.load_dataset = load_dataset
    monkeypatch.setitem(sys.modules, "datasets", module)
    return splits


class TestConforms(SourceConformance):
    name = "hf"

    @pytest.fixture
    def text(self, hub: dict[str, Any]) -> str:
        hub.update(train=fake_split([0, 1] * 12))
        return "hf:owner/pets"


def test_without_the_package_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(
        InputError, match=r"^hf:owner/pets needs the package datasets, which is not installed: pip install datasets"
    ):
        load("hf:owner/pets")


def test_train_is_read_and_the_splits_validation_and_test_are_the_official_parts(hub: dict[str, Any], tmp_path: Path):
    hub.update(
        train=fake_split([0, 1, 0, 1]), validation=fake_split([1]), test=fake_split([0, 1]), extra=fake_split([0])
    )
    data = load("hf:owner/pets", data_dir=tmp_path)
    assert sys.modules["datasets"].asked == [("owner/pets", str(tmp_path))]
    assert data.name == "hf:owner/pets"
    assert data.classes == ("cat", "dog")
    assert data.labels.tolist() == [0, 1, 0, 1, 1, 0, 1]
    assert data.official_validation.tolist() == [False] * 4 + [True] + [False] * 2
    assert data.official_test.tolist() == [False] * 5 + [True] * 2
    assert data.skipped == ("extra: left out, its name means no part",)
    assert data.images.shape == (7, 1, 10, 10)
    assert data.images[:, 0, 0, 0].tolist() == [0, 10, 20, 30, 0, 0, 10]


def test_a_split_without_labels_is_left_out(hub: dict[str, Any]):
    hub.update(train=fake_split([0, 1]), test=fake_split([-1, -1, -1]))
    data = load("hf:pets")
    assert (data.labels.tolist(), data.skipped) == ([0, 1], ("test: left out, it has no labels",))
    hub["test"] = FakeDataset({"image": hub["test"].columns["image"]}, {"image": FakeImage()})  # not even the column
    data = load("hf:pets")
    assert (data.labels.tolist(), data.skipped) == ([0, 1], ("test: left out, it has no labels",))


@pytest.mark.parametrize("name", ["validation", "valid", "val", "dev"])
def test_a_validation_split_validates(hub: dict[str, Any], name: str):
    hub.update({"train": fake_split([0, 1, 0, 1]), name: fake_split([1, 0])})
    data = load("hf:pets")
    assert np.flatnonzero(data.official_validation).tolist() == [4, 5]
    assert not data.official_test.any()
    assert described(data)[1] == f"split train trains and tests (4 images); split {name} validates (2 images)"


def test_two_splits_of_one_meaning_are_refused_and_the_option_decides(hub: dict[str, Any]):
    hub.update(train=fake_split([0, 1]), val=fake_split([0]), valid=fake_split([1, 0]))
    with pytest.raises(
        InputError,
        match="one validation part is needed, but both val and valid are called so; name the right one by --validation",
    ):
        load("hf:pets")
    assert load("hf:pets", reading=Reading(validation="valid")).official_validation.tolist() == [False] * 2 + [True] * 2


def test_splits_of_any_name_can_be_parts(hub: dict[str, Any]):
    hub.update(all=fake_split([0, 1]), extra=fake_split([0, 1, 0]))
    assert load("hf:pets", reading=Reading(test="extra")).official_test.tolist() == [False] * 2 + [True] * 3
    with pytest.raises(
        InputError, match=r"--test must name one of its parts, but got an unknown split 'extr'; did you mean 'extra'\?"
    ):
        load("hf:pets", reading=Reading(test="extr"))


def test_a_row_without_an_image_is_a_broken_one(hub: dict[str, Any]):
    part = fake_split([0, 1] * 60)
    part.columns["image"][7] = None
    hub.update(train=part)
    assert load("hf:pets").skipped == ("train row 7: the row has no image",)


def test_deep_grey_keeps_its_values(hub: dict[str, Any]):
    part = fake_split([0, 1])
    for row, value in enumerate((7334, 7575)):
        buffer = io.BytesIO()
        Image.fromarray(np.full((10, 10), value, np.uint16)).save(buffer, "PNG")
        part.columns["image"][row] = {"bytes": buffer.getvalue(), "path": None}
    hub.update(train=part)
    data = load("hf:pets")
    assert data.deep.all()
    assert data.images[:, 0, 0, 0].tolist() == [7334, 7575]


def test_a_split_with_some_labels_missing_is_refused(hub: dict[str, Any]):
    hub.update(train=fake_split([0, 1]), test=fake_split([0, -1]))
    with pytest.raises(InputError, match=r"labels must lie in 0..1, one for each class, but they lie in -1..1"):
        load("hf:pets")


def test_images_of_one_size_keep_it_and_images_of_many_become_64_pixels_wide(hub: dict[str, Any]):
    hub.update(train=fake_split([0, 1, 0, 1]))
    assert load("hf:pets", size=6).size == 6
    assert load("hf:pets", size=600).size == 10
    hub.update(train=fake_split([0, 1, 0, 1], sizes=[(10, 12), (30, 20)]))
    assert load("hf:pets").size == 64
    assert load("hf:pets", size=100).size == 100


def test_images_may_be_given_as_files(hub: dict[str, Any], tmp_path: Path):
    part = fake_split([0, 1])
    path = tmp_path / "1.png"
    path.write_bytes(png(77))
    part.columns["image"][1] = {"bytes": None, "path": str(path)}
    hub.update(train=part)
    assert load("hf:pets").images[1].max() == 77


def test_one_in_a_hundred_may_be_broken_and_is_named(hub: dict[str, Any]):
    part = fake_split([0, 1] * 10)
    hub.update(train=FakeDataset({column: values * 5 for column, values in part.columns.items()}, part.features))
    hub["train"].columns["image"][7] = {"bytes": b"broken", "path": None}
    data = load("hf:pets")
    assert data.skipped == ("train row 7: not an image",)
    assert len(data.images) == 99


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (
            {"image": FakeImage(), "label": object()},
            r"must have one column of class labels, but it has 0 \(columns: image, label\)$",
        ),
        (
            {"image": object(), "label": FakeLabel("ab")},
            r"must have one column of images, but it has 0 \(columns: image, label\)$",
        ),
        (
            {"image": FakeImage(), "fine": FakeLabel("ab"), "coarse": FakeLabel("ab")},
            "one column of class labels, but it has 2: fine, coarse ",
        ),
    ],
)
def test_columns_that_leave_a_choice_or_none_are_refused(
    hub: dict[str, Any], features: dict[str, object], message: str
):
    hub.update(train=FakeDataset({}, features))
    with pytest.raises(InputError, match=message):
        load("hf:pets")


def test_a_set_without_a_train_split_is_refused(hub: dict[str, Any]):
    hub.update(test=fake_split([0, 1]))
    with pytest.raises(InputError, match=r"hf:pets must have a split 'train', but it has: test$"):
        load("hf:pets")


def test_a_failed_download_is_an_error_but_not_of_the_input(hub: dict[str, Any]):
    with pytest.raises(AutomlError, match=r"^hf:pets could not be loaded: no network$") as caught:
        load("hf:pets")
    assert not isinstance(caught.value, InputError)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("written", ["saved", "parquet"])
def test_the_real_package_reads_a_set_that_was_written_here(tmp_path: Path, written: str):
    datasets = pytest.importorskip("datasets", reason="the package datasets (extra hf) is not installed")
    features = datasets.Features(
        {"picture": datasets.Image(), "kind": datasets.ClassLabel(names=["cat", "dog"]), "id": datasets.Value("int64")}
    )

    def part(labels: list[int]) -> Any:
        images = [{"bytes": png(10 * row), "path": None} for row in range(len(labels))]
        return datasets.Dataset.from_dict(
            {"picture": images, "kind": labels, "id": list(range(len(labels)))}, features=features
        )

    made = datasets.DatasetDict({"train": part([0, 1, 0, 1]), "test": part([1, 0])})
    if written == "saved":
        made.save_to_disk(str(tmp_path / "pets"))
    else:
        (tmp_path / "pets").mkdir()
        for name, split in made.items():
            split.to_parquet(str(tmp_path / "pets" / f"{name}-00000-of-00001.parquet"))
    data = load(f"hf:{tmp_path}/pets", data_dir=str(tmp_path / "cache"))
    assert data.classes == ("cat", "dog")
    assert data.labels.tolist() == [0, 1, 0, 1, 1, 0]
    assert data.official_test.tolist() == [False] * 4 + [True] * 2
    np.testing.assert_array_equal(data.images[:, 0, 0, 0], [0, 10, 20, 30, 0, 10])
