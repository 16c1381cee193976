"""What the command costs beside what it does: start, overhead a trial, the default search's time
and memory.

    uv run python benchmarks/command.py [--search]

Prints a table with a yardstick for each figure in the same run. `--search` adds the default search
(minutes). Overhead is the wall time of trials that train nothing, on one worker; its yardstick is
what a user would write: a Ray Tune function trainable with OptunaSearch on the same SQLite storage.
"""

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path

from automl.search.workers import cluster

COMMAND = [sys.executable, "-c", "from automl.cli.main import run; run()"]
TRIALS = 40


def spread(values: list[float]) -> str:
    return f"{statistics.median(values):.3f} s (min {min(values):.3f}, max {max(values):.3f}, n={len(values)})"


def timed(arguments: list[str], times: int) -> list[float]:
    seconds = []
    for _ in range(times):
        began = time.perf_counter()
        subprocess.run(arguments, stdout=subprocess.DEVNULL, check=True)
        seconds.append(time.perf_counter() - began)
    return seconds


def feather():
    """A worker that trains nothing: one report, done."""
    from ray import tune

    class Feather(tune.Trainable):
        def setup(self, config, *, arrays, recipe, blocks, scores, measures):
            pass

        def reset_config(self, new_config):
            return True

        def step(self):
            return {"epoch": 1, "accuracy": 0.5, "seconds": 0.0, "done": True}

        def save_checkpoint(self, checkpoint_dir):
            pass

        def load_checkpoint(self, checkpoint):
            pass

    return Feather


def ours(folder: Path) -> list[float]:
    """Seconds between the ends of successive trials."""
    from automl.search.course.engine import Engine
    from automl.search.course.events import Silent
    from automl.search.course.limits import Limits, Trials
    from automl.search.proposing.proposer import Proposer
    from automl.search.workers.cluster import Resources
    from automl.search.workers.ray_tune import run
    from automl.spaces import census, load_space, parse_budget
    from automl.studies import Fidelity, Study, StudySpec

    space, budget = load_space("efficientnet"), parse_budget("400MFLOPs")
    spec = StudySpec(name="s", space=space.to_dict(), budget=str(budget), data={"name": "none"}, settings={})
    study = Study.create_or_continue(f"sqlite:///{folder}/ours.db", spec, command="", versions={})
    ends: list[float] = []

    class Listener(Silent):
        def ended(self, evaluation, macs, counts, best):
            ends.append(time.perf_counter())

    proposer = Proposer(space, budget, census(space, budget), sampler="tpe", seed=0, trials=TRIALS)
    engine = Engine(
        study,
        proposer,
        trials=Trials(fidelity=lambda candidate: Fidelity(epochs=1, size=32), epochs=1, seed=0),
        limits=Limits(trials=TRIALS, seconds=None, finals=0),
        listener=Listener(),
    )
    run(engine, {}, {}, Resources(workers=1, cpus=1, gpus=0, total_gpus=0), worker=feather())
    return [after - before for before, after in pairwise(ends[4:])]  # the first ones start the worker


def plain(folder: Path) -> list[float]:
    """Seconds from the end of one trial to the next for OptunaSearch with a function trainable."""
    from optuna.samplers import TPESampler
    from optuna.storages import RDBStorage
    from ray import tune
    from ray.tune.search.optuna import OptunaSearch

    ends: list[float] = []

    class Ends(tune.Callback):
        def on_trial_complete(self, iteration, trials, trial, **info):
            ends.append(time.perf_counter())

    def train(config):
        tune.report({"accuracy": 0.5, "macs": 1.0})

    search = OptunaSearch(
        metric=["accuracy", "macs"],
        mode=["max", "min"],
        sampler=TPESampler(seed=0, multivariate=True),
        study_name="s",
        storage=RDBStorage(f"sqlite:///{folder}/plain.db"),
    )
    space = {
        "depth": tune.quniform(0.4, 1.6, 0.2),
        "width": tune.quniform(0.3, 1.3, 0.1),
        "resolution": tune.quniform(0.55, 1.15, 0.05),
        "expansion": tune.choice([3, 4, 6]),
        "kernel": tune.choice([0, 3, 5]),
        "attention": tune.choice(["none", "se", "eca", "cbam"]),
    }
    tune.Tuner(
        tune.with_resources(train, {"cpu": 1}),
        param_space=space,
        tune_config=tune.TuneConfig(search_alg=search, num_samples=TRIALS // 2, max_concurrent_trials=1),
        run_config=tune.RunConfig(storage_path=str(folder), verbose=0, callbacks=[Ends()]),
    ).fit()
    return [after - before for before, after in pairwise(ends[1:])]


def default_search(folder: Path) -> list[tuple[str, str, str]]:
    import psutil

    output = folder / "output.txt"
    began = time.perf_counter()
    with output.open("w") as file:
        process = subprocess.Popen(
            [*COMMAND, "search", "--budget", "400MFLOPs"],
            cwd=folder,
            stdout=file,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
    root, peak, first = psutil.Process(process.pid), 0, None
    while process.poll() is None:
        if first is None and "accuracy" in output.read_text():
            first = time.perf_counter() - began
        total = 0
        for one in [root, *root.children(recursive=True)]:
            try:
                total += one.memory_full_info().pss
            except psutil.Error:
                continue
        peak = max(peak, total)
        time.sleep(0.5)
    text = output.read_text()
    summary = next(line for line in text.splitlines() if "trained fully" in line)
    return [
        ("default search, wall", f"{time.perf_counter() - began:.0f} s", "600 s allowed"),
        ("default search, first accuracy on the screen", f"{first:.1f} s", "40 s allowed"),
        ("default search, peak memory of all processes (PSS)", f"{peak / 1e9:.2f} GB", "6 GB allowed"),
        ("default search, evaluations", summary, "24 evaluated, 8 fully, asked for"),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--search", action="store_true")
    arguments = parser.parse_args()
    rows = [
        (
            "automl --help",
            spread(timed([*COMMAND, "--help"], 15)),
            f"python -c pass: {spread(timed([sys.executable, '-c', 'pass'], 15))}",
        )
    ]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cluster.start(None, cpus=1)
        rows.append(
            (
                "overhead a trial, warm worker",
                spread(ours(folder)),
                f"OptunaSearch, function trainable: {spread(plain(folder))}",
            )
        )
        cluster.stop()
        if arguments.search:
            rows += default_search(folder)
    print(
        f"{platform.processor() or platform.machine()}, {os.cpu_count()} CPUs, Python {platform.python_version()}; ",
        end="",
    )
    print(", ".join(f"{package} {version(package)}" for package in ("automl", "ray", "optuna", "torch", "timm")))
    for what, figure, yardstick in rows:
        print(f"| {what} | {figure} | {yardstick} |")


if __name__ == "__main__":
    main()
