"""The script for GPUs runs through at tiny sizes on the CPU, without automl installed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PARTS = (
    "Is it right?",
    "Images a second: median (lowest to highest)",
    "3 minutes of random candidates",
    "Several candidates at once",
    "torch.compile",
    "Images a second with the recipe of a search (Muon, batches of 64)",
)


@pytest.mark.exhaustive
def test_every_part_of_the_script_for_gpus_runs(tmp_path: Path):
    environment = {**os.environ, "PYTHON": sys.executable, "OUT": str(tmp_path), "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(
        ["bash", ROOT / "benchmarks" / "gpu.sh", "--dry-run"], env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    page = (tmp_path / "gpu.md").read_text()
    assert re.findall(r"^## (.*)$", page, re.MULTILINE) == list(PARTS)
    assert "| NO |" not in page
    assert "failed" not in page
    assert "1 of efficientnet" in page  # families take turns
    assert "1 of resnext-attention" in page
