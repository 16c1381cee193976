"""Parses a Python file from which modules are copied: its top-level statements, the names that each
binds, and those that each needs."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import inspect
import symtable
import sys
import tokenize
from collections import defaultdict
from collections.abc import Iterator
from types import FunctionType, ModuleType
from typing import Any

from ...blocks.errors import InputError


class Origin:
    """A file, parsed once."""

    def __init__(self, file: str, module: str, package: str) -> None:
        self.file = file
        self.module = module
        self.package = package
        with tokenize.open(file) as stream:
            self._lines = stream.read().splitlines()
        self.tree: ast.Module = ast.parse("\n".join(self._lines) + "\n")
        self.bindings: defaultdict[str, list[ast.stmt]] = defaultdict(list)
        for statement in self.tree.body:
            for name, binding in bound(statement):
                declared = isinstance(binding, ast.AnnAssign) and binding.value is None
                if not declared and binding not in self.bindings[name]:
                    self.bindings[name].append(binding)

    @property
    def doc(self) -> str:
        """The file's docstring."""
        return ast.get_docstring(self.tree) or ""

    @property
    def postponed(self) -> bool:
        """Whether annotations are not evaluated in this file."""
        return any(
            isinstance(s, ast.ImportFrom) and s.module == "__future__" and s.names[0].name == "annotations"
            for s in self.tree.body
        )

    def span(self, statement: ast.stmt) -> tuple[int, int]:
        """First and last line of `statement`, from 1: with decorators, with the comment right above
        and the docstring below a constant."""
        first = min([statement.lineno, *(decorator.lineno for decorator in getattr(statement, "decorator_list", []))])
        last = statement.end_lineno or statement.lineno
        while first > 1 and self._lines[first - 2].startswith("#"):
            first -= 1
        if isinstance(statement, ast.Assign | ast.AnnAssign):
            after = next((s for s in self.tree.body if s.lineno > last), None)
            if (
                isinstance(after, ast.Expr)
                and isinstance(after.value, ast.Constant)
                and isinstance(after.value.value, str)
            ):
                last = after.end_lineno or after.lineno
        return first, last

    def text(self, statement: ast.stmt) -> str:
        """The source of `statement`."""
        first, last = self.span(statement)
        return "\n".join(self._lines[first - 1 : last])

    def needs(self, statement: ast.stmt) -> list[str]:
        """The global names `statement` uses, those in annotations included, sorted."""
        found = set(_globals(symtable.symtable(self.text(statement), self.file, "exec")))
        for annotation in _annotations(statement):
            for node in ast.walk(annotation):
                if isinstance(node, ast.Name):
                    found.add(node.id)
                elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                    found |= _names_in(node.value)
        return sorted(found)

    def absolute(self, statement: ast.ImportFrom) -> str:
        """The absolute name of the module that `statement` imports from."""
        return (
            importlib.util.resolve_name("." * statement.level + (statement.module or ""), self.package)
            if statement.level
            else str(statement.module)
        )


def find(value: Any) -> Origin:
    """The file that a class or function is defined in.

    Raises:
        InputError: it is not at the top level of a file.
    """
    if value.__qualname__ != value.__name__:
        raise InputError(
            f"{value.__qualname__} cannot be exported: a class or function must be defined at the top level of a file"
            " to be copied"
        )
    for function in (value, *vars(value).values()):
        function = inspect.unwrap(function) if callable(function) else function
        if (
            isinstance(function, FunctionType)
            and function.__module__ == value.__module__
            and not function.__code__.co_filename.startswith("<")
        ):
            space = function.__globals__
            return _read(
                value.__name__, function.__code__.co_filename, space.get("__name__", ""), space.get("__package__") or ""
            )
    return of_module(value.__module__, value.__name__)


def of_module(module: str, wanted: str) -> Origin:
    """The file of the module called `module`, in which `wanted` is looked for.

    Raises:
        InputError: there is no such file.
    """
    found: ModuleType | None = sys.modules.get(module)
    if found is None:
        try:
            found = importlib.import_module(module)
        except ImportError as error:
            raise InputError(f"{wanted} cannot be exported: its module {module} cannot be imported ({error})") from None
    return _read(wanted, getattr(found, "__file__", None) or "", module, getattr(found, "__package__", None) or "")


def _read(wanted: str, file: str, module: str, package: str) -> Origin:
    try:
        return Origin(file, module, package)
    except (OSError, SyntaxError):
        raise InputError(
            f"{wanted} cannot be exported: its source must be in a file that can be read, but {file or module!r} cannot"
        ) from None


def bound(statement: ast.stmt) -> Iterator[tuple[str, ast.stmt]]:
    """Each name that a top-level statement binds, and the statement to copy or import for it."""
    if isinstance(statement, ast.Import):
        for alias in statement.names:
            yield alias.asname or alias.name.partition(".")[0], statement
    elif isinstance(statement, ast.ImportFrom):
        for alias in statement.names:
            yield alias.asname or alias.name, statement
    elif isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield statement.name, statement
    elif isinstance(statement, ast.If) and ast.unparse(statement.test) in ("TYPE_CHECKING", "typing.TYPE_CHECKING"):
        # its imports are made for good; another statement of it is copied within the condition
        for inner in statement.body:
            for name, binding in bound(inner):
                yield (
                    name,
                    (
                        inner
                        if isinstance(inner, ast.Import | ast.ImportFrom)
                        else statement
                        if binding is inner
                        else binding
                    ),
                )
    elif isinstance(
        statement, ast.Assign | ast.AnnAssign | ast.AugAssign | ast.If | ast.Try | ast.With | ast.For | ast.While
    ):
        for node in ast.walk(statement):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                yield node.id, statement
            elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                yield node.name, statement
            elif isinstance(node, ast.Import | ast.ImportFrom):
                yield from ((name, statement) for name, _ in bound(node))


def _globals(table: symtable.SymbolTable) -> Iterator[str]:
    """The names that a piece of source takes from outside itself, and those it binds and uses
    itself."""
    outermost = table.get_type() == "module"
    for symbol in table.get_symbols():
        if symbol.is_referenced() if outermost else symbol.is_global():
            yield symbol.get_name()
    for child in table.get_children():
        yield from _globals(child)


def _annotations(statement: ast.stmt) -> Iterator[ast.expr]:
    for node in ast.walk(statement):
        for name in ("annotation", "returns"):
            annotation = getattr(node, name, None)
            if isinstance(annotation, ast.expr):
                yield annotation


def _names_in(annotation: str) -> set[str]:
    """The names in an annotation written as a string; none in a string that is no expression, such
    as a literal's value."""
    try:
        return {node.id for node in ast.walk(ast.parse(annotation, mode="eval")) if isinstance(node, ast.Name)}
    except SyntaxError:
        return set()
