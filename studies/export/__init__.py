"""Writes a trained network as a folder: its weights, a Python file that needs only torch and timm,
what is known about it, and further formats such as ONNX.

A new format is an `Exporter` in `exporters`.

Importing this package imports no torch.
"""

from __future__ import annotations

from . import builtin as _builtin  # noqa: F401  (registers automl's own exporters)
from .export_folder import Exported, export_network
from .exporter import DEFAULT_FORMATS, Context, Exporter, NotExported, exporters
from .facts import Facts
from .family_folder import Relative, export_family

__all__ = [
    "DEFAULT_FORMATS",
    "Context",
    "Exported",
    "Exporter",
    "Facts",
    "NotExported",
    "Relative",
    "export_family",
    "export_network",
    "exporters",
]
