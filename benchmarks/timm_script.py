"""timm's own training script against the training of `automl train`, on the same network.

    uv run python benchmarks/timm_script.py [--data FILE.npz] [--seeds 3] [--minutes 9] [--write]

Both train ResNet-18 at the width of about 3 million multiply-adds on CIFAR-10-small at 32 px, from
noise, with the same settings: SGD with Nesterov momentum, cosine with warm-up stepped at each
update, label smoothing, clipped gradients, averaged weights, random resized crops, mirroring,
random erasing, mixup and cutmix. The averaged weights of the last epoch are measured on the test
images, by which nothing is chosen; images/s are those of training alone, on one thread.

timm's `train.py` is not in its wheel. Its side takes the parts that this script takes, with the
arguments that its options give (`OPTIONS`), in the order of its training loop: forward, backward,
clipping and step, `zero_grad`, the average of the weights, `step_update` of the scheduler. As
there, images are PIL images transformed one by one in the loader and mixed in its collation; here
they come from memory, without being decoded. Two things differ: the loader has no worker
processes, since one thread is measured, and images are validated after the last epoch alone.

The other side is the trainer of `automl train`. What differs in it: rectangles are erased before
images are mixed, not after, and running statistics of batch normalisation are not averaged. Every
training is a line of a file of JSON lines, from which the same call goes on; `--minutes` begins no
further training after that time, and `--write` writes the results. A training takes one to four
minutes.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import torch
from automl.search.training.pixels import Pixels
from automl.search.training.recipe import Recipe
from automl.search.training.trainer import Trainer
from automl.spaces import Candidate, parse_budget
from automl.spaces.references import reference_networks, scaled_reference
from gpu_tasks import machine
from PIL import Image
from timm.data import FastCollateMixup, create_loader
from timm.loss import SoftTargetCrossEntropy
from timm.optim import create_optimizer_v2
from timm.scheduler import create_scheduler_v2
from timm.utils import AverageMeter, ModelEmaV3, accuracy, dispatch_clip_grad, random_seed
from torch import nn

HERE = Path(__file__).resolve().parent
DATA = HERE.parent.parent / "shared" / "data" / "cifar10-small" / "cifar10-small.npz"
ROWS, RESULTS = HERE / "results" / "timm_script.jsonl", HERE / "results" / "timm_script.md"
SIZE, CLASSES, BUDGET = 32, 10, "3MFLOPs"
RECIPE = Recipe(
    optimizer="sgd",
    learning_rate=0.1,
    momentum=0.9,
    weight_decay=5e-4,
    batch_size=120,  # 100 updates of 12,000 images: timm drops what is left over
    schedule="cosine",
    warmup=1,
    label_smoothing=0.1,
    ema=0.99,
    drop_rate=0.0,
    drop_path_rate=0.0,
    flip=True,
    shift=0.0,
    clip=5.0,
    crop=0.5,
    erasing=0.1,
    mixup=0.2,
    cutmix=1.0,
)
OPTIONS = (
    "--opt sgd --lr 0.1 --momentum 0.9 --weight-decay 5e-4 --batch-size 120 --sched cosine --sched-on-updates"
    " --warmup-epochs 1 --warmup-lr 0.00099 --smoothing 0.1 --clip-grad 5 --model-ema --model-ema-decay 0.99"
    " --model-ema-warmup --scale 0.5 1 --hflip 0.5 --color-jitter 0 --train-interpolation bilinear --reprob 0.1"
    " --remode pixel --mixup 0.2 --cutmix 1 --crop-pct 1 --interpolation bilinear --channels-last --workers 0"
)
"""The options of timm's script that these settings are, but for the number of epochs."""
SIDES = ("timm", "automl")
Parts = dict[str, tuple[np.ndarray, np.ndarray]]
"""Part -> images (n, h, w, c) and labels."""


class Pictures(torch.utils.data.Dataset):
    """Images as timm's own data sets give them: PIL images through `transform`, and labels."""

    def __init__(self, images_nhwc: np.ndarray, labels: np.ndarray) -> None:
        self._images, self._labels = images_nhwc, labels
        self.transform: Any = None

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, row: int) -> tuple[Any, int]:
        return self.transform(Image.fromarray(self._images[row])), int(self._labels[row])


def network() -> Candidate:
    """ResNet-18 at the largest width within the budget."""
    reference, budget = reference_networks.get("resnet18"), parse_budget([BUDGET])
    return scaled_reference(reference, budget, image_size=SIZE, classes=CLASSES).candidate


