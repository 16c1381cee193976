"""The command `automl doctor`: shows what this machine has."""

from __future__ import annotations

import platform
from typing import Annotated

import typer

from .options import DEFAULT_STORAGE, Json, Storage
from .output import print_json


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("doctor")(doctor)


def doctor(
    storage: Storage = DEFAULT_STORAGE,
    ray: Annotated[bool, typer.Option("--ray", help="Start a private Ray too, and stop it: seconds.")] = False,
    json: Json = False,
) -> None:
    """Show what this machine has: CPUs, memory, GPUs, versions, the database."""
    from ..search.doctor import doctor as read

    found = read(ray=ray, storage=storage)
    if json:
        print_json(found.to_dict())
        return
    memory = f"{found.memory_bytes / 2**30:.1f} GiB memory" if found.memory_bytes else "memory unknown"
    print(f"machine   {platform.platform()}, {found.cpus} CPUs, {memory}")
    print(f"GPUs      {', '.join(found.gpus) or 'none: candidates are trained on the CPU'}")
    versions = ", ".join(f"{name} {version}" for name, version in found.versions.items() if name != "platform")
    print(f"versions  {versions}")
    print(f"Ray       {found.ray}")
    print(f"data      digits, and what lies in {found.data_dir} (or --data-dir)")
    print(f"database  {found.database}")
    print(f"export    {found.export}")
    print(f"blocks    {found.blocks}")
