"""What a study reads as: all of its rows as plain JSON, which any version of automl can write."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from automl.studies import Study

NO_CHOICE = "this version chooses no network"


def as_read(study: Study) -> dict[str, Any]:
    """Every trial, training, network, note and setting, the front and the network chosen."""
    paused = getattr(study, "paused", list)()
    found = {
        "spec": row(study.spec),
        "evaluations": [row(each) for each in study.evaluations()],
        "candidates": {
            name: {**row(each), "spec": hashlib.sha256(each.spec.encode()).hexdigest()}
            for name, each in study.candidates().items()
        },
        "paused": [row(each) for each in paused],
        "notes": study.notes(),
        "counts": study.counts(),
        "front": [[point.id, point.accuracy, point.macs] for point in study.front()],
        "chosen": chosen(study),
    }
    return json.loads(json.dumps(found))


def row(thing: Any) -> dict[str, Any]:
    """The fields of a dataclass as plain JSON."""
    return json.loads(json.dumps({one.name: getattr(thing, one.name) for one in fields(thing)}, default=plain))


def plain(value: Any) -> Any:
    """What JSON has no form for: mappings, fidelities, networks, times, distributions."""
    if isinstance(value, Mapping):
        return dict(value)
    return getattr(value, "key", None) or getattr(value, "id", None) or str(value)


def chosen(study: Study) -> str | None:
    """The id of the network chosen; the name of the module is that of the version."""
    for name in ("studies.choosing.chosen", "studies.chosen", "search.finals"):
        try:
            module = __import__(f"automl.{name}", fromlist=["best"])
        except ModuleNotFoundError:
            continue
        best = module.best(study)
        return None if best is None else best.candidate.id
    return NO_CHOICE


if __name__ == "__main__":  # how the files in assets/as_read were written, each by its own version
    print(json.dumps(as_read(Study.open(f"sqlite:///{sys.argv[1]}", "tiny")), indent=1, sort_keys=True))
