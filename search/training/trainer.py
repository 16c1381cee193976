"""Trains one network, epoch by epoch.

It is independent of spaces, studies and workers. On the CPU with one thread, the same seed gives
bitwise equal results, whatever ran before in the process, and also if the training is stopped and
resumed at an epoch boundary. On a GPU updates are CUDA graphs (see `graphs`), and the order of sums
is not fixed: results agree closely, but not bit for bit. Shape letters: n images trained, b batch,
c channels, h height, w width, 5 = the draws of `augmentation`.
"""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from ...blocks.errors import Diverged, InputError
from .balance import epoch_order
from .batches import Batches, batches_of
from .depthwise import fast_depthwise
from .device import resolve
from .epoch_report import Report
from .fine_tuning import training_mode
from .freed_memory import keep_freed_memory
from .gpu_convolutions import gpu_convolutions
from .graphed_step import step_of
from .graphs import Graphs, cuda_graph, on_own_stream
from .loss import loss_of
from .optimisation import create_average, create_optimizer, create_scheduler, load_optimizer
from .pixels import Normalise, Pixels
from .randomness import derive, generator, seeded
from .ranks import ALONE, Ranks
from .recalibration import recalibrate
from .recipe import Recipe
from .schedule import EpochPlan, schedule, share_done
from .snapshot import differences, snapshot
from .step import Step
from .strided import safe_strided
from .subset import rows_used
from .validation import Validation

CHECK_EVERY = 20
"""Number of updates between checks of the loss: small enough to stop a diverged candidate early,
large enough not to delay a GPU by reading from it."""


