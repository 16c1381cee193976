"""automl's own data sources, one in each file; importing this package registers them.

The files import what reads the images only when they read.
"""

from __future__ import annotations

from ..source import Source, sources
from .folder import FolderSource
from .hub import HubSource
from .named import NamedSource
from .npz import NpzSource
from .paths import PathsSource

__all__ = ["FolderSource", "HubSource", "NamedSource", "NpzSource", "PathsSource"]

_own: tuple[Source, ...] = (NamedSource(), FolderSource(), NpzSource(), PathsSource(), HubSource())
for _source in _own:
    sources.add(_source.name, _source)
