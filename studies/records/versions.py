"""Reads the versions of the software on which a result depends."""

from __future__ import annotations

import contextlib
import platform
from importlib.metadata import PackageNotFoundError, version


def versions() -> dict[str, str]:
    """Versions of Python, the platform and the installed packages that can change a result."""
    found = {"python": platform.python_version(), "platform": platform.platform()}
    for package in ("automl", "torch", "timm", "optuna", "ray", "numpy", "sqlalchemy"):
        with contextlib.suppress(PackageNotFoundError):
            found[package] = version(package)
    return found
