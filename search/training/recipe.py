"""How candidates are trained: plain data, read by the driver, which never imports torch."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import MISSING, asdict, dataclass, fields
from typing import Any

from ...blocks.errors import InputError, unknown

OPTIMIZERS = ("sgd", "adamw", "nadamw", "lamb", "lion", "rmsproptf", "muon")
"""timm's names; `sgd` is with Nesterov momentum, `muon` is that of `.muon`."""
SCHEDULES = ("cosine", "linear", "constant")
"""How the learning rate falls after the warm-up: along half a cosine or a line to zero, or not at
all."""
NEWER = ("low_size", "low_fraction", "rise")
"""Fields that studies of the first version do not have; at their defaults they change nothing."""


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a candidate is trained; the same for all candidates of a study."""

    optimizer: str = "sgd"
    """One of `OPTIMIZERS`."""
    learning_rate: float
    """At its highest, after the warm-up."""
    momentum: float = 0.9
    """For optimisers that have one (sgd, rmsproptf, muon); the others keep their own constants."""
    weight_decay: float
    """For convolution and linear weights; never for biases and normalisation."""
    batch_size: int
    """Images of one update, at most; an epoch is divided evenly, so that no batch is much smaller
    than the others."""
    schedule: str = "cosine"
    """One of `SCHEDULES`; stepped at each update."""
    warmup: float
    """Epochs over which the learning rate rises in a line; at most a third of the training."""
    label_smoothing: float = 0.1
    """Share of the target spread over all classes."""
    ema: float | None = None
    """Decay of a moving average of the weights, which is then what is evaluated and kept; it starts
    at 0 and rises to this. None: no average."""
    drop_rate: float
    """Dropout before the classifier: a setting of the network, for whoever builds it."""
    drop_path_rate: float
    """Share of residual branches skipped in the last block, less in earlier ones: a setting of the
    network, for whoever builds it."""
    flip: bool
    """Whether images are mirrored left to right at random: not for digits or letters."""
    shift: float
    """Furthest random move in each direction, as a fraction of the side."""
    cutout: float = 0.0
    """Side of the square blanked at random, as a fraction of the side."""
    clip: float | None = None
    """Largest norm of the gradient over all weights; a larger one is scaled down to it. None:
    never."""
    amp: bool = True
    """bf16 autocast where it is fast (CUDA devices since Ampere); never on the CPU, where it loses
    for small networks."""
    low_size: float = 1.0
    """Share of the side, in pixels, at which the first epoch trains and is validated; 1 trains all
    epochs at the full size."""
    low_fraction: float = 1.0
    """Share of the images that the first epoch trains on, others in each epoch; 1 trains on all of
    them in all epochs."""
    rise: float = 0.6
    """Share of the epochs over which `low_size` and `low_fraction` rise in a line to 1; the last
    epoch is a full one."""

    def __post_init__(self) -> None:
        _check_kinds(self)
        for name, given, known in (("optimizer", self.optimizer, OPTIMIZERS), ("schedule", self.schedule, SCHEDULES)):
            if given not in known:
                raise unknown(name, given, known)
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

    @classmethod
    def for_data(cls, images: int, size: int, flip: bool) -> Recipe:
        """The recipe for a short training on `images` images of `size` pixels a side; `flip` says
        whether a mirrored image keeps its label. `size` is only checked: what depends on it is a
        fraction of the side, and no other size than 32 was tried.

        Below 5,000 images: tried on scikit-learn's digits (1150 to train, 647 to validate,
        EfficientNet-B0-like, 32 px, 8 epochs, batches of 64, averaged weights 0.9), last validation
        accuracy in %, seeds 0 and 1: LAMB (rate 0.014, decay 0.02) 99.2 99.1, SGD with Nesterov
        momentum (0.05) 98.3 97.2, AdamW (0.006) 96.8 98.2. Averaging changes the last accuracy
        little, and the early ones, by which candidates are stopped, a lot: after epochs 3 and 4 of
        8 at width 0.5, without it 45 60 and 75 82, with it 88 94 and 97 97. LAMB bounds its
        gradients' norm itself; smoothing and shifts differ by less than the seeds do.

        From 5,000: tried on CIFAR-10-small (10,000 to train, 2,000 to validate), a network of 1.6
        MMACs at 32 px, 8 epochs of which the first six see images of 16 to 28 px, rates falling in
        a line, seed 0 (n = 1: two points are noise), last validation accuracy in % and seconds of
        one thread of an AMD EPYC:

            Muon, 0.02, batches of 64   61.6  37 s        Muon, 0.02, 5 epochs, all at 32 px   58.9  30 s
            (as returned; seed 1)       61.6  40 s        LAMB, 0.01, batches of 64            57.1  37 s
            Muon, 0.02, smoothing 0.1   62.0  35 s        SGD, 0.1, batches of 64              54.5  33 s
            Muon, 0.04                  62.4  39 s        SGD, one cycle to 0.2, batches of 128, 6 epochs at 32 px by a plain loop: 54.1  53 s
            Muon, 0.02, batches of 128  59.0  36 s
            Muon, 0.01 (timm's)         58.6  49 s
        """
        _check(images >= 2, "images must be at least 2", images)
        _check(size >= 1, "size must be at least 1", size)
        if images < 5_000:
            # LAMB moves each layer by a share of its norm: with few updates the rate must be high.
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
        """Plain data for JSON; `from_dict` reads it. What is newer than the first studies is left
        out at its default: their recipes stay equal to today's."""
        newer = {field.name: field.default for field in fields(self) if field.name in NEWER}
        return {name: value for name, value in asdict(self).items() if name not in newer or value != newer[name]}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Recipe:
        """The recipe that `to_dict` wrote, or a person.

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
    """Refuses values of a wrong type, which a hand-written file may hold, before anything compares
    them."""
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
    """Share of the training images that an evaluation in a search sees in an epoch: 12,000 images
    or a quarter, whichever is more.

    Candidates need ranking, not finishing: smaller epochs come to the rungs sooner. The network
    chosen is trained on all images.
    """
    _check(images >= 2, "images must be at least 2", images)
    return round(min(1.0, max(12_000, images / 4) / images), 3)


def default_epochs(images: int) -> int:
    """Epochs of a full evaluation in a search: for scikit-learn's digits, 15 to 25 s on one CPU
    thread for a network of 4 to 8 MMACs; for 10,000 images, of which the first epochs see smaller
    ones, 60 to 100 s.
    """
    _check(images >= 2, "images must be at least 2", images)
    return 20 if images < 500 else 8 if images < 5_000 else 9
