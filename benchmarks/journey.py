"""The way of a folder of pictures through the program: every command with what it printed, its time
and its memory.

    uv run python benchmarks/photographs.py cifar10-small.npz --out photos
    uv run python benchmarks/journey.py photos --folder empty-folder [--write]

The commands are those of a person who has pictures and no more: check them, search, train the
network found for longer, verify it, export it, and classify a picture with what was exported.
Memory is the largest sum over all processes of a command of what each holds alone, shared pages
divided among them (PSS), looked at every half second.
"""

from __future__ import annotations

import argparse
import re
import shlex
import subprocess
import sys
import threading
import time
from datetime import date
from pathlib import Path

import psutil
import torch
from gpu_tasks import machine

RESULTS = Path(__file__).resolve().parents[1] / "docs" / "results" / "photographs.md"
LINES = 60
"""Lines of a command's output that are shown: the first and last halves of longer ones."""
STUDY = "photos"


class Watched:
    """Runs a command, and looks at the memory of all its processes."""

    def __init__(self, words: list[str], folder: Path) -> None:
        began, self.peak = time.monotonic(), 0
        running = subprocess.Popen(
            words, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, stdin=subprocess.DEVNULL
        )
        watching = threading.Thread(target=self._watch, args=(running,), daemon=True)
        watching.start()
        assert running.stdout is not None
        self.output: str = running.stdout.read()
        self.code: int = running.wait()
        self.seconds: float = time.monotonic() - began
        watching.join()

    def _watch(self, running: subprocess.Popen[str]) -> None:
        while running.poll() is None:
            self.peak = max(self.peak, _held(running.pid))
            time.sleep(0.5)


def _held(pid: int) -> int:
    """Bytes held by a process and all that it has begun."""
    try:
        processes = [(top := psutil.Process(pid)), *top.children(recursive=True)]
    except psutil.Error:
        return 0
    held = 0
    for process in processes:
        try:
            held += process.memory_full_info().pss
        except psutil.Error:  # it has ended meanwhile
            continue
    return held


def commands(pictures: Path, asked: argparse.Namespace) -> list[list[str]]:
    """What is typed, one after the other."""
    a_picture = next(path for path in sorted((pictures / "ship").iterdir()) if path.name.startswith("1"))
    return [
        ["automl", "data", "check", "photos"],
        ["automl", "search", "--data", "photos", "--budget", asked.budget, "--time", asked.time, "--study", STUDY],
        ["automl", "train", STUDY, "--recipe", "long", "--epochs", str(asked.epochs)],
        ["automl", "verify", STUDY, "--seeds", str(asked.seeds), "--epochs", str(asked.verified)],
        ["automl", "export", STUDY, "--out", "found"],
        ["python", "found/model.py", f"photos/{a_picture.relative_to(pictures)}"],
    ]


def shown(output: str, folder: Path, pictures: Path) -> str:
    """The output, shortened in its middle, without the paths of this machine."""
    output = output.replace(f"{folder.resolve()}/", "").replace(str(pictures.resolve()), "photos")
    lines = [line.rstrip() for line in re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", output).splitlines()]
    if len(lines) > LINES:
        lines = [*lines[: LINES // 2], f"… {len(lines) - LINES} lines", *lines[-LINES // 2 :]]
    return "\n".join(lines)


def main() -> None:
    """Runs the commands, and prints or writes their transcript."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pictures", type=Path, help="the folder that benchmarks/photographs.py has made")
    parser.add_argument("--folder", type=Path, required=True, help="an empty folder to work in")
    parser.add_argument("--budget", default="100MFLOPs")
    parser.add_argument("--time", default="10min", help="wall time of the search")
    parser.add_argument("--epochs", type=int, default=10, help="epochs of the longer training")
    parser.add_argument("--seeds", type=int, default=3, help="seeds of the verification")
    parser.add_argument("--verified", type=int, default=10, help="epochs of a verifying training")
    parser.add_argument("--write", action="store_true", help=f"keep the transcript in docs/results/{RESULTS.name}")
    asked = parser.parse_args()
    asked.folder.mkdir(parents=True, exist_ok=True)
    (asked.folder / "photos").symlink_to(asked.pictures.resolve())
    parts, table = [], ["| command | wall time | memory, GiB | exit |", "|---|--:|--:|--:|"]
    for words in commands(asked.pictures, asked):
        program = Path(sys.executable).with_name(words[0])
        done = Watched([str(program), *words[1:]], asked.folder)
        minutes, seconds = divmod(round(done.seconds), 60)
        typed = shlex.join(words)
        table.append(f"| `{typed}` | {minutes}:{seconds:02d} | {done.peak / 2**30:.2f} | {done.code} |")
        parts.append(f"```console\n$ {typed}\n{shown(done.output, asked.folder, asked.pictures)}\n```\n")
        print("\n".join([table[-1], parts[-1]]), flush=True)
    text = "\n".join(
        [
            "# From a folder of pictures to a file that classifies new ones",
            "",
            "`benchmarks/photographs.py` makes the folder: 3,002 pictures of ten unequal classes in eight kinds of"
            " files, enlarged from images of 32 pixels, so that the accuracies say nothing of photographs;"
            " `benchmarks/journey.py` runs the commands. Memory is the largest sum of all processes (PSS).",
            "",
            f"{machine(torch.device('cpu'))}; {date.today()}.",
            "",
            *table,
            "",
            *parts,
        ]
    )
    if asked.write:
        RESULTS.write_text(text, "utf-8")


if __name__ == "__main__":
    main()
