"""Checks that an exported model.py does on real images what was measured in training: the same
pixels to the bit, the same classes, the same accuracy."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...blocks.documented import documented
from ...blocks.errors import AutomlError
from ..quality import ACCURACY, measure
from ..records.measure import decimals, words
from ..tasks.task import REGRESSION

BY_TIMM = 256
"""Number of images on which timm's own transform is compared, at most."""
NEAR = 1e-4
"""Two logits nearer than this share of the largest may change their order between kernels;
`NEAR_HALF` holds for a network measured in half precision."""
DRAWS = 8
"""Random changes of labels' and numbers' outputs by that share of the range of each, by which a
measure may change."""
NEAR_HALF = 3e-2


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Real images of one part of the data, and how training saw them."""

    part: str
    """The part of the data: "test" or "validation"."""
    sources: Sequence[str] | NDArray[np.uint8]
    """Image files, or pixels (n, h, w, c) where the data are no files."""
    pixels: NDArray[np.uint8] | None
    """The pixels that the network saw in training, (n, c, h, w); None if these cannot be made
    again."""
    labels: NDArray[Any]
    """Classes of the images, (n,); of other tasks flags of the labels or numbers, (n, k)."""
    accuracy: float | None
    """The accuracy that was measured after training, of other tasks `metric` as it is shown; None
    if only another measure was."""
    metric: str = ACCURACY
    """The quality measure that is compared: accuracy, or that of a study of another task."""
    scale: tuple[tuple[float, ...], tuple[float, ...]] = ((), ())
    """Mean and standard deviation by which the measure takes several numbers; empty for others."""
    half: bool = False
    """Whether the accuracy was measured in half precision."""


@documented
@dataclass(frozen=True, kw_only=True)
class Checked:
    """Results of an exported file on real images."""

    part: str
    """The part of the data: "test" or "validation"."""
    count: int
    """Number of images."""
    correct: int
    """Number of images classified as labelled; 0 where there are no classes."""
    printed: float | None
    """The accuracy, or value, from training; None if only another measure was taken."""
    identical: bool | None
    """Whether all pixels are those of training; None if these cannot be made again."""
    timm_count: int = 0
    """Number of images on which timm's transform was tried; 0 if it cannot read them."""
    timm_correct: int = 0
    """Number of those images classified as labelled when timm's transform prepares them."""
    ours_correct: int = 0
    """Number of the same images classified as labelled by model.py."""
    timm_difference: float | None = None
    """Mean difference of a pixel between the two, in grey levels."""
    metric: str = ACCURACY
    """The quality measure that was compared."""
    value: float | None = None
    """Its value of the exported file; None for accuracy."""

    @property
    def accuracy(self) -> float:
        """Accuracy of the exported file, or its value."""
        return self.correct / self.count if self.value is None else self.value

    def __str__(self) -> str:
        pixels = {
            True: "the pixels of training, to the bit",
            False: "other pixels than training",
            None: "pixels that could not be compared with training's",
        }
        trained = "" if self.printed is None else f", {decimals(self.printed)} in training"
        right = f" ({self.correct:,} right)" if self.value is None else ""
        return (
            f"model.py, run on the {self.count:,} {self.part} images: {pixels[self.identical]}; {words(self.metric)}"
            f" {decimals(self.accuracy)}{right}{trained}"
        )

    @property
    def by_timm(self) -> str:
        """The effect of timm's own transform on the accuracy, in a sentence."""
        if not self.timm_count:
            return "timm's own transform, made from config.json, cannot read these images."
        count = self.timm_count
        if self.value is not None:
            return (
                f"timm's own transform, made from config.json, differs from `preprocess` by {self.timm_difference:.2f}"
                " grey levels a pixel on average."
            )
        return (
            f"timm's own transform, made from config.json, differs from `preprocess` by {self.timm_difference:.2f} grey"
            f" levels a pixel on average: on {count:,} of these images the network is right on {self.timm_correct:,} by"
            f" timm's pixels and on {self.ours_correct:,} by `preprocess`."
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON."""
        return {
            "part": self.part,
            "count": self.count,
            **({} if self.value is None else {"metric": self.metric, "value": self.value}),
            "correct": self.correct,
            "accuracy": self.accuracy,
            "printed": self.printed,
            "identical": self.identical,
            "timm": {
                "count": self.timm_count,
                "correct": self.timm_correct,
                "correct_by_model_py": self.ours_correct,
                "pixel_difference": self.timm_difference,
            },
        }


def check(folder: Path, sample: Sample) -> Checked:
    """Run the exported file in `folder` on `sample`, in a fresh process.

    Raises:
        AutomlError: it cannot be run, sees other pixels than training, or its accuracy is not the
            one that was printed.
    """
    found = _answer(folder, sample)
    if sample.labels.ndim == 2:
        return _checked_values(found, sample)
    logits, labels = found["logits"], sample.labels
    right = logits.argmax(1) == labels
    identical = None if sample.pixels is None else _same_pixels(found["digests"], sample.pixels)
    checked = Checked(
        part=sample.part,
        count=len(labels),
        correct=int(right.sum()),
        printed=sample.accuracy,
        identical=identical,
        **_timm(found, right, labels),
    )
    if identical is False:
        raise AutomlError(f"the exported file must see what training saw, but {checked}")
    undecided = _undecided(logits, NEAR_HALF if sample.half else NEAR)
    # the number printed may have been rounded to four digits on the way
    printed = None if sample.pixels is None else sample.accuracy
    if printed is not None and abs(checked.correct - printed * checked.count) > undecided + 0.5:
        raise AutomlError(f"the exported file must be as accurate as what was trained, but {checked}")
    return checked


def _checked_values(found: dict[str, NDArray[Any]], sample: Sample) -> Checked:
    """As `check`, of a network that gives labels or numbers."""
    outputs = found["logits"]
    value = _value(outputs, sample)
    identical = None if sample.pixels is None else _same_pixels(found["digests"], sample.pixels)
    timm_count = len(found["timm_logits"])
    checked = Checked(
        part=sample.part,
        count=len(outputs),
        correct=0,
        printed=sample.accuracy,
        identical=identical,
        timm_count=timm_count,
        timm_difference=float(found["timm_difference"]) if timm_count else None,
        metric=sample.metric,
        value=value,
    )
    if identical is False:
        raise AutomlError(f"the exported file must see what training saw, but {checked}")
    if sample.pixels is not None and sample.accuracy is not None:
        numbers = measure(sample.metric).task == REGRESSION
        middle_k = sample.labels.mean(axis=0) if numbers else np.zeros(outputs.shape[1])
        both = np.concatenate([outputs - middle_k, sample.labels - middle_k])  # flags of labels are at most 1
        scale_k = np.abs(both).max(axis=0) * (NEAR_HALF if sample.half else NEAR)
        scale_k += 4 * np.finfo(np.float32).eps * np.abs(outputs).max(axis=0)  # of numbers far from 0
        random = np.random.default_rng(0)
        moved = [_value(outputs + scale_k * random.uniform(-1, 1, outputs.shape), sample) for _ in range(DRAWS)]
        least = 0.0 if numbers else 1.0
        allowed = 2 * max(abs(each - value) for each in moved) + NEAR * max(least, abs(sample.accuracy))
        if abs(value - sample.accuracy) > allowed:
            raise AutomlError(f"the exported file must be as good as what was trained, but {checked}")
    return checked


def _value(outputs_nk: NDArray[Any], sample: Sample) -> float:
    """The quality measure of outputs, as it is shown."""
    import torch

    both = [torch.from_numpy(np.asarray(each, np.float64)) for each in (outputs_nk, sample.labels)]
    mean, std = (torch.tensor(each, dtype=torch.float64) for each in sample.scale)
    return measure(sample.metric).of(*((each - mean) / std if len(std) else each for each in both))


def _answer(folder: Path, sample: Sample) -> dict[str, NDArray[Any]]:
    with tempfile.TemporaryDirectory(prefix="automl-check-") as scratch:
        asked, answer = Path(scratch) / "asked.json", Path(scratch) / "answer.npz"
        array = None
        if isinstance(sample.sources, np.ndarray):
            array = str(Path(scratch) / "images.npy")
            np.save(array, sample.sources)
        files = [] if array else list(sample.sources)
        asked.write_text(json.dumps({"files": files, "array": array, "by_timm": BY_TIMM}), "utf-8")
        program = [
            sys.executable,
            "-I",
            str(Path(__file__).with_name("rerun.py")),
            str(folder.resolve()),
            str(asked),
            str(answer),
        ]
        done = subprocess.run(
            program, capture_output=True, text=True, errors="replace", check=False, stdin=subprocess.DEVNULL
        )
        if done.returncode or not answer.exists():
            lines = done.stderr.strip().splitlines()
            raise AutomlError(
                f"the exported file cannot be run on the {sample.part} images:"
                f" {lines[-1][:300] if lines else f'exit code {done.returncode}'}"
            )
        with np.load(answer, allow_pickle=False) as found:
            return dict(found)


def _same_pixels(digests: NDArray[Any], pixels_nchw: NDArray[np.uint8]) -> bool:
    ours = (
        hashlib.sha256(np.ascontiguousarray(pixels_chw.transpose(1, 2, 0)).data).hexdigest()
        for pixels_chw in pixels_nchw
    )
    return all(mine == theirs for mine, theirs in zip(ours, digests.tolist(), strict=True))


def _undecided(logits_nk: NDArray[np.float32], near: float) -> int:
    """Number of images whose two largest logits are so near that another order of sums may exchange
    them."""
    highest = np.sort(logits_nk, axis=1)[:, -2:]
    scale = np.maximum(1.0, np.abs(logits_nk).max(axis=1))
    return int((highest[:, 1] - highest[:, 0] <= near * scale).sum())


def _timm(found: dict[str, NDArray[Any]], right: NDArray[np.bool_], labels: NDArray[np.int64]) -> dict[str, Any]:
    logits = found["timm_logits"]
    count = len(logits)
    if not count:
        return {}
    return {
        "timm_count": count,
        "timm_correct": int((logits.argmax(1) == labels[:count]).sum()),
        "ours_correct": int(right[:count].sum()),
        "timm_difference": float(found["timm_difference"]),
    }
