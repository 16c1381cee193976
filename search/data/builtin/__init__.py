"""automl's own data sources, one in each file; importing this package registers them.

The files import what reads the images only when they read.
"""

from __future__ import annotations

from ..source import Source, sources
from .folder_source import FolderSource
from .hub_source import HubSource
from .named_source import NamedSource
from .npz_source import NpzSource
from .paths_source import PathsSource
from .shards_source import ShardsSource

__all__ = ["FolderSource", "HubSource", "NamedSource", "NpzSource", "PathsSource", "ShardsSource"]

_own: tuple[Source, ...] = (NamedSource(), FolderSource(), NpzSource(), PathsSource(), HubSource(), ShardsSource())
for _source in _own:
    sources.add(_source.name, _source)
