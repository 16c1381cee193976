"""The folders in which data sets are looked for and kept where the user names none."""

from __future__ import annotations

import os
from pathlib import Path


def default_data_dir() -> Path:
    """The default folder of downloaded data sets: `automl` in the user's cache folder."""
    return Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")) / "automl"


def default_cache_dir() -> Path:
    """The default folder of decoded data sets, below that of the downloaded ones."""
    return default_data_dir() / "decoded"
