"""Measures the cache of decoded images: seconds to build it and to start again, memory of a search.

    uv run python benchmarks/large_data.py --images 200000
    uv run python benchmarks/large_data.py --data photos/

Without `--data` it makes a folder of small JPEG files. The page cache is warm in all measurements.
"""

from __future__ import annotations

import argparse
import platform
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
from PIL import Image

CLASSES = 10
LOAD = (
    "import sys; from automl.search.data import load, split, described; d = load(sys.argv[1], size=int(sys.argv[2]), "
)
LOAD += "cache=sys.argv[3]); described(d); d.fingerprint; split(d, seed=0)"
SEARCH = ["--space", "resnet-basic", "--budget", "2MFLOPs", "--image-size", "64", "--trials", "2", "--epochs", "1"]
SEARCH += ["--workers", "2", "--finals", "0", "--references", "none", "--hints", "none"]


def make_folder(root: Path, count: int, side: int = 64, ending: str = "jpg") -> Path:
    """A folder of `count` different images in ten classes; those of the ending "ppm" are noise that
    takes little time to write and to decode."""
    for label in range(CLASSES):
        (root / f"class{label}").mkdir(parents=True, exist_ok=True)

    def write(chunk: range) -> None:
        for number in chunk:
            path = root / f"class{number % CLASSES}" / f"{number:07}.{ending}"
            random = np.random.default_rng(number)
            if ending == "ppm":
                path.write_bytes(b"P6 %d %d 255\n" % (side, side) + random.bytes(3 * side**2))
                continue
            small = random.integers(0, 256, (8, 8, 3), np.uint8)
            small[:, :, number % 3] //= 1 + number % CLASSES
            Image.fromarray(small).resize((side, side)).save(path, quality=70)

    with ThreadPoolExecutor() as pool:
        list(pool.map(write, (range(start, min(start + 500, count)) for start in range(0, count, 500))))
    return root


def peaks(command: list[str], every: float = 0.1) -> tuple[float, float, float]:
    """Run a command; the seconds it takes, and the largest resident bytes of itself and of any of
    Ray's workers below it. Mapped files count as long as their pages are mapped."""
    began = time.monotonic()
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        errors: list[bytes] = []
        assert process.stderr is not None
        reader = threading.Thread(target=lambda: errors.append(process.stderr.read()))  # pyright: ignore
        reader.start()
        own = workers = 0
        top = psutil.Process(process.pid)
        while process.poll() is None:
            try:
                own = max(own, top.memory_info().rss)
                for child in top.children(recursive=True):
                    if child.cmdline()[:1] and "Trainable" in child.cmdline()[0]:
                        workers = max(workers, child.memory_info().rss)
            except psutil.Error:
                pass
            time.sleep(every)
        reader.join()
    if process.returncode:
        raise SystemExit(f"{command} failed: {b''.join(errors).decode(errors='replace')[-2000:]}")
    return time.monotonic() - began, own, workers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", help="A folder of class folders.")
    parser.add_argument("--images", type=int, default=200_000)
    parser.add_argument("--size", type=int, default=64)
    parser.add_argument("--fraction", default="0.1", help="Share of the images that a training sees.")
    parser.add_argument("--folder", default=None, help="Where temporary files are written.")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as temporary:
        root = Path(temporary)
        data = given.data or str(make_folder(root / "images", given.images))
        load = [sys.executable, "-c", LOAD, data, str(given.size)]
        print(
            f"{platform.processor() or platform.machine()}, Python {platform.python_version()}, numpy {np.__version__}"
        )
        print(f"{'':24}{'seconds':>10}{'driver GB':>12}{'worker GB':>12}")
        search = [sys.executable, "-m", "automl.cli.main", "search", "--data", data, *SEARCH]
        search += ["--proxy-size", str(given.size), "--fraction", given.fraction]
        search += ["--storage", f"sqlite:///{root}/x.db", "--cache", str(root / "cache")]
        for name, command in (
            ("decoded in memory", [*load, "none"]),
            ("cache is built", [*load, str(root / "cache")]),
            ("second start", [*load, str(root / "cache")]),
            ("search", search),
        ):
            seconds, own, workers = peaks(command)
            print(f"{name:24}{seconds:10.1f}{own / 1e9:12.2f}{workers / 1e9:12.2f}", flush=True)


if __name__ == "__main__":
    main()
