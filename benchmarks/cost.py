"""What costs take, beside other counters: many at once, one by one, all of NAS-Bench-Macro, memory,
import.

    uv run python benchmarks/cost.py [--quick] [--write]

Prints Markdown tables; `--write` keeps them in benchmarks/results/cost.md, `--quick` is for
development. Everything runs on one core with one thread. What is costed many at once are distinct
candidates: settings that build a network which is already there are dropped first, by their
fingerprints.
"""

import argparse
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path

# ruff: noqa: E402
for _name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[_name] = "1"  # read when numpy and torch are imported

import numpy as np
from automl.blocks import Cost
from automl.spaces import Candidate, Space, load_space, shipped_spaces
from automl.spaces.draws.bulk import Rows, combinations, costs, enumerate_rows, examine, joined, settings
from automl.spaces.draws.distinct import DRAWS, ENUMERATE, drawing_of

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "cost.md"
TABLE = ROOT.parent / "shared" / "data" / "nas-bench-macro" / "nas-bench-macro_cifar10.json"
MILLION = 1_000_000
RATE = {"efficientnet": 200_000, "resnext-attention": 200_000}
"""Costs a second asked for where the choices are the network's; 50,000 where stages or layers
choose for themselves."""
TIMES_THOP = 10_000
"""How many times faster than thop is asked for."""
METRICS = ("macs", "params", "activations", "peak")

NOTE = """\
One multiply-add of a convolution or a linear layer is 1 for all of them (2 for FlopCounterMode). thop adds 4 for an \
element of a normalised map, fvcore 2,
and both the pools' sums: without those they count what we count. fvcore counts no parameters, nor does \
FlopCounterMode: those beside it are the module's."""

Counts = tuple[float, int | None]
"""MACs and parameters; None where a counter counts none."""


def distinct(space: Space, most: int) -> tuple[Rows, float]:
    """Valid settings, each of another network, and which share of the valid ones examined were
    repetitions.

    All of a small space in random order, else `most` as they are drawn.
    """
    rng = np.random.default_rng(0)
    if combinations(space) <= ENUMERATE:
        chunks = [rng.permutation(np.concatenate(list(enumerate_rows(space))))]
    else:
        drawing = drawing_of(space)
        chunks = (drawing.rows(1 << 18, rng) for _ in range(100))
    rows, names, seen = np.zeros((0, len(space.parameters)), np.int32), np.zeros(0, np.uint64), 0
    for chunk in chunks:
        _, valid, keys = examine(space, chunk)
        seen += int(valid.sum())
        rows, names = np.concatenate([rows, chunk[valid]]), np.concatenate([names, joined(keys[valid])])
        first = np.sort(np.unique(names, return_index=True)[1])
        rows, names = rows[first], names[first]
        if len(rows) >= most:
            break
    return rows[:most], 1 - len(rows) / seen


