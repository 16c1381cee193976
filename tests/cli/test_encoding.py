"""Output in encodings that lack what automl writes: nothing fails, and what is shown can be
read."""

from __future__ import annotations

import codecs
import os
import subprocess
import sys
import unicodedata

import pytest
from automl.cli.encoding import ASCII, ERRORS, in_ascii
from automl.cli.main import app

ENCODINGS = [*(pytest.param(name, marks=pytest.mark.exhaustive) for name in ("cp1252", "latin-1")), "cp437", "ascii"]
ALL_COMMANDS = """
import sys
from automl.cli import encoding
from automl.cli.main import main

encoding.install()
for command in sys.argv[1:]:
    assert main(command.split()) in (0, 2), command
"""
"""Runs many commands in one process; each would import the same again."""


def written(encoding: str, code: str, *arguments: str) -> str:
    """What a program writes to standard output and error, where both have `encoding`."""
    environment = {**os.environ, "PYTHONIOENCODING": encoding, "COLUMNS": "80"}
    done = subprocess.run([sys.executable, "-c", code, *arguments], capture_output=True, env=environment, timeout=300)
    text = (done.stdout + done.stderr).decode(encoding)
    assert done.returncode == 0, text
    return text


def commands() -> list[str]:
    """Every command with --help, as typer knows them."""
    import typer

    group = typer.main.get_group(app)
    inner = {name: getattr(command, "commands", {}) for name, command in group.commands.items()}
    return [
        "--help",
        *(f"{name} --help" for name in group.commands),
        *(f"{name} {other} --help" for name, others in inner.items() for other in others),
    ]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_no_command_fails_where_the_terminal_lacks_characters(encoding: str):
    text = written(
        encoding,
        ALL_COMMANDS,
        *commands(),
        "scale --preset efficientnet",
        "space describe efficientnet",
        "scale --baseline resnet50 --phi α",
    )
    assert "Error" not in text
    assert "error: --phi must be numbers like 0..7" in text
    assert "beta" in text
    assert ("alpha^phi" in text) == (encoding != "cp437")  # that has both letters


def test_control_without_the_handler_they_fail():
    with pytest.raises(AssertionError, match="can't encode"):
        written("cp1252", ALL_COMMANDS.replace("encoding.install()", ""), "scale --preset efficientnet --debug")


def test_the_command_itself_installs_it():
    assert "(alpha, beta, gamma)" in written(
        "ascii", "import sys; from automl.cli.main import run; run()", "grid", "--help"
    )


@pytest.mark.parametrize(
    ("text", "encoding", "shown"),
    [
        ("α·β²·γ² ≈ 2", "ascii", "alpha*beta^2*gamma^2 ~ 2"),
        ("Φ, φ → 3 × 4 ± 1 …", "ascii", "Phi, phi -> 3 x 4 +/- 1 ..."),
        ("3 × 4 ± 1 … φ", "cp1252", "3 × 4 ± 1 … phi"),
        ("0–7 ≤ 2^φ", "latin-1", "0-7 <= 2^phi"),
        ("├─ a │ b └", "cp1252", "+- a | b +"),
        ("──┼──", "ascii", "--+--"),
        ("Müller, Łódź, Straße, re\u0301sume\u0301", "ascii", "Muller, Lodz, Strasse, resume"),
        ("x₂ ﬁne λ ς", "ascii", "x2 fine lambda sigma"),
        ("█▌▏", "ascii", "##|"),
        ("漢.png", "cp1252", "\\u6f22.png"),
        ("\U0001f600", "ascii", "\\U0001f600"),
        ("caf\udce9.png", "utf-8", "caf\\xe9.png"),
        ("lone \ud800", "utf-8", "lone \\ud800"),
    ],
)
def test_what_is_lacking_is_transliterated_and_the_rest_escaped(text: str, encoding: str, shown: str):
    assert text.encode(encoding, ERRORS).decode(encoding) == shown


def test_every_character_has_an_ascii_form():
    for code in [*range(0x3000), *range(0xD800, 0xE000), 0x1F600, 0x10FFFF]:
        assert in_ascii(chr(code)).isascii(), unicodedata.name(chr(code), hex(code))


def test_only_encoding_is_mended():
    with pytest.raises(UnicodeDecodeError):
        b"\xff".decode("utf-8", ERRORS)


def test_the_codec_for_ascii_is_ascii():
    assert codecs.lookup(ASCII).encode("abc")[0] == b"abc"
    with pytest.raises(UnicodeEncodeError):
        "é".encode(ASCII)
