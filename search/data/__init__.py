"""The images a search trains on: read from wherever they are, held once in memory, split once.

`load` turns what stands after `--data` into an `ImageData`; `split` says which of its rows train, validate and test.
Importing this package costs numpy alone: torch, torchvision, scikit-learn, Pillow and datasets are imported where they are used.
"""

from __future__ import annotations

from .images import ImageData, Split, split
from .load import is_named, load

__all__ = ["ImageData", "Split", "is_named", "load", "split"]
