"""Parts that are too large to be copied: the same images, labels and trainings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from automl.search.data.mapped import created, finish, mapped
from automl.search.scores import batch_of
from automl.search.training.gathered import Gathered
from automl.search.training.pixels import Pixels
from automl.search.training.recipe import Recipe
from automl.search.training.trainer import Trainer
from torch import nn

COUNT, SIDE = 60, 12


@pytest.fixture
def images(tmp_path: Path) -> np.ndarray:
    """Images in a mapped file."""
    shape = (COUNT, 3, SIDE, SIDE)
    created(tmp_path / "x.npy", shape)[:] = np.random.default_rng(0).integers(0, 256, shape, np.uint8)
    finish(tmp_path / "x.npy", shape)
    return mapped(tmp_path / "x.npy")


def pixels(images: np.ndarray) -> Pixels:
    rows = np.random.default_rng(1).permutation(COUNT)
    return Pixels(images, np.arange(COUNT) % 3, rows[:40], rows[40:50], rows[50:], "cpu")


@pytest.fixture
def both(images: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> tuple[Pixels, Pixels]:
    """The same data, with parts in memory and with parts that are gathered."""
    usual, gathered = pixels(np.array(images)), pixels(images)
    monkeypatch.setattr(gathered, "_is_held", lambda part, size: False)
    return usual, gathered


@pytest.mark.parametrize("size", [8, SIDE, 16])
@pytest.mark.parametrize("part", ["train", "validation", "test"])
def test_every_index_gives_what_a_tensor_gives(both: tuple[Pixels, Pixels], size: int, part):
    usual, gathered = (one.at(part, size)[0] for one in both)
    assert isinstance(usual, torch.Tensor)
    assert isinstance(gathered, Gathered)
    assert len(usual) == len(gathered)
    rows_b = torch.tensor([3, 0, 7, 3])
    columns_bw = torch.arange(size).flip(0).expand(4, size)
    indices = [
        5,
        slice(2, 7),
        rows_b,
        torch.arange(len(usual)),
        (rows_b[:, None, None], slice(None), 2, columns_bw[:, None, :]),
    ]
    for index in indices:
        assert torch.equal(gathered[index], usual[index])
    for one, other in zip(gathered.split(3), usual.split(3), strict=True):
        assert torch.equal(one, other)


def test_statistics_and_labels_are_the_same(both: tuple[Pixels, Pixels]):
    usual, gathered = both
    assert (usual.mean, usual.std) == (gathered.mean, gathered.std)
    for part in ("train", "validation", "test"):
        assert torch.equal(usual.at(part, SIDE)[1], gathered.at(part, SIDE)[1])
    assert all(map(torch.equal, batch_of(usual, 8, seed=0, count=9), batch_of(gathered, 8, seed=0, count=9)))


def test_a_training_is_the_same_to_the_bit(both: tuple[Pixels, Pixels]):
    def trained(data: Pixels, seed: int) -> tuple[list[float], list[float], list[torch.Tensor]]:
        torch.manual_seed(seed)
        network = nn.Sequential(
            nn.Conv2d(3, 8, 3, 2), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3)
        )
        recipe = Recipe.for_data(images=40, size=16, flip=True)
        trainer = Trainer(network, data, epochs=3, size=16, recipe=recipe, seed=0, fraction=0.9)
        reports = [trainer.epoch() for _ in range(3)]
        weights = [weight.clone() for weight in network.state_dict().values()]
        return [one.loss for one in reports], [one.accuracy for one in reports], weights

    usual, gathered, other = trained(both[0], 0), trained(both[1], 0), trained(both[1], 1)
    assert usual[:2] == gathered[:2]
    assert all(map(torch.equal, usual[2], gathered[2]))
    assert usual[0] != other[0]  # the control: another network would be seen


def test_statistics_of_mapped_images_are_computed_once(images: np.ndarray, monkeypatch: pytest.MonkeyPatch):
    first = pixels(images)

    def refuse(*_: object) -> None:
        raise AssertionError("they are known")

    with monkeypatch.context() as patch:
        patch.setattr("automl.search.training.pixels.channel_statistics", refuse)
        again = pixels(images)
        assert (again.mean, again.std) == (first.mean, first.std)
        with pytest.raises(AssertionError, match="they are known"):
            pixels(np.array(images))  # those in memory are not kept
        with pytest.raises(AssertionError, match="they are known"):
            Pixels(images, np.arange(COUNT) % 3, np.arange(30), np.arange(30, COUNT), None, "cpu")  # other rows
    [note] = images.file.parent.glob("statistics-*.json")  # pyright: ignore[reportAttributeAccessIssue]
    note.write_text("[damaged")
    assert pixels(images).mean == first.mean


def test_small_parts_of_mapped_images_are_held_in_memory(images: np.ndarray):
    assert isinstance(pixels(images).at("train", SIDE)[0], torch.Tensor)


def test_only_images_that_are_asked_for_are_read(images: np.ndarray):
    asked: list[int] = []

    def taken(rows: np.ndarray) -> np.ndarray:
        asked.extend(rows.tolist())
        return images[rows]

    part = Gathered(images, np.array([9, 5, 2, 7]), taken)
    part[torch.tensor([1, 3])]
    assert asked == [5, 7]
