"""Messages are one line of at most 400 characters, whatever they quote."""

import pytest
from automl.cli.encoding import Visible, visible
from automl.cli.message import LONGEST, VALUE, one_line


@pytest.mark.parametrize(
    "text",
    [
        f"not a budget: {'9' * 30_000!r}; write it like 400M",
        f"not a budget: {chr(39) + 'x' * 30_000!r}; write it like 400M",
        f"a file of {'y' * 30_000}",
        f"a list {['z' * 300] * 300!r}",
        "many\nlines\n" * 1000,
        "\x1b[31m" * 1000,
        "x" * 5_000_000,
        "'" * 100_000,
        "'" + '"' * 100_000,
    ],
)
def test_a_message_is_one_short_line(text: str):
    found = one_line(f"error: {text}")
    assert len(found) <= LONGEST
    assert found.isprintable()
    assert found.startswith("error: ")


def test_the_value_is_cut_before_the_rule_is():
    found = one_line(f"error: not a budget: {'9' * 30_000!r}; write it like 400MFLOPs")
    assert found == f"error: not a budget: '{'9' * (VALUE - 2)}…'; write it like 400MFLOPs"


def test_a_message_that_is_short_enough_stays_as_it_is():
    text = "error: unknown space 'x'; did you mean 'y'? (known: a, b)"
    assert one_line(text) == text
    assert one_line("x" * LONGEST) == "x" * LONGEST
    assert one_line("a" * 9999, whole=True) == "a" * 9999


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("over\rwritten", r"over\rwritten"),
        ("a\u202eb", r"a\u202eb"),
        ("\x9b31m", r"\x9b31m"),
        ("α\tβ\nγ", "α\tβ\nγ"),
    ],
)
def test_what_a_terminal_would_obey_is_shown(text: str, shown: str):
    assert visible(text) == shown


def test_every_print_of_a_command_is_shielded_and_rich_still_draws(capsys):
    import sys

    from automl.cli.encoding import shielded
    from rich.console import Console

    with shielded():
        print("a\x1b[31mb")
        Console(force_terminal=True, color_system="standard", no_color=False, legacy_windows=False, width=80).print(
            "c", style="bold", highlight=False
        )
        assert isinstance(sys.stdout, Visible)
        with pytest.raises(TypeError):
            sys.stdout.write(b"")  # pyright: ignore[reportArgumentType]
    out = capsys.readouterr().out
    assert r"a\x1b[31mb" in out
    assert "\x1b[1m" in out  # what rich draws by
    assert not isinstance(sys.stdout, Visible)
