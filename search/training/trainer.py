"""Training of one network, an epoch at a time.

Plain Python over timm's parts: it knows neither spaces nor studies nor workers. On the CPU with one
thread, the same seed gives the same bits, whatever ran before in the process, and stopping and
going on at an epoch boundary changes nothing. On a GPU the order of sums is not fixed: results
agree closely, not bit for bit. Shape letters: n images trained, b batch, c channels, h height, w
width, k classes, 5 = the draws of `augmentation`.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from timm.optim import create_optimizer_v2, param_groups_weight_decay
from timm.scheduler import create_scheduler_v2
from timm.utils import ModelEmaV3
from torch import Tensor, nn
from torch.nn import functional

from ...blocks.errors import Diverged, InputError
from .augmentation import Augmentation
from .depthwise import fast_depthwise
from .device import resolve
from .accuracy import accuracy, autocast
from .muon import Muon
from .pixels import Normalise, Pixels
from .randomness import generator, seeded
from .recipe import Recipe
from .schedule import Leg, course
from .snapshot import differences, snapshot
from .strided import safe_strided
from .subset import balanced_order

CHECK_EVERY = 20
"""Updates between looks at the loss: often enough to stop a diverged candidate early, seldom enough
not to make a GPU wait."""


@dataclass(frozen=True, kw_only=True)
class Report:
    """What one epoch came to."""

    epoch: int
    """Epochs done, this one included."""
    accuracy: float
    """Top-1 on the validation images, of the averaged weights if there are any."""
    loss: float
    """Mean over the training images, as they were met."""
    seconds: float
    """Wall time of training and validation."""
    images: int
    """Images trained on in this epoch."""
    training: float = 0.0
    """Of `seconds`, those of training alone, without resizing and validation."""


class Trainer:
    """Trains one network; `epoch()` is one pass; can be stopped and resumed at any epoch boundary."""

    def __init__(
        self,
        network: nn.Module,
        pixels: Pixels,
        *,
        epochs: int,
        size: int,
        recipe: Recipe,
        seed: int,
        fraction: float = 1.0,
        device: torch.device | str = "cpu",
    ) -> None:
        """Prepares to train `network`, which is moved to the device and changed in place.

        `fraction` of the training images are used, the same ones for the same seed, each class in
        its proportion.

        Raises:
            InputError: a setting is out of its range, or the pixels lie on another device.
        """
        for name, value in (("epochs", epochs), ("size", size)):
            if value < 1:
                raise InputError(f"{name} must be at least 1, but got {value}")
        if not 0 < fraction <= 1:
            raise InputError(f"0 < fraction <= 1 must hold, but got {fraction}")
        self.device = resolve(device)
        if pixels.device != self.device:
            raise InputError(
                f"the pixels must lie on the device that trains, {self.device}, but lie on {pixels.device}"
            )
        if self.device.type == "cuda":
            torch.set_float32_matmul_precision("high")  # TF32, for what autocast leaves in float32
        self.recipe, self.seed, self.epochs, self.size, self.fraction = recipe, seed, epochs, size, fraction
        self.done_epochs = 0
        self._pixels = pixels
        self._labels_n = pixels.labels("train")
        self._rows_n = _rows_used(self._labels_n.cpu(), fraction, seed)
        self._course = course(recipe, epochs=epochs, size=size, images=len(self._rows_n))
        self._normalise = Normalise(pixels.mean, pixels.std, self.device)
        self.network = network.to(self.device).to(memory_format=torch.channels_last)
        # Running means of batch normalisation are averages already: averaged once more, they lag so
        # far behind that early accuracies say nothing.
        self._ema = (
            ModelEmaV3(self.network, decay=recipe.ema, use_warmup=True, exclude_buffers=True)
            if recipe.ema is not None
            else None
        )
        self._optimizer = _optimizer(self.network, recipe, self.device)
        self._scheduler = _scheduler(self._optimizer, recipe, epochs, sum(leg.updates for leg in self._course))

    @property
    def finished(self) -> bool:
        """Whether all epochs are done."""
        return self.done_epochs >= self.epochs

    def epoch(self) -> Report:
        """One pass over the training images and one over the validation images.

        Raises:
            Diverged: the loss or a logit left the finite numbers; the trainer is of no further use,
                the evaluation is recorded as FAIL.
            InputError: all epochs are done.
        """
        if self.finished:
            raise InputError(
                f"epoch() must be called at most {self.epochs} times, as many as there are epochs, but got one more"
            )
        started = time.perf_counter()
        number = self.done_epochs + 1
        leg = self._course[number - 1]
        self._pixels.at("train", leg.size)  # resized once and kept: no part of training
        resized = time.perf_counter()
        with seeded(self.seed, "epoch", number, device=self.device):
            with fast_depthwise(self.network, self.device), safe_strided(self.network, self.device):
                loss = self._train(number, leg)  # reads a number off the device, too
            trained = time.perf_counter()
            reached = self._validate(
                number, leg.size
            )  # reads a number off the device: everything before it is done by then
        self.done_epochs = number
        seconds = time.perf_counter() - started
        return Report(
            epoch=number, accuracy=reached, loss=loss, seconds=seconds, images=leg.images, training=trained - resized
        )

    def rehearsal(self) -> Callable[[], int]:
        """One update on copies, to be timed: what it is called for changes nothing that trains, and
        no generator; it returns its number of images.

        It takes a full batch of the largest images still to come. The copies, as large as the
        network, its average and its optimiser, live as long as it does.

        Raises:
            InputError: all epochs are done.
        """
        if self.finished:
            raise InputError(f"rehearsal() must be called before all {self.epochs} epochs are done")
        leg = max(self._course[self.done_epochs :], key=lambda leg: leg.size)
        shared = {id(kept): kept for kept in (self._pixels, self._labels_n, self._rows_n)}  # what no update changes
        twin = copy.deepcopy(self, shared)
        twin.network.train()
        augmentation = Augmentation.of(self.recipe, leg.size)
        images_nchw, _ = self._pixels.at("train", leg.size)
        rows_b = self._rows_n[: leg.images].tensor_split(leg.updates)[0].to(self.device)
        draws_b5 = augmentation.draw(len(rows_b), generator(self.seed, "rehearsal")).to(self.device)

        def step() -> int:
            with (
                seeded(self.seed, "rehearsal", device=self.device),
                fast_depthwise(twin.network, self.device),
                safe_strided(twin.network, self.device),
            ):
                twin._step(augmentation, images_nchw, rows_b, draws_b5, leg.first)
            return len(rows_b)

        return step

    def network_for_use(self) -> nn.Module:
        """The network to evaluate or export, in eval mode: with the averaged weights if there are
        any."""
        return (self._ema.module if self._ema is not None else self.network).eval()

    def state_dict(self) -> dict[str, Any]:
        """All that `load_state_dict` needs to go on after the last epoch, as copies on the CPU:
        tensors and plain Python values.

        No generator's state is among it: each epoch seeds its own from the seed and its number.
        """
        return snapshot(
            {
                "settings": self._settings(),
                "done_epochs": self.done_epochs,
                "network": self.network.state_dict(),
                "ema": self._ema.module.state_dict() if self._ema is not None else None,
                "optimizer": self._optimizer.state_dict(),
            }
        )

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Goes on where the trainer stood that gave `state`.

        Raises:
            InputError: it trained with other settings, or another network; this trainer is then of
                no further use.
        """
        if changed := differences(state["settings"], self._settings()):
            raise InputError(f"a training must go on with the settings it was begun with, but got {changed}")
        state = snapshot(state)  # an optimiser keeps the tensors it is given
        try:
            self.network.load_state_dict(state["network"])
            if self._ema is not None:
                self._ema.module.load_state_dict(state["ema"])
            self._optimizer.load_state_dict(state["optimizer"])
        except (RuntimeError, ValueError) as error:
            raise InputError(
                "a training must go on with the network it was begun with, but got another:"
                f" {str(error).splitlines()[-1].strip()}"
            ) from None
        self.done_epochs = state["done_epochs"]

    def _train(self, number: int, leg: Leg) -> float:
        random = generator(self.seed, "images", number)
        augmentation = Augmentation.of(self.recipe, leg.size)
        images_nchw, _ = self._pixels.at("train", leg.size)
        rows_n = self._rows_n[torch.randperm(len(self._rows_n), generator=random)[: leg.images]].to(
            self.device, non_blocking=True
        )
        draws_n5 = augmentation.draw(leg.images, random).to(self.device, non_blocking=True)
        total = torch.zeros((), device=self.device)
        self.network.train()
        batches = zip(rows_n.tensor_split(leg.updates), draws_n5.tensor_split(leg.updates), strict=True)
        for update, (rows_b, draws_b5) in enumerate(batches, start=leg.first):
            self._scheduler.step_update(update)
            total += self._step(augmentation, images_nchw, rows_b, draws_b5, update) * len(rows_b)
            if update % CHECK_EVERY == 0:
                self._check(total, number)
        self._check(total, number)
        return total.item() / leg.images

    def _step(
        self, augmentation: Augmentation, images_nchw: Tensor, rows_b: Tensor, draws_b5: Tensor, update: int
    ) -> Tensor:
        x_bchw = self._normalise(augmentation.gather(images_nchw, rows_b, draws_b5))
        loss = self._update(augmentation.cut(x_bchw, draws_b5), self._labels_n[rows_b])
        if self._ema is not None:
            self._ema.update(self.network, step=update + 1)
        return loss

    def _update(self, x_bchw: Tensor, labels_b: Tensor) -> Tensor:
        with autocast(self.device, self.recipe.amp):
            logits_bk = self.network(x_bchw)
        loss = functional.cross_entropy(logits_bk.float(), labels_b, label_smoothing=self.recipe.label_smoothing)
        self._optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if self.recipe.clip is not None:
            nn.utils.clip_grad_norm_(self.network.parameters(), self.recipe.clip)
        self._optimizer.step()
        return loss.detach()

    def _check(self, total: Tensor, number: int) -> None:
        if not math.isfinite(value := total.item()):
            rate = self._optimizer.param_groups[0]["lr"]
            raise Diverged(
                f"the loss must be finite, but got {value} in epoch {number} of {self.epochs}, at learning rate"
                f" {rate:.3g}"
            )

    def _validate(self, number: int, size: int) -> float:
        images_nchw, labels_n = self._pixels.at("validation", size)
        try:
            return accuracy(
                self.network_for_use(),
                images_nchw,
                labels_n,
                mean=self._pixels.mean,
                std=self._pixels.std,
                amp=self.recipe.amp,
            )
        except Diverged as error:
            raise Diverged(f"{error}, after epoch {number} of {self.epochs}") from None

    def _settings(self) -> dict[str, Any]:
        return {
            "epochs": self.epochs,
            "size": self.size,
            "fraction": self.fraction,
            "seed": self.seed,
            **self.recipe.to_dict(),
        }


