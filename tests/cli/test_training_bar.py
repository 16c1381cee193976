"""The bar of a training: time left on a terminal, plain lines elsewhere."""

from __future__ import annotations

import pytest
from automl.cli.training_bar import training_bar
from rich.console import Console


@pytest.mark.parametrize("to_stderr", [False, True])
def test_without_a_terminal_there_are_lines_alone(capsys: pytest.CaptureFixture[str], to_stderr: bool) -> None:
    with training_bar(to_stderr=to_stderr) as (say, tell):
        assert tell is None
        say("epoch 1 of 2")
    out, err = capsys.readouterr()
    assert (err, out) == ("epoch 1 of 2\n", "") if to_stderr else (out, err) == ("epoch 1 of 2\n", "")


def test_on_a_terminal_a_bar_shows_the_share_and_goes_on_where_it_was(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Console, "is_terminal", True)
    with training_bar(to_stderr=False) as (say, tell):
        assert tell is not None
        say("loading the images")
        tell(0.5)
        say("epoch 1 of 2")
        tell(1.0)
    out, err = capsys.readouterr()
    assert out == "loading the images\nepoch 1 of 2\n"
    assert " 50%" in err
    assert "100%" in err
