"""Checks the machines of a cluster before a search is started on them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.metadata import PackageNotFoundError, version
from platform import python_version
from typing import Any

from ...blocks.block import adopt, blocks
from ...blocks.errors import InputError
from ...studies.quality import measures
from ..own_parts import packed_blocks, packed_measures, unpacked_blocks, unpacked_measures
from ..scores.registry import scores
from ..scores.sending import packed, unpacked

ALIKE = ("automl", "ray", "torch", "timm", "torchvision", "numpy")
"""Packages whose versions must be the same everywhere: the network, its training or its state
depend on them."""
PATIENCE = 180.0
"""Seconds for which the machines are waited for; each starts a process and imports automl."""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What a machine of the cluster has."""

    versions: Mapping[str, str] = field(default_factory=dict)
    """Package -> its version; empty if it is missing."""
    refused: str = ""
    """Why parts of the user's own cannot be used there; empty if they can."""


def inside(address: str) -> str:
    """Return the address of a cluster if the driver is to be on one of its machines: from elsewhere
    Ray Tune would run the driver's decisions in another process, which has no database.

    Raises:
        InputError: the address is that of a Ray client.
    """
    if address.startswith("ray://"):
        raise InputError(
            "--address must be auto or host:port, on a machine of the cluster, but got that of a Ray client,"
            f" {address!r}; `ray job submit` starts the command there"
        )
    return address


def require_alike() -> None:
    """Check that every machine of the cluster has this one's versions of what trainings depend on,
    and can use the blocks, scores and measures that the user has registered.

    Raises:
        InputError: one has not, or cannot run automl at all; nothing has been started.
    """
    import ray
    from ray.exceptions import RayError, RayTaskError
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    parts = packed_blocks(), packed(), packed_measures()  # which loads those of installed packages
    origins = {package for known in (blocks, scores, measures) for package in known.origins.values()}
    packages = (*ALIKE, *sorted(origins - set(ALIKE)))
    asked: dict[str, Any] = {}
    for node in ray.nodes():
        if node["Alive"]:
            there = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            task: Any = ray.remote(num_cpus=0, max_retries=0)(machine).options(scheduling_strategy=there)
            asked[str(node["NodeManagerAddress"])] = task.remote(packages, *parts)
    here = machine(packages)
    for address, answer in asked.items():
        try:
            found: Any = ray.get(answer, timeout=PATIENCE)
        except RayError as error:
            cause = error.cause if isinstance(error, RayTaskError) else error
            raise InputError(f"the machine {address} of the cluster cannot run automl: {_line(cause)}") from None
        if found.refused:
            raise InputError(
                f"the machine {address} of the cluster cannot use parts of your own: {found.refused}; install them"
                " there as a package, or send their modules with `ray job submit --runtime-env-json`"
            )
        for name, own in here.versions.items():
            if found.versions[name] != own:
                raise InputError(
                    f"every machine of the cluster must have {name} {own or '(none)'}, as this one, but {address} has"
                    f" {found.versions[name] or 'none'}"
                )


def machine(
    packages: tuple[str, ...], own_blocks: bytes = b"", own_scores: bytes = b"", own_measures: bytes = b""
) -> Machine:
    """What this machine has of the packages, and whether it can use the user's parts."""
    found = {"python": python_version().rpartition(".")[0]}
    for name in packages:
        try:
            found[name] = version(name).partition("+")[0]  # builds for CPUs and GPUs train alike
        except PackageNotFoundError:
            found[name] = ""
    try:
        adopt(unpacked_blocks(own_blocks))
        unpacked(own_scores)
        unpacked_measures(own_measures)
    except Exception as error:  # whatever a module of the user's own raises
        return Machine(versions=found, refused=_line(error))
    return Machine(versions=found)


def _line(error: BaseException) -> str:
    """An error in one line."""
    return f"{type(error).__name__}: {error}".strip().splitlines()[0][:300]
