"""The imports between the modules of automl, read from their source."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Literal

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ["blocks", "spaces", "studies", "search", "cli"]
"""The folders from the bottom up: imports go to folders further left, never further right."""

Kind = Literal["now", "lazy", "type"]
"""When the module is imported: at once, inside a function, or by type checkers only."""


@dataclass(frozen=True)
class Import:
    """One import in a file."""

    target: str
    """Dotted name; modules of automl without the "automl."."""
    ours: bool
    line: int
    kind: Kind


@cache
def sources() -> list[Path]:
    return [path for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]


def name_of(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def modules() -> dict[str, Path]:
    return {name_of(path): path for path in sources()}


@cache
def imports(path: Path, source: str | None = None) -> list[Import]:
    """Every import of a file; relative ones are resolved against the root folder."""
    known = modules()
    package = path.relative_to(ROOT).parent.parts
    found: list[Import] = []

    def add(target: str, line: int, kind: Kind, relative: bool) -> None:
        ours = relative or target.partition(".")[0] == "automl"
        found.append(Import(target.removeprefix("automl.") if ours else target, ours, line, kind))

    def visit(node: ast.AST, kind: Kind) -> None:
        for child in ast.iter_child_nodes(node):
            inner: Kind = kind
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef) and kind == "now":
                inner = "lazy"
            elif isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
                inner = "type"
            elif isinstance(child, ast.Import):
                for alias in child.names:
                    add(alias.name, child.lineno, kind, False)
            elif isinstance(child, ast.ImportFrom):
                base = package[: len(package) - child.level + 1] if child.level else ()
                module = [*base, *(child.module.split(".") if child.module else [])]
                for alias in child.names:
                    name = ".".join([*module, alias.name])
                    stem = name.removeprefix("automl.")
                    add(name if stem in known else ".".join(module) or name, child.lineno, kind, bool(child.level))
            visit(child, inner)

    visit(ast.parse(path.read_text() if source is None else source), "now")
    return found


def graph(kinds: tuple[Kind, ...] = ("now", "lazy", "type")) -> dict[str, set[str]]:
    """Module of automl -> the modules of automl that it imports."""
    known = modules()
    return {
        name: {
            one.target
            for one in imports(path)
            if one.ours and one.kind in kinds and one.target in known and one.target != name
        }
        for name, path in known.items()
    }


def rooms(of: Mapping[str, set[str]]) -> dict[str, set[str]]:
    """The same between rooms: a room is a file in a folder at the top, or a folder in it."""
    found: dict[str, set[str]] = {}
    for name, targets in of.items():
        room = _room(name)
        found.setdefault(room, set()).update(_room(target) for target in targets if _room(target) != room)
    return found


def _room(name: str) -> str:
    return ".".join(name.split(".")[:2])


def circles(of: Mapping[str, set[str]]) -> list[set[str]]:
    """The strongly connected components of more than one node (Tarjan, 1972)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[set[str]] = []

    def connect(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for target in sorted(of.get(node, ())):
            if target not in index:
                connect(target)
                low[node] = min(low[node], low[target])
            elif target in stack:
                low[node] = min(low[node], index[target])
        if low[node] == index[node]:
            component = set(_popped(stack, node))
            if len(component) > 1:
                found.append(component)

    for node in sorted(of):
        if node not in index:
            connect(node)
    return found


def _popped(stack: list[str], until: str) -> Iterator[str]:
    while True:
        node = stack.pop()
        yield node
        if node == until:
            return
