"""Commands derive their options from dataclasses: each field once, with its help and type."""

from dataclasses import dataclass, field, fields
from typing import Any

import pytest
import typer
from automl.blocks.documented import field_texts
from automl.cli.derived import Group, Text, options_of
from automl.cli.main import app
from automl.search.grid_options import GridOptions
from automl.search.options import SearchOptions


def parameters(name: str) -> dict[str, Any]:
    group = typer.main.get_command(app)
    _, command, _ = group.resolve_command(group.make_context("automl", [name]), [name])
    return {parameter.name: parameter for parameter in command.params}


@pytest.mark.parametrize(("name", "options"), [("search", SearchOptions), ("grid", GridOptions)])
def test_every_field_is_an_option_with_help_and_the_default_of_the_field(name: str, options: type):
    found = parameters(name)
    for one in fields(options):
        option = found[one.name]
        assert option.opts == ["--time" if one.name == "seconds" else f"--{one.name.replace('_', '-')}"]
        assert option.help
        if isinstance(one.default, int | float | bool) and not isinstance(option.default, str):
            assert option.default == one.default


@pytest.mark.parametrize("options", [SearchOptions, GridOptions])
def test_every_field_has_a_text_also_where_it_is_inherited(options: type):
    assert set(field_texts(options)) == {one.name for one in fields(options)}


@dataclass(frozen=True, kw_only=True)
class Options:
    """For the tests below."""

    needed: str
    """A text."""
    count: int | None = None
    """A number."""
    names: tuple[str, ...] = field(default_factory=tuple)
    """Names."""
    on: bool = True
    """A switch."""


@pytest.fixture
def given() -> tuple[typer.Typer, list[Any]]:
    made, calls = typer.Typer(cls=Group), []

    @made.callback()
    def every() -> None: ...

    forms = {"needed": Text(parse=str.upper, required=True), "names": Text(parse=lambda text: tuple(text.split(",")))}

    @made.command("do")
    @options_of(lambda: Options, forms)
    def do(options: Options, extra: int = 3) -> None:
        """Do."""
        calls.append((options, extra))

    return made, calls


def test_values_are_parsed_and_what_is_left_out_keeps_the_default_of_the_field(given):
    made, calls = given
    made(["do", "--needed", "a", "--names", "x,y", "--no-on", "--extra", "4"], standalone_mode=False)
    made(["do", "--needed", "b"], standalone_mode=False)
    assert calls == [(Options(needed="A", names=("x", "y"), on=False), 4), (Options(needed="B"), 3)]


def test_a_needed_option_that_is_missing_is_named(given):
    made, _ = given
    with pytest.raises(Exception, match="needed"):
        made(["do"], standalone_mode=False)
