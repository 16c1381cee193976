"""Defines the training recipe of candidates as plain data, which is readable without torch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from typing import Any

from ...blocks.errors import InputError, unknown

OPTIMIZERS = ("sgd", "adamw", "nadamw", "lamb", "lion", "rmsproptf", "muon")
"""Names of optimisers in timm; `sgd` has Nesterov momentum, `muon` is that of `.muon`."""
SCHEDULES = ("cosine", "linear", "constant")
"""Decay of the learning rate after the warm-up: half a cosine to zero, a line to zero, or none."""
AUGMENTS = ("none", "randaugment", "trivialaugment")
"""Automatic augmentations of torchvision."""
BALANCES = ("none", "weights", "sampling")
"""What is done about classes of unequal size: nothing, class weights in the loss, or images drawn
so that all classes are equally frequent."""
NEWER = (
    *("low_size", "low_fraction", "rise"),
    *("augment", "magnitude", "operations", "crop", "erasing", "mixup", "cutmix"),
    *("accumulate", "recalibrate", "balance"),
    *("freeze_norm", "layer_decay"),
)
"""Fields that studies of the first version lack; their defaults leave the training unchanged."""
NAMES = {"optimizer": OPTIMIZERS, "schedule": SCHEDULES, "augment": AUGMENTS, "balance": BALANCES}
"""Fields that hold a name, and the names that they may hold."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The training recipe, the same for all candidates of a study."""

    optimizer: str = "sgd"
    """Name of the optimiser, one of `OPTIMIZERS`."""
    learning_rate: float
    """Peak learning rate, reached after the warm-up."""
    momentum: float = 0.9
    """Momentum of sgd, rmsproptf and muon; other optimisers keep their own constants."""
    weight_decay: float
    """Weight decay of convolution and linear weights; biases and normalisation have none."""
    batch_size: int
    """Maximum number of images in an update; an epoch is divided into batches of equal size, so
    that the last one is not smaller."""
    schedule: str = "cosine"
    """Decay of the learning rate, one of `SCHEDULES`; stepped at each update."""
    warmup: float
    """Number of epochs over which the learning rate rises linearly; at most a third of them."""
    label_smoothing: float = 0.1
    """Share of the target probability that is spread over all classes."""
    ema: float | None = None
    """Decay of an exponential moving average of the weights, which rises from 0 to this value. The
    averaged weights are evaluated and kept. None: no average."""
    drop_rate: float
    """Dropout rate before the classifier; applied when the network is built."""
    drop_path_rate: float
    """Probability of skipping the residual branch of the last block, smaller in earlier blocks;
    applied when the network is built."""
    flip: bool
    """Whether images are mirrored left to right at random; unsuitable for digits and letters."""
    shift: float
    """Maximum random shift in each direction, as a fraction of the image side."""
    cutout: float = 0.0
    """Side of the randomly placed square that is blanked, as a fraction of the image side."""
    clip: float | None = None
    """Maximum norm of the gradient over all weights; larger gradients are scaled down to it. None:
    no clipping."""
    amp: bool = True
    """Whether to use bf16 autocast where it is fast: on CUDA devices since Ampere, never on the
    CPU, where it slows small networks down."""
    low_size: float = 1.0
    """Image side of the first epoch, in training and validation, as a share of the full side; 1
    trains all epochs at the full size."""
    low_fraction: float = 1.0
    """Share of the images that the first epoch trains on; each epoch draws its own. 1 trains on all
    images in all epochs."""
    rise: float = 0.6
    """Share of the epochs over which `low_size` and `low_fraction` rise linearly to 1; the last
    epoch is always a full one."""
    augment: str = "none"
    """Random changes of colour and geometry, one of `AUGMENTS` (arXiv:1909.13719, 2103.10158)."""
    magnitude: int = 9
    """Strength of RandAugment's operations, from 0 to 30."""
    operations: int = 2
    """Number of operations that RandAugment applies to an image."""
    crop: float = 1.0
    """Smallest area of a random crop, as a share of the image's, which is resized to the whole side
    (arXiv:1409.4842); 1 crops nothing."""
    erasing: float = 0.0
    """Probability that a random rectangle of an image is replaced by noise (arXiv:1708.04896)."""
    mixup: float = 0.0
    """Alpha of the beta distribution by which pairs of images and their labels are mixed
    (arXiv:1710.09412); 0 mixes none. With `cutmix` a batch gets one of both, each half the time."""
    cutmix: float = 0.0
    """Alpha of the beta distribution of the area that an image gets from another one
    (arXiv:1905.04899); 0 pastes none."""
    accumulate: int = 1
    """Number of parts into which a batch is divided to save memory; their gradients are added."""
    recalibrate: int = 0
    """Number of training images, not augmented, from which the statistics of batch normalisation
    are computed anew before each validation; 0 keeps the running ones."""
    balance: str = "none"
    """What is done about classes of unequal size, one of `BALANCES`."""
    freeze_norm: bool = False
    """Whether batch normalisation stays as it is when the training begins, for networks that begin
    from weights; `recalibrate` has then no effect."""
    layer_decay: float = 1.0
    """Factor of the learning rate from each layer to the one before it, nearer to the images; 1
    gives all layers the same rate."""

    def __post_init__(self) -> None:
        _check_kinds(self)
        for name, known in NAMES.items():
            if getattr(self, name) not in known:
                raise unknown(name, getattr(self, name), known)
        _check(self.learning_rate > 0, "learning_rate must be above 0", self.learning_rate)
        _check(0 < self.momentum < 1, "momentum must lie between 0 and 1", self.momentum)
        _check(self.weight_decay >= 0, "weight_decay must be 0 or above", self.weight_decay)
        _check(
            self.batch_size >= 2,
            "batch_size must be at least 2 (batch normalisation needs two images)",
            self.batch_size,
        )
        _check(self.warmup >= 0, "warmup must be 0 epochs or more", self.warmup)
        _check(0 <= self.label_smoothing < 1, "0 <= label_smoothing < 1 must hold", self.label_smoothing)
        _check(self.ema is None or 0 < self.ema < 1, "ema must be null or lie between 0 and 1", self.ema)
        _check(0 <= self.drop_rate < 1, "0 <= drop_rate < 1 must hold", self.drop_rate)
        _check(0 <= self.drop_path_rate < 1, "0 <= drop_path_rate < 1 must hold", self.drop_path_rate)
        _check(0 <= self.shift <= 0.5, "0 <= shift <= 0.5 must hold", self.shift)
        _check(0 <= self.cutout <= 1, "0 <= cutout <= 1 must hold", self.cutout)
        _check(self.clip is None or self.clip > 0, "clip must be null or above 0", self.clip)
        _check(0 < self.low_size <= 1, "0 < low_size <= 1 must hold", self.low_size)
        _check(0 < self.low_fraction <= 1, "0 < low_fraction <= 1 must hold", self.low_fraction)
        _check(0 <= self.rise <= 1, "0 <= rise <= 1 must hold", self.rise)
        _check(0 <= self.magnitude <= 30, "0 <= magnitude <= 30 must hold", self.magnitude)
        _check(1 <= self.operations <= 10, "1 <= operations <= 10 must hold", self.operations)
        _check(0 < self.crop <= 1, "0 < crop <= 1 must hold", self.crop)
        _check(0 <= self.erasing <= 1, "0 <= erasing <= 1 must hold", self.erasing)
        _check(0 <= self.mixup <= 100, "0 <= mixup <= 100 must hold", self.mixup)
        _check(0 <= self.cutmix <= 100, "0 <= cutmix <= 100 must hold", self.cutmix)
        _check(self.accumulate >= 1, "accumulate must be at least 1", self.accumulate)
        _check(self.recalibrate >= 0, "recalibrate must be 0 images or more", self.recalibrate)
        _check(0 < self.layer_decay <= 1, "0 < layer_decay <= 1 must hold", self.layer_decay)

    @property
    def transforms(self) -> bool:
        """Whether images are changed at random beyond shift, flip and cutout."""
        return self.augment != "none" or self.crop < 1 or max(self.erasing, self.mixup, self.cutmix) > 0

    @classmethod
    def for_data(cls, images: int, size: int, flip: bool) -> Recipe:
        """The default recipe for a short training on `images` images of `size` pixels a side.

        `flip` says whether a mirrored image keeps its label. `size` is only checked: all that
        depends on it is a fraction of the side. Sizes other than 32 were not tried.

        Below 5,000 images, tried on scikit-learn's digits (1150 to train, 647 to validate; a
        network like EfficientNet-B0, 32 px, 8 epochs, batches of 64, averaged weights with decay
        0.9). Last validation accuracy in %, seeds 0 and 1: LAMB (rate 0.014, decay 0.02) 99.2 99.1,
        SGD with Nesterov momentum (0.05) 98.3 97.2, AdamW (0.006) 96.8 98.2. Averaging hardly
        changes the last accuracy but raises the early ones, by which candidates are stopped: after
        epochs 3 and 4 of 8 at width 0.5, without it 45 60 and 75 82, with it 88 94 and 97 97. LAMB
        bounds the norm of its gradients itself; smoothing and shifts matter less than the seed.

        From 5,000 images, tried on CIFAR-10-small (10,000 to train, 2,000 to validate) with a
        network of 1.6 MMACs at 32 px, 8 epochs of which the first six have images of 16 to 28 px,
        linear decay, batches of 64, seed 0 (n = 1: differences of two points are noise). Last
        validation accuracy in % and seconds of one thread of an AMD EPYC:

            Muon, rate 0.02 (the recipe returned)         61.6   37 s
            the same, seed 1                              61.6   40 s
            Muon, 0.02, label smoothing 0.1               62.0   35 s
            Muon, 0.04                                    62.4   39 s
            Muon, 0.02, batches of 128                    59.0   36 s
            Muon, 0.02, 5 epochs, all at 32 px            58.9   30 s
            Muon, 0.01, timm's implementation             58.6   49 s
            LAMB, 0.01                                    57.1   37 s
            SGD, 0.1                                      54.5   33 s
            SGD, one cycle to 0.2, batches of 128,        54.1   53 s
                6 epochs at 32 px, plain training loop
        """
        _check(images >= 2, "images must be at least 2", images)
        _check(size >= 1, "size must be at least 1", size)
        if images < 5_000:
            # LAMB moves each layer by a share of its norm, so few updates need a high rate.
            batch_size, learning_rate = (16, 0.01) if images < 500 else (64, 0.014)
            half_an_epoch = images / (2 * batch_size)
            ema = round(min(max(1 - 1 / half_an_epoch, 0.5), 0.999), 3)
            return cls(
                optimizer="lamb",
                learning_rate=learning_rate,
                weight_decay=0.02,
                batch_size=batch_size,
                warmup=0.5,
                ema=ema,
                drop_rate=0.0,
                drop_path_rate=0.0,
                flip=flip,
                shift=0.1 if flip else 0.05,
            )
        return cls(
            optimizer="muon",
            learning_rate=0.02,
            weight_decay=0.02,
            batch_size=64 if images < 20_000 else 128,
            schedule="linear",
            warmup=0.5,
            label_smoothing=0.0,
            drop_rate=0.0,
            drop_path_rate=0.0,
            flip=flip,
            shift=0.1 if flip else 0.05,
            low_size=0.5,
            rise=0.67,
        )

    def to_dict(self) -> dict[str, Any]:
        """The recipe as plain JSON, which `from_dict` reads.

        Fields in `NEWER` are left out at their defaults, so that recipes of older studies compare
        equal to today's.
        """
        newer = {field.name: field.default for field in fields(self) if field.name in NEWER}
        return {name: value for name, value in asdict(self).items() if name not in newer or value != newer[name]}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Recipe:
        """The recipe of a mapping, written by `to_dict` or by hand.

        Raises:
            InputError: a key is unknown or missing, or a value is not allowed.
        """
        known = [field.name for field in fields(cls)]
        for key in data:
            if key not in known:
                raise unknown("recipe key", str(key), known)
        missing = [field.name for field in fields(cls) if field.default is MISSING and field.name not in data]
        if missing:
            raise InputError(f"a recipe must set {', '.join(missing)}, but got only: {', '.join(data) or 'nothing'}")
        return cls(**data)


