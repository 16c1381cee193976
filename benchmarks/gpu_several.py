"""Checks that two processes train a network as one does, each on a GPU of its own if there are two
(`automl train --gpus`); without a GPU both use the CPU."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import torch
import torch.distributed as dist
from automl.search.training.ranks import join, on_loopback
from gpu_checks import Checks, Noted, apart
from gpu_tasks import Net, generated
from torch import multiprocessing

PLAIN = {"dropout": 0.0, "freeze_norm": True, "amp": False}
"""Nothing is drawn for, or computed from, the images of a process: only rounding differs."""


def several_against_one(made: Checks) -> None:
    """Note how far the losses of two processes are from those of one."""
    on_gpus = made.device.type == "cuda"
    if on_gpus and torch.cuda.device_count() < 2:
        return
    devices = ["cuda:0", "cuda:1"] if on_gpus else ["cpu", "cpu"]
    expected = made.trainer(Noted, **PLAIN).trained(made.epochs)
    with tempfile.TemporaryDirectory() as folder:
        given = (folder, devices, made.net, made.count, made.batch_size, made.epochs)
        multiprocessing.spawn(_part, args=given, nprocs=len(devices))
        parts = [json.loads(Path(folder, str(rank)).read_text()) for rank in range(len(devices))]
    found = [sum(losses) for losses in zip(*parts, strict=True)]
    where = "two GPUs" if on_gpus else "two processes on the CPU"
    made.add(f"losses of {len(found)} updates on {where}, apart from those of one", apart(expected, found), most=0.01)
    made.add("control: those of one of them alone", apart(expected, [2 * loss for loss in parts[0]]), least=0.011)


def _part(rank: int, folder: str, devices: list[str], net: Net, count: int, batch_size: int, epochs: int) -> None:
    """What one process does: it writes its parts of the losses."""
    torch.set_num_threads(1)
    with on_loopback():
        ranks, device = join(rank, devices, Path(folder, "meeting")), torch.device(devices[rank])
        made = Checks(net, device, count, batch_size, epochs)
        trainer = made.trainer(Noted, pixels=generated(count, net.size, device), **PLAIN)
        trainer.train_with(ranks)
        Path(folder, str(rank)).write_text(json.dumps(trainer.trained(epochs)))
    dist.destroy_process_group()