def by_timm(candidate: Candidate, parts: Parts, pixels: Pixels, epochs: int, seed: int) -> dict[str, float]:
    """One training as timm's script does it."""
    random_seed(seed, 0)
    model = candidate.build().to(memory_format=torch.channels_last)
    how = {"input_size": (3, SIZE, SIZE), "batch_size": RECIPE.batch_size, "mean": pixels.mean, "std": pixels.std}
    how |= {"num_workers": 0, "device": torch.device("cpu"), "interpolation": "bilinear"}
    mixing = {"mixup_alpha": RECIPE.mixup, "cutmix_alpha": RECIPE.cutmix, "prob": 1.0, "switch_prob": 0.5}
    mixing |= {"mode": "batch", "label_smoothing": RECIPE.label_smoothing, "num_classes": CLASSES}
    loader = create_loader(
        Pictures(*parts["train"]),
        is_training=True,
        scale=(RECIPE.crop, 1.0),
        hflip=0.5,
        color_jitter=0.0,
        re_prob=RECIPE.erasing,
        re_mode="pixel",
        collate_fn=FastCollateMixup(**mixing),
        **how,
    )
    tested = create_loader(Pictures(*parts["test"]), is_training=False, crop_pct=1.0, **how)
    rates = {"lr": RECIPE.learning_rate, "weight_decay": RECIPE.weight_decay, "momentum": RECIPE.momentum}
    optimizer = create_optimizer_v2(model, opt=RECIPE.optimizer, **rates)
    average = ModelEmaV3(model, decay=RECIPE.ema or 0.0, use_warmup=True)
    scheduler, _ = create_scheduler_v2(
        optimizer,
        sched=RECIPE.schedule,
        num_epochs=epochs,
        warmup_epochs=_warmup(epochs),
        warmup_lr=RECIPE.learning_rate / (_warmup(epochs) * len(loader) + 1),
        step_on_epochs=False,
        updates_per_epoch=len(loader),
    )
    loss_fn = SoftTargetCrossEntropy()
    seconds, images, updates = 0.0, 0, 0
    for epoch in range(epochs):
        began = time.perf_counter()
        losses, updates = _train_one_epoch(model, loader, optimizer, loss_fn, scheduler, average, updates)
        seconds, images = seconds + time.perf_counter() - began, images + losses.count
        scheduler.step(epoch + 1)
    return {"accuracy": _validate(average.module, tested), "images_per_second": images / seconds}


