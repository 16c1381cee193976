"""Problems for `search.py` from a generator: hard in the ways in which published tables are hard.

A problem is called `FAMILY-SEED`, for instance `cells-3`, or `cells-3-noisy` with three times the
noise. Samplers are developed on the problems of DEVELOPMENT_SEEDS, and nothing may be tuned on
those of HELD_OUT_SEEDS. Those of SEEN_SEEDS were held out until an earlier version was judged on
them.

| family | what makes it hard |
|---|---|
| cells | paths of a cell decide; a cell without one is broken; the best thousand differ by chance |
| plateaus | parameters without effect, so that many networks are near copies of each other |
| pairs | what a choice is worth depends on other choices; main effects tell little |
| layers | 16 layers with 5 blocks each: the pool cannot be listed; neighbours interact |
| failing | as cells, but an operation on one edge always fails, and so does a pair of operations |
| branches | a choice decides which other parameters there are |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import BaseDistribution, CategoricalDistribution, IntDistribution
from search_problems import EDGES, FAILED, Params, Problem, Vector, noisy, residual

DEVELOPMENT_SEEDS, SEEN_SEEDS, HELD_OUT_SEEDS = (0, 1, 2, 3), (100,), (101, 102)
NOISY = 3.0
"""Factor of the noise in problems whose name ends in -noisy."""


def _places(space: Mapping[str, BaseDistribution], params: Params) -> NDArray[np.int64]:
    """(rows, parameters): the index of each choice."""
    found = []
    for name, kind in space.items():
        assert isinstance(kind, CategoricalDistribution)
        index = {choice: number for number, choice in enumerate(kind.choices)}
        found.append([index[value] for value in np.asarray(params[name]).tolist()])
    return np.array(found).T


def _made(
    name: str,
    words: str,
    space: dict[str, BaseDistribution],
    mean: Callable[[Params], Vector],
    macs: Callable[[Params], Vector],
    noise: float,
    **more: Any,
) -> Problem:
    scale = NOISY if name.endswith("-noisy") else 1.0
    return Problem(
        name=name,
        words=f"generated: {words}",
        space=space,
        mean=mean,
        macs=macs,
        observed=noisy(mean, lambda true: noise * scale),
        shares=(0.5,),
        **more,
    )


def _cells(name: str, rng: np.random.Generator, *, failing: bool) -> Problem:
    ops = ("none", "skip", "conv1", "conv3", "pool")
    space: dict[str, BaseDistribution] = {f"edge{a}{b}": CategoricalDistribution(ops) for a, b in EDGES}
    gain = np.array([0.0, 0.5, 0.9, 1.5, 0.4]) * rng.lognormal(0, 0.15, (6, 5))
    gain[:, 0] = 0.0
    price = np.array([0.0, 0.0, 4.0, 30.0, 0.3])
    pair = rng.normal(0, 0.25, (6, 6, 5, 5))
    wrong_edge, wrong_op = int(rng.integers(6)), int(rng.integers(2, 4))
    pair_edges, pair_ops = rng.choice(6, 2, replace=False), rng.integers(1, 5, 2)

    def mean(params: Params) -> Vector:
        x = _places(space, params)
        g = gain[np.arange(6), x]
        n1 = g[:, 0]
        n2 = g[:, 1] + n1 * g[:, 2]
        n3 = g[:, 3] + n1 * g[:, 4] + n2 * g[:, 5]
        bonds = sum(pair[a, b, x[:, a], x[:, b]] for a in range(6) for b in range(a))
        height = 94.5 - 24.0 * np.exp(-1.1 * np.log1p(2.0 * n3)) + 0.5 * np.asarray(bonds)
        height = 94.5 - 2.5 * np.logaddexp(0, (94.0 - height) / 2.5)  # the best are close together
        height = np.where(n3 > 0, height + residual(space, params, 0.25, salt=3), 10.0)
        if failing:
            broken = x[:, wrong_edge] == wrong_op
            broken |= (x[:, pair_edges[0]] == pair_ops[0]) & (x[:, pair_edges[1]] == pair_ops[1])
            height = np.where(broken, FAILED, height)
        return height

    def macs(params: Params) -> Vector:
        return 8.0 + price[_places(space, params)].sum(axis=1)

    words = "5^6 cells, paths, pairs, broken ones" + (", failing operations" if failing else "")
    return _made(name, words, space, mean, macs, 0.2)


def _plateaus(name: str, rng: np.random.Generator) -> Problem:
    space: dict[str, BaseDistribution] = {f"p{i}": CategoricalDistribution(tuple("abcd")) for i in range(7)}
    effects = rng.normal(0, 1.0, (7, 4))
    effects[rng.choice(7, 3, replace=False)] = 0.0
    pair = rng.normal(0, 0.7, (7, 7, 4, 4)) * (rng.random((7, 7, 1, 1)) < 0.25)
    price = rng.lognormal(0, 0.7, (7, 4))

    def mean(params: Params) -> Vector:
        x = _places(space, params)
        total = effects[np.arange(7), x].sum(axis=1)
        total = total + sum(pair[a, b, x[:, a], x[:, b]] for a in range(7) for b in range(a))
        return 90 + np.round(total * 1.5) / 1.5 + residual(space, params, 0.05, salt=4)

    def macs(params: Params) -> Vector:
        return price[np.arange(7), _places(space, params)].sum(axis=1)

    return _made(name, "4^7, plateaus of near copies", space, mean, macs, 0.2)


def _pairs(name: str, rng: np.random.Generator) -> Problem:
    space: dict[str, BaseDistribution] = {f"p{i}": CategoricalDistribution(tuple("abcde")) for i in range(6)}
    effects = rng.normal(0, 0.4, (6, 5))
    pair = rng.normal(0, 0.6, (6, 6, 5, 5))
    triple = rng.normal(0, 0.6, (4, 5, 5, 5))
    where = [rng.choice(6, 3, replace=False) for _ in range(4)]
    price = rng.lognormal(0, 0.7, (6, 5))

    def mean(params: Params) -> Vector:
        x = _places(space, params)
        total = effects[np.arange(6), x].sum(axis=1)
        total = total + sum(pair[a, b, x[:, a], x[:, b]] for a in range(6) for b in range(a))
        total = total + sum(triple[i][tuple(x[:, where[i]].T)] for i in range(4))
        return 90 + total + residual(space, params, 0.15, salt=5)

    def macs(params: Params) -> Vector:
        return price[np.arange(6), _places(space, params)].sum(axis=1)

    return _made(name, "5^6, strong interactions", space, mean, macs, 0.2)


def _layers(name: str, rng: np.random.Generator) -> Problem:
    count, blocks = 16, ("skip", "k3e3", "k5e3", "k3e6", "k5e6")
    space: dict[str, BaseDistribution] = {f"block{i:02d}": CategoricalDistribution(blocks) for i in range(count)}
    power = (
        np.array([0.0, 0.75, 0.85, 1.0, 1.12]) * rng.uniform(0.6, 1.4, (count, 5)) * rng.uniform(0.5, 1.5, (count, 1))
    )
    price = np.array([0.0, 2.6, 3.1, 5.0, 6.0]) * rng.uniform(0.6, 1.6, (count, 1))
    tie = rng.normal(0, 0.08, (count - 1, 5, 5))

    def mean(params: Params) -> Vector:
        x = _places(space, params)
        strength = power[np.arange(count), x].sum(axis=1)
        bond = tie[np.arange(count - 1), x[:, :-1], x[:, 1:]].sum(axis=1)
        return 76.5 - 14 * np.exp(-0.12 * strength) + bond + residual(space, params, 0.1, salt=6)

    def macs(params: Params) -> Vector:
        return 20 + price[np.arange(count), _places(space, params)].sum(axis=1)

    return _made(name, "5^16 networks, neighbours interact", space, mean, macs, 0.2)


def _branches(name: str, rng: np.random.Generator) -> Problem:
    kinds = ("plain", "se", "conv")
    space: dict[str, BaseDistribution] = {
        "kind": CategoricalDistribution(kinds),
        "ratio": IntDistribution(1, 8),
        "kernel": CategoricalDistribution((3, 5, 7, 9)),
        **{f"width{i}": IntDistribution(1, 8) for i in range(3)},
        "act": CategoricalDistribution(("a", "b", "c")),
    }
    level = dict(zip(kinds, rng.normal(0, 0.8, 3), strict=True))
    ideal = rng.uniform(2, 7)
    kernel = dict(zip((3, 5, 7, 9), rng.normal(0, 0.6, 4), strict=True))
    act = dict(zip("abc", rng.normal(0, 0.5, 3), strict=True))
    weight = rng.uniform(0.5, 1.5, 3)

    def widths(params: Params) -> NDArray[np.float64]:
        return np.stack([np.asarray(params[f"width{i}"], float) for i in range(3)], axis=1)

    def mean(params: Params) -> Vector:
        kind = np.asarray(params["kind"])
        total = np.array([level[value] for value in kind.tolist()])
        total = total + np.where(kind == "se", -0.15 * (np.asarray(params["ratio"], float) - ideal) ** 2 + 0.8, 0.0)
        total = total + np.where(kind == "conv", [kernel[int(v)] for v in np.asarray(params["kernel"]).tolist()], 0.0)
        total = total + [act[value] for value in np.asarray(params["act"]).tolist()]
        w = widths(params)
        total = total + 2.0 * np.log(w) @ weight - 0.8 * np.abs(np.diff(np.log(w), axis=1)).sum(axis=1)
        # what is not asked for has its first value, so that it does not matter
        return 85 + total + residual(space, params, 0.1, salt=7)

    def macs(params: Params) -> Vector:
        kind, w = np.asarray(params["kind"]), widths(params)
        base = w[:, 0] + w[:, 0] * w[:, 1] + w[:, 1] * w[:, 2]
        more = np.where(kind == "se", 8.0 / np.asarray(params["ratio"], float), 0.0)
        return base + more + np.where(kind == "conv", np.asarray(params["kernel"], float) * 0.8, 0.0)

    conditional = {"ratio": ("kind", "se"), "kernel": ("kind", "conv")}
    return _made(name, "conditional parameters", space, mean, macs, 0.2, conditional=conditional)


FAMILIES: dict[str, Callable[[str, np.random.Generator], Problem]] = {
    "cells": lambda name, rng: _cells(name, rng, failing=False),
    "plateaus": _plateaus,
    "pairs": _pairs,
    "layers": _layers,
    "failing": lambda name, rng: _cells(name, rng, failing=True),
    "branches": _branches,
}


def generated(name: str) -> Problem:
    """The problem of a name such as `cells-3` or `cells-3-noisy`.

    Raises:
        KeyError: no such family.
    """
    family, seed = name.removesuffix("-noisy").rsplit("-", 1)
    return FAMILIES[family](name, np.random.default_rng([int(seed), sorted(FAMILIES).index(family)]))


def names(seeds: tuple[int, ...]) -> list[str]:
    """The problems of all families with these seeds, and noisy ones of the first seed."""
    every = [f"{family}-{seed}" for seed in seeds for family in FAMILIES]
    return [*every, *(f"{family}-{seeds[0]}-noisy" for family in ("cells", "pairs"))]


DEVELOPMENT, SEEN, HELD_OUT_NAMES = names(DEVELOPMENT_SEEDS), names(SEEN_SEEDS), names(HELD_OUT_SEEDS)
