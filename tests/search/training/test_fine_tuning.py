"""Normalisation that stays as it is, and learning rates that fall towards the images."""

import itertools

import pytest
import torch
from automl.search.training.trainer import Trainer
from automl.spaces.skeletons import skeleton
from torch import nn

SMALL = skeleton("resnet").candidate({"unit": "basic", "repeats": 1, "width": 0.125}, (1, 32, 32), 3)


def after_an_epoch(toy, recipe, **changes):
    """The weights before and after an epoch at a constant rate, and the optimiser's groups."""
    torch.manual_seed(0)
    network = SMALL.build()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    trainer = Trainer(network, toy(train=30), epochs=1, size=32, recipe=recipe(**changes), seed=0)
    trainer.epoch()
    return before, trainer.network.state_dict(), trainer._optimizer.param_groups


def test_frozen_normalisation_keeps_its_statistics_scales_and_shifts(toy, recipe):
    norms = [name for name, module in SMALL.build().named_modules() if isinstance(module, nn.BatchNorm2d)]
    kept = [f"{name}.{part}" for name in norms for part in ("weight", "bias", "running_mean", "running_var")]
    before, after, _ = after_an_epoch(toy, recipe, freeze_norm=True, recalibrate=16)
    assert all(torch.equal(before[name], after[name]) for name in kept)
    assert not torch.equal(before["fc.weight"], after["fc.weight"])
    before, after, _ = after_an_epoch(toy, recipe)  # the control
    assert not any(torch.equal(before[name], after[name]) for name in kept if name.endswith("running_mean"))


@pytest.mark.parametrize("optimizer", ["sgd", "muon"])
def test_rates_fall_by_a_factor_from_layer_to_layer_towards_the_images(toy, recipe, optimizer: str):
    *_, groups = after_an_epoch(toy, recipe, optimizer=optimizer, layer_decay=0.5)
    rates = sorted({group["lr"] for group in groups})
    assert len(rates) == 6  # stem, four units, classifier
    assert all(larger == pytest.approx(2 * smaller) for smaller, larger in itertools.pairwise(rates))
    *_, groups = after_an_epoch(toy, recipe, optimizer=optimizer)  # the control
    assert len({group["lr"] for group in groups}) == 1
