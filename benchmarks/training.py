"""Images a second of training, beside timm's loop, a plain PyTorch loop and torch.compile.

    uv run python benchmarks/training.py [--dry-run] [--compile] [--device cpu] [--write]

All loops train the same networks with the same optimiser on the same images, which lie on the
device as bytes. automl's trainer is the only one that also shifts and mirrors them. timm's loop is
that of its training script (forward under bf16 autocast, backward, step, scheduler), with its own
optimiser and scheduler. Prints a Markdown table; `--write` keeps it in
benchmarks/results/training.md. On a CPU one thread trains, and networks of three spaces are
compared by the fastest of many updates (`training_cpu.py`).
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from datetime import date
from pathlib import Path
from typing import NamedTuple

import torch
import training_cpu
from automl.search.training.gpu_convolutions import MANY
from automl.search.training.pixels import Normalise, Pixels
from automl.search.training.recipe import Recipe
from automl.search.training.trainer import Trainer
from gpu_tasks import Net, device_of, generated, machine, nets, recipe, spread, table
from timm.loss import LabelSmoothingCrossEntropy
from timm.optim import create_optimizer_v2
from timm.scheduler import create_scheduler_v2
from torch import Tensor, nn

RESULTS = Path(__file__).resolve().parent / "results" / "training.md"
LEGEND = (
    "In each cell: images a second, times those of timm's loop, and the seconds that the first epoch took more"
    " than a later one (for captures, plans of cuDNN and compilation)."
)
EPOCHS = 80
"""More than are run: a loop ends when its time is over."""


class Rate(NamedTuple):
    """What a loop reaches."""

    images: list[float]
    """Images a second, one figure for each epoch after the first."""
    first: float
    """Seconds that the first epoch took beyond a later one: capture or compilation."""

    @property
    def median(self) -> float:
        """The median of `images`."""
        return sorted(self.images)[len(self.images) // 2]


def by_automl(
    net: Net, pixels: Pixels, how: Recipe, seconds: float, *, graphs: bool = True, long: bool = False
) -> Rate:
    """automl's trainer.

    Without `graphs` every kernel is launched from Python. On a GPU a `long` training waits for
    cuDNN's plans (see `automl.search.training.gpu_convolutions`).
    """
    epochs_planned = EPOCHS if not long else -(-2 * MANY // pixels.count("train"))
    trainer = Trainer(
        net.build(), pixels, epochs=epochs_planned, size=net.size, recipe=how, seed=0, device=pixels.device
    )
    if not graphs:
        trainer._graphs._capture = None

    def epochs() -> Iterator[tuple[int, float]]:
        while True:
            report = trainer.epoch()
            yield report.images, report.training

    return timed(epochs(), seconds)


def by_timm(net: Net, pixels: Pixels, how: Recipe, seconds: float) -> Rate:
    """The loop of timm's training script, with timm's optimiser, scheduler and loss."""
    network = net.build().to(pixels.device, memory_format=torch.channels_last)
    optimizer = create_optimizer_v2(
        network, opt=how.optimizer, lr=how.learning_rate, weight_decay=how.weight_decay, momentum=how.momentum
    )
    scheduler, _ = create_scheduler_v2(
        optimizer, sched="cosine", num_epochs=EPOCHS, warmup_epochs=1, step_on_epochs=False, updates_per_epoch=100
    )
    loss = LabelSmoothingCrossEntropy(how.label_smoothing)
    return timed(loop(network, optimizer, loss, pixels, net.size, how, scheduler.step_update), seconds)


def by_plain(net: Net, pixels: Pixels, how: Recipe, seconds: float, compiled: str | None = None) -> Rate:
    """A loop of PyTorch alone; `compiled` is the mode in which torch.compile compiles it."""
    network: nn.Module = net.build().to(pixels.device, memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(
        network.parameters(),
        how.learning_rate,
        momentum=how.momentum,
        nesterov=True,
        weight_decay=how.weight_decay,
        fused=True,
    )
    loss = nn.CrossEntropyLoss(label_smoothing=how.label_smoothing)
    if compiled is not None:
        network = torch.compile(network, mode=compiled)  # pyright: ignore[reportAssignmentType]
    return timed(loop(network, optimizer, loss, pixels, net.size, how, lambda update: None), seconds)


def loop(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    loss: nn.Module,
    pixels: Pixels,
    size: int,
    how: Recipe,
    scheduled: Callable[[int], None],
) -> Iterator[tuple[int, float]]:
    """Epochs of a loop that launches every kernel from Python: (images, seconds)."""
    device = pixels.device
    images_nchw, labels_n = pixels.at("train", size)
    normalise = Normalise(pixels.mean, pixels.std, device)
    amp = torch.autocast("cuda", dtype=torch.bfloat16) if device.type == "cuda" and how.amp else nullcontext()
    network.train()
    update = 0
    while True:
        began = time.perf_counter()
        total = torch.zeros((), device=device)
        rows_n = torch.randperm(len(labels_n)).to(device)
        batches = rows_n.tensor_split(-(-len(rows_n) // how.batch_size))
        for rows_b in batches:
            x_bchw, labels_b = normalise(images_nchw[rows_b]), labels_n[rows_b]
            with amp:
                mean: Tensor = loss(network(x_bchw), labels_b)
            mean.backward()
            optimizer.step()
            optimizer.zero_grad()
            update += 1
            scheduled(update)
            total += mean.detach() * len(rows_b)
        total.item()  # ends when the device is done
        yield len(rows_n), time.perf_counter() - began


def timed(epochs: Iterator[tuple[int, float]], seconds: float) -> Rate:
    """Run epochs for `seconds` after the first one, at least two."""
    _, first = next(epochs)
    times: list[tuple[int, float]] = []
    end = time.perf_counter() + seconds
    while len(times) < 2 or time.perf_counter() < end:
        times.append(next(epochs))
    images = [count / took for count, took in times]
    return Rate(images, max(0.0, first - min(took for _, took in times)))


LOOPS: dict[str, Callable[[Net, Pixels, Recipe, float], Rate]] = {
    "automl": by_automl,
    "automl, long training": lambda *given: by_automl(*given, long=True),
    "automl without graphs": lambda *given: by_automl(*given, graphs=False),
    "timm's loop": by_timm,
    "plain loop": by_plain,
}
ON_CPU = ("automl", "timm's loop", "plain loop")
COMPILED: dict[str, Callable[[Net, Pixels, Recipe, float], Rate]] = {
    "torch.compile": lambda *given: by_plain(*given, compiled="default"),
    "torch.compile, reduce-overhead": lambda *given: by_plain(*given, compiled="reduce-overhead"),
}


def compared(
    rows: list[Net],
    device: torch.device,
    how: Recipe,
    seconds: float,
    *,
    loops: dict[str, Callable[[Net, Pixels, Recipe, float], Rate]] | None = None,
    updates: int = 40,
    deadline: float = float("inf"),
) -> list[dict[str, Rate]]:
    """The rates of all loops for each network; fewer when `deadline` passes."""
    chosen = loops or {name: each for name, each in LOOPS.items() if device.type == "cuda" or name in ON_CPU}
    found: list[dict[str, Rate]] = []
    made: dict[int, Pixels] = {}
    for net in rows:
        if time.perf_counter() > deadline:
            break
        count = how.batch_size * updates * 6 // 5 // (1 if net.size <= 64 else 4)
        if net.size not in made:
            made[net.size] = generated(count, net.size, device)
        found.append({name: each(net, made[net.size], how, seconds) for name, each in chosen.items()})
        rates = ", ".join(f"{name} {rate.median:,.0f}" for name, rate in found[-1].items())
        print(f"{net.space} {net.size} px {net.macs:.1f} MMACs, images/s: {rates}", file=sys.stderr, flush=True)
    return found


def compared_table(rows: list[Net], found: list[dict[str, Rate]]) -> str:
    """Images a second of each loop, times timm's loop, and the seconds lost in the first epoch."""
    names = list(found[0])
    lines = []
    for net, rates in zip(rows, found, strict=False):
        timm = rates["timm's loop"].median
        cells = [
            f"{spread(rates[name].images)}, ×{rates[name].median / timm:.1f}, {rates[name].first:.1f} s"
            for name in names
        ]
        lines.append([f"{net.space}, {net.size} px, {net.macs:.1f} MMACs", *cells])
    return table(["network", *names], lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dry-run", action="store_true", help="tiny sizes, to see that everything runs")
    parser.add_argument("--compile", action="store_true", help="torch.compile too, on the first network of each size")
    parser.add_argument("--device")
    parser.add_argument("--seconds", type=float, default=3.0, help="for each loop and network")
    parser.add_argument("--rounds", type=int, default=8, help="updates of each loop on a CPU")
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    warnings.simplefilter("ignore")
    device = device_of(given.device)
    if device.type == "cpu":
        torch.set_num_threads(1)
        tables = training_cpu.tables(1 if given.dry_run else given.rounds, tiny=given.dry_run)
        finish(device, training_cpu.LEGEND, list(tables), write=given.write)
        return
    sizes = (32,) if given.dry_run else (32, 64, 224)
    targets = (5,) if given.dry_run else (5, 20, 50, 400)
    rows = [net for size in sizes for net in nets("efficientnet", size, targets)]
    how = recipe(batch_size=8 if given.dry_run else 128)
    options = {"updates": 2} if given.dry_run else {}
    seconds = 0.0 if given.dry_run else given.seconds
    lines = [compared_table(rows, compared(rows, device, how, seconds, **options))]
    if given.compile:
        first = [next(net for net in rows if net.size == size) for size in sizes]
        found = compared(first, device, how, seconds, loops=COMPILED, **options)
        for net, rates in zip(first, found, strict=True):
            for name, rate in rates.items():
                lines.append(
                    f"{name}, {net.size} px, {net.macs:.1f} MMACs: {spread(rate.images)} images/s after"
                    f" {rate.first:.0f} s of compilation."
                )
    legend = f"Median (lowest to highest) of the epochs in {seconds:g} s; SGD, batches of {how.batch_size}. {LEGEND}"
    finish(device, legend, lines, write=given.write)


def finish(device: torch.device, legend: str, parts: list[str], *, write: bool) -> None:
    """Print the page, and keep it if `write`."""
    command = f"`{' '.join(['python benchmarks/training.py', *sys.argv[1:]])}`"
    head = ["# Images a second of training", f"{command}, {date.today()}, {machine(device)}.", legend]
    text = "\n\n".join([*head, *parts]) + "\n"
    print(text)
    if write:
        RESULTS.write_text(text)


if __name__ == "__main__":
    main()