def seconds_of(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def rates(count: int, work: Callable[[], object], times: int) -> list[float]:
    """Candidates a second, `times` times after once that is not timed."""
    work()
    return [count / seconds_of(work) for _ in range(times)]


def spread(values: Sequence[float], digits: int = 0) -> str:
    return f"{statistics.median(values):,.{digits}f} ({min(values):,.{digits}f} to {max(values):,.{digits}f})"


def tail(milliseconds: Sequence[float]) -> str:
    return f"{statistics.median(milliseconds):.3f}, {np.percentile(milliseconds, 95):.3f}"


def met(good: bool) -> str:
    return "met" if good else "**missed**"


def one_by_one(space: Space, rows: Rows, many: Cost) -> tuple[list[float], list[float]]:
    """Milliseconds from settings to a cost, and of the cost alone; the costs must be those of many
    at once."""
    whole, alone = [], []
    for index, row in enumerate(rows):
        chosen = settings(space, row)
        began = time.perf_counter()
        candidate = space.candidate(chosen)
        made = time.perf_counter()
        cost = candidate.cost()
        ended = time.perf_counter()
        whole.append(1e3 * (ended - began))
        alone.append(1e3 * (ended - made))
        if any(getattr(cost, metric) != getattr(many, metric)[index] for metric in METRICS):
            raise SystemExit(f"{space.name}: many at once differ from one by one at {chosen}")
    return whole, alone


class Counter(ABC):
    """Another way to the same figures: a throwaway network that is run."""

    name: str
    device = "cpu"

    def build(self, candidate: Candidate):
        import torch

        with torch.device(self.device):
            return candidate.build().eval()

    @abstractmethod
    def count(self, network, candidate: Candidate) -> Counts:
        """What it counts in one run of `network`."""

    def image(self, candidate: Candidate):
        import torch

        return torch.zeros(1, *candidate.image, device=self.device)


class Thop(Counter):
    name = "thop"
    rules: tuple[type, ...] = ()
    """Modules that count nothing."""

    def count(self, network, candidate: Candidate) -> Counts:
        from thop import profile
        from thop.vision.basic_hooks import zero_ops

        macs, params = profile(
            network, (self.image(candidate),), custom_ops=dict.fromkeys(self.rules, zero_ops), verbose=False
        )
        return macs, int(params)


class BareThop(Thop):
    name = "thop, normalisation and pools at 0"

    def __init__(self) -> None:
        from torch import nn

        self.rules = (nn.BatchNorm2d, nn.AdaptiveAvgPool2d, nn.AvgPool2d)


class MetaThop(BareThop):
    name = "the same on the meta device"
    device = "meta"


class TorchCounter(Counter):
    name = "FlopCounterMode / 2, meta device"
    device = "meta"

    def count(self, network, candidate: Candidate) -> Counts:
        import torch
        from torch.utils.flop_counter import FlopCounterMode

        with FlopCounterMode(display=False) as counter, torch.no_grad():
            network(self.image(candidate))
        return counter.get_total_flops() / 2, sum(parameter.numel() for parameter in network.parameters())


class Fvcore(Counter):
    name = "fvcore FlopCountAnalysis"

    def operators(self, network, candidate: Candidate):
        import torch
        from fvcore.nn import FlopCountAnalysis

        with torch.no_grad():
            analysis = FlopCountAnalysis(network, self.image(candidate))
            analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False).tracer_warnings("none")
            return analysis.by_operator()

    def count(self, network, candidate: Candidate) -> Counts:
        return sum(self.operators(network, candidate).values()), None


class BareFvcore(Fvcore):
    name = "fvcore, its conv and linear only"

    def count(self, network, candidate: Candidate) -> Counts:
        found = self.operators(network, candidate)
        return found["conv"] + found["linear"], None


def against(found: Sequence[float], ours: Sequence[int]) -> str:
    """ "equal", or by how much what was found differs."""
    if list(found) == list(ours):
        return "equal"
    relative = [100 * (one / own - 1) for one, own in zip(found, ours, strict=True)]
    return f"{min(relative):+.1f} % to {max(relative):+.1f} %"


def counted(counter: Counter, candidates: Sequence[Candidate]) -> tuple[list[float], list[float], str, str]:
    """Milliseconds to build and count each, to count alone, and what MACs and parameters are beside
    ours."""
    counter.count(counter.build(candidates[0]), candidates[0])  # imports, first calls
    whole, alone, found = [], [], []
    for candidate in candidates:
        began = time.perf_counter()
        network = counter.build(candidate)
        built = time.perf_counter()
        found.append(counter.count(network, candidate))
        ended = time.perf_counter()
        whole.append(1e3 * (ended - began))
        alone.append(1e3 * (ended - built))
    own = [candidate.cost() for candidate in candidates]
    params = (
        "–" if found[0][1] is None else against([params for _, params in found], [int(cost.params) for cost in own])
    )
    return whole, alone, against([macs for macs, _ in found], [int(cost.macs) for cost in own]), params


def others(space: Space, rows: Rows, rate: float) -> list[str]:
    """A table's row for every other counter; `rate` is how many candidates a second ours costs many
    at once."""
    candidates, found = [space.candidate(settings(space, row)) for row in rows], []
    for counter in (Thop(), BareThop(), MetaThop(), TorchCounter(), Fvcore(), BareFvcore()):
        both, single, macs, params = counted(counter, candidates)
        times_ours = [statistics.median(each) * 1e-3 * rate for each in (both, single)]
        verdict = f" ({TIMES_THOP:,}: {met(times_ours[0] >= TIMES_THOP)})" if type(counter) is Thop else ""
        ratio = f"{times_ours[0]:,.0f}{verdict}, {times_ours[1]:,.0f}"
        found.append(
            f"| {space.name} | {counter.name} | {spread(both, 1)} | {spread(single, 1)} | {macs} | {params} | {ratio} |"
        )
    return found


