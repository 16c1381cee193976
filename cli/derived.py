"""Commands whose options are derived from a dataclass, so that they are declared once.

Each field is an option of its name; the text below the field is its help. The dataclass is imported
when its command is run or asked for help, so that `automl --help` stays quick.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import MISSING, dataclass, field, fields
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import typer
from typer.core import TyperGroup


@dataclass(frozen=True, kw_only=True)
class Text:
    """An option that is written as text of its own form."""

    parse: Callable[[str], Any]
    """Converts the text of an option to the value of the field."""
    default: str | None = None
    """The text that is shown as default; None where the option may be left out."""
    flag: str | None = None
    """The option's flag, if it is not the field's name."""
    required: bool = False
    """Whether the option must be given."""
    help: Callable[[], str] | None = None
    """Makes the help, where it lists what is registered; None takes the text below the field."""


@dataclass(frozen=True, kw_only=True)
class _Derivation:
    """What is needed to build a command."""

    function: Callable[..., Any]
    load: Callable[[], type]
    forms: Mapping[str, Any] = field(default_factory=dict)


def options_of(load: Callable[[], type], forms: Mapping[str, Any]) -> Callable[[Callable[..., Any]], Any]:
    """A decorator for a command whose first parameter is made of options.

    Args:
        load: imports and returns the dataclass.
        forms: field -> how its option is written, where it does not follow from its type: a `Text`,
            or the type of a parameter for typer.

    A further parameter of the command with the name of a field replaces its option; if it is None,
    the field keeps its default.
    """

    def decorate(function: Callable[..., Any]) -> Any:
        @functools.wraps(function)
        def command() -> None:
            raise AssertionError("the group builds the command before it is called")

        command.__signature__ = inspect.Signature()  # type: ignore[attr-defined]
        command.__annotations__ = {}
        command.derivation = _Derivation(function=function, load=load, forms=forms)  # type: ignore[attr-defined]
        return command

    return decorate


class Group(TyperGroup):
    """A group that builds the options of a derived command when the command is resolved."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, command, rest = super().resolve_command(ctx, args)
        derivation = getattr(getattr(command, "callback", None), "derivation", None)
        return name, command if derivation is None else built(str(name), derivation), rest


def built(name: str, derivation: _Derivation) -> Any:
    """The command of a derivation, with all of its options."""
    app = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    app.command(name)(_with_options(derivation))
    return typer.main.get_command(app)


def _with_options(derivation: _Derivation) -> Callable[..., Any]:
    from ..blocks.documented import field_texts

    cls, function, forms = derivation.load(), derivation.function, derivation.forms
    # the annotation of the options is a name that is imported for type checkers alone
    types = get_type_hints(function, localns={cls.__name__: cls}, include_extras=True)
    _, *found = inspect.signature(function).parameters.values()
    own = [parameter.replace(annotation=types[parameter.name]) for parameter in found]
    names = {parameter.name for parameter in own}
    known = {one.name: one for one in fields(cls)}
    texts, hints = field_texts(cls), get_type_hints(cls)
    order = [name for name in texts if name in known and name not in names]
    derived = [_parameter(known[name], hints[name], texts[name], forms.get(name)) for name in order]

    def command(**given: Any) -> Any:
        values = {name: _value(forms.get(name), given.pop(name)) for name in order}
        shared = {name: given[name] for name in names & set(known) if given[name] is not None}
        # an option that may be left out and is keeps the default of its field
        kept = {name: value for name, value in values.items() if value is not None}
        return function(cls(**kept, **shared), **given)

    parameters = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in [*derived, *own]]
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
    command.__doc__, command.__name__ = function.__doc__, function.__name__
    return command


def _parameter(one: Any, hint: Any, text: str, form: Any) -> inspect.Parameter:
    flag = f"--{one.name.replace('_', '-')}"
    default = None if one.default is MISSING else one.default
    if isinstance(form, Text):
        default, kind = form.default, str if form.required or form.default is not None else str | None
        shown = text if form.help is None else form.help()
        annotation = Annotated[kind, typer.Option(form.flag or flag, help=shown)]
        default = inspect.Parameter.empty if form.required else default
    elif form is not None:
        annotation = form
        default = one.default_factory() if one.default is MISSING and one.default_factory is not MISSING else default
    elif get_origin(hint) is Sequence:
        annotation, default = Annotated[list[str] | None, typer.Option(flag, help=text)], None
    elif hint is bool and default is False:
        annotation = Annotated[bool, typer.Option(flag, help=text)]
    elif bool in (hint, *get_args(hint)):
        annotation = Annotated[hint, typer.Option(f"{flag}/--no-{flag[2:]}", help=text)]
    else:
        kind = str if get_origin(hint) is Literal else hint
        annotation = Annotated[kind, typer.Option(flag, help=text)]
    return inspect.Parameter(one.name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)


def _value(form: Any, given: Any) -> Any:
    if isinstance(form, Text):
        return None if given is None else form.parse(given)
    return tuple(given) if isinstance(given, list) else given
