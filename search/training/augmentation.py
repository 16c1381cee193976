"""Applies random shifts, flips and cutout to a whole batch at once.

Shift, flip and the selection of the batch's images are one gather: each pixel of the result is
looked up in the stored images. Its result is in channels_last memory without a further copy, and it
costs a few passes over the bytes of a batch on the CPU and on a GPU. The random choices of an epoch
are drawn on the CPU at its start, so that they are equal for all devices and need no call of a
generator in each step. Shape letters: n images, b batch, c channels, h height, w width,
5 = (down, right, flipped, cut row, cut column).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from .pixels import Images
from .recipe import Recipe


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """The random changes of training images of `size` pixels a side."""

    size: int
    """Height and width of the images in pixels."""
    shift: int = 0
    """Maximum shift in each direction in pixels; the image is reflected at its edges."""
    flip: bool = False
    """Whether half of the images are mirrored left to right."""
    cutout: int = 0
    """Side of the square set to the mean colour, in pixels; its centre is anywhere in the image
    (DeVries & Taylor, arXiv:1708.04552)."""

    @classmethod
    def of(cls, recipe: Recipe, size: int) -> Augmentation:
        """The augmentation of a recipe, with fractions of the side rounded to whole pixels."""
        shift = min(round(recipe.shift * size), size - 1)  # a reflection is one pixel smaller than the image
        return cls(size=size, shift=shift, flip=recipe.flip, cutout=round(recipe.cutout * size))

    def draw(self, count: int, generator: torch.Generator) -> Tensor:
        """Draw the random choices for `count` images: int64 (n, 5) on the CPU."""
        moves_n2 = torch.randint(-self.shift, self.shift + 1, (count, 2), generator=generator)
        flips_n1 = torch.randint(0, 2 if self.flip else 1, (count, 1), generator=generator)
        cuts_n2 = torch.randint(0, self.size, (count, 2), generator=generator)
        return torch.cat([moves_n2, flips_n1, cuts_n2], dim=1)

    def gather(self, images_nchw: Images, rows_b: Tensor, draws_b5: Tensor) -> Tensor:
        """The images `rows_b`, shifted and flipped by their draws: (b, c, h, w), channels_last.

        The data type is that of `images_nchw`.
        """
        if not self.shift and not self.flip:
            return images_nchw[rows_b]
        pixels_s = torch.arange(self.size, device=images_nchw.device)
        down_b, right_b, flipped_b = draws_b5[:, :3].unbind(1)
        rows_bh = self._reflect(pixels_s - down_b[:, None])
        columns_bw = self._reflect(pixels_s - right_b[:, None])
        columns_bw = torch.where(flipped_b[:, None] == 1, columns_bw.flip(1), columns_bw)
        # A slice between index tensors puts the indexed dimensions first: the result is bhwc,
        # which `permute` turns into bchw in channels_last memory.
        return images_nchw[rows_b[:, None, None], :, rows_bh[:, :, None], columns_bw[:, None, :]].permute(0, 3, 1, 2)

    def cut(self, x_bchw: Tensor, draws_b5: Tensor) -> Tensor:
        """Set the square of each image to zero, the mean colour of normalised images, in place."""
        if not self.cutout:
            return x_bchw
        pixels_s = torch.arange(self.size, device=x_bchw.device)
        inside_bh, inside_bw = (self._inside(pixels_s, centre_b) for centre_b in draws_b5[:, 3:].unbind(1))
        return x_bchw.masked_fill_((inside_bh[:, :, None] & inside_bw[:, None, :])[:, None], 0)

    def _reflect(self, positions: Tensor) -> Tensor:
        last = self.size - 1
        return last - (last - positions.abs()).abs()

    def _inside(self, pixels_s: Tensor, centre_b: Tensor) -> Tensor:
        first_b1 = centre_b[:, None] - self.cutout // 2
        return (pixels_s >= first_b1) & (pixels_s < first_b1 + self.cutout)