def _warmup(epochs: int) -> int:
    """Epochs of warm-up; a trial run of one or two epochs has none."""
    return int(min(RECIPE.warmup, epochs // 3))


def _train_one_epoch(
    model: nn.Module, loader: Any, optimizer: Any, loss_fn: Any, scheduler: Any, average: ModelEmaV3, updates: int
) -> tuple[AverageMeter, int]:
    """The losses, and the number of updates so far; `train_one_epoch` of timm's script."""
    losses = AverageMeter()
    model.train()
    for images_bchw, target in loader:
        images_bchw = images_bchw.contiguous(memory_format=torch.channels_last)
        loss = loss_fn(model(images_bchw), target)
        loss.backward()
        dispatch_clip_grad(model.parameters(), RECIPE.clip or 0.0, mode="norm")
        optimizer.step()
        losses.update(loss.item(), len(images_bchw))
        updates += 1
        optimizer.zero_grad()
        average.update(model, step=updates)
        scheduler.step_update(num_updates=updates, metric=losses.avg)
    return losses, updates


@torch.no_grad()
def _validate(model: nn.Module, loader: Any) -> float:
    """The accuracy, from 0 to 1; `validate` of timm's script."""
    top1 = AverageMeter()
    model.eval()
    for images_bchw, target_b in loader:
        (right,) = accuracy(model(images_bchw.contiguous(memory_format=torch.channels_last)), target_b)
        top1.update(right.item(), len(images_bchw))
    return top1.avg / 100


def by_automl(candidate: Candidate, pixels: Pixels, epochs: int, seed: int) -> dict[str, float]:
    """One training by the trainer of `automl train`; its validation images are the test images."""
    torch.manual_seed(seed)
    trainer = Trainer(candidate.build(), pixels, epochs=epochs, size=SIZE, recipe=RECIPE, seed=seed)
    reports = [trainer.epoch() for _ in range(epochs)]
    seconds = sum(report.training for report in reports)
    images = sum(report.images for report in reports)
    return {"accuracy": reports[-1].accuracy, "images_per_second": images / seconds}


def read(data: Path, images: int | None) -> tuple[Parts, Pixels]:
    """The images, for timm and for the trainer; the first `images` of those that train."""
    with np.load(data, allow_pickle=False) as found:
        parts = {part: (found[f"x_{part}"], found[f"y_{part}"].astype(np.int64)) for part in ("train", "test")}
    parts["train"] = (parts["train"][0][:images], parts["train"][1][:images])
    whole = np.concatenate([parts[part][0] for part in ("train", "test")]).transpose(0, 3, 1, 2)
    labels = np.concatenate([parts[part][1] for part in ("train", "test")])
    count = len(parts["train"][1])
    rows = np.arange(count), np.arange(count, len(labels))
    return parts, Pixels(np.ascontiguousarray(whole), labels, *rows, None, "cpu")


def page(rows: list[dict[str, Any]]) -> str:
    """The results in Markdown."""
    lines = ["| training | n | test accuracy (%) | images/s, one thread |", "|---|---:|---:|---:|"]
    names = {"timm": "parts of timm, as its script uses them", "automl": "trainer of `automl train`"}
    for side in SIDES:
        own = [row for row in rows if row["side"] == side]
        cells = [
            _cell([row["accuracy"] for row in own], 100, 1),
            _cell([row["images_per_second"] for row in own], 1, 0),
        ]
        lines.append(f"| {names[side]} | {len(own)} | {' | '.join(cells)} |")
    one = rows[0] if rows else {"macs": 0, "params": 0, "epochs": 0, "images": 0, "machine": ""}
    paragraphs = [text.replace("\n", " ") for text in (__doc__ or "").strip().split("\n\n")]
    return "\n\n".join(
        [
            "# timm's training script and `automl train`",
            f"`uv run python benchmarks/timm_script.py --write`, {date.today()}. Mean ± standard deviation over seeds."
            f" {one['machine']}",
            f"ResNet-18 of {one['macs'] / 1e6:.2f} million multiply-adds and {one['params']:,} parameters, {SIZE} px,"
            f" {one['images']:,} images of CIFAR-10-small to train and its test images, {one['epochs']} epochs from"
            " noise.",
            "\n".join(lines),
            f"The settings, as options of timm's script: `{OPTIONS} --epochs {one['epochs']}`.",
            *paragraphs[3:4],
            paragraphs[4].partition(" Every training")[0],
        ]
    )


def _cell(values: list[float], scale: float, digits: int) -> str:
    if not values:
        return "-"
    spread = f" ± {scale * statistics.stdev(values):.{digits}f}" if len(values) > 1 else ""
    return f"{scale * statistics.mean(values):,.{digits}f}{spread}"


def main() -> None:
    """Train what is missing, and show or write the results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=6)
    parser.add_argument("--images", type=int, help="Train on the first of the images; for a trial run.")
    parser.add_argument("--rows", type=Path, default=ROWS)
    parser.add_argument("--minutes", type=float, default=9.0)
    parser.add_argument("--write", action="store_true")
    asked = parser.parse_args()
    torch.set_num_threads(1)
    began = time.monotonic()
    parts, pixels = read(asked.data, asked.images)
    candidate, count = network(), len(parts["train"][1])
    cost = {"macs": int(candidate.cost().macs), "params": int(candidate.cost().params)}
    settings = {"epochs": asked.epochs, "images": count, "recipe": RECIPE.to_dict(), **cost}
    kept = [json.loads(line) for line in asked.rows.read_text().splitlines()] if asked.rows.exists() else []
    rows = {(row["side"], row["seed"]): row for row in kept if settings.items() <= row.items()}
    for seed in range(asked.seeds):
        for side in SIDES:
            if (side, seed) in rows or time.monotonic() - began > 60 * asked.minutes:
                continue
            run = time.monotonic()
            if side == "timm":
                found = by_timm(candidate, parts, pixels, asked.epochs, seed)
            else:
                found = by_automl(candidate, pixels, asked.epochs, seed)
            taken = {"seconds": round(time.monotonic() - run, 1), "machine": f"{machine(pixels.device)}; one thread."}
            rows[side, seed] = {"side": side, "seed": seed, **found, **taken, **settings}
            asked.rows.parent.mkdir(parents=True, exist_ok=True)
            with asked.rows.open("a") as file:
                file.write(json.dumps(rows[side, seed]) + "\n")
            print(side, seed, found, taken["seconds"], flush=True)
    text = page(list(rows.values())) + "\n"
    print(text)
    if asked.write:
        RESULTS.write_text(text)


if __name__ == "__main__":
    main()
