"""The images a search trains on: read by a data source, held once in memory, split once.

`load` reads the data set that `--data` names, as a `Reading` chooses; `split` decides which of its
rows train, validate and test; `remarks` says what people should know about that. A new kind of data
set is a `Source` in `sources`. Importing this package imports numpy alone: torch, torchvision,
scikit-learn, Pillow and datasets are imported where they are used.
"""

from __future__ import annotations

from . import builtin as _builtin  # noqa: F401  (registers automl's own sources)
from .data_summary import described, remarks
from .dealing import Split, kept_share, split
from .images import ImageData
from .load import is_named, load
from .reading_options import Reading
from .source import Request, Source, sources

__all__ = [
    "ImageData",
    "Reading",
    "Request",
    "Source",
    "Split",
    "described",
    "is_named",
    "kept_share",
    "load",
    "remarks",
    "sources",
    "split",
]
