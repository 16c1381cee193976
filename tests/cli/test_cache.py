"""`automl cache list` and `clear`, and `--cache`."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from automl.cli.live import Redrawn, view
from automl.search.data import load
from automl.search.data.cache import Cache
from automl.search.data.progress import progress
from PIL import Image
from rich.console import Console
from rich.live import Live


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cache:
    """A cache with the images of one folder."""
    monkeypatch.setattr("automl.search.data.builtin.folder_source.SMALLEST", 1)
    cache = Cache(folder=tmp_path / "cache")
    monkeypatch.setenv("AUTOML_CACHE", str(cache.folder))
    for name in ("cat", "dog"):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for number in range(4):
            pixels = np.random.default_rng(number).integers(0, 256, (9, 9, 3), np.uint8)
            Image.fromarray(pixels).save(tmp_path / "pets" / name / f"{number}.png")
    load(str(tmp_path / "pets"), size=8)
    return cache


def test_entries_are_listed_in_words_and_in_json(call, kept: Cache):
    code, out, _ = call("cache", "list")
    assert code == 0
    [entry] = kept.entries()
    assert f"1 data set ({entry.bytes / 1e9:.3g} GB) of at most 64 GB in {kept.folder}" in out
    assert "pets" in out
    code, out, _ = call("cache", "list", "--json")
    found = json.loads(out)
    assert (found["folder"], found["limit"]) == (str(kept.folder), 64_000_000_000)
    [entry] = found["entries"]
    assert (entry["images"], entry["size"], entry["in_use"]) == (8, 8, False)
    assert entry["bytes"] == found["bytes"]


def test_an_entry_is_cleared_by_the_beginning_of_its_key(call, kept: Cache):
    [entry] = kept.entries()
    assert call("cache", "clear", "zz")[0] == 2
    code, out, _ = call("cache", "clear", entry.key[:8])
    assert code == 0
    assert out.startswith("removed 1 data set")
    assert call("cache", "list")[1].startswith("0 data sets (0 GB)")


def test_what_is_in_use_stays(call, kept: Cache, tmp_path: Path):
    data = load(str(tmp_path / "pets"), size=8)
    code, out, _ = call("cache", "clear", "--json")
    assert code == 0
    assert json.loads(out)["removed"] == []
    assert [entry["images"] for entry in json.loads(out)["in_use"]] == [len(data.labels)]
    assert "in use" in call("cache", "list")[1]


def test_another_folder_is_listed_on_request_and_must_be_one(call, kept: Cache, tmp_path: Path):
    code, out, _ = call("cache", "list", "--cache", str(tmp_path / "other"), "--json")
    assert (code, json.loads(out)["entries"]) == (0, [])
    code, _, err = call("cache", "clear", "--cache", "none")
    assert code == 2
    assert "--cache must name a folder here" in err


@pytest.mark.parametrize("command", ["search", "grid", "train"])
def test_commands_that_read_images_take_the_folder(call, command: str):
    assert "--cache" in call(command, "--help")[1]


def test_the_view_draws_how_far_the_decoding_has_come():
    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=120)
    with Live(console=console, auto_refresh=False) as live:
        drawn = Redrawn(console, live)
        drawn.phase("loading the images of pets")
        drawn.went("decoding the images", 1500, 6000)
        live.refresh()
        drawn.went("waiting for another process", 0, None)
        live.refresh()
    assert "loading the images of pets; decoding the images: 1,500 of 6,000" in screen.getvalue()
    assert "━" in screen.getvalue()
    assert "loading the images of pets; waiting for another process" in screen.getvalue()


def test_where_nothing_can_be_drawn_it_is_printed_now_and_then(capsys: pytest.CaptureFixture[str]):
    with view(), progress("decoding the images", 6000) as went:
        for done in range(100):
            went(done)
    assert capsys.readouterr().out == "decoding the images: 0 of 6,000 …\n"
