"""Makes Ray tasks that run on one machine of the cluster."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any


def on_node(node: str, call: Callable[..., Any]) -> Any:
    """`call` as a task that takes no CPU, on the machine of which `node` is Ray's id."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    return _task(call).options(scheduling_strategy=NodeAffinitySchedulingStrategy(node, soft=False))


@cache
def _task(call: Callable[..., Any]) -> Any:
    """`call` as a task. Made once: Ray keeps each function that is made a task in a table of the
    cluster, once for each session."""
    import ray

    return ray.remote(num_cpus=0)(call)
