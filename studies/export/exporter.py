"""Defines what an exporter is, and the registry of them: the further files of an exported folder.

model.safetensors, config.json, model.py and README.md are always written. An exporter adds files in
another format, such as model.onnx. An installed package adds an exporter by an entry point of the
group `automl.exporters`.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from ...blocks.errors import AutomlError, InputError
from ...blocks.registry import Registry, conforming

if TYPE_CHECKING:
    from ...blocks.modules.network import Network
    from ...spaces import Candidate
    from .facts import Facts

CORE = ("model.safetensors", "config.json", "model.py", "README.md")
"""The files that are always written."""
CERTIFICATE = ("certificate.md", "certificate.json")
"""The files that are written too if the network has been verified."""
DEFAULT_FORMATS = ("onnx",)
"""The exporters that run where nothing else is asked for."""


class NotExported(AutomlError):
    """An exporter cannot express this network, or its file computes something else: its files are
    left out, with this reason, and the other files are written."""


@dataclass(frozen=True, kw_only=True)
class Context:
    """What an exporter is told about the network."""

    candidate: Candidate
    """The network's description."""
    facts: Facts
    """How it was trained and how accurate it is."""

    @property
    def image(self) -> tuple[int, int, int]:
        """(channels, height, width) of the images that it was trained on."""
        return int(self.candidate.image[0]), self.facts.size, self.facts.size


class Exporter(Protocol):
    """Writes a trained network in one format."""

    name: str
    """The name in `--format` and in the registry."""
    files: tuple[str, ...]
    """Names of the files or folders it writes, without a path."""
    words: str
    """What it writes, in one line."""
    requires: tuple[str, ...]
    """Names of the modules that it imports besides torch and timm; an export that asks for it is
    refused where one is missing."""
    install: str
    """What to install for these modules, e.g. "automl[export]"; empty if nothing is required."""

    def write(self, network: Network, folder: Path, context: Context) -> None:
        """Write `files` into `folder`, without anything that names this machine. `network` is in
        eval mode, on the CPU; it must stay as it is.

        Raises:
            NotExported: the network cannot be written in this format.
        """
        ...

    def check(self, network: Network, folder: Path, context: Context) -> None:
        """Compare what was written with `network`.

        Raises:
            NotExported: it computes something else.
        """
        ...

    def usage(self, context: Context) -> str:
        """How the files are used: a paragraph of Markdown for README.md. It names every file."""
        ...


def _accepted(name: str, part: object) -> Exporter:
    """An exporter, from itself or from its class."""
    fields = {"name": str, "files": tuple, "words": str, "requires": tuple, "install": str}
    exporter = cast(
        Exporter, conforming(name, part, a="an exporter", fields=fields, methods=("write", "check", "usage"))
    )
    ours = (*CORE, *CERTIFICATE)
    if not exporter.files or any(file in ours or Path(file).name != file for file in exporter.files):
        raise InputError(
            f"the files of an exporter must be names without a path, other than {', '.join(ours)}, but {name!r} has"
            f" {', '.join(exporter.files) or 'none'}"
        )
    return exporter


exporters: Registry[Exporter] = Registry("exporter", "automl.exporters", accept=_accepted)
"""All exporters by name."""


def missing(exporter: Exporter) -> list[str]:
    """The modules in `exporter.requires` that are not installed."""
    return [name for name in exporter.requires if importlib.util.find_spec(name) is None]


def exporters_for(formats: Sequence[str]) -> list[Exporter]:
    """The exporters of these names, in their order, each once.

    Raises:
        InputError: there is none of a name, a module that one requires is missing, or two write the
            same file.
    """
    chosen = [exporters.get(name) for name in dict.fromkeys(formats)]
    owner: dict[str, str] = {}
    for exporter in chosen:
        if absent := missing(exporter):
            others = ",".join(name for name in dict.fromkeys(formats) if name != exporter.name)
            raise InputError(
                f"{' and '.join(exporter.files)} needs {', '.join(absent)}: install {exporter.install}, or give"
                f" --format {others or 'none'}"
            )
        for file in exporter.files:
            if owner.setdefault(file, exporter.name) != exporter.name:
                raise InputError(
                    f"two exporters cannot write one file, but {owner[file]} and {exporter.name} both write {file}"
                )
    return chosen
