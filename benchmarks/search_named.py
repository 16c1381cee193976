"""The problems of `search.py` that have a name: NAS-Bench-Macro's table, a small real one that
`search_features.py` computed, and synthetic ones in the manner of other published tables."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from search_problems import EDGES, Params, Problem, Vector, looked_up, noisy, residual

ROOT = Path(__file__).resolve().parents[1]
MACRO = ROOT.parent / "shared" / "data" / "nas-bench-macro" / "nas-bench-macro_cifar10.json"


def macro() -> Problem:
    """NAS-Bench-Macro: 3^8 networks, three seeds each."""
    table = json.loads(MACRO.read_text())
    names = [f"layer{i}" for i in range(8)]
    power = 3 ** np.arange(7, -1, -1)
    order = ["".join(digits) for digits in itertools.product("012", repeat=8)]
    means = np.array([table[key]["mean_acc"] for key in order])
    costs = np.array([float(table[key]["flops"]) for key in order])
    seeds = np.array([table[key]["test_acc"] for key in order])
    digits = {"identity": 0, "e3k3": 1, "e6k5": 2}

    def place(params: Params) -> NDArray[np.int64]:
        return sum(
            int(power[i]) * np.array([digits[value] for value in np.asarray(params[name]).tolist()])
            for i, name in enumerate(names)
        )  # type: ignore[return-value]

    space: dict[str, BaseDistribution] = {name: CategoricalDistribution(tuple(digits)) for name in names}
    return Problem(
        name="macro",
        words="NAS-Bench-Macro, CIFAR-10, 3^8 networks; a published table",
        space=space,
        mean=lambda params: means[place(params)],
        macs=lambda params: costs[place(params)],
        observed=looked_up(seeds, place),
        fixed=(40e6, 60e6, 80e6),
    )


def cells() -> Problem:
    """As NAS-Bench-201: six edges of a cell, five operations; what counts are paths, and a cell
    without one is broken."""
    gain = {"none": 0.0, "skip": 0.55, "conv1": 0.9, "conv3": 1.6, "pool": 0.35}
    price = {"none": 0.0, "skip": 0.0, "conv1": 4.0, "conv3": 30.0, "pool": 0.3}
    space: dict[str, BaseDistribution] = {f"edge{a}{b}": CategoricalDistribution(tuple(gain)) for a, b in EDGES}

    def look(params: Params, what: Mapping[str, float]) -> list[Vector]:
        return [np.array([what[value] for value in np.asarray(params[name]).tolist()]) for name in space]

    def mean(params: Params) -> Vector:
        g = look(params, gain)
        convs = look(params, {name: float(name.startswith("conv")) for name in gain})
        open_ = [value > 0 for value in g]
        n1 = g[0]
        n2 = g[1] + n1 * g[2]
        n3 = g[3] + n1 * g[4] + n2 * g[5]
        reached = open_[3] | (open_[0] & open_[4]) | (open_[5] & (open_[1] | (open_[0] & open_[2])))
        late = np.maximum(open_[1] * (convs[1] + convs[5]), open_[0] * open_[2] * (convs[0] + convs[2] + convs[5]))
        deep = np.maximum(convs[3], np.maximum(open_[0] * open_[4] * (convs[0] + convs[4]), open_[5] * late))
        skips = np.asarray(params["edge03"]) == "skip"
        height = (
            94.5 - 26.0 * np.exp(-0.75 * np.log1p(2.5 * n3)) - 9.0 * np.exp(-1.3 * deep) + 0.5 * skips * (deep >= 2)
        )
        return np.where(reached, np.minimum(height + residual(space, params, 0.12), 95.0), 10.0)

    return Problem(
        name="cells",
        words="synthetic, after NAS-Bench-201: 5^6 cells, paths, broken ones at 10 %",
        space=space,
        mean=mean,
        macs=lambda params: 8.0 + sum(look(params, price)),
        observed=noisy(mean, lambda true: 0.0 if true == 10.0 else 0.15 + 0.01 * (94.5 - true)),
    )


def widths() -> Problem:
    """As NATS-Bench's size space: five widths of eight, whose narrowest place holds the rest up."""
    space: dict[str, BaseDistribution] = {
        f"width{i}": CategoricalDistribution(tuple(range(8, 65, 8))) for i in range(5)
    }

    def logs(params: Params) -> Vector:
        return np.stack([np.log(np.asarray(params[name], float) / 64) for name in space], axis=1)

    def mean(params: Params) -> Vector:
        x = logs(params)
        soft = -np.log(np.exp(-2 * x).mean(axis=1)) / 2
        total = x @ np.array([0.10, 0.22, 0.18, 0.30, 0.20])
        return (
            93.6
            - 4.2 * (np.exp(-0.9 * total) - 1)
            - 1.1 * (np.exp(-0.6 * soft) - 1)
            + 0.5 * x[:, 0] * x[:, 4]
            + residual(space, params, 0.15)
        )

    def macs(params: Params) -> Vector:
        w = np.stack([np.asarray(params[name], float) for name in space], axis=1)
        return 9 * (
            3 * w[:, 0] * 1024
            + w[:, 0] * w[:, 1] * 1024
            + w[:, 1] * w[:, 2] * 256
            + w[:, 2] * w[:, 3] * 256
            + w[:, 3] * w[:, 4] * 64
        )

    return Problem(
        name="widths",
        words="synthetic, after NATS-Bench's sizes: 8^5 widths",
        space=space,
        mean=mean,
        macs=macs,
        observed=noisy(mean, lambda true: 0.3),
    )


