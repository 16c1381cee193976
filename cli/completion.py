"""What a shell completes by itself: the names of studies. A completion says nothing and never
waits, whatever is wrong with the database."""

from __future__ import annotations

import contextlib
import os
import threading

import typer

PATIENCE = 1.5
"""Seconds after which a database that does not answer has no studies."""


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