def of_spaces(quick: bool) -> list[str]:
    """The tables of the shipped spaces."""
    import torch

    torch.set_num_threads(1)
    warnings.filterwarnings("ignore", message=".torch.jit.* is deprecated")  # fvcore's matter
    most, times, singles, beside = (200_000, 5, 100, 3) if quick else (MILLION, 7, 1000, 20)
    many_rows, one_rows, beside_rows = [], [], []
    for name in shipped_spaces():
        space = load_space(name)
        rows, repeated = distinct(space, most)
        costed = rates(len(rows), lambda space=space, rows=rows: costs(space, rows), times)
        named = rates(len(rows), lambda space=space, rows=rows: examine(space, rows), times)
        draw = rows[:DRAWS]
        at_a_draw = rates(len(draw), lambda space=space, draw=draw: costs(space, draw), times)
        rate, asked = statistics.median(costed), RATE.get(name, 50_000)
        verdict = met(rate >= asked)
        many_rows.append(
            f"| {name} | {len(rows):,} | {100 * repeated:.1f} % | {spread(costed)} | {spread(named)} |"
            f" {spread(at_a_draw)} | {asked:,}: {verdict} |"
        )
        few = rows[:singles]
        whole, alone = one_by_one(space, few, costs(space, few)[0])
        one_rows.append(
            f"| {name} | {len(few):,} | {tail(whole)} | {tail(alone)} | {met(statistics.median(whole) <= 1)} |"
        )
        beside_rows += others(space, rows[:beside], rate)
        print(f"{name} measured", file=sys.stderr)
    return [
        *section(
            "Many at once",
            f"Candidates a second, median (lowest to highest) of {times} passes over all of them after one untimed."
            " Repetitions are the valid settings that\nbuilt a network already there; they are not among those costed."
            f" Beside it stand passes over {DRAWS:,}, as many as a search draws at a time (or\nall of a smaller space):"
            " where many choices cannot be taken as arrays, each call of a formula has few rows then.",
            [
                "space",
                "distinct candidates",
                "repetitions",
                "costs a second",
                "with fingerprints",
                f"costs a second, {DRAWS:,} at once",
                "asked for",
            ],
            many_rows,
        ),
        *section(
            "One by one",
            "Milliseconds, median and 95th percentile. Every cost was equal to the one of many at once. At most 1 ms is"
            " asked for.",
            ["space", "candidates", "settings to candidate to cost", "cost of a made candidate", "1 ms"],
            one_rows,
        ),
        *section(
            "Beside other counters",
            f"Each builds a throwaway network of the same {beside} candidates a space, at its deployment size (the"
            " space's image times its resolution), and\nruns it on that one core. Milliseconds a candidate, median"
            " (lowest to highest). The last column is the median over ours many at once, with and\nwithout building.",
            ["space", "counter", "build and count", "count alone", "MACs to ours", "params to ours", "times ours"],
            beside_rows,
        ),
        NOTE,
        "",
    ]


def section(title: str, text: str, columns: Sequence[str], rows: Sequence[str]) -> list[str]:
    return [f"## {title}", "", text, "", f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}", *rows, ""]


def nas_bench_macro(times: int) -> list[tuple[str, str, str]]:
    import json

    what = "NAS-Bench-Macro: reading the space, all its costs, comparing with the table"
    if not TABLE.exists():
        return [(what, "skipped: the table is not beside this checkout (../shared/data/nas-bench-macro)", "2 s")]
    table = json.loads(TABLE.read_text())
    seconds, equal = [], 0
    for _ in range(times):
        began = time.perf_counter()
        space = load_space("nas-bench-macro")
        rows = np.concatenate(list(enumerate_rows(space)))
        cost, valid = costs(space, rows)
        digits = [index for index, parameter in enumerate(space.parameters) if parameter.layer is not None]
        codes = ["".join(map(str, row)) for row in rows[:, digits].tolist()]
        expected = [(table[code]["params"], table[code]["flops"]) for code in codes]
        same = valid & (np.stack([cost.params, cost.macs], axis=1) == np.array(expected)).all(axis=1)
        seconds.append(time.perf_counter() - began)
        equal = int(same.sum())
    return [
        (what, f"{spread(seconds, 3)} s", f"2 s: {met(statistics.median(seconds) <= 2)}"),
        (
            "NAS-Bench-Macro: networks whose params and MACs both equal the table's",
            f"{equal:,} of {len(table):,}",
            f"every one: {met(equal == len(table))}",
        ),
    ]


