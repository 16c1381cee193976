"""How many small candidates train on one GPU at once: images a second of 1, 2, 4 … processes.

Every process trains a network of its own by automl's trainer. All wait for each other before a
measurement. Run by itself, with the counts as JSON on the last line:

    python benchmarks/gpu_packing.py --counts 1,2,4 [--device cpu] [--seconds 3] [--tiny]
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from typing import Any

import torch
from gpu_tasks import device_of, generated, nets, recipe, table
from torch import multiprocessing

CONTROL = "nvidia-cuda-mps-control"
"""The program of CUDA's Multi-Process Service, which runs kernels of several processes at once."""


def trained(number: int, counts: list[int], barrier: Any, queue: Any, device: str, seconds: float, tiny: bool) -> None:
    """Train in one process in each measurement that has more than `number` processes."""
    from automl.search.training.trainer import Trainer

    warnings.simplefilter("ignore")
    torch.set_num_threads(1)
    pixels = generated(20 if tiny else 2400, 32, torch.device(device), seed=number)
    how = recipe(batch_size=8 if tiny else 64, optimizer="muon")
    network = nets("efficientnet", 32, (5,))[0].build(seed=number)
    trainer = Trainer(network, pixels, epochs=200, size=32, recipe=how, seed=number, device=device)
    for _ in range(1 if tiny else 2):  # prepared and captured
        trainer.epoch()
    for count in counts:
        barrier.wait()
        if number >= count:
            continue
        images, took, end = 0, 0.0, time.perf_counter() + seconds
        while not images or time.perf_counter() < end:
            report = trainer.epoch()
            images, took = images + report.images, took + report.seconds
        queue.put((count, images / took))
    barrier.wait()


def packed(counts: list[int], device: str, seconds: float, tiny: bool = False) -> dict[int, float]:
    """Images a second of all processes together, validation included, for each number of them."""
    how = multiprocessing.get_context("spawn" if device.startswith("cuda") else "fork")
    barrier, queue = how.Barrier(max(counts)), how.Queue()
    processes = [
        how.Process(target=trained, args=(number, counts, barrier, queue, device, seconds, tiny), daemon=True)
        for number in range(max(counts))
    ]
    for process in processes:
        process.start()
    rates = dict.fromkeys(counts, 0.0)
    for _ in range(sum(counts)):
        count, rate = queue.get(timeout=120)
        rates[count] += rate
    for process in processes:
        process.join(timeout=30)
    return rates


def measured(counts: list[int], device: str, seconds: float, tiny: bool = False, mps: bool = False) -> dict[int, float]:
    """As `packed`, in a process of its own, with the Multi-Process Service if asked for."""
    command = [sys.executable, __file__, "--counts", ",".join(map(str, counts)), "--device", device]
    command += ["--seconds", str(seconds), *(["--tiny"] if tiny else [])]
    with tempfile.TemporaryDirectory() as folder:
        own = {"CUDA_MPS_PIPE_DIRECTORY": folder, "CUDA_MPS_LOG_DIRECTORY": folder} if mps else {}
        environment = {**os.environ, **own}
        if mps:
            subprocess.run([CONTROL, "-d"], env=environment, check=True, timeout=20)
        try:
            done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=150)
        finally:
            if mps:
                subprocess.run([CONTROL], input="quit\n", env=environment, text=True, timeout=20)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return {int(count): rate for count, rate in json.loads(done.stdout.splitlines()[-1]).items()}


def has_mps() -> bool:
    """Whether the Multi-Process Service is on this machine."""
    return shutil.which(CONTROL) is not None


def packing_table(plain: dict[int, float], served: dict[int, float]) -> str:
    """Images a second by the number of processes, and times those of one."""
    rows = []
    for count, rate in plain.items():
        row = [str(count), f"{rate:,.0f}", f"{rate / plain[min(plain)]:.1f}"]
        if served:
            row.append(f"{served[count]:,.0f}" if count in served else "–")
        rows.append(row)
    return table(["processes", "images/s", "times one", *(["images/s with MPS"] if served else [])], rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--counts", default="1,2,4,8,16")
    parser.add_argument("--device")
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--tiny", action="store_true")
    given = parser.parse_args()
    counts = [int(count) for count in given.counts.split(",")]
    print(json.dumps(packed(counts, str(device_of(given.device)), given.seconds, given.tiny)))


if __name__ == "__main__":
    main()
