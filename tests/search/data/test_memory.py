"""200,000 images are searched within 2 GB of memory of the driver and of each worker."""

from __future__ import annotations

import importlib.util
import sys
import tempfile
from pathlib import Path

import pytest

pytestmark = [pytest.mark.xdist_group("ray"), pytest.mark.exhaustive]

MOST = 2e9


def test_two_hundred_thousand_images_are_searched_within_two_gigabytes():
    benchmark = _benchmark()
    with tempfile.TemporaryDirectory(dir="/var/tmp") as temporary:  # `tmp_path` may lie in memory
        root = Path(temporary)
        data = benchmark.make_folder(root / "images", 200_000, ending="ppm")
        command = [sys.executable, "-m", "automl.cli.main", "search", "--data", str(data), *benchmark.SEARCH]
        command += ["--proxy-size", "64", "--fraction", "0.1", "--storage", f"sqlite:///{root}/x.db"]
        _, driver, worker = benchmark.peaks([*command, "--cache", str(root / "cache")])
        assert driver < MOST
        assert 3e8 < worker < MOST  # a worker has been seen
        [images] = (root / "cache").glob("*/images.npy")
        assert images.stat().st_size > 2.4e9  # the images alone take more than the limit


def _benchmark():
    path = Path(__file__).resolve().parents[3] / "benchmarks" / "large_data.py"
    spec = importlib.util.spec_from_file_location("large_data", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