def peak_bytes() -> int:
    """The process's highest resident memory so far."""
    try:
        # not getrusage: its ru_maxrss starts at the parent's where a process was made by vfork
        line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) * 1024
    except (OSError, StopIteration):
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def memory_of(name: str, count: int) -> None:
    """Print by how much the peak grows while `count` settings are drawn, and until they are costed;
    for a process of its own."""
    start = peak_bytes()
    space, rng = load_space(name), np.random.default_rng(0)
    drawing, parts, missing = drawing_of(space), [], count
    while missing:
        parts.append(drawing.rows(count, rng)[:missing])
        missing -= len(parts[-1])
    rows = np.concatenate(parts) if len(parts) > 1 else parts[0]
    drawn = peak_bytes()
    costs(space, rows)
    print(drawn - start, peak_bytes() - start, rows.nbytes)


def memory(count: int) -> list[tuple[str, str, str]]:
    found = []
    for name in ("resnext-attention", "ofa-mobilenetv3"):
        output = subprocess.run(
            [sys.executable, __file__, "--memory", name, str(count)], capture_output=True, text=True, check=True
        ).stdout
        drawn, costed, own = (int(text) / 1e6 for text in output.split())
        figure = f"{costed:,.0f} MB ({drawn:,.0f} MB by the end of drawing; the settings themselves are {own:,.0f} MB)"
        found.append(
            (
                f"peak memory beyond imports, {count:,} settings of {name} drawn and costed",
                figure,
                f"1 GB: {met(costed <= 1000)}",
            )
        )
    return found


def imports(times: int) -> list[tuple[str, str, str]]:
    found = {}
    with tempfile.TemporaryDirectory() as folder:  # not the checkout, whose folders would be imported first
        for code in ("import automl.spaces", "import numpy, yaml", "pass"):
            work = [sys.executable, "-c", code]
            subprocess.run(work, check=True, cwd=folder)
            found[code] = [
                seconds_of(lambda work=work: subprocess.run(work, check=True, cwd=folder)) for _ in range(times)
            ]
    own, libraries, nothing = (f"{spread(values, 3)} s" for values in found.values())
    return [
        (
            "`python -c 'import automl.spaces'`, whole process",
            own,
            f"`import numpy, yaml`: {libraries}; `pass`: {nothing}",
        )
    ]


def machine(*more: str) -> str:
    """Hardware, versions, those of `more` packages too, and how busy it is."""
    model = platform.processor() or platform.machine()
    gib = ""
    if sys.platform == "linux":
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        model = next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), model)
        gib = f", {os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB"
    packages = ", ".join(
        f"{package} {version(package)}" for package in ("automl", "numpy", "torch", "timm", "thop", "fvcore", *more)
    )
    busy = f", load average {os.getloadavg()[0]:.1f} at the start" if hasattr(os, "getloadavg") else ""
    return (
        f"{model}, {os.cpu_count()} CPUs of which one is used, one thread{gib}, {platform.system()}{busy}; Python"
        f" {platform.python_version()}, {packages}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small counts, for development")
    parser.add_argument("--write", action="store_true", help=f"keep the tables in {RESULTS.relative_to(ROOT)}")
    parser.add_argument("--memory", nargs=2, metavar=("SPACE", "COUNT"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.memory:
        return memory_of(arguments.memory[0], int(arguments.memory[1]))
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    command = " ".join(
        ["uv run python benchmarks/cost.py", *(f"--{flag}" for flag in ("quick", "write") if getattr(arguments, flag))]
    )
    head = ["# What costs take", "", f"`{command}`, {date.today()}, {machine()}.", ""]
    few = arguments.quick
    single = [*nas_bench_macro(5), *memory(100_000 if few else MILLION), *imports(5 if few else 15)]
    title, text = (
        "All of NAS-Bench-Macro, memory, import",
        "Median (lowest to highest); each peak of memory is one process's.",
    )
    rest = section(
        title, text, ["what", "figure", "asked for, or yardstick"], [f"| {' | '.join(row)} |" for row in single]
    )
    text = "\n".join([*head, *of_spaces(few), *rest])
    print(text)
    if arguments.write:
        RESULTS.write_text(text)


if __name__ == "__main__":
    main()
