"""The command `automl doctor`: shows what this machine has."""

from __future__ import annotations

import os
import platform
from typing import Annotated, Any

import typer

from .options import DEFAULT_STORAGE, Json, Storage
from .output import print_json

NOT_STARTED = "not started; `automl doctor --ray` sees whether it can be"


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("doctor")(doctor)


def doctor(
    storage: Storage = DEFAULT_STORAGE,
    ray: Annotated[bool, typer.Option("--ray", help="Start a private Ray too, and stop it: seconds.")] = False,
    json: Json = False,
) -> None:
    """Show what this machine has: CPUs, memory, GPUs, versions, the database."""
    from ..studies.versions import versions

    found: dict[str, Any] = {
        "cpus": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "memory_bytes": _memory(),
        "gpus": _gpus(),
        "versions": versions(),
        "ray": _ray() if ray else NOT_STARTED,
        "data_dir": _data(),
        "database": _database(storage),
        "export": _export(),
        "blocks": _blocks(),
    }
    if json:
        print_json(found)
        return
    memory = f"{found['memory_bytes'] / 2**30:.1f} GiB memory" if found["memory_bytes"] else "memory unknown"
    print(f"machine   {platform.platform()}, {found['cpus']} CPUs, {memory}")
    print(f"GPUs      {', '.join(found['gpus']) or 'none: candidates are trained on the CPU'}")
    print(
        "versions "
        f" {', '.join(f'{name} {version}' for name, version in found['versions'].items() if name != 'platform')}"
    )
    print(f"Ray       {found['ray']}")
    print(f"data      digits, and what lies in {found['data_dir']} (or --data-dir)")
    print(f"database  {found['database']}")
    print(f"export    {found['export']}")
    print(f"blocks    {found['blocks']}")


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return None


def _gpus() -> list[str]:
    from ..search.workers import cluster

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
    from ..blocks.errors import first_line
    from ..search.workers import cluster

    try:
        cluster.start(None)
        return f"starts here: {cluster.allot(workers=None, gpus_per_trial=None)}"
    except Exception as error:
        return f"does not start: {first_line(error)}"
    finally:
        cluster.stop()


def _data() -> str:
    from ..search.data.source import default_data_dir

    return str(default_data_dir())


def _database(storage: str) -> str:
    from ..blocks.errors import InputError
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
    import warnings

    from ..blocks.block import blocks

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what is refused is part of the text returned
        blocks.load()
    theirs = [f"{name} of {package}" for name, package in blocks.origins.items()]
    return "; ".join(["automl's own", *theirs, *blocks.refused.values()])