def _check(holds: bool, rule: str, value: object) -> None:
    if not holds:
        raise InputError(f"{rule}, but got {value!r}")


def _check_kinds(recipe: Recipe) -> None:
    """Refuse values of a wrong type, which a hand-written file may contain."""
    for field in fields(recipe):
        value, kind = getattr(recipe, field.name), str(field.type)
        if kind == "str":
            _check(isinstance(value, str), f"{field.name} must be a name", value)
        elif kind == "bool":
            _check(isinstance(value, bool), f"{field.name} must be true or false", value)
        elif kind == "int":
            _check(type(value) is int, f"{field.name} must be a whole number", value)
        elif not (value is None and kind.endswith("None")):
            _check(
                isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value),
                f"{field.name} must be a finite number",
                value,
            )


def default_fraction(images: int) -> float:
    """Share of the training images in an epoch of the search: 12,000 images or a quarter if more.

    Shorter epochs reach the rungs sooner, and ranking candidates needs no more. The chosen network
    is trained on all images.
    """
    _check(images >= 2, "images must be at least 2", images)
    return round(min(1.0, max(12_000, images / 4) / images), 3)


def default_epochs(images: int) -> int:
    """The number of epochs of a full evaluation in a search.

    On one CPU thread and for a network of 4 to 8 MMACs it takes 15 to 25 s on scikit-learn's
    digits, and 60 to 100 s on 10,000 images with smaller ones in the first epochs.
    """
    _check(images >= 2, "images must be at least 2", images)
    return 20 if images < 500 else 8 if images < 5_000 else 9
