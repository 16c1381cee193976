"""Parts by name: automl's own, those that a user registers, and those of installed packages.

Every kind of part that can be added has one `Registry` and one group of entry points. A package
declares its parts in its pyproject.toml:

    [project.entry-points."automl.blocks"]
    gate = "their_package.gate"          # a module that registers parts when it is imported
    gate2 = "their_package.more:Gate2"   # or a part, registered under the entry's name

Entry points are loaded when a registry is first asked for a name, in the driver and in every
worker, so a command that needs no such part pays nothing. A part that cannot be loaded is left out
with a warning that names its package; only asking for it by name is an error. If two packages
declare the same name, neither is taken: a name must not depend on the order of installation.
"""

from __future__ import annotations

import sys
import warnings
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import RLock
from types import ModuleType
from typing import TYPE_CHECKING, Generic, TypeVar

from .errors import InputError, unknown

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

T = TypeVar("T")


class PluginWarning(UserWarning):
    """A part of an installed package was left out."""


def _module_of(part: object) -> str:
    """The module that defines a class or a function, or the class of an instance."""
    return str(getattr(part, "__module__", ""))


class Registry(Generic[T]):
    """The parts of one kind, by name."""

    def __init__(
        self,
        kind: str,
        group: str,
        *,
        accept: Callable[[str, object], T],
        home: Callable[[T], str] = _module_of,
        error: type[InputError] = InputError,
    ) -> None:
        """Create an empty registry.

        Args:
            kind: what a part is called in messages, e.g. "sampler".
            group: the group of entry points, e.g. "automl.samplers".
            accept: called with a name and an object; returns the part to register, or raises
                InputError if the object is not one.
            home: the module a part comes from; decides which parts are automl's own.
            error: the class of the errors raised here.
        """
        self.kind: str = kind
        self.group: str = group
        self.known: dict[str, T] = {}
        """Registered parts by name, in order of registration."""
        self.refused: dict[str, str] = {}
        """Entry point that could not be loaded -> the reason, naming the package."""
        self.origins: dict[str, str] = {}
        """Name of a part -> the installed package that it comes with."""
        self.modules: set[str] = set()
        """Top-level modules of those packages."""
        self._accept, self._home, self._error = accept, home, error
        self._lock = RLock()
        self._looked = self._done = False

    def add(self, name: str, part: object) -> T:
        """Register `part` under `name`. In a script or a notebook, a part of the same class or
        function replaces the earlier one.

        Raises:
            InputError: the name is taken, or `part` is not a part of this kind.
        """
        if name in self.known and not self._again(self.known[name], part):
            taken = f"{_named(self.known[name])} of {self._home(self.known[name])}"
            raise self._error(
                f"the {self.kind} name {name!r} is taken by {taken}; {_module_of(part)} needs another one"
            )
        accepted = self.known[name] = self._accept(name, part)
        return accepted

    def _again(self, known: T, part: object) -> bool:
        """Whether a notebook's cell, run again, registers what it has registered before."""
        return self._home(known) == _module_of(part) == "__main__" and _named(known) == _named(part)

    def get(self, name: str) -> T:
        """The part registered under `name`, those of installed packages included.

        Raises:
            InputError: there is none; the message names the nearest, or says why a package's part
                was left out.
        """
        found = self.find(name)
        if found is None:
            raise self.missing(name)
        return found

    def find(self, name: str) -> T | None:
        """The part registered under `name`, those of installed packages included; None if there is
        none."""
        self.load()
        return self.known.get(name)

    def missing(self, name: str, otherwise: InputError | None = None) -> InputError:
        """The error for a name that `find` does not know: why a package's part was left out;
        `otherwise` this one, or one that names the nearest."""
        if name in self.refused:
            return self._error(self.refused[name])
        return otherwise or unknown(self.kind, name, self.known)

    def names(self) -> list[str]:
        """All names, in order of registration; those of installed packages come last."""
        self.load()
        return list(self.known)

    def parts(self) -> dict[str, T]:
        """All parts by name, those of installed packages included."""
        self.load()
        return dict(self.known)

    def foreign(self) -> dict[str, T]:
        """Parts that come neither with automl nor with an installed package that declares them: a
        worker cannot find them by itself."""
        return {
            name: part
            for name, part in self.known.items()
            if not self._home(part).startswith("automl.") and name not in self.origins
        }

    def adopt(self, parts: Mapping[str, T]) -> None:
        """Register parts of another process; a name that is known here already is kept."""
        for name, part in parts.items():
            self.known.setdefault(name, part)

    def load(self) -> None:
        """Register the parts that installed packages declare; only the first call does anything."""
        if self._done:
            return
        with self._lock:
            if self._looked:
                return
            self._looked = True  # before loading: a module may ask for names while it is imported
            for name, entries in sorted(self._declared().items()):
                try:
                    self._load(name, entries)
                except (Exception, SystemExit) as error:  # a package's module may raise anything
                    known = isinstance(error, InputError)
                    reason = str(error) if known else f"{type(error).__name__}: {error}".splitlines()[0]
                    self.refused[name] = f"the {self.kind} {name!r} of {_packages(entries)} is left out: {reason}"
                    warnings.warn(self.refused[name], PluginWarning, stacklevel=2)
            self._done = True

    def _load(self, name: str, entries: list[EntryPoint]) -> None:
        if len(entries) > 1:
            values = ", ".join(entry.value for entry in entries)
            raise self._error(f"one name must be declared by one package, but got {values}")
        [entry] = entries
        with self._all_or_nothing(entry.module.partition(".")[0]):
            before = set(self.known)
            found = entry.load()
            if isinstance(found, ModuleType):
                own = [key for key, part in self.known.items() if key not in before or self._belongs(part, found)]
                if not own:
                    raise self._error(f"the module {entry.value} must register a {self.kind}, but registers none")
            else:
                own = [key for key, part in self.known.items() if part is found or key not in before]
                if not own and name in self.known and self._home(self.known[name]) == _module_of(found):
                    own = [name]  # its module was imported earlier, and has registered it then
                if not own:
                    self.add(name, found)
                    own = [name]
        self.origins |= dict.fromkeys(own, _package(entry))
        self.modules.add(entry.module.partition(".")[0])

    def _belongs(self, part: T, module: ModuleType) -> bool:
        """Whether a part registered earlier comes from `module`, which was imported before.

        Parts of automl that the module imports do not count.
        """
        home = self._home(part)
        exposed = any(part is value for value in vars(module).values()) and not home.startswith("automl.")
        return exposed or f"{home}.".startswith(f"{module.__name__}.")

    def _declared(self) -> dict[str, list[EntryPoint]]:
        from importlib.metadata import entry_points

        found: defaultdict[str, dict[tuple[str, str], EntryPoint]] = defaultdict(dict)
        for entry in entry_points(group=self.group):
            # an installation that is found twice on the path counts once
            found[entry.name][(_package(entry), entry.value)] = entry
        return {name: [entries[key] for key in sorted(entries)] for name, entries in found.items()}

    @contextmanager
    def _all_or_nothing(self, package: str) -> Iterator[None]:
        """Restore the registry if the body fails, and forget the modules of `package` that it
        imported, so that another entry point can import them."""
        before, modules = dict(self.known), set(sys.modules)
        try:
            yield
        except BaseException:
            self.known.clear()
            self.known.update(before)
            for name in set(sys.modules) - modules:
                if name.partition(".")[0] == package:
                    del sys.modules[name]
            raise


