"""How zero-cost scores rank NAS-Bench-Macro's networks, beside the parameters and multiply-adds
they must beat, and what they take.

    uv run python benchmarks/zero_cost.py [--networks 200] [--keep FILE] [--write]

Scores random networks of the table on real images, the networks initialised from three seeds, and
prints Markdown tables; `--write` keeps them in benchmarks/results/zero-cost.md, `--keep` scores in
a JSON file that a later call goes on from. One core, one thread.
"""

import argparse
import json
import os
import platform
import sys
import time
from datetime import date
from importlib.metadata import version
from pathlib import Path

# ruff: noqa: E402
for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_name] = "1"  # read when numpy and torch are imported

import numpy as np
from automl.spaces import Candidate
from numpy.typing import NDArray
from scipy.stats import kendalltau, rankdata

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data"
TABLE = DATA / "nas-bench-macro" / "nas-bench-macro_cifar10.json"
IMAGES = DATA / "cifar10-small" / "cifar10-small.npz"
RESULTS = ROOT / "benchmarks" / "results" / "zero-cost.md"
SEEDS = (0, 1, 2)
SLICE = (50_000_000, 60_000_000)
"""MACs between which cost itself says little."""
BOOTSTRAP = 1000
OTHERS = (10_000_000, 40_000_000)
"""MACs at 64 pixels of networks of other spaces that are timed."""
TIMED = 20
"""Networks of which every score is timed by itself."""


def keys_of(table: dict[str, dict], count: int, low: int = 0, high: int = 1 << 62) -> list[str]:
    """The first `count` of the table's networks in an order drawn once, of those whose MACs lie
    between `low` and `high`."""
    order = np.random.default_rng(0).permutation(sorted(table))
    return [str(key) for key in order if low <= table[str(key)]["flops"] <= high][:count]


class Scorer:
    """Computes scores of networks by their digits, and keeps them."""

    def __init__(self, keep: Path | None) -> None:
        import torch
        from automl.search.scores import batch_of
        from automl.search.training.pixels import Pixels
        from automl.spaces import load_space
        from automl.spaces.draws.bulk import enumerate_rows

        torch.set_num_threads(1)
        arrays = np.load(IMAGES)
        images = np.ascontiguousarray(
            arrays["x_train"].transpose(0, 3, 1, 2) if arrays["x_train"].shape[-1] == 3 else arrays["x_train"]
        )
        rows = np.arange(len(images))
        pixels = Pixels(images, arrays["y_train"].astype(np.int64), rows[:-100], rows[-100:], None, "cpu")
        self.batch = batch_of(pixels, 32, seed=0)
        self.space = load_space("nas-bench-macro")
        every = np.concatenate(list(enumerate_rows(self.space)))
        digits = [index for index, parameter in enumerate(self.space.parameters) if parameter.layer is not None]
        self.rows = {"".join(map(str, row[digits])): row for row in every}
        self.keep = keep
        self.known: dict[str, dict] = json.loads(keep.read_text()) if keep is not None and keep.exists() else {}
        self.new = 0

    def of(self, key: str, seed: int) -> dict[str, float]:
        """The scores of the network called `key`, initialised from `seed`, and the `seconds` they
        took."""
        from automl.search.scores import scores_of
        from automl.spaces.draws.bulk import settings

        name = f"{key}/{seed}"
        if name not in self.known:
            candidate = self.space.candidate(settings(self.space, self.rows[key]))
            began = time.perf_counter()
            found = scores_of(candidate, *self.batch, seed=seed)
            self.known[name] = {**found, "seconds": time.perf_counter() - began}
            self.new += 1
            if self.keep is not None and self.new % 20 == 0:
                self.save()
        return self.known[name]

    def save(self) -> None:
        if self.keep is not None:
            self.keep.with_suffix(".new").write_text(json.dumps(self.known))
            self.keep.with_suffix(".new").replace(self.keep)


def agreement(
    values: NDArray[np.float64], accuracies: NDArray[np.float64], logs: NDArray[np.float64]
) -> tuple[float, float, float]:
    """Kendall's τ-b and Spearman's ρ with the accuracies, and ρ when log MACs are held fixed (0 for
    log MACs themselves)."""
    x, y, z = rankdata(values), rankdata(accuracies), rankdata(logs)
    xy, xz, yz = (float(np.corrcoef(a, b)[0, 1]) for a, b in ((x, y), (x, z), (y, z)))
    rest = (1 - xz**2) * (1 - yz**2)
    return float(kendalltau(values, accuracies).statistic), xy, (xy - xz * yz) / rest**0.5 if rest > 1e-9 else 0.0


