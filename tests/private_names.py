"""Private names of libraries that a source file uses, read from its syntax.

Private is a name with a leading underscore: in a dotted name that is imported, spelled out or held
in a string, as an attribute, as a keyword argument, as a key of a dict. Some names without one are
internal all the same.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeGuard

from .import_graph import ROOT

FENCE = {
    "optuna": "studies/database/optuna_private.py",
    "ray": "search/workers/ray_private.py",
    "timm": "blocks/modules/timm_private.py",
}
"""The one module that may use private names of a library."""

INTERNAL = {
    "ray.tune.execution": "what runs Tune's trials",
    "scoped_session": "Optuna's sessions of SQLAlchemy",
    "temporary_state": "of a trial of Tune",
    "all_processes": "of Ray's node",
    "kill_all_processes": "of Ray's node",
}
"""Modules and attributes that no underscore marks."""

FREE = {
    "_modules": "torch's submodules by name, those that are None included",
    "_fields": "of a named tuple: documented",
    "_automl_tag": "of a tensor: our own, which tracing sets",
}
"""Private attributes of objects of other libraries, by the reason."""

Nodes = Sequence[ast.AST]

_DOTTED = re.compile(rf"\b(?:{'|'.join(FENCE)})(?:\.\w+)*\._[A-Za-z]\w*")
_MODULES = tuple(name for name in INTERNAL if "." in name)


def private_names(path: Path, source: str | None = None) -> list[str]:
    """Private names of the libraries in `FENCE` that a file uses outside their fence.

    An attribute with an underscore is taken for one of theirs, unless it belongs to `self` or
    `cls`, is defined in the same file, or belongs to a module of another library (`os._exit`).
    """
    place = path.relative_to(ROOT).as_posix()
    nodes = list(ast.walk(ast.parse(path.read_text() if source is None else source)))
    imported = _imported(nodes)
    fenced_off = {library for library, fence in FENCE.items() if fence == place}
    found = []
    for line, name in sorted({*_dotted(nodes, imported), *([] if fenced_off else _attributes(nodes, imported))}):
        if name.partition(".")[0] not in fenced_off:
            found.append(f"{place}:{line} uses {name}")
    return found


def _dotted(nodes: Nodes, imported: Mapping[str, str]) -> Iterator[tuple[int, str]]:
    """Lines and dotted names that begin with the name of a library: of imports, in code, in
    strings."""
    documentation = _docstrings(nodes)
    for node in nodes:
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Attribute) and (chain := _chain(node)):
            names = [".".join([imported.get(chain[0], ""), *chain[1:]])]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in documentation:
            names = [node.value]
        for name in names:
            if inside := _DOTTED.search(name):
                yield node.lineno, inside.group()
            for module in _MODULES:
                if f"{module}." in f"{name}.":
                    yield node.lineno, module


def _attributes(nodes: Nodes, imported: Mapping[str, str]) -> Iterator[tuple[int, str]]:
    """Lines and names of private attributes, keyword arguments and keys."""
    own = _own(nodes)
    for node in nodes:
        name = ""
        if isinstance(node, ast.Attribute):
            chain = _chain(node)
            root = imported.get(chain[0], "") if chain else ""
            if root and root.partition(".")[0] not in FENCE:
                continue
            optunas = bool(chain) and chain[0] != "self" and chain[-2].endswith("study")
            if node.attr in INTERNAL or (_is_private(node.attr) and optunas):
                yield node.lineno, node.attr
            elif len(chain) != 2 or chain[0] not in ("self", "cls"):
                name = node.attr
        elif isinstance(node, ast.keyword):
            name = node.arg or ""
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id.endswith("attr"):
            name = _text(node.args[1]) if len(node.args) > 1 else ""  # getattr, setattr, hasattr
            if name in INTERNAL:
                yield node.lineno, name
        elif isinstance(node, ast.Subscript):
            name = _text(node.slice)
        elif isinstance(node, ast.Dict):
            for key in node.keys:
                if key is not None and _is_private(_text(key)):
                    yield key.lineno, _text(key)
        if _is_private(name) and name not in own and name not in FREE:
            yield getattr(node, "lineno", 0), name


def _is_private(name: str) -> bool:
    return name[:1] == "_" and name[1:2].isalpha() and name.isidentifier()


def _text(node: ast.expr) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def _chain(node: ast.expr) -> list[str]:
    """`a.b.c` as ["a", "b", "c"]; empty if it begins with something else than a name."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    return [node.id, *names[::-1]] if isinstance(node, ast.Name) else []


def _imported(nodes: Nodes) -> dict[str, str]:
    """What the names that a file imports stand for; those of automl are left out."""
    found: dict[str, str] = {}
    for node in nodes:
        if isinstance(node, ast.Import):
            for alias in node.names:
                found[alias.asname or alias.name.partition(".")[0]] = (
                    alias.name if alias.asname else alias.name.partition(".")[0]
                )
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return found


def _docstrings(nodes: Nodes) -> set[int]:
    """Strings that stand alone."""
    return {id(node.value) for node in nodes if isinstance(node, ast.Expr)}


def _is_stored(node: ast.AST) -> TypeGuard[ast.Name]:
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)


def _own(nodes: Nodes) -> set[str]:
    """Names that a file defines: functions, classes, names in classes, attributes of `self`."""
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and _chain(node)[:-1] == ["self"]:
            found.add(node.attr)
        if isinstance(node, ast.ClassDef):
            found |= {one.id for part in node.body for one in ast.walk(part) if _is_stored(one)}
    return found
