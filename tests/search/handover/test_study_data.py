"""The data of a study, found again: also those of studies that earlier versions divided
otherwise."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from automl.blocks import InputError
from automl.search import SearchOptions
from automl.search.data import ImageData, load, split
from automl.search.handover.study_data import study_data
from automl.search.plan import prepare
from automl.spaces import Space
from automl.studies import Study
from PIL import Image

from ..data.shard_files import from_folder


def opened(
    tmp_path: Path, space: Space, data: Path | str, change: Callable[[ImageData], dict[str, Any]] = lambda _: {}
) -> Study:
    """A study of the data, with what `change` makes of how it keeps them."""
    storage = f"sqlite:///{tmp_path}/s.db"
    plan = prepare(SearchOptions(data=str(data), space=space, storage=storage, study="s", proxy_size=12))
    kept = {**plan.spec.data, **change(load(str(data), size=12))}
    return Study.create_or_continue(storage, replace(plan.spec, data=kept), command="", versions={})


def noise(folder: Path, count: int, seed: int) -> None:
    folder.mkdir(parents=True)
    for number in range(count):
        Image.fromarray(np.random.default_rng([seed, number]).integers(0, 256, (16, 16), np.uint8)).save(
            folder / f"{number}.png"
        )


@pytest.fixture
def parted(tmp_path: Path) -> Path:
    for seed, (part, count) in enumerate({"train": 10, "val": 4}.items()):
        for label in range(3):
            noise(tmp_path / "photos" / part / f"class{label}", count, 3 * seed + label)
    return tmp_path / "photos"


def test_a_validation_folder_validates(tmp_path: Path, space: Space, parted: Path) -> None:
    _, rows = study_data(opened(tmp_path, space, parted))
    assert (len(rows.train), len(rows.validation), len(rows.test)) == (26, 12, 4)


def test_a_study_that_tested_on_its_validation_folder_still_does(tmp_path: Path, space: Space, parted: Path) -> None:
    def as_before(loaded: ImageData) -> dict[str, Any]:
        pooled = loaded.pooled()
        return {"fingerprint": pooled.fingerprint, "split": split(pooled, seed=0, grouped=False).to_dict()}

    loaded, rows = study_data(opened(tmp_path, space, parted, as_before))
    assert len(rows.test) == 12
    assert loaded.official_test.sum() == 12


def test_a_study_that_had_copies_on_both_sides_keeps_its_split(tmp_path: Path, space: Space) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (20, 12, 12), np.uint8).repeat(3, 0)
    np.savez(tmp_path / "copies.npz", x=pictures, y=np.arange(60) // 3 % 3)
    before = opened(
        tmp_path,
        space,
        tmp_path / "copies.npz",
        lambda loaded: {"split": split(loaded, seed=0, grouped=False).to_dict()},
    )
    loaded, rows = study_data(before)
    assert shared(loaded, rows.train, rows.test)
    (tmp_path / "now").mkdir()
    loaded, rows = study_data(opened(tmp_path / "now", space, tmp_path / "copies.npz"))
    assert not shared(loaded, rows.train, rows.test)


def test_a_study_of_an_earlier_version_keeps_the_share_that_validates(tmp_path: Path, space: Space) -> None:
    pictures = np.random.default_rng(0).integers(0, 256, (60, 12, 12), np.uint8)
    np.savez(tmp_path / "pictures.npz", x=pictures, y=np.arange(60) % 3)
    data = tmp_path / "pictures.npz"
    before = opened(tmp_path, space, data, lambda loaded: {"split": split(loaded, seed=0, validation=0.15).to_dict()})
    options = SearchOptions(data=str(data), space=space, storage=before.storage_url, study="s", proxy_size=12)
    for rows in (study_data(before)[1], prepare(options).split):  # `train` and `search` find the same parts
        assert rows.to_dict() == before.spec.data["split"]
        assert len(rows.validation) == 9
    assert len(prepare(replace(options, study="new")).split.validation) == 20  # control: a new study has the usual one


def shared(loaded: ImageData, one: np.ndarray, other: np.ndarray) -> set[bytes]:
    """Pictures that are in both parts."""
    return {loaded.images[row].tobytes() for row in one} & {loaded.images[row].tobytes() for row in other}


def test_another_split_is_refused(tmp_path: Path, space: Space, parted: Path) -> None:
    study = opened(
        tmp_path, space, parted, lambda loaded: {"split": {**split(loaded, seed=0).to_dict(), "sha256": "0" * 64}}
    )
    with pytest.raises(InputError, match="the split of the study 's' cannot be made again"):
        study_data(study)


def test_deep_grey_keeps_the_range_of_the_study_at_every_size(tmp_path: Path, space: Space) -> None:
    for label in range(3):
        folder = tmp_path / "deep" / f"class{label}"
        folder.mkdir(parents=True)
        for number in range(10):
            values = np.random.default_rng([label, number]).integers(7334, 7576, (24, 24)).astype(np.uint16)
            Image.fromarray(values).save(folder / f"{number}.png")
    study = opened(tmp_path, space, tmp_path / "deep")
    levels = study.spec.data["preprocessing"]["levels"]
    assert 7334 <= levels[0] < 7400
    assert 7500 < levels[1] <= 7600
    stored, _ = study_data(study)
    larger, _ = study_data(study, size=lambda native: native)
    assert (stored.size, larger.size) == (12, 24)
    assert larger.levels == stored.levels == tuple(levels)
    assert len(np.unique(larger.images)) > 100  # divided by 257 they were one grey level


def test_shards_that_have_moved_are_named_with_the_way_out(tmp_path: Path, space: Space):
    for number, label in enumerate(("cat", "dog")):
        noise(tmp_path / "pets" / label, 12, number)
    shards = from_folder(tmp_path / "pets", tmp_path / "shards")
    study = opened(tmp_path, space, f"wds:{shards}")
    assert len(study_data(study)[0].labels) == 24  # control
    shards.rename(tmp_path / "moved")
    with pytest.raises(InputError, match=r"; the study's data were wds:\S+/shards: give --data if they are elsewhere"):
        study_data(study)
    assert len(study_data(study, data=f"wds:{tmp_path}/moved")[0].labels) == 24
    with pytest.raises(InputError) as caught:
        study_data(study, data=f"wds:{tmp_path}/nowhere")
    assert "give --data" not in str(caught.value)
