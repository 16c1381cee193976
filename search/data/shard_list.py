"""The images and labels of WebDataset shards, listed as those of a table of paths and labels.

Where labels are whole numbers, `classes.txt` beside the shards names them, a line for each.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ...blocks.errors import InputError
from ...blocks.regular_file import read_regular
from ...studies.tasks.task import MULTI_LABEL, REGRESSION
from .decode import Openable
from .groups import BY_FOLDER
from .label_columns import Answer, read_answers
from .names import listed, shown
from .path_list import LABEL, PathList
from .path_table import Columns, find_column, same_name, texts
from .reading_options import Reading
from .shard_names import split_names
from .shard_samples import CLASS, JSON, Sample, Samples
from .shards import Member, open_member
from .skipped import NO_IMAGE, UNUSED
from .split_names import parts_by_split

CLASSES = "classes.txt"
"""The file beside the shards with the names of the classes."""
LARGEST = 2**26
"""Bytes of it, at most."""


@dataclass(frozen=True, kw_only=True)
class ShardList(PathList):
    """The images of shards, not yet opened; a path goes on beyond that of a shard."""

    shards: list[Path] = field(default_factory=list)
    """The shard of each image."""
    members: list[Member] = field(default_factory=list)
    """The image of each sample."""

    def file(self, number: int) -> Path:
        """The path of an image, through its shard."""
        return self.folder / self.paths[number]

    def open(self, number: int) -> Openable:
        """An image, to be read where it lies."""
        return open_member(self.shards[number], self.members[number])


def list_samples(root: Path, shards: Sequence[Path], *, name: str, reading: Reading) -> ShardList:
    """Read what the samples of all shards show; no image is opened.

    Raises:
        InputError: a shard is damaged, a sample has two images, a column is missing, or the splits
            cannot be told apart.
    """
    samples = Samples(root=root, shards=shards, name=shown(name), reading=reading)
    samples.read()
    name, columns = samples.name, list(samples.columns)
    splits = split_names(root, shards)
    part_of = {split: part for part, split in parts_by_split(list(dict.fromkeys(splits)), reading, name).items()}
    skipped = [
        f"{samples.place(number)}: {UNUSED}, its name means no part"
        for number, split in enumerate(splits)
        if split not in part_of
    ]
    taken = [(sample, member) for sample, member in _with_image(samples) if splits[sample.shard] in part_of]
    label = None
    if not reading.targets:
        label = find_column(columns, (CLASS, *LABEL), reading.label_column, "--label-column", name)
        if label is None:
            what = "numbers" if reading.asked_task == REGRESSION else "labels"
            raise InputError(
                f"{name} must have {what}, as members .{CLASS} or a field of .{JSON} (label, class, … or the one that"
                f" --label-column names), but its samples have: {listed([*map(shown, columns)], 120) or 'none'}"
            )
    table: Columns = {
        column: [sample.row.get(column) for sample, _ in taken] if same_name(column) in samples.wanted else []
        for column in columns
    }
    answered = read_answers(table, label, reading, name)
    groups = _groups(table, [sample.name for sample, _ in taken], reading.group, name)
    found = ShardList(
        folder=root,
        task=answered.task,
        targets=answered.targets,
        sources=tuple((part, f"shards {shown(split)}") for split, part in part_of.items()) if len(part_of) > 1 else (),
        skipped=[*samples.skipped, *skipped],
    )
    for number, ((sample, member), answer) in enumerate(zip(taken, answered.answers, strict=True)):
        if answer is None:
            missing = shown(answered.missing[number])
            found.skipped.append(f"{samples.place(sample.shard, sample.name)}: {UNUSED}, it has no {missing}")
            continue
        found.paths.append((shards[sample.shard].relative_to(root) / member.name).as_posix())
        found.labels.append(answer)
        found.parts.append(part_of[splits[sample.shard]])
        found.groups.extend(groups[number : number + 1])
        found.shards.append(shards[sample.shard])
        found.members.append(member)
    if not found.paths:
        what = {MULTI_LABEL: "labels", REGRESSION: "numbers"}.get(found.task, "a label")
        raise InputError(f"{name} must hold a sample with an image and {what}, but it has none")
    found.names.update(_class_names(root, shards, found, name))
    return found


def _with_image(samples: Samples) -> Iterator[tuple[Sample, Member]]:
    """The samples that have an image, and that one; others are noted as left out.

    Raises:
        InputError: samples have several and it is not said which.
    """
    several: list[str] = []
    asked = samples.reading.image_column
    endings = list(dict.fromkeys(ending for sample in samples.found for ending in sample.images))
    chosen = None if asked is None else find_column(endings, (), asked, "--image-column", samples.name)
    for sample in samples.found:
        place = samples.place(sample.shard, sample.name)
        if chosen is not None and chosen in sample.images:
            yield sample, sample.images[chosen]
        elif chosen is not None or not sample.images:
            what = f"it has no {shown(chosen)}" if chosen is not None else "it has no image"
            foreign = not sample.images and not sample.row
            skipped = (
                f"{samples.place(sample.shard, sample.others)}: {NO_IMAGE}" if foreign else f"{place}: {UNUSED}, {what}"
            )
            samples.skipped.append(skipped)
        elif len(sample.images) == 1:
            yield sample, next(iter(sample.images.values()))
        else:
            several.append(f"{place} has {' and '.join(f'.{shown(ending)}' for ending in sample.images)}")
            samples.skipped.append(f"{several[-1]}: {UNUSED}, it has several images")
    if several and not samples.reading.tolerant:
        count = "1 sample has" if len(several) == 1 else f"{len(several):,} samples have"
        raise InputError(
            f"{samples.name}: every sample needs one image, but {count} several: {listed(several, 120, most=2)}; give"
            " --image-column with the ending of those to be read"
        )


def _groups(table: Columns, names: Sequence[str], group: str | None, name: str) -> list[str | None]:
    """The group of each sample; empty if none were asked for."""
    if group is None:
        return []
    if group == BY_FOLDER and BY_FOLDER not in table:
        return [sample.rpartition("/")[0] or None for sample in names]
    return texts(table, str(find_column(list(table), (), group, "--group", name)), name)


def _class_names(root: Path, shards: Sequence[Path], found: ShardList, name: str) -> dict[str, str]:
    """Label -> the name of its class, where labels are whole numbers and `classes.txt` is there."""
    path = next((each / CLASSES for each in (root, shards[0].parent) if (each / CLASSES).exists()), None)
    several: list[Answer] = found.labels if found.task != REGRESSION else []
    labels = {str(label) for answer in several for label in (answer if isinstance(answer, tuple) else (answer,))}
    if path is None or not labels or not all(label.isascii() and label.isdecimal() for label in labels):
        return {}
    try:
        text = read_regular(path, most=LARGEST).decode("utf-8-sig", "surrogateescape")
    except OSError as error:
        raise InputError(f"{name}: {CLASSES} cannot be read: {error.strerror or error}") from None
    lines = [line.strip() for line in text.rstrip().splitlines()]
    beyond = sorted(label for label in labels if len(label) > 9 or int(label) >= len(lines))
    if beyond:
        raise InputError(
            f"{name}: {CLASSES} must have a line for each class from 0 on, but has {len(lines):,}, and a label is"
            f" {beyond[0][:20]}"
        )
    names = {label: lines[int(label)] or label for label in labels}
    count = Counter(names.values())
    return {label: each if count[each] == 1 else f"{each} ({label})" for label, each in names.items()}
