"""A reader that stops reading is no error."""

from __future__ import annotations

import subprocess

import pytest

from .conftest import COMMAND, environment


@pytest.mark.parametrize(
    "arguments",
    [
        ["scale", "--preset", "efficientnet"],
        ["cost", "resnet50", "--layers"],
        ["cost", "resnet50", "--layers", "--json"],
    ],
)
def test_a_pipe_that_is_closed_early_ends_the_command_well(arguments: list[str]) -> None:
    with subprocess.Popen(
        [*COMMAND, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment()
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()  # before anything has been written
        errors = process.stderr.read()
        assert (process.wait(timeout=300), errors) == (0, b"")
