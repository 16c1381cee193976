"""`automl search` beside what a user would write with Ray Tune, Optuna and timm: the same images,
space, budget, workers and time, in one run.

    uv run python benchmarks/against_plain_tune.py [--write]

First the script, then the search, each alone on the machine; then both winners are trained by one
and the same recipe from several seeds and measured on the test images. Prints a Markdown table;
`--write` keeps it in benchmarks/results/against_plain_tune.md, with a figure. `--folder` keeps what
both runs wrote, and parts that are there already are not run again; `--seconds 120 --seeds 1
--final-epochs 2` is for development.
"""

import argparse
import json
import os
import platform
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, date, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from automl.search.options import SearchOptions
from automl.search.plan import Plan, prepare
from automl.spaces import Candidate, load_space
from automl.studies import State, Study

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "against_plain_tune.md"
SPACE = "benchmarks/spaces/plain_tune.yaml"
GRACE = 600
"""Seconds that a run may take beyond its time: imports, the last epochs, the final trainings."""
STUDY = "ours"
Curve = list[tuple[float, float]]
"""(seconds since the command began, best validation accuracy so far), rising."""


def run(command: Sequence[str], folder: Path, name: str, limit: float) -> dict[str, float]:
    """A command in a session of its own, its output in a file; interrupted at `limit` seconds, and
    nothing of it is left running."""
    env = {
        **os.environ,
        "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
        "PYTHONUNBUFFERED": "1",
    }  # under `uv run`, Ray would rebuild the environment for every worker
    print(f"{name}: {' '.join(command)}", file=sys.stderr)
    began = time.time()
    with (folder / f"{name}.log").open("w") as log:
        process = subprocess.Popen(
            command, cwd=ROOT, env=env, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            for stop, wait in ((None, limit), (signal.SIGINT, 60), (signal.SIGTERM, 20), (signal.SIGKILL, 20)):
                if stop is not None:
                    os.killpg(process.pid, stop)
                with suppress(subprocess.TimeoutExpired):
                    process.wait(wait)
                    break
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
    facts = {"began": began, "seconds": time.time() - began, "exit": float(process.returncode)}
    (folder / f"{name}.json").write_text(json.dumps(facts))
    return facts


def plain(folder: Path, given: argparse.Namespace) -> dict[str, Any]:
    """What the script found: its summary and its log."""
    out = folder / "peer.json"
    if not out.exists():
        command = [
            sys.executable,
            str(given.plain),
            "--data",
            str(given.data),
            "--macs",
            f"{given.macs:g}",
            "--seconds",
            f"{given.seconds:g}",
            "--workers",
            str(given.workers),
            "--seed",
            str(given.seed),
            "--out",
            str(out),
        ]
        run(command, folder, "plain", given.seconds + GRACE)
    if not out.exists():
        raise SystemExit(f"the script wrote no result; see {folder / 'plain.log'}")
    return json.loads(out.read_text())


def search_command(storage: str, given: argparse.Namespace) -> list[str]:
    return [
        "search",
        "--budget",
        f"{given.macs / 1e6:g}MFLOPs",
        "--space",
        SPACE,
        "--data",
        str(given.data),
        "--time",
        f"{given.seconds:g}s",
        "--workers",
        str(given.workers),
        "--seed",
        str(given.seed),
        "--storage",
        storage,
        "--study",
        STUDY,
        *given.option,
    ]


def ours(folder: Path, given: argparse.Namespace) -> tuple[Study, float, float]:
    """The study that the search wrote, when its command began, and how long it took."""
    storage = f"sqlite:///{folder / 'ours.db'}"
    facts = folder / "ours.json"
    if not facts.exists():
        start = [sys.executable, "-c", "from automl.cli.main import run; run()"]
        run([*start, *search_command(storage, given)], folder, "ours", given.seconds + GRACE)
    told = json.loads(facts.read_text())
    return Study.open(storage, STUDY), told["began"], told["seconds"]


def plain_curve(found: dict[str, Any]) -> Curve:
    return [(seconds, accuracy) for seconds, accuracy, _ in found["summary"]["best_over_time"]]


def our_curve(study: Study, began: float) -> Curve:
    """Trials count when they ended or were stopped: what one reached earlier is shown late rather
    than early."""
    ended = [
        (one.finished, one.accuracy)
        for one in study.evaluations()
        if one.state is not State.FAIL and one.accuracy is not None
    ]
    curve: Curve = []
    for finished, accuracy in sorted(ended):
        if not curve or accuracy > curve[-1][1]:
            curve.append(((finished - datetime.fromtimestamp(began, UTC)).total_seconds(), accuracy))
    return curve


def as_candidate(config: dict[str, Any], plan: Plan, script: Path) -> tuple[Candidate, str]:
    """The script's network as a candidate of ours, and what differs. The squeezed channels are the
    script's own, layer by layer.

    Raises:
        SystemExit: parameters or MACs differ by more than the biases of timm's circular ECA, of
            which ours has none.
    """
    import runpy

    import torch
    from timm.layers import CecaModule, SEModule
    from timm.layers.cbam import ChannelAttn
    from torch.utils.flop_counter import FlopCounterMode

    given = {"depth": round(config["depth"], 1), "width": round(config["width"], 2), "expansion": config["expansion"]}
    given |= {"kernel": 3 if config["kernel"] == 3 else "auto", "gate": config["attention"]}
    fixed = {parameter.name: parameter.values[0] for parameter in plan.space.parameters}
    network = runpy.run_path(str(script))["build"](config, plan.space.classes, plan.space.image[0]).eval()
    squeezed = [module.fc1.out_channels for module in network.modules() if isinstance(module, SEModule | ChannelAttn)]
    data = plan.space.candidate({**fixed, **given}).to_dict()
    if squeezed:
        data["stages"] = _with_reduced(data["stages"], iter(squeezed))
    candidate = Candidate.from_dict(data)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network(torch.zeros(1, *plan.space.image))
    biases = sum(
        module.conv.bias.numel()
        for module in network.modules()
        if isinstance(module, CecaModule) and module.conv.bias is not None
    )
    theirs = (counter.get_total_flops() // 2, sum(parameter.numel() for parameter in network.parameters()) - biases)
    mine = (int(candidate.cost().macs), int(candidate.cost().params))
    if theirs != mine:
        raise SystemExit(
            f"the script's winner must be a candidate of ours, but its MACs and parameters are {theirs} and the"
            f" candidate's {mine}: {config}"
        )
    note = f"; timm's {biases} biases of circular ECA left out" if biases else ""
    return candidate, f"{mine[0] / 1e6:.2f} MMACs, {mine[1] / 1e3:.0f}k parameters, equal to timm's network{note}"


def _with_reduced(stages: list[Any], squeezed: Any) -> list[Any]:
    """The stages with each layer's squeezed channels replaced; runs of equal layers are spelled
    out."""
    spelled = []
    for runs in stages:
        layers = [json.loads(json.dumps(unit)) for unit, times in runs for _ in range(times)]
        for unit in layers:
            unit["attention"]["reduced"] = next(squeezed)
        spelled.append([[unit, 1] for unit in layers])
    return spelled


def retrain(spec: str, plan: Plan, epochs: int, seed: int) -> float:
    """Test accuracy of a candidate trained on all training images, by the search's own recipe."""
    import torch
    from automl.search.training.accuracy import accuracy
    from automl.search.training.pixels import Pixels
    from automl.search.training.randomness import seeded
    from automl.search.training.trainer import Trainer

    torch.set_num_threads(1)
    pixels = Pixels(plan.data.images, plan.data.labels, plan.split.train, plan.split.validation, plan.split.test, "cpu")
    with seeded(seed, "build"):
        network = Candidate.from_spec(spec).build()
    trainer = Trainer(network, pixels, epochs=epochs, size=plan.proxy_size, recipe=plan.recipe, seed=seed)
    while not trainer.finished:
        trainer.epoch()
    images, labels = pixels.at("test", plan.proxy_size)
    return accuracy(trainer.network_for_use(), images, labels, mean=pixels.mean, std=pixels.std)


def retrained(specs: dict[str, str], folder: Path, given: argparse.Namespace) -> dict[str, list[float]]:
    """Test accuracies of each network, one for each seed, trained in processes of their own,
    `workers` at a time."""

    def one(job: tuple[str, int]) -> float:
        name, seed = job
        out = folder / f"retrained-{name}-{seed}.json"
        if not out.exists():
            spec = folder / f"{name}.candidate.json"
            spec.write_text(specs[name])
            command = [
                sys.executable,
                __file__,
                "--retrain",
                str(spec),
                "--seed",
                str(seed),
                "--out",
                str(out),
                "--data",
                str(given.data),
                "--macs",
                f"{given.macs:g}",
                "--final-epochs",
                str(given.final_epochs),
            ]
            run(command, folder, f"retrain-{name}-{seed}", 3600)
        if not out.exists():
            raise SystemExit(f"the winner of {name} could not be trained; see {folder / f'retrain-{name}-{seed}.log'}")
        return float(json.loads(out.read_text()))

    jobs = [(name, 100 + seed) for seed in range(given.seeds) for name in specs]
    with ThreadPoolExecutor(given.workers) as pool:
        reached = list(pool.map(one, jobs))
    return {name: [value for (other, _), value in zip(jobs, reached, strict=True) if other == name] for name in specs}


def options(given: argparse.Namespace) -> SearchOptions:
    return SearchOptions(
        budget=(f"{given.macs / 1e6:g}MFLOPs",), space=load_space(ROOT / SPACE), data=str(given.data), seed=0
    )


def draw(curves: dict[str, Curve], seconds: dict[str, float], target: float, path: Path) -> None:
    import matplotlib as mpl
    from matplotlib.figure import Figure

    with mpl.rc_context({"svg.hashsalt": "automl", "svg.fonttype": "none"}):
        figure = Figure(figsize=(7, 4), layout="constrained")
        axes = figure.subplots()
        for name, curve in curves.items():
            times, values = [each for each, _ in curve] + [seconds[name]], [each for _, each in curve] + [curve[-1][1]]
            axes.step(times, values, where="post", label=name)
        axes.axhline(target, color="grey", linewidth=0.8, linestyle="--", label="the script's final best")
        axes.set(xlabel="seconds since the command began", ylabel="best validation accuracy")
        axes.legend(loc="lower right")
        figure.savefig(path, format="svg", metadata={"Date": None})


def sampled(values: Curve, at: float) -> str:
    before = [accuracy for seconds, accuracy in values if seconds <= at]
    return f"{before[-1]:.4f}" if before else "–"


def finals_lines(tested: dict[str, list[float]], notes: dict[str, str], epochs: int) -> list[str]:
    from scipy.stats import ttest_ind

    rows = [
        (
            f"Both winners trained on all training images for {epochs} epochs by the recipe of the search, accuracy on"
            " the 3,000 test images:"
        ),
        "",
        "| winner of | network | mean | sd | n |",
        "|---|---|---:|---:|---:|",
    ]
    for name, values in tested.items():
        spread = f"{statistics.stdev(values):.4f}" if len(values) > 1 else "–"
        rows.append(f"| {name} | {notes[name]} | {statistics.mean(values):.4f} | {spread} | {len(values)} |")
    theirs, mine = tested["plain"], tested["automl"]
    difference = statistics.mean(mine) - statistics.mean(theirs)
    words = "met" if difference >= 0 else "missed"
    if len(mine) > 1:
        interval = ttest_ind(mine, theirs, equal_var=False).confidence_interval(0.95)
        words = f"95 % interval {interval.low:+.4f} to {interval.high:+.4f} (Welch), asked for: no worse: {words}"
    return [*rows, "", f"Difference in mean: {difference:+.4f}; {words}."]


def page(
    folder: Path, given: argparse.Namespace, command: str
) -> tuple[str, dict[str, Curve], dict[str, float], float]:
    found = plain(folder, given)
    study, began, seconds = ours(folder, given)
    curves = {"plain script": plain_curve(found), "automl search": our_curve(study, began)}
    took = {"plain script": found["summary"]["seconds"], "automl search": seconds}
    if not all(curves.values()):
        raise SystemExit(
            f"{next(name for name, curve in curves.items() if not curve)} reached nothing; give more --seconds; see"
            f" {folder}"
        )
    target = found["summary"]["best"]
    reached = next((at for at, accuracy in curves["automl search"] if accuracy >= target), None)
    least = next(at for at, accuracy in curves["plain script"] if accuracy >= target)
    third = took["plain script"] / 3
    marks = [given.seconds * share for share in (1 / 12, 1 / 6, 1 / 3, 1 / 2, 2 / 3, 1)]
    counts, summary = study.counts(), found["summary"]
    plan = prepare(options(given))
    lines = [
        "# Against a plain Ray Tune script",
        "",
        f"`{command}`, {date.today()}, {machine()}.",
        "",
        (
            f"CIFAR-10-small (12,000 training images), budget {given.macs / 1e6:g} MMACs at 32 px, {given.workers}"
            f" workers, {given.seconds:g} s each, seed {given.seed}. The script is `{given.plain.name}`: Ray Tune,"
            " OptunaSearch and ASHA over timm networks, 6 epochs of 10,000 images. The search is `automl"
            f" {' '.join(search_command('sqlite:///ours.db', replace_data(given)))}` over the same space:"
            f" {len(plan.split.train):,} images train and {len(plan.split.validation):,} validate, the script's are"
            " 10,000 and 2,000. Times count from the start of each command."
        ),
        "",
        "Best validation accuracy of any network within the budget, after",
        "",
        "| | " + " | ".join(f"{mark:.0f} s" for mark in marks) + " | at the end |",
        "|---|" + "---:|" * (len(marks) + 1),
        *(
            f"| {name} | " + " | ".join(sampled(curve, mark) for mark in marks) + f" | {curve[-1][1]:.4f} |"
            for name, curve in curves.items()
        ),
        "",
        f"The script started {summary['trials']} trials ({summary['over_budget']} over the budget,"
        f" {summary['finished']} trained to the end); the search: "
        + ", ".join(f"{count} {state}" for state, count in counts.items())
        + ".",
        "",
        f"The script's final best, {target:.4f}, which it had after {least:.0f} of {took['plain script']:.0f} s, was"
        " reached by the search after "
        + (
            f"{reached:.0f} s: {reached / took['plain script']:.2f} of the script's time"
            if reached is not None
            else "no time"
        )
        + f". Asked for: at most one third ({third:.0f} s):"
        f" {'met' if reached is not None and reached <= third else 'missed'}.",
        "",
        "![best validation accuracy over time](against_plain_tune.svg)",
        "",
    ]
    if not given.skip_retrain:
        from automl.studies.choosing.chosen import best

        winner = max((row for row in found["log"] if not row["over"]), key=lambda row: row["accuracy"])
        candidate, note = as_candidate(winner["config"], plan, given.plain)
        chosen = best(study)
        if chosen is None:
            raise SystemExit(f"the search finished no trial; see {folder}")
        notes = {
            "plain": note,
            "automl": f"{chosen.candidate.macs / 1e6:.2f} MMACs, {chosen.candidate.params / 1e3:.0f}k parameters",
        }
        tested = retrained({"plain": json.dumps(candidate.to_dict()), "automl": chosen.candidate.spec}, folder, given)
        lines += [*finals_lines(tested, notes, given.final_epochs), ""]
    return "\n".join(lines), curves, took, target


def machine() -> str:
    """Hardware, versions and how busy it is."""
    model, gib = platform.processor() or platform.machine(), ""
    if sys.platform == "linux":
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), model)
        gib = f", {os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB"
    packages = ", ".join(
        f"{package} {version(package)}" for package in ("automl", "torch", "timm", "ray", "optuna", "thop", "numpy")
    )
    return f"{model}, {os.cpu_count()} CPUs{gib}, {platform.system()}; Python {platform.python_version()}, {packages}"


