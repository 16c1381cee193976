"""Loads the data of a study again, to train its networks further and to check an export."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...blocks import InputError
from ...studies import Study, StudySpec
from ...studies.tasks.task import CLASSIFICATION, NOUNS, task_of
from ..data import ImageData, Reading, Split, kept_share, load, split


def study_data(
    study: Study | StudySpec,
    *,
    data: str | None = None,
    data_dir: str | None = None,
    cache: str | None = None,
    size: Callable[[int], int] | None = None,
) -> tuple[ImageData, Split]:
    """The data of a study as uint8 images, and its split.

    Args:
        study: the study that trained on them, or its settings.
        data: where they are now, if they have moved.
        data_dir: the folder of downloaded data sets.
        cache: the folder of decoded images, as `load` takes it.
        size: from the side in pixels that the files hold to the side at which images are wanted;
            None: the side that the study used.

    Raises:
        InputError: the data cannot be loaded, or are not those of the study.
    """
    spec = study if isinstance(study, StudySpec) else study.spec
    kept = spec.data
    require_images(spec)
    name, stored = data or str(kept["name"]), int(kept["size"])
    reading = Reading.from_dict(kept.get("reading", {}))
    if task_of(kept) == CLASSIFICATION:  # earlier versions read `cat;dog` as one class
        reading = replace(reading, task=CLASSIFICATION)
    if data is None and Path(name).is_absolute() and not Path(name).exists():
        raise InputError(
            f"the data of the study {spec.name!r} were at {name}, where nothing is now: give --data PATH to say"
            " where they are"
        )
    try:
        loaded = load(name, size=stored, data_dir=data_dir, reading=reading, cache=cache)
    except InputError as error:
        if data is not None:
            raise
        raise InputError(f"{error}; the study's data were {name}: give --data if they are elsewhere now") from error
    if loaded.task != task_of(kept):
        reading = replace(reading, task=task_of(kept))
        loaded = load(name, size=stored, data_dir=data_dir, reading=reading, cache=cache)
    pooled = loaded.fingerprint != kept["fingerprint"]
    if pooled:
        loaded = loaded.pooled()  # earlier versions put the official validation part into the test part
    if loaded.fingerprint != kept["fingerprint"]:
        raise InputError(
            f"the data must be those of the study {spec.name!r}, but {name!r} are others: {_difference(kept, loaded)}"
        )
    rows = _split(spec, loaded)
    levels = (kept.get("preprocessing") or {}).get("levels")
    wanted = stored if size is None else size(loaded.native)
    if wanted != stored:
        loaded = load(name, size=wanted, data_dir=data_dir, reading=reading, cache=cache)
        loaded = loaded.pooled() if pooled else loaded
    return loaded.levelled(rows.train, levels=None if levels is None else (float(levels[0]), float(levels[1]))), rows


def _difference(kept: Mapping[str, Any], loaded: ImageData) -> str:
    """How data differ from those whose fingerprint a study keeps."""
    images, classes = int(kept["images"]), list(kept["classes"])
    if list(loaded.classes) != classes:
        added, gone = (
            [each for each in loaded.classes if each not in classes],
            [each for each in classes if each not in loaded.classes],
        )
        changes = [
            f"{word} {', '.join(map(repr, names[:3]))}" for word, names in (("new", added), ("gone", gone)) if names
        ]
        return ", ".join([f"{len(loaded.classes)} {NOUNS[loaded.task][1]} instead of {len(classes)}", *changes])
    if len(loaded.labels) != images:
        return f"{len(loaded.labels):,} images instead of {images:,}"
    return (
        "as many images of the same classes, but other pictures, or the same in another order (files are taken in the"
        " order of their names)"
    )


def _split(spec: StudySpec, loaded: ImageData) -> Split:
    kept = spec.data["split"]
    for grouped in (True, False):  # earlier versions did not keep copies of an image in one part
        rows = split(loaded, seed=int(kept["seed"]), validation=kept_share(kept), grouped=grouped)
        if rows.to_dict() == kept:
            return rows
    raise InputError(f"the split of the study {spec.name!r} cannot be made again by this version of automl")


def require_images(spec: StudySpec) -> None:
    """InputError if the study looked its networks up in a table, and has no images."""
    if spec.settings.get("evaluator") == "table":
        raise InputError(
            f"only a study with data can train, but {spec.name!r} looked its networks up in"
            f" {Path(str(spec.data['name'])).name}"
        )