def with_intervals(
    values: NDArray[np.float64], accuracies: NDArray[np.float64], logs: NDArray[np.float64]
) -> list[str]:
    """The three with 95 % intervals, by drawing the networks again."""
    rng = np.random.default_rng(0)
    drawn = [rng.integers(len(values), size=len(values)) for _ in range(BOOTSTRAP)]
    again = np.array([agreement(values[rows], accuracies[rows], logs[rows]) for rows in drawn])
    low, high = np.percentile(again, [2.5, 97.5], axis=0)
    return [
        f"{value:.2f} ({a:.2f} to {b:.2f})"
        for value, a, b in zip(agreement(values, accuracies, logs), low, high, strict=True)
    ]


def columns_of(rows: list[list[dict[str, float]]], names: list[str]) -> dict[str, NDArray[np.float64]]:
    """Scores by name, the mean over the seeds of a network, and the mean ranks of some pairs."""
    from automl.search.scores import rank_average

    means = [{name: float(np.mean([row[name] for row in seeds])) for name in names} for seeds in rows]
    found = {name: np.array([row[name] for row in means]) for name in names}
    for pair in (["naswot", "synflow"], ["naswot", "grad_norm"], ["naswot", "log_macs"]):
        found[f"mean rank of {' and '.join(pair)}"] = rank_average(means, pair)
    return found