def layers() -> Problem:
    """As FBNet: 18 layers of six blocks each, one of them none."""
    blocks = ("skip", "k3e1", "k3e3", "k5e3", "k3e6", "k5e6")
    space: dict[str, BaseDistribution] = {f"block{i:02d}": CategoricalDistribution(blocks) for i in range(18)}
    rng = np.random.default_rng(5)
    power = (
        np.array([0.0, 0.45, 0.75, 0.85, 1.0, 1.12])
        * rng.uniform(0.7, 1.3, (18, 6))
        * np.linspace(0.7, 1.4, 18)[:, None]
    )
    price = np.array([0.0, 1.0, 2.6, 3.1, 5.0, 6.0]) * np.array([1.6, 1.2, 1.0, 0.8, 1.1, 0.9] * 3)[:, None]
    tie = rng.normal(0, 0.05, (17, 6, 6))

    def place(params: Params) -> NDArray[np.int64]:
        index = {name: number for number, name in enumerate(blocks)}
        return np.stack(
            [np.array([index[value] for value in np.asarray(params[name]).tolist()]) for name in space], axis=1
        )

    def mean(params: Params) -> Vector:
        x = place(params)
        strength = power[np.arange(18), x].sum(axis=1)
        bond = tie[np.arange(17), x[:, :-1], x[:, 1:]].sum(axis=1)
        stages = np.stack([(x[:, 6 * s : 6 * s + 6] == 0).sum(axis=1) for s in range(3)], axis=1)
        return (
            76.5
            - 14 * np.exp(-0.10 * strength)
            + bond
            - 0.25 * np.maximum(stages - 3, 0).sum(axis=1) ** 2
            + residual(space, params, 0.08)
        )

    return Problem(
        name="layers",
        words="synthetic, after FBNet: 6^18 networks, neighbours interact",
        space=space,
        mean=mean,
        macs=lambda params: 20 + price[np.arange(18), place(params)].sum(axis=1),
        observed=noisy(mean, lambda true: 0.2),
    )


