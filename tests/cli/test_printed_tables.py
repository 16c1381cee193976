"""Tables: names stay whole, rows are lines where nobody looks, and sizes are height x width."""

import io
import json
import sys

import pytest
from automl.cli.printed_tables import fitted, pixels, print_table
from automl.spaces.scaling.baseline import find_baseline

NAMES = ["resnext-attention-a-long-name-20MFLOPs", "a-name-of-forty-characters-and-some-more"]
ROWS = [
    [name, "resnext-attention", "300M..400MFLOPs, 5.3MParams", "/data/photos/of/last/year", "1234", "0.9123"]
    for name in NAMES
]
COLUMNS = ["study", "space", "budget", "data", "done", "best accuracy"]


class Terminal(io.StringIO):
    """One of 80 columns."""

    def isatty(self) -> bool:
        return True


def on_a_terminal(monkeypatch: pytest.MonkeyPatch, columns: list[str], rows: list[list[str]]) -> str:
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stdout", terminal := Terminal())
    print_table("studies", columns, rows)
    return terminal.getvalue()


def test_names_and_words_are_whole_on_a_narrow_terminal(monkeypatch: pytest.MonkeyPatch):
    text = on_a_terminal(monkeypatch, COLUMNS, ROWS)
    assert all(word in text for row in ROWS for cell in row for word in cell.split())
    assert (
        "300M..400MFLOPs, 5.3MParams" not in text
    )  # control: it is narrow, and what has several words is broken between them


def test_what_fits_is_not_broken(monkeypatch: pytest.MonkeyPatch):
    assert "some words of it" in on_a_terminal(monkeypatch, ["study", "data"], [["a", "some words of it"]])


def test_a_table_that_goes_elsewhere_has_a_line_for_each_row(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("COLUMNS", "40")
    print_table("a title that is longer than the columns of the terminal", COLUMNS, ROWS)
    lines = [line.split("  ") for line in capsys.readouterr().out.splitlines() if line.strip()]
    assert [[cell.strip() for cell in line if cell.strip()] for line in lines[3:]] == ROWS
    assert lines[0] == ["a title that is longer than the columns of the terminal"]


def test_columns_stay_in_line_where_characters_are_transliterated(monkeypatch: pytest.MonkeyPatch):
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="ascii", errors="automl"))
    print_table("by φ", ["φ", "α/β/γ"], [["0", "1"], ["1", "1.2/1.1/1.15"]])
    sys.stdout.flush()
    title, *lines = raw.getvalue().decode().splitlines()
    assert title == "by phi"
    assert len(set(map(len, lines))) == 1


def test_widths_shrink_from_the_widest_and_never_below_the_least():
    assert fitted([10, 40, 30], [10, 5, 12], 80) == [10, 40, 30]
    assert fitted([10, 40, 30], [10, 35, 12], 60) == [10, 35, 15]


def test_sizes_are_height_by_width(call, tmp_path):
    assert pixels((3, 32, 96)) == "32x96"
    (tmp_path / "wide.yaml").write_text(
        "{name: wide, skeleton: plain, image: [3, 32, 96], classes: 10, dimensions: {}}"
    )
    assert find_baseline(str(tmp_path / "wide.yaml")).network.image == (3, 32, 96)
    _, out, err = call("scale", "--baseline", "wide.yaml", "--phi", "0..1", "--target-axis", "each")
    assert err == ""
    assert " 32x96 " in out
    assert "96x32" not in out
    assert " 32 " not in out.split("stages")[0]  # control: a height alone is not a size
    _, out, _ = call("scale", "--baseline", "wide.yaml", "--phi", "0", "--json")
    assert json.loads(out)["members"][0]["image"] == [3, 32, 96]
