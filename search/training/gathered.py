"""The images of a part that is too large to be copied: read and resized batch by batch.

Shape letters: n images, b batch, c channels, h height, w width.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..data.mapped import release


class Gathered:
    """Images of a data set that are indexed as a tensor (n, c, size, size) is, without being one:
    only the images that an index asks for are read."""

    device: torch.device = torch.device("cpu")
    """Where the images are that an index gives."""
    nbytes = 0
    """Bytes that are kept in memory."""

    def __init__(
        self,
        images_nchw: NDArray[np.uint8],
        rows_n: NDArray[np.int64],
        taken: Callable[[NDArray[np.int64]], NDArray[np.uint8]],
    ) -> None:
        """`taken` gives images by their rows of `images_nchw`, at the size wanted; `rows_n` are
        those of this part."""
        self._images, self._rows_n, self._taken = images_nchw, rows_n, taken

    def __len__(self) -> int:
        return len(self._rows_n)

    def __getitem__(self, index: Any) -> Tensor:
        """What the tensor would give for an index that begins with a number, a slice or a tensor of
        image numbers."""
        first, *others = index if isinstance(index, tuple) else (index,)
        places = torch.arange(len(self))[first] if isinstance(first, slice) else torch.as_tensor(first)
        images_bchw = torch.from_numpy(self._taken(self._rows_n[places.reshape(-1).numpy()]))  # b: all places
        release(self._images)  # a system may map half a megabyte around each image that is read
        if not others:
            return images_bchw.reshape(*places.shape, *images_bchw.shape[1:])
        return images_bchw[(torch.arange(places.numel()).reshape(places.shape), *others)]

    def split(self, size: int) -> Iterator[Tensor]:
        """Consecutive batches of `size` images, as `Tensor.split` gives them."""
        for places in torch.arange(len(self)).split(size):
            yield self[places]
