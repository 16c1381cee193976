"""Images a second of one CPU thread, by updates of all loops in turn; `training.py` prints it.

A shared machine slows every loop down by what others do. So each loop does one update after the
other's, several times; what counts is the CPU time of the thread, of the fastest update. All loops
do the same to the same images: forward, backward, optimiser; automl also shifts and mirrors them.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator

import torch
from automl.search.training.pixels import Normalise, Pixels
from automl.search.training.recipe import Recipe
from automl.search.training.trainer import Trainer
from gpu_tasks import Net, generated, nets, recipe, table
from timm.loss import LabelSmoothingCrossEntropy
from timm.optim import create_optimizer_v2
from torch import nn

SPACES = ("efficientnet", "resnet-basic", "resnext-attention")
CPU = torch.device("cpu")
BATCH = 64
Update = Callable[[], object]
LEGEND = (
    f"Images a second (times those of timm's loop) of the fastest of several updates of {BATCH} images, by the CPU"
    " time of the thread; the loops took turns."
)


def tables(rounds: int, *, tiny: bool = False) -> Iterator[str]:
    """A Markdown table for SGD and one for Muon, the optimiser of searches on many images."""
    sizes, targets, spaces = ((32,), (3,), SPACES[:1]) if tiny else ((32, 64), (3, 20), SPACES)
    rows = [net for size in sizes for space in spaces for net in nets(space, size, targets)]
    for optimizer in ("sgd", "muon"):
        how = recipe(optimizer=optimizer, batch_size=BATCH)
        found = [rates(net, how, rounds) for net in rows]
        lines = []
        for net, each in zip(rows, found, strict=True):
            timm = each["timm's loop"]
            cells = [f"{rate:,.0f} (×{rate / timm:.2f})" for rate in each.values()]
            lines.append([f"{net.space}, {net.size} px, {net.macs:.1f} MMACs", *cells])
        yield f"## {optimizer}\n\n{table(['network', *found[0]], lines)}"


def rates(net: Net, how: Recipe, rounds: int) -> dict[str, float]:
    """Images a second of each loop."""
    images = generated(BATCH * 6 // 5, net.size, CPU)
    count = images.count("train")
    loops: dict[str, Update] = {
        "automl": Trainer(net.build(), images, epochs=10, size=net.size, recipe=how, seed=0).rehearsal(),
        "timm's loop": loop(net, images, how, timms=True),
    }
    if how.optimizer == "sgd":
        loops["plain loop"] = loop(net, images, how, timms=False)
    fastest = dict.fromkeys(loops, float("inf"))
    for number in range(rounds + 1):
        for name, update in loops.items():
            began = time.thread_time()
            update()
            if number:  # the first one compiles
                fastest[name] = min(fastest[name], time.thread_time() - began)
    found = {name: count / seconds for name, seconds in fastest.items()}
    print(f"{net.space} {net.size} px {net.macs:.1f} MMACs: {found}", file=sys.stderr, flush=True)
    return found


def loop(net: Net, pixels: Pixels, how: Recipe, *, timms: bool) -> Update:
    """An update as in timm's training script, with its optimiser and loss, or of PyTorch alone."""
    network = net.build().to(memory_format=torch.channels_last).train()
    normalise, (images_nchw, labels_n) = Normalise(pixels.mean, pixels.std, CPU), pixels.at("train", net.size)
    loss: nn.Module
    if timms:
        optimizer = create_optimizer_v2(
            network, opt=how.optimizer, lr=how.learning_rate, weight_decay=how.weight_decay, momentum=how.momentum
        )
        loss = LabelSmoothingCrossEntropy(how.label_smoothing)
    else:
        optimizer = torch.optim.SGD(
            network.parameters(), how.learning_rate, how.momentum, 0, how.weight_decay, nesterov=True, fused=True
        )
        loss = nn.CrossEntropyLoss(label_smoothing=how.label_smoothing)

    def update() -> None:
        rows_b = torch.randperm(len(labels_n))
        loss(network(normalise(images_nchw[rows_b])), labels_n[rows_b]).backward()
        optimizer.step()
        optimizer.zero_grad()

    return update
