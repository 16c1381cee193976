"""Reads what this machine has: CPUs, memory, GPUs, versions, the database."""

from __future__ import annotations

import os
import warnings
from dataclasses import asdict, dataclass
from typing import Any

from ..blocks.block import blocks
from ..blocks.documented import documented
from ..blocks.errors import InputError, first_line
from ..studies.records.versions import versions
from ..studies.storage_url import storage_url

NOT_STARTED = "not started; `automl doctor --ray` sees whether it can be"


@documented
@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """What this machine has, and what works on it."""

    cpus: int | None
    """Number of CPUs that this process may use; None if unknown."""
    memory_bytes: int | None
    """Memory in bytes; None if unknown."""
    gpus: list[str]
    """Names of the GPUs that PyTorch can use."""
    versions: dict[str, str]
    """Versions of Python, PyTorch and other libraries."""
    ray: str
    """Whether a private Ray starts here, in words."""
    data_dir: str
    """Folder in which torchvision's data sets are looked for."""
    database: str
    """The database without its password, and its number of studies; or why it cannot be opened."""
    export: str
    """Formats that can be exported, or what is missing."""
    blocks: str
    """Packages whose blocks are installed, and those that were refused."""

    def to_dict(self) -> dict[str, Any]:
        """The facts as plain JSON, as `automl doctor --json` prints them."""
        return asdict(self)


def doctor(*, ray: bool = False, storage: str | None = None) -> Diagnosis:
    """Read what this machine has: CPUs, memory, GPUs, versions, the database.

    Args:
        ray: also starts a private Ray, and stops it; this takes seconds.
        storage: database URL; AUTOML_STORAGE or sqlite:///automl.db if None.

    Raises:
        Nothing on purpose: what does not work is told in the result.
    """
    from .data.source import default_data_dir

    return Diagnosis(
        cpus=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        memory_bytes=_memory(),
        gpus=_gpus(),
        versions=versions(),
        ray=_ray() if ray else NOT_STARTED,
        data_dir=str(default_data_dir()),
        database=_database(storage_url(storage)),
        export=_export(),
        blocks=_blocks(),
    )


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return None


def _gpus() -> list[str]:
    from .workers import cluster

    if not cluster.may_have_gpus():
        return []
    import torch

    return (
        [torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count())]
        if torch.cuda.is_available()
        else []
    )


def _ray() -> str:
    """Start a private Ray, and stop it: says whether that works."""
    from .course import stop_signals
    from .workers import cluster

    stop_signals.go_on = "Ray does not run here"
    try:
        cluster.start(None)
        return f"starts here: {cluster.allot(workers=None, gpus_per_trial=None)}"
    except Exception as error:
        return f"does not start: {first_line(error)}"
    finally:
        cluster.stop()


def _database(storage: str) -> str:
    from ..studies import masked, studies

    try:
        return f"{masked(storage)}: {len(studies(storage))} studies"
    except InputError as error:
        return str(error)


def _export() -> str:
    from ..studies.export import exporters
    from ..studies.export.exporter import missing

    onnx = exporters.get("onnx")
    absent = missing(onnx)
    return (
        f"ONNX not available ({', '.join(absent)} missing): install {onnx.install}"
        if absent
        else "model.py, safetensors, ONNX"
    )


def _blocks() -> str:
    """Blocks of other installed packages, and why any was refused."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is refused is part of the text returned
        blocks.load()
    theirs = [f"{name} of {package}" for name, package in blocks.origins.items()]
    return "; ".join(["automl's own", *theirs, *blocks.refused.values()])
