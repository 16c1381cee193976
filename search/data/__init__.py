"""The images a search trains on: read from wherever they are, held once in memory, split once.

`load` turns what stands after `--data` into an `ImageData`, as a `Reading` chooses; `split` says
which of its rows train, validate and test; `remarks` says what of that a person should know.
Importing this package costs numpy alone: torch, torchvision, scikit-learn, Pillow and datasets are
imported where they are used.
"""

from __future__ import annotations

from .dealing import Split, split
from .images import ImageData
from .load import is_named, load
from .reading import Reading
from .summary import remarks

__all__ = ["ImageData", "Reading", "Split", "is_named", "load", "remarks", "split"]