def replace_data(given: argparse.Namespace) -> argparse.Namespace:
    """For the page: no path of this machine."""
    return argparse.Namespace(**{**vars(given), "data": Path("cifar10-small.npz")})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plain", type=Path, default=ROOT.parent / "shared" / "peer" / "plain_tune.py")
    parser.add_argument(
        "--data", type=Path, default=ROOT.parent / "shared" / "data" / "cifar10-small" / "cifar10-small.npz"
    )
    parser.add_argument("--macs", type=float, default=6e6)
    parser.add_argument("--seconds", type=float, default=1200)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each winner")
    parser.add_argument("--final-epochs", type=int, default=15)
    parser.add_argument(
        "--option",
        action="append",
        default=[],
        help="one more word for `automl search`, as --option=--finals --option=2",
    )
    parser.add_argument("--folder", type=Path, help="where both runs write; a temporary one without")
    parser.add_argument("--skip-retrain", action="store_true")
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--retrain", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    for path in (given.plain, given.data):
        if not path.exists():
            raise SystemExit(f"{path} is not there: give --{'plain' if path == given.plain else 'data'}")
    if given.retrain:
        given.out.write_text(
            json.dumps(retrain(given.retrain.read_text(), prepare(options(given)), given.final_epochs, given.seed))
        )
        return
    folder = (given.folder or Path(tempfile.mkdtemp(prefix="against-"))).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    print(
        f"what both runs write is kept in {folder}; where this breaks off, the same command with --folder {folder} goes"
        " on from there",
        file=sys.stderr,
    )
    text, curves, took, target = page(folder, given, typed(sys.argv[1:]))
    print(text)
    if given.write:
        RESULTS.write_text(text)
    draw(curves, took, target, RESULTS.with_suffix(".svg") if given.write else folder / "against_plain_tune.svg")


def typed(words: Sequence[str]) -> str:
    """The command, without paths of this machine."""
    kept = [
        word
        for before, word in zip(["", *words], words, strict=False)
        if not {before, word.partition("=")[0]} & {"--folder", "--data", "--plain"}
    ]
    return " ".join(["uv run python benchmarks/against_plain_tune.py", *kept])


if __name__ == "__main__":
    main()
