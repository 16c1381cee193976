"""Makes the batches of an epoch from the stored images.

Shape letters: n images, b batch, c channels, h height, w width, 5 = the draws of `augmentation`.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from .augmentation import Augmentation
from .pixels import Images, Normalise


@dataclass(frozen=True, eq=False, kw_only=True)
class Batches:
    """The images of an epoch, their labels, and what is done to them in training."""

    augmentation: Augmentation
    """The random changes of an image."""
    images_nchw: Images
    """All training images at the size of the epoch, uint8."""
    labels_n: Tensor
    """Their labels."""
    normalise: Normalise
    """Turns bytes into floats."""

    def __call__(self, rows_b: Tensor, draws_b5: Tensor) -> tuple[Tensor, Tensor]:
        """The images `rows_b`, changed by `draws_b5` and normalised: bchw; and their labels: b."""
        x_bchw = self.normalise(self.augmentation.gather(self.images_nchw, rows_b, draws_b5))
        return self.augmentation.cut(x_bchw, draws_b5), self.labels_n[rows_b]
