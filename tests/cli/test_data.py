"""`automl data check`: its words, its JSON, its exit codes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    for label, name in enumerate(("cat", "dog")):
        (tmp_path / "pets" / name).mkdir(parents=True)
        for number in range(6):
            pixels = np.random.default_rng([label, number]).integers(0, 256, (9, 9, 3), np.uint8)
            Image.fromarray(pixels).save(tmp_path / "pets" / name / f"{number}.png")
    return tmp_path / "pets"


def test_a_data_set_that_a_search_takes_is_described(call, pets: Path):
    code, out, err = call("data", "check", "pets", "--sheet", "sheet.png")
    assert (code, err) == (0, "")
    assert "classes of pets" in out
    assert "read so: RGB, the largest central square, resized to 64x64 pixels (bicubic)" in out
    assert "written: sheet.png" in out
    assert Path("sheet.png").is_file()
    code, out, _ = call("data", "check", "pets", "--json")
    found = json.loads(out)
    assert code == 0
    assert (found["images"], found["refused"], found["broken"]) == (12, None, [])


def test_what_a_search_would_refuse_is_described_and_exit_code_2(call, pets: Path):
    (pets / "dog" / "0.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    code, out, err = call("data", "check", "pets")
    assert code == 2
    assert "broken: dog/0.png: " in out
    assert err.startswith("error: a search would refuse these data: ")
    assert "at most 1 %" in err
    code, out, err = call("data", "check", "pets", "--json")
    assert code == 2
    assert json.loads(out)["refused"].endswith(json.loads(out)["broken"][0].partition(": ")[2] + ")")


@pytest.mark.parametrize("arguments", [["nowhere"], [""], ["pets", "--sheet", "sheet.bmp"], ["pets", "--test", "x"]])
def test_what_the_user_got_wrong_is_one_line_and_exit_code_2(call, pets: Path, arguments: list[str]):
    code, out, err = call("data", "check", *arguments)
    assert (code, out) == (2, "")
    assert err.count("\n") == 1


def test_a_sheet_that_the_machine_refuses_is_exit_code_1(call, pets: Path, monkeypatch: pytest.MonkeyPatch):
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    code, _, err = call("data", "check", "pets", "--sheet", "sheet.png")
    assert (code, err.count("\n")) == (1, 1)
    assert "No space left on device" in err
    assert list(Path().glob("*.png")) == []
