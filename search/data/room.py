"""Where a source puts the pixels that it decodes."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray


class Room:
    """Room in memory."""

    def array(self, shape: tuple[int, ...], dtype: DTypeLike = np.uint8) -> NDArray[Any]:
        """An array for all pixels of a data set, to be filled.

        Raises:
            AutomlError: there is no room.
        """
        return np.empty(shape, dtype)

    def filled(self) -> None:
        """Is called now and then while the array is being filled."""


IN_MEMORY = Room()
