"""Creates the optimiser, the learning-rate scheduler and the average of the weights of a recipe."""

from __future__ import annotations

from typing import Any

import torch
from timm.optim import create_optimizer_v2
from timm.scheduler import create_scheduler_v2
from timm.utils import ModelEmaV3
from torch import nn

from .fine_tuning import freeze, parameter_groups
from .lamb import DeviceLamb
from .muon import Muon
from .recipe import Recipe

IMPLEMENTATION = ("capturable", "foreach", "fused")
"""Settings of an optimiser that choose its kernels by the device and do not change its results."""


def create_optimizer(network: nn.Module, recipe: Recipe, device: torch.device) -> torch.optim.Optimizer:
    """The optimiser of the recipe; biases and normalisation have no weight decay.

    On a GPU its steps can be captured in a CUDA graph. Normalisation that the recipe freezes is not
    trained.
    """
    freeze(network, recipe)
    on_cpu = device.type == "cpu"
    # Milliseconds a step for an EfficientNet-B0 on one CPU thread: SGD 5.3, fused 1.8; AdamW 13.7,
    # fused 2.9; LAMB 34 with tensors in groups, 23 one by one.
    if recipe.optimizer == "muon":
        groups = parameter_groups(network, recipe)
        return Muon(groups, lr=recipe.learning_rate, weight_decay=recipe.weight_decay, momentum=recipe.momentum)
    if recipe.optimizer == "lamb" and not on_cpu:
        groups = parameter_groups(network, recipe)
        return DeviceLamb(groups, lr=recipe.learning_rate, weight_decay=recipe.weight_decay)
    extra: dict[str, Any] = {}
    if recipe.optimizer in ("sgd", "adamw"):
        extra = {"fused": True}
    elif recipe.optimizer == "lamb":
        extra = {"foreach": False}
    elif recipe.optimizer == "rmsproptf" and not on_cpu:
        extra = {"foreach": True}
    if recipe.optimizer in ("adamw", "nadamw") and not on_cpu:
        extra["capturable"] = True
    return create_optimizer_v2(
        network,
        opt=recipe.optimizer,
        lr=recipe.learning_rate,
        weight_decay=recipe.weight_decay,
        momentum=recipe.momentum,
        layer_decay=None if recipe.layer_decay == 1 else recipe.layer_decay,
        **extra,
    )


def create_average(network: nn.Module, recipe: Recipe) -> ModelEmaV3 | None:
    """The moving average of the weights; None if the recipe has none."""
    if recipe.ema is None:
        return None
    # Running means of batch normalisation are averages already. Averaged again, they lag so far
    # behind that early accuracies do not rank networks.
    return ModelEmaV3(network, decay=recipe.ema, use_warmup=True, exclude_buffers=True)


def load_optimizer(optimizer: torch.optim.Optimizer, state: dict[str, Any]) -> None:
    """Load the state of an optimiser of the same recipe, which may be of another device.

    Raises:
        ValueError: the state is of another network.
    """
    groups = [
        {**saved, **{name: group[name] for name in IMPLEMENTATION if name in group}}
        for saved, group in zip(state["param_groups"], optimizer.param_groups, strict=True)
    ]
    optimizer.load_state_dict({**state, "param_groups": groups})


def create_scheduler(optimizer: torch.optim.Optimizer, recipe: Recipe, epochs: int, total: int) -> Any:
    """The learning rate of each update as one of timm's schedulers.

    `total` is the number of updates of all `epochs`. Warm-up takes at most a third of the epochs.
    """
    # Early epochs may be smaller: timm is given the updates of an average epoch.
    warmup, updates = min(recipe.warmup, epochs / 3), total / epochs
    scheduler, _ = create_scheduler_v2(
        optimizer,
        sched={"linear": "poly"}.get(recipe.schedule, recipe.schedule),
        decay_rate=1.0,  # the power of `poly`
        num_epochs=epochs,
        # Fractions of an epoch are allowed, as the scheduler is stepped by updates.
        warmup_epochs=warmup,  # pyright: ignore[reportArgumentType]
        warmup_lr=recipe.learning_rate / (warmup * updates + 1),  # above 0, so that the first update has an effect
        step_on_epochs=False,
        updates_per_epoch=updates,  # pyright: ignore[reportArgumentType]
    )
    return scheduler
