"""Random resized crops, of which each image of a batch has its own.

Source: Szegedy et al. (arXiv:1409.4842, section 6), with torchvision's ratios and number of tries.
torchvision draws one crop for all images that it is given at once, and a call for each image takes
as long as a tenth of a training step of a small network; one crop for several images costs accuracy
(1.2 points after three epochs with 16 crops for 120 images). Shape letters: b batch, c channels, h
height, w width, t tries.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

RATIOS = 3 / 4, 4 / 3
"""Smallest and largest ratio of a crop's width to its height."""
TRIES = 10
"""Crops that are drawn for an image until one fits into it; if none does, it is not cropped."""


def drawn_boxes(count: int, side: int, *, smallest: float) -> Tensor:
    """Left, top, width and height in pixels of a random crop for each of `count` images: b4.

    Args:
        count: number of images.
        side: height and width of the images in pixels.
        smallest: smallest area of a crop, as a share of the image's.
    """
    areas_bt = side**2 * torch.empty(count, TRIES).uniform_(smallest, 1.0)
    ratios_bt = torch.empty(count, TRIES).uniform_(*map(math.log, RATIOS)).exp()
    sides_bt2 = torch.stack([areas_bt * ratios_bt, areas_bt / ratios_bt], -1).sqrt().round()
    fits_bt = ((sides_bt2 >= 1) & (sides_bt2 <= side)).all(-1)
    first_b = fits_bt.int().argmax(1)  # of equal ones the first
    sides_b2 = sides_bt2[torch.arange(count), first_b].where(fits_bt.any(1, keepdim=True), float(side))
    corners_b2 = (torch.rand(count, 2) * (side - sides_b2 + 1)).floor()
    return torch.cat([corners_b2, sides_b2], 1)


def cropped(images_bchw: Tensor, boxes_b4: Tensor, size: int) -> Tensor:
    """The square uint8 images within their boxes, resized to `size` pixels a side (bilinear). Crops
    are not larger than `size`, so that nothing has to be smoothed before."""
    side = images_bchw.shape[-1]
    places_s = (torch.arange(size, device=images_bchw.device) + 0.5) / size
    left_b, top_b, across_b, down_b = (2 / side * boxes_b4.to(images_bchw.device)).unbind(1)
    x_bw = left_b[:, None] + across_b[:, None] * places_s - 1
    y_bh = top_b[:, None] + down_b[:, None] * places_s - 1
    grid_bhw2 = torch.stack([x_bw[:, None, :].expand(-1, size, -1), y_bh[:, :, None].expand(-1, -1, size)], -1)
    taken_bchw = functional.grid_sample(images_bchw.float(), grid_bhw2, padding_mode="border", align_corners=False)
    return taken_bchw.round_().to(torch.uint8)