def mixed() -> Problem:
    """As JAHS-Bench: a network's size and operations with learning rate, decay and augmentation; a
    momentum for one optimiser alone."""
    space: dict[str, BaseDistribution] = {
        "optimiser": CategoricalDistribution(("sgd", "adam")),
        "momentum": FloatDistribution(0.5, 0.99),
        "rate": FloatDistribution(1e-4, 1.0, log=True),
        "decay": FloatDistribution(1e-5, 1e-2, log=True),
        "activation": CategoricalDistribution(("relu", "hardswish", "mish")),
        "augment": CategoricalDistribution((False, True)),
        "depth": IntDistribution(1, 5),
        "width": IntDistribution(4, 32, log=True),
        "resolution": FloatDistribution(0.25, 1.0, step=0.25),
        "op1": CategoricalDistribution(("skip", "conv1", "conv3")),
        "op2": CategoricalDistribution(("skip", "conv1", "conv3")),
    }
    share = {"skip": 0.0, "conv1": 0.15, "conv3": 1.0}

    def ops(params: Params) -> Vector:
        return sum(np.array([share[value] for value in np.asarray(params[name]).tolist()]) for name in ("op1", "op2"))  # type: ignore[return-value]

    def macs(params: Params) -> Vector:
        w, d, r = (np.asarray(params[name], float) for name in ("width", "depth", "resolution"))
        return r**2 * (w + w**2 * d * (0.2 + ops(params)))

    def mean(params: Params) -> Vector:
        capacity = np.log(macs(params))
        sgd = np.asarray(params["optimiser"]) == "sgd"
        rate, decay, momentum = (
            np.log10(np.asarray(params["rate"], float)),
            np.log10(np.asarray(params["decay"], float)),
            np.asarray(params["momentum"], float),
        )
        ideal = np.where(sgd, -1.0 - 1.2 * (momentum - 0.9), -2.6) - 0.03 * capacity
        bonus = np.array(
            [{"relu": 0.0, "hardswish": 0.3, "mish": 0.5}[value] for value in np.asarray(params["activation"]).tolist()]
        )
        augment = np.asarray(params["augment"], bool) * (0.25 * (capacity - 4.0))
        off = np.where(rate > ideal, 1.6, 1.0) * (rate - ideal) ** 2
        height = (
            93 - 30 * np.exp(-0.42 * capacity) - 2.2 * off - 0.8 * (decay + 3.3 - 0.1 * capacity) ** 2 + bonus + augment
        )
        height = height - 3 * (sgd * (momentum - 0.9) ** 2 * 4) - 0.5 * ~sgd + 0.6 * np.tanh(ops(params) - 0.5)
        return np.maximum(np.where(rate > ideal + 1.3, 10.0, height), 10.0)

    return Problem(
        name="mixed",
        words="synthetic, after JAHS-Bench: floats, integers, choices, one conditional; too high a rate diverges",
        space=space,
        mean=mean,
        macs=macs,
        observed=noisy(mean, lambda true: 0.25),
        conditional={"momentum": ("optimiser", "sgd")},
    )


def features() -> Problem:
    """Real: random, untrained convolutional features of scikit-learn's digits with a ridge
    classifier; three draws of the weights each."""
    found = json.loads((Path(__file__).resolve().parent / "results" / "search_features.json").read_text())
    space: dict[str, BaseDistribution] = {
        name: CategoricalDistribution(tuple(choices)) for name, choices in found["space"].items()
    }
    order = list(space)
    seeds, costs = np.array(found["accuracies"]), np.array(found["macs"], float)
    means = seeds.mean(axis=1)
    sizes = [len(space[name].choices) for name in order]  # type: ignore[attr-defined]

    def place(params: Params) -> NDArray[np.int64]:
        total = np.zeros(len(np.asarray(params[order[0]])), np.int64)
        for name, size in zip(order, sizes, strict=True):
            index = {choice: number for number, choice in enumerate(space[name].choices)}  # type: ignore[attr-defined]
            total = total * size + np.array([index[value] for value in np.asarray(params[name]).tolist()])
        return total

    return Problem(
        name="features",
        words="real, computed by `search_features.py`: random convolutional features of digits and a ridge classifier",
        space=space,
        mean=lambda params: means[place(params)],
        macs=lambda params: costs[place(params)],
        observed=looked_up(seeds, place),
    )


ALL: dict[str, Callable[[], Problem]] = {
    "macro": macro,
    "features": features,
    "cells": cells,
    "widths": widths,
    "layers": layers,
    "mixed": mixed,
}
