"""Reads the constructor call that makes a module back from the module.

It rests on the convention of `automl.blocks.modules`: a module keeps every constructor argument
under the argument's own name, as torch's own layers do.
"""

from __future__ import annotations

import inspect
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from numbers import Integral, Real
from types import FunctionType
from typing import Any

from timm.layers import DropPath
from torch import nn

from ...blocks.errors import InputError
from ...blocks.modules.network import Network
from .imports import is_library

CONVENTION = (
    "a module keeps every constructor argument under the argument's own name, as torch's own layers do (self.{name} ="
    " {name})"
)
_PLAIN = {bool, int, float, str, "bool", "int", "float", "str"}
_ABSENT = object()


@dataclass(frozen=True, slots=True)
class Name:
    """A name in an expression: of a class or function, or of a constant of the generated file."""

    text: str
    """What stands in the file."""
    value: Any = None
    """The class or function; None for a constant of the generated file."""


@dataclass(frozen=True, slots=True)
class Call:
    """A call in an expression."""

    function: Name
    """What is called."""
    args: tuple[Any, ...] = ()
    """Arguments by place: plain values, names, calls, and lists, tuples and dicts of them."""
    kwargs: tuple[tuple[str, Any], ...] = ()
    """Arguments by name."""


def read(module: nn.Module, **given: Any) -> Call:
    """The call that makes `module`; arguments equal to their default are left out, those in `given`
    are taken instead of what the module holds.

    Raises:
        InputError: a module of it breaks the convention, or holds an argument that cannot be
            written as Python.
    """
    cls = type(module)
    container = _container(module)
    if container is not None:
        return container
    kept: dict[str, Any] = {}
    if isinstance(module, Network):
        kept = {
            "trunk": {name: getattr(module, name) for name in module.trunk_names},
            "global_pool": module.global_pool.pool_type,
        }
        kept["neck"] = {name: getattr(module, name) for name in module.neck_names} or None
    args: list[Any] = []
    kwargs: list[tuple[str, Any]] = []
    for name, parameter in inspect.signature(cls).parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            if is_library(cls.__init__.__module__):
                continue  # nn.Identity takes, and ignores, whatever it is given
            raise InputError(
                f"{cls.__name__} cannot be exported: its constructor takes {parameter}, which cannot be read back; name"
                " its arguments"
            )
        value = {**kept, **given}.get(name, _ABSENT)
        if value is _ABSENT:
            value = _attribute(module, name, parameter)
        if value is _ABSENT or (type(value) is type(parameter.default) and value == parameter.default):
            continue
        written = _written(value, f"{cls.__name__}'s argument {name!r}")
        # the first two that must be given are clear by their place: channels in, channels out
        by_place = (
            parameter.default is parameter.empty
            and parameter.kind is parameter.POSITIONAL_OR_KEYWORD
            and len(args) < 2
            and not kwargs
        )
        if by_place or parameter.kind is parameter.POSITIONAL_ONLY:
            args.append(written)
        else:
            kwargs.append((name, written))
    return Call(_name_of(cls), tuple(args), tuple(kwargs))


def names(value: Any) -> Iterator[Name]:
    """Every name in an expression, from the inside out."""
    if isinstance(value, Name):
        yield value
    elif isinstance(value, Call):
        for item in (*value.args, *(item for _, item in value.kwargs), value.function):
            yield from names(item)
    elif isinstance(value, dict):
        for item in value.values():
            yield from names(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from names(item)


def _container(module: nn.Module) -> Call | None:
    """The call that makes a container of torch's, or a subclass without a constructor of its own;
    None for other modules."""
    init = type(module).__init__
    numbered = [str(index) for index in range(len(module._modules))] == list(module._modules)
    if init is nn.Sequential.__init__:
        if numbered:
            return Call(_name_of(type(module)), tuple(map(read, module.children())))
        named = {name: read(child) for name, child in module.named_children()}
        return Call(_name_of(type(module)), (Call(Name("OrderedDict", OrderedDict), (named,)),))
    if init is nn.ModuleList.__init__:
        return Call(_name_of(type(module)), ([read(child) for child in module.children()],))
    if init is nn.ModuleDict.__init__:
        return Call(_name_of(type(module)), ({name: read(child) for name, child in module.named_children()},))
    return None


def _attribute(module: nn.Module, name: str, parameter: inspect.Parameter) -> Any:
    """The constructor argument `name` as `module` keeps it; _ABSENT where it may be left out."""
    library = is_library(type(module).__init__.__module__)
    if library and (name in ("device", "dtype") or (name == "inplace" and not hasattr(module, name))):
        return _ABSENT  # neither changes what comes out
    if not hasattr(module, name):
        raise _broken(module, name, "is not kept")
    value = getattr(module, name)
    default, annotation = parameter.default, parameter.annotation
    if isinstance(module, nn.modules.conv._ConvNd) and isinstance(value, tuple) and len(set(value)) == 1:
        return value[0]  # kernel_size=3 is kept as (3, 3)
    if (annotation in (bool, "bool") or isinstance(default, bool)) and (
        value is None or isinstance(value, nn.Parameter)
    ):
        return value is not None  # bias=True is kept as the parameter
    if isinstance(value, nn.Module):
        if type(value) is nn.Identity and default is None:
            return _ABSENT  # what a constructor makes of None
        if annotation in _PLAIN or type(default) in _PLAIN:
            # timm's units keep the rate drop_path as a DropPath
            rate = {DropPath: "drop_prob", nn.Dropout: "p"}.get(type(value))
            if rate is None and type(value) is not nn.Identity:
                raise _broken(module, name, f"is kept as a {type(value).__name__}")
            return float(getattr(value, rate)) if rate else 0.0
    return value


def _written(value: Any, where: str) -> Any:
    """`value` as an expression: modules become calls, classes and functions names, numbers Python's
    own."""
    if value is None or isinstance(value, bool | str | Name | Call):
        return value
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return float(value)
    if isinstance(value, nn.Module):
        return read(value)
    if isinstance(value, Mapping):
        return {_written(key, where): _written(item, where) for key, item in value.items()}
    if isinstance(value, list):
        return [_written(item, where) for item in value]
    if isinstance(value, tuple) and not hasattr(value, "_fields"):
        return tuple(_written(item, where) for item in value)
    if isinstance(value, type | FunctionType) and value.__qualname__ == value.__name__ != "<lambda>":
        return _name_of(value)
    raise InputError(
        f"{where} cannot be exported: a {type(value).__name__} cannot be written as Python; plain values, modules,"
        " classes and functions can"
    )


def _name_of(value: Any) -> Name:
    torch_layer = getattr(nn, value.__name__, None) is value
    return Name(f"nn.{value.__name__}" if torch_layer else value.__name__, value)


def _broken(module: nn.Module, name: str, fault: str) -> InputError:
    rule = CONVENTION.format(name=name)
    return InputError(
        f"{type(module).__name__} cannot be exported: its argument {name!r} {fault} under that name; {rule}"
    )
