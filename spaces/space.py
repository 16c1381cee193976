"""Spaces: the networks among which a search chooses.

`Space` is what every kind of space offers: one skeleton and its dimensions
(`skeleton_space.SkeletonSpace`), or several spaces as one (`union.Union`). A space is read from
YAML (`load_space`) or made of plain data (`Space.from_dict`). The grammar is described in
`docs/spaces.md`.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any, ClassVar, Self

from ..blocks.errors import InputError, unknown
from .candidates.candidate import Candidate
from .neighbourhood import around, centres
from .skeletons.skeleton import Image
from .values.parameters import Parameter, Value
from .values.yaml_source import Source, read_file, read_yaml

Settings = Mapping[str, Value]
"""Parameter name → value; inactive parameters are absent."""
FILES = (".yaml", ".yml")
"""Suffixes of space files."""


@dataclass(frozen=True, kw_only=True)
class Space(ABC):
    """The set of networks among which a search chooses."""

    name: str
    """Name of the space, as shown and stored."""
    image: Image
    """Channels, height and width in pixels at which cost is counted; the resolution coefficient
    multiplies height and width."""
    classes: int
    """Outputs of the classifier; the number of classes of a data set replaces it."""
    parameters: tuple[Parameter, ...]
    """The parameters that a sampler chooses; each follows those that its conditions depend on."""

    _kinds: ClassVar[dict[str, type[Space]]] = {}

    def __init_subclass__(cls, *, key: str, **rest: Any) -> None:
        """Register a kind of space by the key of a space file that tells it."""
        super().__init_subclass__(**rest)
        Space._kinds[key] = cls

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], name: str = "space") -> Space:
        """Make a space from plain data.

        Raises:
            InputError: as `from_source`; `name` takes the place of the file in the message.
        """
        return cls.from_source(Source(data, name))

    @classmethod
    def from_source(cls, source: Source) -> Space:
        """Make a space from a parsed file.

        Raises:
            InputError: an error in the file; the message gives file, line, key and the nearest
                known name.
        """
        given = source.data if isinstance(source.data, Mapping) else {}
        kind = next((kind for key, kind in Space._kinds.items() if key in given), Space._kinds["skeleton"])
        return kind.read(source)

    @classmethod
    @abstractmethod
    def read(cls, source: Source) -> Space:
        """Make a space of this kind; raises as `from_source`."""

    @abstractmethod
    def to_dict(self) -> dict[str, Any]:
        """Return the space as plain data; `from_dict` reads it back."""

    @abstractmethod
    def adapted(
        self, *, classes: int | None = None, channels: int | None = None, image_size: int | None = None
    ) -> Self:
        """Return the same space for other inputs and outputs.

        Args:
            classes: outputs of the classifier, as the data set has them.
            channels: channels of an image.
            image_size: height and width in pixels, before the resolution coefficient.
        """

    @cached_property
    @abstractmethod
    def size(self) -> int:
        """Number of settings before constraints; several settings may build the same candidate."""

    @abstractmethod
    def active(self, parameter: Parameter, settings: Mapping[str, Any]) -> bool:
        """Whether a parameter has an effect, given the settings of the parameters before it."""

    @abstractmethod
    def candidate(self, settings: Settings) -> Candidate:
        """Return the candidate of `settings`, whether or not the constraints hold.

        Raises:
            InvalidBlock: no network can be built from the settings.
        """

    @abstractmethod
    def base(self) -> Candidate:
        """Return the network in which every free parameter has the skeleton's own value.

        Raises:
            InvalidBlock: it cannot be built.
        """

    @abstractmethod
    def violated(self, settings: Settings) -> str | None:
        """Return the first constraint that does not hold for `settings`; None if all hold."""

    def allows(self, settings: Settings) -> bool:
        """Whether all constraints hold for `settings`."""
        return self.violated(settings) is None

    @cached_property
    def by_name(self) -> dict[str, Parameter]:
        """Parameters by name."""
        return {parameter.name: parameter for parameter in self.parameters}

    @property
    def free(self) -> list[str]:
        """Names of the parameters that have more than one value."""
        return [parameter.name for parameter in self.parameters if len(parameter.values) > 1]


def read_image(source: Source, default: Image) -> Image:
    """Return the image of a space file, or `default` if it gives none.

    Raises:
        InputError: it is not [channels, height, width].
    """
    image = source.data.get("image", default)
    if not (
        isinstance(image, list | tuple)
        and len(image) == 3
        and all(type(side) is int and 1 <= side <= 100_000 for side in image)
    ):
        raise source.error(
            ("image",), f"image must be [channels, height, width], whole numbers of at least 1, but got {image!r}"
        )
    return tuple(image)  # type: ignore[return-value]


def read_classes(source: Source, default: int) -> int:
    """Return the classes of a space file, or `default` if it gives none.

    Raises:
        InputError: it is no whole number in the range.
    """
    classes = source.data.get("classes", default)
    if type(classes) is not int or not 1 <= classes <= 10_000_000:
        raise source.error(
            ("classes",), f"classes must be a whole number of at least 1 and at most 10,000,000, but got {classes!r}"
        )
    return classes


_package = "automl.spaces"


def shipped_spaces() -> list[str]:
    """List the names of the spaces that come with automl."""
    return sorted(
        path.name.removesuffix(".yaml")
        for path in files(_package).joinpath("library").iterdir()
        if path.name.endswith(".yaml")
    )


def load_space(name: str | Path) -> Space:
    """Load a space by the name of a shipped space, a published network or a skeleton, or by file.

    The name of a network or skeleton gives the space around it (`neighbourhood.around`). Several
    names or files, separated by commas, give their union (`union.Union`).

    Raises:
        InputError: there is no such space or file, or the file has an error; the message gives
            file, line, key and the nearest known name.
    """
    if not isinstance(name, str | os.PathLike):
        raise InputError(f"a space is given by its name or its file, but got {name!r}")
    path = Path(name)
    is_file = os.path.isfile(path)  # False, and no error, for a name that no file can have
    if "," in str(name) and not is_file:
        names = [each.strip() for each in str(name).split(",")]
        several = [str(Path(each).absolute()) if Path(each).suffix in FILES else each for each in names]
        return Space.from_dict({"name": ",".join(Path(each).stem for each in names), "union": several}, str(name))
    if path.suffix in FILES or is_file:
        return Space.from_source(read_file(path))
    if str(name) not in shipped_spaces():
        if str(name) in centres():
            return Space.from_dict(around(str(name)), str(name))
        raise unknown("space", str(name), [*shipped_spaces(), "FILE.yaml", *centres()])
    resource = files(_package).joinpath("library", f"{name}.yaml")
    return Space.from_source(read_yaml(resource.read_text(encoding="utf-8"), f"{name}.yaml"))
