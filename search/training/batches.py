"""Makes the batches of an epoch from the stored images.

Shape letters: n images, b batch, c channels, h height, w width, k classes, 5 = the draws of
`augmentation`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from torch import Tensor

from .augmentation import Augmentation
from .pixels import Images, Normalise, Pixels
from .recipe import Recipe

if TYPE_CHECKING:
    from .transforms import Transforms


@dataclass(frozen=True, eq=False, kw_only=True)
class Batches:
    """The images of an epoch, their labels, and what is done to them in training."""

    augmentation: Augmentation
    """The random changes of an image."""
    images_nchw: Images
    """All training images at the size of the epoch, uint8."""
    labels_n: Tensor
    """Their labels, (n,), or answers, (n, k)."""
    normalise: Normalise
    """Turns bytes into floats."""
    transforms: Transforms | None = None
    """Further random changes, whose choices are made in Python at each batch."""

    def __call__(self, rows_b: Tensor, draws_b5: Tensor) -> tuple[Tensor, Tensor]:
        """The images `rows_b`, changed by `draws_b5` and normalised: bchw; and their labels: b, or
        bk if images are mixed."""
        images_bchw = self.augmentation.gather(self.images_nchw, rows_b, draws_b5)
        if self.transforms is not None:
            images_bchw = self.transforms.change(images_bchw)
        x_bchw, labels_b = self.augmentation.cut(self.normalise(images_bchw), draws_b5), self.labels_n[rows_b]
        return (x_bchw, labels_b) if self.transforms is None else self.transforms.erase_and_mix(x_bchw, labels_b)


def batches_of(
    pixels: Pixels, recipe: Recipe, size: int, *, labels_n: Tensor, normalise: Normalise, seed: int
) -> Batches:
    """The batches of a recipe at `size` pixels a side, from the training images.

    Raises:
        InputError: the recipe cannot augment images of this number of channels.
    """
    images_nchw, _ = pixels.at("train", size)
    transforms = None
    if recipe.transforms:
        from .transforms import Transforms  # torchvision's transforms take a moment to import

        colour, device = pixels.mean, pixels.device
        transforms = Transforms(recipe, size=size, classes=pixels.classes, mean=colour, device=device, seed=seed)
    return Batches(
        augmentation=Augmentation.of(recipe, size),
        images_nchw=images_nchw,
        labels_n=labels_n,
        normalise=normalise,
        transforms=transforms,
    )