def compare(scorer: Scorer, table: dict[str, dict], keys: list[str], seeds: tuple[int, ...]) -> list[str]:
    """A table of how scores rank the networks `keys`."""
    from automl.search.scores import score_names

    names = sorted(score_names(), key=lambda name: not name.startswith("log_"))
    rows = [[scorer.of(key, seed) for seed in seeds] for key in keys]
    accuracies = np.array([table[key]["mean_acc"] for key in keys])
    logs = np.log([table[key]["flops"] for key in keys])
    lines = [
        "| score | Kendall τ | Spearman ρ | ρ given log MACs | mean accuracy of the tenth ranked first |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, values in columns_of(rows, names).items():
        best = accuracies[np.argsort(-values, kind="stable")[: len(keys) // 10]].mean()
        figures = with_intervals(values, accuracies, logs)
        lines.append(
            f"| {name} | {' | '.join(figures[:2])} | {'–' if name == 'log_macs' else figures[2]} | {best:.2f} % |"
        )
    between = [
        kendalltau([row[0] for row in part], [row[1] for row in part]).statistic
        for part in _pairs_of_seeds(table, keys)
    ]
    best = np.sort(accuracies)[::-1][: len(keys) // 10].mean()
    lines.append(
        f"| (accuracies of one training seed beside another's) | {np.mean(between):.2f} | – | – | {best:.2f} % |"
    )
    return lines


def _pairs_of_seeds(table: dict[str, dict], keys: list[str]) -> list[list[tuple[float, float]]]:
    return [
        [(table[key]["test_acc"][a], table[key]["test_acc"][b]) for key in keys] for a, b in ((0, 1), (0, 2), (1, 2))
    ]


def seconds(scorer: Scorer, keys: list[str]) -> list[str]:
    """What the scores of a network take, its building included: all in shared passes, and each by
    itself."""
    from automl.search.scores import score_names
    from automl.spaces.draws.bulk import settings

    candidates = [scorer.space.candidate(settings(scorer.space, scorer.rows[key])) for key in keys]
    groups = {"all": score_names()} | {name: [name] for name in score_names() if not name.startswith("log_")}
    lines = [
        "| networks | scores | CPU seconds a network: median | 95th percentile | wall seconds: median |",
        "|---|---|---:|---:|---:|",
    ]
    lines += [
        _timed("nas-bench-macro, 32 px", group, names, candidates, scorer.batch, 32) for group, names in groups.items()
    ]
    for space in ("efficientnet", "resnext-attention"):
        others = small(space)
        label = f"{len(others)} of {space}, 64 px, {OTHERS[0] // 1_000_000} to {OTHERS[1] // 1_000_000} MMACs"
        lines += [_timed(label, group, groups[group], others, scorer.batch, 64) for group in ("all", "naswot")]
    return lines


def small(name: str) -> list[Candidate]:
    """Random networks of a shipped space that have few MACs at 64 pixels."""
    from automl.spaces import load_space
    from automl.spaces.draws.bulk import draw, settings

    space = load_space(name)
    drawn = [space.candidate(settings(space, row)) for row in draw(space, 500, np.random.default_rng(0))]
    return [
        each for each in drawn if OTHERS[0] <= each.cost().macs * 64**2 / (each.image[1] * each.image[2]) <= OTHERS[1]
    ][:10]


def _timed(label: str, group: str, names: list[str], candidates: list[Candidate], batch: tuple, size: int) -> str:
    from automl.search.scores import scores_of

    cpu, wall = [], []
    for candidate in candidates:
        began = time.process_time(), time.perf_counter()
        scores_of(candidate, *batch, names=names, size=size)
        cpu.append(time.process_time() - began[0])
        wall.append(time.perf_counter() - began[1])
    return f"| {label} | {group} | {np.median(cpu):.3f} | {np.percentile(cpu, 95):.3f} | {np.median(wall):.3f} |"


def machine() -> str:
    model = next(
        (
            line.split(":")[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.processor(),
    )
    load = f"load average {os.getloadavg()[0]:.1f} at the end" if hasattr(os, "getloadavg") else ""
    libraries = ", ".join(f"{name} {version(name)}" for name in ("automl", "torch", "timm", "numpy", "scipy"))
    return (
        f"{model}, {os.cpu_count()} CPUs of which one is used, one thread, {platform.system()}, {load}; Python"
        f" {platform.python_version()}, {libraries}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--networks", type=int, default=200, help="random networks, of the whole table and of the slice"
    )
    parser.add_argument("--keep", type=Path, help="a JSON file of scores to go on from")
    parser.add_argument("--write", action="store_true", help="keep the tables in benchmarks/results/zero-cost.md")
    given = parser.parse_args()
    for needed in (TABLE, IMAGES):
        if not needed.exists():
            print(f"skipped: {needed.name} is not beside this checkout (../shared/data)")
            return
    table = json.loads(TABLE.read_text())
    scorer = Scorer(given.keep)
    whole, part = keys_of(table, given.networks), keys_of(table, given.networks, *SLICE)
    low, high = (macs // 1_000_000 for macs in SLICE)
    sections = [
        (
            f"{len(whole)} random networks of the table, initialised from 1 seed",
            compare(scorer, table, whole, SEEDS[:1]),
        ),
        (f"The same, scores averaged over {len(SEEDS)} seeds", compare(scorer, table, whole, SEEDS)),
        (f"{len(part)} random networks of {low} to {high} MMACs, 1 seed", compare(scorer, table, part, SEEDS[:1])),
        (f"Seconds, over {len(whole[:TIMED])} of the networks", seconds(scorer, whole[:TIMED])),
    ]
    scorer.save()
    options = (
        [f"--networks {given.networks}"] * (given.networks != 200)
        + ["--keep FILE"] * bool(given.keep)
        + ["--write"] * given.write
    )
    command = " ".join(["uv run python benchmarks/zero_cost.py", *options])
    text = f"""# How zero-cost scores rank NAS-Bench-Macro

`{command}`, {date.today()}, {machine()}.

Rank correlation with the mean test accuracy of three trainings; {len(scorer.batch[0])} images of CIFAR-10 of 32×32 \
pixels, the same for all networks.
In brackets 95 % intervals over {BOOTSTRAP:,} bootstrap samples of the networks. `log_params` and `log_macs` cost \
nothing and are what a score must beat.
The networks are drawn from all 6,561 of the table, some of which are the same network twice. The pairs were chosen \
after a look at this table.
Wall seconds depend on what else the machine did: see its load average; CPU seconds hardly do.

"""
    text += "\n\n".join(f"## {title}\n\n" + "\n".join(lines) for title, lines in sections) + "\n"
    print(text)
    if given.write:
        RESULTS.write_text(text)


if __name__ == "__main__":
    sys.exit(main())
