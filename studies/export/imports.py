"""Writes the import lines of a generated file: decides what counts as a library, and in which order
the lines stand."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import sysconfig
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ...blocks.block import blocks

_OURS = __name__.partition(".")[0]
_WIDTH = 88  # a longer line is broken by a trailing comma, which every import sorter leaves alone


@dataclass(frozen=True, kw_only=True)
class Import:
    """One imported name."""

    module: str
    """Absolute name of the module."""
    name: str | None = None
    """What is taken from it; None: the module itself."""
    alias: str | None = None
    """What it is called here, if otherwise."""

    @property
    def bound(self) -> str:
        """The name it is known by afterwards."""
        return self.alias or self.name or self.module.partition(".")[0]

    def value(self) -> object:
        """What is imported."""
        module = importlib.import_module(self.module)
        if self.name is None:
            return module if self.alias else sys.modules[self.bound]
        return (
            getattr(module, self.name)
            if hasattr(module, self.name)
            else importlib.import_module(f"{self.module}.{self.name}")
        )


def is_library(module: str) -> bool:
    """Whether `module` is imported by a generated file rather than copied into it: Python's own, or
    installed, and not of this project.

    A file of the user's, an editable install included, lies outside the folders of installed
    packages and is copied; so is a package that blocks come from.
    """
    top = module.partition(".")[0]
    blocks.load()
    if top == _OURS or top in blocks.modules:
        return False
    if top in sys.stdlib_module_names:
        return True
    loaded = sys.modules.get(top)
    if loaded is not None:
        places = [loaded.__file__] if getattr(loaded, "__file__", None) else list(getattr(loaded, "__path__", []))
    else:
        spec = importlib.util.find_spec(top)  # None: a file that was loaded from its path
        places = [] if spec is None else [spec.origin, *(spec.submodule_search_locations or [])]
    installed = [Path(sysconfig.get_path(kind)).resolve() for kind in ("purelib", "platlib")]
    return any(Path(str(place)).resolve().is_relative_to(folder) for place in places if place for folder in installed)


def requirements(imports: Iterable[Import]) -> list[str]:
    """The installed packages that `imports` need, sorted."""
    tops = {entry.module.partition(".")[0] for entry in imports}
    return sorted(top for top in tops if top not in sys.stdlib_module_names)


def render(imports: Iterable[Import]) -> str:
    """Writes the import lines of a generated file: decides what counts as a library, and in which
    order the lines stand."""
    entries = list(imports)
    sections = [
        [e for e in entries if (e.module.partition(".")[0] in sys.stdlib_module_names) is stdlib]
        for stdlib in (True, False)
    ]
    return "\n\n".join("\n".join(_lines(section)) for section in sections if section)


def _lines(entries: list[Import]) -> list[str]:
    plain = sorted((e for e in entries if e.name is None), key=lambda e: (e.module.lower(), e.alias or ""))
    lines = [f"import {e.module}" + (f" as {e.alias}" if e.alias else "") for e in plain]
    members: defaultdict[str, list[Import]] = defaultdict(list)
    for entry in entries:
        if entry.name is not None:
            # a renamed member stands on a line of its own, as isort has it
            members[entry.module if not entry.alias else f"{entry.module} {entry.name} {entry.alias}"].append(entry)
    for key in sorted(members, key=lambda key: (key.partition(" ")[0].lower(), _order(members[key][0].name or ""))):
        module = members[key][0].module
        names = [
            f"{e.name} as {e.alias}" if e.alias else str(e.name)
            for e in sorted(members[key], key=lambda e: _order(e.name or ""))
        ]
        line = f"from {module} import {', '.join(names)}"
        lines.append(line if len(line) <= _WIDTH else f"from {module} import (\n    " + ",\n    ".join(names) + ",\n)")
    return lines


def _order(name: str) -> tuple[int, str]:
    """isort's order of members: CONSTANTS, Classes, functions."""
    kind = 0 if name.isupper() and len(name) > 1 else 1 if name[:1].isupper() else 2
    return kind, name.lower()
