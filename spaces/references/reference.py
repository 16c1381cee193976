"""A reference network: a published network, and the rows of networks that it is scaled to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..architectures import Architecture
from ..scaling.baseline import Baseline

Strides = Literal["published", "fitted"]
"""Where a network halves its maps: as published, or fitted to the image (the dimension
`strides`)."""


@dataclass(frozen=True, kw_only=True)
class Reference:
    """A published network that others are compared with."""

    name: str
    """The name that it is registered under."""
    network: Architecture
    """The network, as settings of a skeleton."""
    source: str
    """Where it is published, e.g. "He et al., CVPR 2016, arXiv:1512.03385"."""

    def __hash__(self) -> int:
        """Hash of name and source; the settings of the network are a dict, which has no hash."""
        return hash((self.name, self.source))

    def baseline(
        self, *, strides: Strides = "published", image_size: int | None = None, classes: int = 1000, channels: int = 3
    ) -> Baseline:
        """Return the network as a baseline that can be scaled.

        Args:
            strides: its own strides, or strides fitted to the image.
            image_size: height and width of an input in pixels; None takes the published size.
            classes: outputs of the classifier.
            channels: channels of an input.

        Raises:
            InputError: the settings are none of the skeleton.
        """
        dimensions = {} if strides == "published" else {"strides": strides}
        base = Baseline.of_architecture(self.network, self.name, **dimensions)
        base = base if image_size is None else base.resized(image_size)
        return base.adapted(classes=classes, channels=channels)