def train(
    network: nn.Module,
    pixels: Pixels,
    *,
    epochs: int,
    size: int,
    recipe: Recipe,
    seed: int,
    fraction: float = 1.0,
    device: torch.device | str = "cpu",
) -> Iterator[Report]:
    """The plain loop: a report for each epoch. Once it has ended, `network` is in eval mode and
    holds the weights for use (the averaged ones, if any)."""
    trainer = Trainer(
        network, pixels, epochs=epochs, size=size, recipe=recipe, seed=seed, fraction=fraction, device=device
    )
    while not trainer.finished:
        yield trainer.epoch()
    network.load_state_dict(trainer.network_for_use().state_dict())
    network.eval()


def _rows_used(labels_n: Tensor, fraction: float, seed: int) -> Tensor:
    count = round(fraction * len(labels_n))
    if count < 2:
        raise InputError(
            f"training must have at least 2 images, but got {count} (fraction {fraction} of {len(labels_n)})"
        )
    return balanced_order(labels_n, seed)[:count]


def _optimizer(network: nn.Module, recipe: Recipe, device: torch.device) -> torch.optim.Optimizer:
    # Milliseconds a step for an EfficientNet-B0 on one CPU thread: SGD 5.3, fused 1.8; AdamW 13.7,
    # fused 2.9; LAMB 34 in groups of tensors, 23 one by one.
    if recipe.optimizer == "muon":
        groups = param_groups_weight_decay(network, recipe.weight_decay)
        return Muon(groups, lr=recipe.learning_rate, weight_decay=recipe.weight_decay, momentum=recipe.momentum)
    extra: dict[str, Any] = {}
    if recipe.optimizer in ("sgd", "adamw"):
        extra = {"fused": True}
    elif recipe.optimizer == "lamb" and device.type == "cpu":
        extra = {"foreach": False}
    # timm leaves biases and normalisation without weight decay
    return create_optimizer_v2(
        network,
        opt=recipe.optimizer,
        lr=recipe.learning_rate,
        weight_decay=recipe.weight_decay,
        momentum=recipe.momentum,
        **extra,
    )


def _scheduler(optimizer: torch.optim.Optimizer, recipe: Recipe, epochs: int, total: int) -> Any:
    warmup, updates = min(recipe.warmup, epochs / 3), total / epochs  # an average epoch's, where early ones are smaller
    scheduler, _ = create_scheduler_v2(
        optimizer,
        sched={"linear": "poly"}.get(recipe.schedule, recipe.schedule),
        decay_rate=1.0,  # the power of `poly`
        num_epochs=epochs,
        warmup_epochs=warmup,  # pyright: ignore[reportArgumentType]  (fractions of an epoch are fine when stepping by updates)
        warmup_lr=recipe.learning_rate / (warmup * updates + 1),  # the first update, too, should move something
        step_on_epochs=False,
        updates_per_epoch=updates,  # pyright: ignore[reportArgumentType]
    )
    return scheduler