class Trainer:
    """Trains one network, one pass for each call of `epoch`.

    A training can be stopped and resumed at any epoch boundary.
    """

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
        metric: str = "accuracy",
    ) -> None:
        """Prepare to train `network`, which is moved to the device and changed in place.

        The training uses `fraction` of the training images, stratified as the split is and the same
        for the same seed. Reports have the quality measure `metric` of the validation images.

        Raises:
            InputError: a setting is out of its range, or the pixels are on another device.
        """
        self.device: torch.device = resolve(device)
        if pixels.device != self.device:
            raise InputError(f"pixels must lie on the device that trains, {self.device}, but lie on {pixels.device}")
        if self.device.type == "cuda":
            torch.set_float32_matmul_precision("high")  # TF32 for operations that autocast keeps in float32
        else:
            keep_freed_memory()
        self.recipe: Recipe = recipe
        self.seed: int = seed
        self.epochs: int = epochs
        self.size: int = size
        self.fraction: float = fraction
        self.done_epochs: int = 0
        self.told: Callable[[float], None] | None = None  # is given the share that is done, after each update
        self._pixels, self._labels_n = pixels, pixels.labels("train")
        strata_n = pixels.strata("train").cpu()
        self._rows_n = rows_used(strata_n, fraction, seed)
        self._used_n = strata_n[self._rows_n]
        self._schedule = schedule(recipe, epochs=epochs, size=size, images=len(self._rows_n))
        self._normalise = Normalise(pixels.mean, pixels.std, self.device)
        self.network: nn.Module = network.to(self.device).to(memory_format=torch.channels_last)
        self._ema = create_average(self.network, recipe)
        self._optimizer = create_optimizer(self.network, recipe, self.device)
        updates = sum(plan.updates for plan in self._schedule)
        self._scheduler = create_scheduler(self._optimizer, recipe, epochs, updates)
        self._graphs = Graphs(cuda_graph if self.device.type == "cuda" else None)
        self._loss = loss_of(recipe, pixels, self._rows_n)
        self._validation = Validation(pixels, recipe, metric, self._graphs)
        self._networks = [self.network, *([] if self._ema is None else [self._ema.module])]
        self._ranks, self._step = ALONE, self._step_of(ALONE)

    def train_with(self, ranks: Ranks) -> None:
        """From here on train together with other processes, which have made the same trainer on the
        same images; each calls the same methods. Only the first validates."""
        ranks.begin_alike(self._networks)
        self._ranks, self._step = ranks, self._step_of(ranks)

    @property
    def smallest_batch(self) -> int:
        """Number of images in the smallest batch of all epochs."""
        return min(plan.images // plan.updates for plan in self._schedule)

    def _step_of(self, ranks: Ranks) -> Step:
        return step_of(self.network, self._optimizer, self._ema, self.recipe, self._graphs, self._loss, ranks)

    @property
    def finished(self) -> bool:
        """Whether all epochs are done."""
        return self.done_epochs >= self.epochs

    @property
    def last_size(self) -> int:
        """Side in pixels of the images of the last finished epoch; of the first before that."""
        return self._schedule[max(self.done_epochs, 1) - 1].size

    def epoch(self) -> Report:
        """Train on the images of the next epoch and evaluate on the validation images, if there are
        any.

        Raises:
            Diverged: the loss or a logit is not finite; the trainer must not be used further, and
                the evaluation is recorded as FAIL.
            InputError: all epochs are done.
        """
        if self.finished:
            raise InputError(
                f"epoch() must be called at most {self.epochs} times, as many as there are epochs, but got one more"
            )
        started = time.perf_counter()
        number = self.done_epochs + 1
        plan = self._schedule[number - 1]
        if number > 1 and plan.size != self._schedule[number - 2].size:
            self._graphs.forget()  # sizes only rise: those of the last size are not needed any more
        self._pixels.at("train", plan.size)  # resized once and cached: not part of the training time
        resized = time.perf_counter()
        at_size = sum(each.images for each in self._schedule if each.size == plan.size)
        with (
            on_own_stream(self.device),
            seeded(self.seed, "epoch", number, *self._ranks.purpose, device=self.device),
            gpu_convolutions(self.device, at_size, self.network, self.network_for_use()),
        ):
            with fast_depthwise(self.network, self.device), safe_strided(self.network, self.device):
                loss = self._train(number, plan)
            # Both calls end by reading a number from the device, so that its work is done by then.
            trained = time.perf_counter()
            self._ranks.average_buffers(self._networks)
            if self.recipe.recalibrate and not self.recipe.freeze_norm:
                recalibrate(self.network_for_use(), self._batches(plan.size), self._rows_n, plan, self.recipe)
            reached = self._validate(number, plan.size)
        self.done_epochs = number
        seconds = time.perf_counter() - started
        return Report(
            epoch=number, accuracy=reached, loss=loss, seconds=seconds, images=plan.images, training=trained - resized
        )

    def rehearsal(self) -> Callable[[], int]:
        """A function that does one update on copies, for timing; it returns its number of images.

        Calls of it change neither the training nor any generator. It takes a full batch at the
        largest size still to come. It keeps copies of the network, its average and the optimiser.

        Raises:
            InputError: all epochs are done.
        """
        if self.finished:
            raise InputError(f"rehearsal() must be called before all {self.epochs} epochs are done")
        plan = max(self._schedule[self.done_epochs :], key=lambda plan: plan.size)
        shared = {id(kept): kept for kept in (self._pixels, self._labels_n, self._rows_n, self.told)}  # not copied
        twin = copy.deepcopy(self, shared)
        training_mode(twin.network, self.recipe)
        batches = twin._batches(plan.size)
        rows_b = self._rows_n[: plan.images].tensor_split(plan.updates)[0].to(self.device)
        draws_b5 = batches.augmentation.draw(len(rows_b), generator(self.seed, "rehearsal")).to(self.device)

        def step() -> int:
            with (
                seeded(self.seed, "rehearsal", device=self.device),
                fast_depthwise(twin.network, self.device),
                safe_strided(twin.network, self.device),
            ):
                twin._update(batches, rows_b, draws_b5, plan.first)
            return len(rows_b)

        return step

    def network_for_use(self) -> nn.Module:
        """The network to evaluate or export, in eval mode; averaged weights if there are any."""
        return self._networks[-1].eval()

    def state_dict(self) -> dict[str, Any]:
        """The state from which `load_state_dict` resumes after the last finished epoch.

        It holds copies of tensors on the CPU and plain Python values. It needs no generator state,
        since each epoch derives its generators from the seed and its number.
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
        """Resume from the epoch after which `state` was taken.

        Raises:
            InputError: `state` is of other settings or of another network; this trainer must then
                not be used further.
        """
        if changed := differences(state["settings"], self._settings()):
            raise InputError(f"a training must go on with the settings it was begun with, but got {changed}")
        state = snapshot(state)  # the optimiser would keep the caller's tensors and change them
        try:
            self.network.load_state_dict(state["network"])
            if self._ema is not None:
                self._ema.module.load_state_dict(state["ema"])
            load_optimizer(self._optimizer, state["optimizer"])
        except (RuntimeError, ValueError) as error:
            raise InputError(
                "a training must go on with the network it was begun with, but got another:"
                f" {str(error).splitlines()[-1].strip()}"
            ) from None
        self.done_epochs = state["done_epochs"]
        self._graphs.forget()  # the optimiser has new tensors

    def _train(self, number: int, plan: EpochPlan) -> float:
        random = generator(self.seed, "images", number)
        batches = self._batches(plan.size)
        # One graph serves batches of one size: on a GPU those that lack an image get one twice.
        count = plan.images if self.device.type == "cpu" else plan.updates * plan.largest
        rows_n = self._rows_n[epoch_order(self.recipe, self._used_n, plan.images, random)]
        rows_n = rows_n[torch.arange(count) % plan.images].to(self.device, non_blocking=True)
        draws_n5 = batches.augmentation.draw(count, random).to(self.device, non_blocking=True)
        total = torch.zeros((), device=self.device)
        training_mode(self.network, self.recipe)
        parts = zip(rows_n.tensor_split(plan.updates), draws_n5.tensor_split(plan.updates), strict=True)
        for update, (rows_b, draws_b5) in enumerate(parts, start=plan.first):
            self._scheduler.step_update(update)
            total += self._update(batches, rows_b, draws_b5, update) * len(rows_b)
            if self.told is not None:
                self.told(share_done(self._schedule, update + 1))
            if update % CHECK_EVERY == 0:
                self._check(total, number)
        return self._check(total, number) / count

    def _batches(self, size: int) -> Batches:
        seed = derive(self.seed, "batches", self.done_epochs, *self._ranks.purpose)
        return batches_of(
            self._pixels, self.recipe, size, labels_n=self._labels_n, normalise=self._normalise, seed=seed
        )

    def _update(self, batches: Batches, rows_b: Tensor, draws_b5: Tensor, update: int) -> Tensor:
        return self._step(batches, rows_b, draws_b5, update)

    def _check(self, total: Tensor, number: int) -> float:
        """The sum of the losses over all processes, which find together that it is not finite."""
        if not math.isfinite(value := self._ranks.sum(total)):
            rate = self._optimizer.param_groups[0]["lr"]
            raise Diverged(
                f"the loss must be finite, but got {value} in epoch {number} of {self.epochs}, at learning rate"
                f" {rate:.3g}"
            )
        return value

    def _validate(self, number: int, size: int) -> float:
        if self._ranks.rank:
            return math.nan
        try:
            return self._validation(self.network_for_use(), size, batch_size=self._schedule[number - 1].largest)
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
