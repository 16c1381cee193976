"""A network handed over: a folder with its weights, a Python file that needs only torch and timm,
its ONNX form, and what is known about it.

Importing this package imports no torch.
"""

from __future__ import annotations

from .facts import Facts
from .family_folder import Relative, export_family
from .folder import Exported, export_network

__all__ = ["Exported", "Facts", "Relative", "export_family", "export_network"]
