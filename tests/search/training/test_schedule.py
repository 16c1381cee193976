"""Early epochs may be smaller, in pixels and in images, and rise to full ones."""

from __future__ import annotations

import pytest
import torch
from automl.search.training.recipe import Recipe
from automl.search.training.schedule import MIN_EPOCHS, MIN_UPDATES, first_rung, schedule
from automl.search.training.trainer import Trainer
from torch import nn


def test_without_low_values_all_epochs_are_full(recipe):
    plans = schedule(recipe(), epochs=3, size=32, images=100)
    assert [(plan.size, plan.images, plan.updates, plan.first) for plan in plans] == [
        (32, 100, 7, 0),
        (32, 100, 7, 7),
        (32, 100, 7, 14),
    ]


def test_the_largest_batch_has_the_images_of_an_even_division_rounded_up(recipe):
    (plan,) = schedule(recipe(), epochs=1, size=32, images=100)
    assert plan.largest == max(len(batch) for batch in torch.arange(plan.images).tensor_split(plan.updates)) == 15


def test_size_and_images_rise_in_a_line_and_end_full(recipe):
    plans = schedule(recipe(low_size=0.5, low_fraction=0.2, rise=0.5), epochs=8, size=32, images=1000)
    assert [plan.size for plan in plans] == [16, 20, 24, 28, 32, 32, 32, 32]
    assert [plan.images for plan in plans] == [200, 400, 600, 800, 1000, 1000, 1000, 1000]
    assert [plan.first for plan in plans] == [sum(plan.updates for plan in plans[:done]) for done in range(8)]


@pytest.mark.parametrize("epochs", [1, 2, 5, 9, 40])
@pytest.mark.parametrize("rise", [0.0, 0.3, 1.0])
@pytest.mark.parametrize("size", [1, 8, 15, 16, 32, 57, 224])
def test_nothing_falls_and_nothing_is_above_full(recipe, epochs, rise, size):
    plans = schedule(
        recipe(low_size=0.1, low_fraction=0.01, rise=rise, batch_size=7), epochs=epochs, size=size, images=50
    )
    for values, full in (([plan.size for plan in plans], size), ([plan.images for plan in plans], 50)):
        assert values == sorted(values)
        assert values[0] >= 1
        assert values[-1] <= full
    assert all(plan.updates >= 1 and plan.images // plan.updates >= 2 for plan in plans)
    assert (plans[-1].size, plans[-1].images) == (size, 50)


def test_a_trainer_meets_other_images_of_the_size_of_each_epoch(toy, recipe):
    met: list[torch.Tensor] = []

    class Recorder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.fc = nn.Linear(1, 3)

        def forward(self, x_bchw: torch.Tensor) -> torch.Tensor:
            met.append(x_bchw)
            return self.fc(x_bchw.mean(dim=(2, 3)))

    trainer = Trainer(
        Recorder(), toy(), epochs=4, size=16, recipe=recipe(low_size=0.5, low_fraction=0.5, rise=0.5, shift=0.0), seed=0
    )
    seen = []
    while not trainer.finished:
        met.clear()
        report = trainer.epoch()
        trained, validated = met[:-1], met[-1]
        assert sum(len(batch) for batch in trained) == report.images
        assert {batch.shape[2] for batch in met} == {validated.shape[3]}
        seen.append((validated.shape[3], report.images, torch.cat(trained)))
    assert [(size, images) for size, images, _ in seen] == [(8, 60), (12, 90), (16, 120), (16, 120)]
    assert len(torch.unique(seen[0][2].flatten(1), dim=0)) == 60


def test_recipes_of_earlier_studies_are_equal_to_todays(recipe):
    today = recipe()
    earlier = {name: value for name, value in today.to_dict().items() if not name.startswith("low_")}
    assert "rise" not in earlier
    assert Recipe.from_dict(earlier) == today
    assert today.to_dict() == earlier
    risen = recipe(low_size=0.5)
    assert risen.to_dict() != earlier
    assert Recipe.from_dict(risen.to_dict()) == risen


@pytest.mark.parametrize(
    ("images", "epochs", "first"),
    [
        (10_000, 9, 3),
        (1_257, 8, 3),
        (300, 20, 3),
        (60, 30, 13),
        (10_000, 2, 1),
        (4_000, 3, 1),
        (4_000, 5, 2),
        (1_000, 5, 4),
    ],
)
def test_no_rung_lies_before_accuracies_say_something(images: int, epochs: int, first: int):
    recipe = Recipe.for_data(images=images, size=32, flip=True)
    found = first_rung(schedule(recipe, epochs=epochs, size=32, images=images))
    plans = schedule(recipe, epochs=epochs, size=32, images=images)
    assert found == first
    assert found == epochs or (
        plans[found - 1].first + plans[found - 1].updates >= MIN_UPDATES and found >= min(MIN_EPOCHS, epochs / 3 - 0.5)
    )
