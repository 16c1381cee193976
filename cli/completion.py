"""Completes the names of studies in a shell, without messages and within `PATIENCE`, even if the
database does not answer."""

from __future__ import annotations

import contextlib
import os
import threading

import typer

PATIENCE = 1.5
"""Seconds to wait for the database; after these no name is completed."""


def complete_study(context: typer.Context, incomplete: str) -> list[str]:
    """Names of studies that begin with `incomplete`, in the database of --storage or
    AUTOML_STORAGE; none if that cannot be read."""
    from ..studies.storage_url import storage_url

    storage = storage_url(context.params.get("storage"))
    found: list[str] = []

    def look() -> None:
        with contextlib.suppress(Exception):
            from ..studies.listing import names

            found.extend(names(storage))

    with open(os.devnull, "w") as nowhere, contextlib.redirect_stderr(nowhere):
        asking = threading.Thread(target=look, daemon=True)
        asking.start()
        asking.join(PATIENCE)
    return [name for name in found if name.startswith(incomplete)]
