"""automl's own exporters, one in each file; importing this package registers them.

The files import what writes the format only when they write.
"""

from __future__ import annotations

from ..exporter import Exporter, exporters
from .onnx import OnnxExporter

__all__ = ["OnnxExporter"]

_own: tuple[Exporter, ...] = (OnnxExporter(),)
for _exporter in _own:
    exporters.add(_exporter.name, _exporter)
