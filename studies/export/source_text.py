"""Gathers the source that a network needs: the statements that define its classes and everything
these use, from any number of files.

What is installed (torch, timm, Python's own library) is imported; the rest, this project's modules
and the user's, is copied. Within a file the statements keep their order, and files come in the
order of their imports, so that whatever ran there runs here.
"""

from __future__ import annotations

import ast
import builtins
import importlib
from collections.abc import Iterable
from textwrap import wrap
from types import ModuleType
from typing import Any

from ...blocks.errors import InputError
from . import origin
from .imports import Import, is_library
from .origin import Origin

WIDTH = 100
ITSELF = "model.py itself"


class Sources:
    """Gathers the statements and imports that names need."""

    def __init__(self, reserved: Iterable[str] = ()) -> None:
        """`reserved` are names that the generated file defines itself."""
        self.imports: dict[str, Import] = {}
        self._owner: dict[str, str] = dict.fromkeys(reserved, ITSELF)
        self._endings: list[str] = []
        self._origins: dict[str, Origin] = {}
        self._statements: dict[str, dict[int, ast.stmt]] = {}
        self._after: dict[str, dict[str, None]] = {}
        self._aliases: dict[str, list[str]] = {}
        self._done: set[tuple[str, str]] = set()

    @property
    def postponed(self) -> bool:
        """Whether one of the files relies on annotations not being evaluated."""
        return any(found.postponed for file, found in self._origins.items() if self._statements[file])

    def add(self, value: Any) -> None:
        """Take what is needed for the class or function `value` to be known under its name.

        Raises:
            InputError: it, or something it uses, cannot be copied; or two definitions have one
                name.
        """
        module, name = str(value.__module__), str(value.__name__)
        if is_library(module):
            self.take_import(_public(module, name, value), f"the use of {name}")
        else:
            found = self._known(origin.find(value))
            self._need(found, name, name)

    def add_ending(self, module: str, *wanted: str) -> None:
        """Take the definitions `wanted` of automl's module `module`; the generated file ends with
        them, after those of earlier calls."""
        found = self._known(origin.of_module(module, wanted[0]))
        self._endings.append(found.file)
        for name in wanted:
            self._need(found, name, name)

    def take_import(self, entry: Import, where: str) -> None:
        """Take an import; `where` it comes from stands in the error for a name that is taken."""
        other = self.imports.get(entry.bound)
        if other is None:
            self._claim(entry.bound, where)
            self.imports[entry.bound] = entry
        elif other != entry and other.value() is not entry.value():
            raise self._clash(entry.bound, where)

    def text(self) -> str:
        """The definitions, files after those they need; each file's docstring heads its own as a
        comment."""
        files = [
            file
            for file in self._in_order()
            if file not in self._endings and (self._statements[file] or self._aliases[file])
        ]
        return "\n\n\n".join(part for file in files for part in (self._heading(file), self._section(file)) if part)

    def ending(self) -> str:
        """The definitions with which the generated file ends."""
        return "\n\n\n".join(map(self._section, self._endings))

    def _in_order(self) -> list[str]:
        order: dict[str, None] = {}

        def visit(file: str, above: tuple[str, ...]) -> None:
            if file not in order and file not in above:
                for other in self._after[file]:
                    visit(other, (*above, file))
                order[file] = None

        for file in self._origins:
            visit(file, ())
        return list(order)

    def _heading(self, file: str) -> str:
        return "\n".join(
            f"# {line}".rstrip() for text in self._origins[file].doc.splitlines() for line in wrap(text, WIDTH) or [""]
        )

    def _section(self, file: str) -> str:
        found = self._origins[file]
        text = "\n".join(self._aliases[file])
        before = -1  # last line of the statement before, where that was a plain constant
        for _, statement in sorted(self._statements[file].items()):
            first, last = found.span(statement)
            plain = isinstance(statement, ast.Assign | ast.AnnAssign)
            text += (
                ("\n" if plain and first == before + 1 else "\n\n" if plain and before >= 0 else "\n\n\n")
                if text
                else ""
            )
            text += found.text(statement)
            before = last if plain else -1
        return text

    def _known(self, found: Origin) -> Origin:
        if found.file not in self._origins:
            self._origins[found.file] = found
            self._statements[found.file], self._after[found.file], self._aliases[found.file] = {}, {}, []
        return self._origins[found.file]

    def _need(self, found: Origin, name: str, user: str) -> None:
        if (found.file, name) in self._done:
            return
        self._done.add((found.file, name))
        statements = found.bindings.get(name)
        if not statements:
            if (
                self._owner.get(name) == ITSELF
                or hasattr(builtins, name)
                or (name.startswith("__") and name.endswith("__"))
            ):
                return
            raise InputError(
                f"{user} cannot be exported: {name!r}, which it uses, must be defined or imported by name at the top"
                f" level of {found.file}"
            )
        for statement in statements:
            if isinstance(statement, ast.Import | ast.ImportFrom):
                self._need_import(found, statement, name)
            elif statement.lineno not in self._statements[found.file]:
                for each, _ in origin.bound(statement):
                    self._claim(each, found.file)
                _check_inner_imports(found, statement, user)
                self._statements[found.file][statement.lineno] = statement
                for other in found.needs(statement):
                    self._need(found, other, user if isinstance(statement, ast.Assign) else name)

    def _need_import(self, found: Origin, statement: ast.Import | ast.ImportFrom, name: str) -> None:
        for alias in statement.names:
            if name != (
                alias.asname or (alias.name if isinstance(statement, ast.ImportFrom) else alias.name.partition(".")[0])
            ):
                continue
            module = found.absolute(statement) if isinstance(statement, ast.ImportFrom) else alias.name
            taken = alias.name if isinstance(statement, ast.ImportFrom) else None
            entry = Import(module=module, name=taken, alias=alias.asname if alias.asname != taken else None)
            if is_library(module):
                self.take_import(entry, found.file)
                continue
            if taken is None or isinstance(getattr(importlib.import_module(module), taken, None), ModuleType):
                raise InputError(
                    f"{found.file}:{statement.lineno}: {name} is a module of your own, which cannot be copied; import"
                    " what is used of it by name"
                )
            target = self._known(origin.of_module(module, taken))
            if target is not found:
                self._after[found.file][target.file] = None
            self._need(target, taken, taken)
            if entry.alias:
                self._claim(entry.alias, found.file)
                self._aliases[found.file].append(f"{entry.alias} = {taken}")

    def _claim(self, name: str, where: str) -> None:
        where = ITSELF if where in self._endings else where
        if self._owner.setdefault(name, where) != where:
            raise self._clash(name, where)

    def _clash(self, name: str, where: str) -> InputError:
        return InputError(
            f"one file cannot hold two things called {name!r}, but {self._owner[name]} and {where} each define one;"
            " rename one of them"
        )


def _public(module: str, name: str, value: object) -> Import:
    """How a class or function of a library is imported: from where it is documented."""
    top = {"torch": "torch", "timm": "timm.layers"}.get(module.partition(".")[0], module)
    if module.startswith("torch.nn.modules") and getattr(importlib.import_module("torch.nn"), name, None) is value:
        return Import(module="torch", name="nn")
    return Import(module=top if getattr(importlib.import_module(top), name, None) is value else module, name=name)


def _check_inner_imports(found: Origin, statement: ast.stmt, user: str) -> None:
    """Refuse an import inside a statement that is to be copied, of something that will not be
    there."""
    for node in ast.walk(statement):
        if isinstance(node, ast.Import | ast.ImportFrom):
            for module in (
                [found.absolute(node)] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names]
            ):
                if not is_library(module):
                    place = f"{found.file}:{node.lineno}"
                    raise InputError(
                        f"{place}: {user} imports {module} on the way; import it at the top of the file, so that it can"
                        " be copied"
                    )
