"""The images of a training by hand: which of them train, and where they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from ...studies import Fidelity
from ...studies.tasks.task import CLASSIFICATION
from ..data.answers import Answers
from ..data.data_summary import UNEQUAL

if TYPE_CHECKING:
    import torch

    from ..data import ImageData, Split
    from ..training.pixels import Pixels


def used(rows: Split, fidelity: Fidelity) -> Split:
    """The images of each part; in a refit those that validate train too."""
    import numpy as np

    return replace(rows, train=np.sort(np.concatenate([rows.train, rows.validation]))) if fidelity.refit else rows


def pixels_of(loaded: ImageData, rows: Split, fidelity: Fidelity, device: torch.device | str) -> Pixels:
    """The images of `used` rows on the device that trains; in a refit none validate."""
    from ..training.pixels import Pixels

    parts = rows.train, None if fidelity.refit else rows.validation, rows.test
    answers = Answers.of(loaded, rows.train)
    how = {"levels": loaded.levels, "fit": loaded.fit, "answers": answers}
    return Pixels(loaded.images, loaded.labels, *parts, device, **how)


def say_imbalance(loaded: ImageData, rows: Split, said: Callable[[str], None]) -> None:
    """Say so if the classes have strongly unequal numbers of training images."""
    import numpy as np

    if loaded.task != CLASSIFICATION:
        return
    counts = np.bincount(loaded.labels[rows.train], minlength=len(loaded.classes))
    most, fewest = int(counts.argmax()), int(np.where(counts > 0, counts, counts.max()).argmin())
    if counts[most] >= UNEQUAL * counts[fewest]:
        said(
            f"the classes are unequal: {loaded.classes[most]} has {counts[most]:,} training images,"
            f" {loaded.classes[fewest]} {counts[fewest]:,}; judge by the balanced accuracy, and see --balance"
        )
