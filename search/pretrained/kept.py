"""Keeps the source of a study's weights with the study, so that all its trainings begin alike.

A study names its source by a fingerprint, so that it is not continued with another one. A copy of
the weights lies in the study's folder: later trainings do not need the file they came from.
"""

from __future__ import annotations

from collections.abc import Mapping
from json import JSONDecodeError
from typing import Any

from ...blocks.errors import InputError
from ...spaces import Candidate
from ...studies import Evaluation, Study
from ...studies.store import StoreError
from ...studies.trained.artifacts import store_of
from .source_weights import Source, read_source

SETTING = "pretrained"
"""The setting of a study that names its source."""
NONE = "none"
"""What `--pretrained` takes to begin from noise, also a training in a study that has a source."""
NOISE = "noise"
"""The name of noise as the beginning of a training."""
MARK = "+"
"""Separates, in the name of a training's recipe, what it begins from; no name of a recipe has
it."""


def setting(text: str | None) -> dict[str, Any]:
    """The setting of a study whose candidates begin from `text`; empty without one.

    Raises:
        InputError, AutomlError: as `read_source`.
    """
    return {} if text is None or text == NONE else {SETTING: read_source(text).identity}


def keep(study: Study, source: Source | None) -> None:
    """Write a copy of the source into the store of the study, if it has none.

    Raises:
        OSError, StoreError: the store refuses.
    """
    if source is None:
        return
    import torch

    from ...studies.trained.checkpoint import save_to

    store, file = store_of(study), _file(source.fingerprint)
    if not store.exists(file):
        weights = {name: torch.tensor(values) for name, values in source.weights.items()}
        save_to(store, file, {"name": source.name, "candidate": source.candidate, "weights": weights})


def source_of(study: Study, fingerprint: str | None = None) -> Source | None:
    """The source from which the candidates of a study begin; None if they begin from noise.

    `fingerprint` is that of another source which the study has kept; its beginning is enough.

    Raises:
        InputError: the copy in the study's store is missing or damaged.
        StoreError: the store cannot be reached.
    """
    from ...studies.trained.checkpoint import load_from

    named = study.spec.settings.get(SETTING)
    wanted = fingerprint or (str(named["fingerprint"]) if isinstance(named, Mapping) else None)
    if wanted is None:
        return None
    kept = load_from(store_of(study), file := _file(wanted))
    try:
        source = Source.of(str(kept["name"]), Candidate.from_spec(str(kept["candidate"])), kept["weights"], file)
    except (KeyError, TypeError, AttributeError, JSONDecodeError) as error:
        raise InputError(f"{file}, the copy of the weights from which a study began, is damaged: {error!r}") from None
    if not source.fingerprint.startswith(wanted):
        raise InputError(f"the weights must be those from which the study {study.spec.name!r} began, but {file} differ")
    return source


def for_training(study: Study, asked: str | None) -> tuple[Source | None, str]:
    """The source from which `automl train` begins, and what its recipe's name is followed by;
    nothing if it begins as the study's candidates do.

    Args:
        study: the study, in which another source is kept.
        asked: `--pretrained`: None begins as the study does, "none" from noise.

    Raises:
        InputError, AutomlError: as `read_source` and `source_of`.
    """
    own = study.spec.settings.get(SETTING)
    if asked is None:
        return source_of(study), ""
    if asked == NONE:
        return None, f"{MARK}{NOISE}" if own else ""
    source = read_source(asked)
    if source.identity == own:
        return source, ""
    keep(study, source)
    return source, f"{MARK}{source.name}-{source.fingerprint[:8]}"


def began(study: Study, training: Evaluation, candidate: Candidate) -> str:
    """How a training began, in words: the source and how much of the network comes from it; empty
    if it began from noise."""
    own, (_, other, given) = study.spec.settings.get(SETTING), training.fidelity.recipe.partition(MARK)
    if other:
        name, _, fingerprint = given.rpartition("-")
    else:
        name, fingerprint = (str(own["name"]), str(own["fingerprint"])) if isinstance(own, Mapping) else ("", "")
    if not name:  # noise has no fingerprint
        return ""
    words = f"the weights of {name} (SHA-256 {fingerprint[:16]}…)"
    try:
        source = source_of(study, fingerprint)
    except (InputError, StoreError):  # no copy is at hand; what the training began from is known all the same
        return words
    return words if source is None else f"{words}: {share(source, candidate):.1%} of the parameters"


def share(source: Source, candidate: Candidate) -> float:
    """Share of the parameters of a candidate that come from the source, from 0 to 1."""
    import torch

    from .carrying import carry

    with torch.random.fork_rng(devices=[]):
        return carry(candidate.build(), source.network(), seed=0).fraction


def _file(fingerprint: str) -> str:
    """The name of the copy in a study's store."""
    return f"pretrained-{fingerprint[:8]}.pt"
