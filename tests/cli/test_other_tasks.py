"""From a table of several labels, or of numbers, to a file that prints them, by the commands."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from .conftest import SPACE, automl, called
from .worker_here import worker_here

pytestmark = [pytest.mark.exhaustive, pytest.mark.xdist_group("ray if exhaustive")]
SEARCH = [
    *("search", "--space", "tiny.yaml", "--data", "photos.csv", "--budget", "600kFLOPs", "--trials", 4),
    *("--workers", 2, "--epochs", 4, "--finals", 1, "--seeds", 1, "--study", "tiny"),
]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """A folder with photos.csv: how bright a picture is, and whether its left or its top half is
    brighter still."""
    random = np.random.default_rng(0)
    (tmp_path / "tiny.yaml").write_text(SPACE)
    (tmp_path / "photos").mkdir()
    lines = ["image,label,brightness"]
    for number in range(120):
        bright, left, top = int(random.integers(0, 120)), random.random() < 0.5, random.random() < 0.5
        pixels = random.integers(0, 50, (24, 24)) + bright
        pixels[:, :12] += 60 * left
        pixels[:12] += 60 * top
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(tmp_path / f"photos/{number:03}.png")
        labels = ";".join(name for name, there in (("left", left), ("top", top)) if there)
        lines.append(f"photos/{number:03}.png,{labels};,{5000 + bright}")
    (tmp_path / "photos.csv").write_text("\n".join(lines))
    return tmp_path


def printed(folder: Path, photo: str) -> str:
    command = [sys.executable, "-I", "found/model.py", photo]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL)
    return done.stdout.splitlines()[-1]


def test_several_labels_with_ray(table: Path) -> None:
    searched = automl(*SEARCH, cwd=table).stdout
    assert "2 labels, " in searched
    assert "the same answer for every image has the mean average precision" in searched
    assert "mean average precision 0." in searched
    assert "accuracy" not in searched
    told = json.loads(automl("report", "tiny", "--json", cwd=table).stdout)
    assert told["metric"] == "mean-average-precision"
    trained = automl("train", "tiny", "--epochs", 8, "--threads", 1, cwd=table).stdout
    assert "labels, test images" in trained
    exported = automl("export", "tiny", "--out", "found", cwd=table).stdout
    assert "model.onnx" in exported
    assert "the pixels of training, to the bit; mean average precision 0." in exported
    assert printed(table, "photos/000.png").startswith("photos/000.png: ")
    assert "mean average precision" in automl("report", "tiny", "--out", "page", cwd=table).stdout


def test_numbers(table: Path) -> None:
    wrong = called(*SEARCH, "--targets", "brightness", "--metric", "accuracy", cwd=table, check=False)
    assert (wrong.code, wrong.stderr.count("\n")) == (2, 1)
    assert "is for regression: mae, rmse, r2" in wrong.stderr
    with worker_here():
        searched = called(*SEARCH, "--targets", "brightness", cwd=table).stdout
        again = json.loads(called(*SEARCH, "--targets", "brightness", "--json", cwd=table).stdout)
        verified = called("verify", "tiny", "--seeds", 1, "--epochs", 1, cwd=table).stdout
    assert (again["metric"], again["counts"]["done"] + again["counts"]["pruned"]) == ("mae", 4)
    assert " MAE" in verified
    other = called(*SEARCH, cwd=table, check=False)  # never guessed: the same table has labels too
    assert (other.code, "multi-label" in other.stderr) == (2, True)
    assert "1 target: brightness (50" in searched
    assert "MAE is in the unit of brightness" in searched
    assert "accuracy" not in searched
    trained = json.loads(called("train", "tiny", "--epochs", 8, "--threads", 1, "--json", cwd=table).stdout)
    (of,) = trained["measures"]["validation"]["classes"]
    assert of["mae"] < of["guess"]  # better than the median for every picture
    called("export", "tiny", "--out", "found", cwd=table)
    name, _, number = printed(table, "photos/000.png").rpartition(" ")
    assert name == "photos/000.png: brightness"
    assert 4900 < float(number) < 5300
    assert "in the unit of brightness" in (table / "found" / "README.md").read_text()
    called("data", "check", "photos.csv", "--targets", "brightness", cwd=table)