def conforming(name: str, part: object, *, a: str, fields: Mapping[str, type], methods: Sequence[str]) -> object:
    """`part`, or an instance of it if it is a class, once it has what its protocol asks for.

    Args:
        name: the name that it is registered under, which must be its own.
        part: the object or class.
        a: what it is called in messages, e.g. "an exporter".
        fields: attribute -> its type.
        methods: names of its methods.

    Raises:
        InputError: it lacks something, or has another name.
    """
    made = part() if isinstance(part, type) else part
    wrong = [field for field, kind in fields.items() if not isinstance(getattr(made, field, None), kind)]
    wrong += [method for method in methods if not callable(getattr(made, method, None))]
    if wrong:
        *first, last = methods
        needed = f"{', '.join([*fields, *first])} and {last}"
        raise InputError(f"{a} must have {needed}, but {made!r} lacks {', '.join(wrong)}")
    own = getattr(made, "name", None)
    if own != name:
        raise InputError(f"{a} must have the name it is registered under, {name!r}, but has {own!r}")
    return made


def _named(part: object) -> str:
    return str(getattr(part, "__qualname__", type(part).__qualname__))


def _package(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist is not None else entry.module.partition(".")[0]


def _packages(entries: list[EntryPoint]) -> str:
    names = " and ".join(_package(entry) for entry in entries)
    return f"the package{'s' if len(entries) > 1 else ''} {names}"
