"""Blocks of installed packages, found through the entry points of the group `automl.blocks`.

A package declares them in its pyproject.toml:

    [project.entry-points."automl.blocks"]
    gate = "their_package.gate"          # a module that registers blocks when it is imported
    gate2 = "their_package.more:Gate2"   # or a block class, registered under the entry's name
    unless it registers itself

They are looked for when a block is first asked for by name, in this process and in every worker
alike: a command that needs no block pays nothing. What cannot be loaded is left out with a warning
that names its package; only what asks for it by name fails. Where two packages declare one name,
neither is taken: which network a name means must not depend on the order of installation.
"""

from __future__ import annotations

import sys
import warnings
from collections import defaultdict
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from threading import RLock
from types import ModuleType
from typing import TYPE_CHECKING

from .errors import InvalidBlock

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from .block import Block

GROUP = "automl.blocks"


class PluginWarning(UserWarning):
    """A package's blocks were left out."""


class Plugins:
    """The entry points of the installed packages, loaded into a registry once."""

    def __init__(self, registry: MutableMapping[str, type[Block]]) -> None:
        self.refused: dict[str, str] = {}
        """Entry's name → why its blocks are not known, with the package."""
        self.origins: dict[str, str] = {}
        """Block's name → the package it comes with."""
        self.modules: set[str] = set()
        """Top-level modules of those packages: an export copies what it needs of them, as of the
        user's own files."""
        self._registry = registry
        self._lock = RLock()
        self._looked = self._done = False

    def load(self) -> None:
        """Register what the installed packages declare; does nothing from the second call on."""
        if self._done:
            return
        with self._lock:
            if self._looked:
                return
            self._looked = True  # before loading: a module may ask for names while it is imported
            for name, entries in sorted(_declared().items()):
                try:
                    self._load(name, entries)
                except (Exception, SystemExit) as error:  # whatever a stranger's module raises
                    reason = (
                        str(error)
                        if isinstance(error, InvalidBlock)
                        else f"{type(error).__name__}: {error}".splitlines()[0]
                    )
                    self.refused[name] = f"the block {name!r} of {_packages(entries)} is left out: {reason}"
                    warnings.warn(self.refused[name], PluginWarning, stacklevel=2)
            self._done = True

    def _load(self, name: str, entries: list[EntryPoint]) -> None:
        if len(entries) > 1:
            raise InvalidBlock(
                f"one name must be declared by one package, but got {', '.join(entry.value for entry in entries)}"
            )
        [entry] = entries
        with _all_or_nothing(self._registry, entry.module.partition(".")[0]):
            before = set(self._registry)
            found = entry.load()
            if isinstance(found, ModuleType):
                own = [key for key, cls in self._registry.items() if key not in before or _belongs(cls, found)]
                if not own:
                    raise InvalidBlock(f"the module {entry.value} must register a block, but registers none")
            else:
                own = [key for key, cls in self._registry.items() if cls is found or key not in before]
                if found not in self._registry.values():
                    from .block import register

                    own.append(register(name)(found).name)
        self.origins |= dict.fromkeys(own, _package(entry))
        self.modules.add(entry.module.partition(".")[0])


def _belongs(cls: type[Block], module: ModuleType) -> bool:
    """Whether a block registered before is one of `module`: somebody imported it already. What a
    module imports of automl is not its own."""
    exposed = cls in vars(module).values() and not cls.__module__.startswith("automl.")
    return exposed or f"{cls.__module__}.".startswith(f"{module.__name__}.")


def _declared() -> dict[str, list[EntryPoint]]:
    from importlib.metadata import entry_points

    found: defaultdict[str, dict[tuple[str, str], EntryPoint]] = defaultdict(dict)
    for entry in entry_points(group=GROUP):
        found[entry.name][(_package(entry), entry.value)] = entry  # an installation seen twice on the path is one
    return {name: [entries[key] for key in sorted(entries)] for name, entries in found.items()}


def _package(entry: EntryPoint) -> str:
    return entry.dist.name if entry.dist is not None else entry.module.partition(".")[0]


def _packages(entries: list[EntryPoint]) -> str:
    return f"the package{'s' if len(entries) > 1 else ''} {' and '.join(_package(entry) for entry in entries)}"


@contextmanager
def _all_or_nothing(registry: MutableMapping[str, type[Block]], package: str) -> Iterator[None]:
    """The registry as it was, if what happens within fails; modules of `package` imported meanwhile
    are forgotten, so that another entry can import them."""
    before, modules = dict(registry), set(sys.modules)
    try:
        yield
    except BaseException:
        registry.clear()
        registry.update(before)
        for name in set(sys.modules) - modules:
            if name.partition(".")[0] == package:
                del sys.modules[name]
        raise
