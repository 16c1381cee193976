"""Decides which folders of a data set train, validate and test: those of the usual names, or those
that the options name."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from ...blocks.errors import InputError, unknown
from .file_listing import folders_in, holds_images, holds_images_itself
from .names import listed, shown
from .parts import assigned, meaning
from .reading_options import Reading
from .skipped import UNUSED


@dataclass(frozen=True, kw_only=True)
class FolderParts:
    """The parts of a folder."""

    named: dict[str, Path]
    """"train" always, "validation" and "test" where there is such a folder."""
    classes: tuple[Path, ...]
    """The class folders to train on, sorted."""
    skipped: tuple[str, ...] = ()
    """Folders that mean a part which the options give to another one."""

    @property
    def others(self) -> list[Path]:
        """The folders of validation and test, sorted."""
        return sorted(folder for part, folder in self.named.items() if part != "train")

    def in_order(self) -> list[tuple[str, Path]]:
        """The parts in the order of their rows: the training part, then the others sorted by the
        names of their folders."""
        parts = {folder: part for part, folder in self.named.items()}
        return [("train", self.named["train"]), *((parts[folder], folder) for folder in self.others)]


def find_parts(root: Path, reading: Reading) -> FolderParts:
    """The parts of `root`.

    Without a training folder, `root` itself is the training part and its other folders are the
    classes.

    Raises:
        InputError: an option names no folder, two folders mean the same part, or it cannot be told
            parts from classes.
    """
    asked = _asked(root, reading)
    folders = [folder for folder in folders_in(root) if not any(_same(folder, part) for part in asked.values())]
    names, left = assigned([folder.name for folder in folders], where=shown(str(root)), asked=dict.fromkeys(asked, ""))
    found = {part: root / name for part, name in names.items() if part not in asked} | asked
    skipped = [f"{shown(name)}/: {UNUSED}, as another folder was named for this part" for name in left]
    folders = [folder for folder in folders if folder.name not in left]
    others = [folder for folder in folders if folder not in found.values()]
    train = found.get("train")
    if train is None and asked:
        train = _single(others)
    if train is None or not folders_in(train):
        return _beside_classes(root, folders, found, asked, skipped)
    aside = {part: folder for part, folder in found.items() if part != "train"}
    beside = [folder for folder in others if folder != train and holds_images(folder)]
    mixed = [shown(folder.name) for folder in beside]
    if mixed and not aside and holds_images_itself(train):
        return FolderParts(named={"train": root}, classes=tuple(folders))  # a class may well be called "train"
    if mixed:
        both = listed([shown(train.name), *mixed], 80, most=6)
        raise InputError(
            f"{shown(str(root))} must hold either classes or {shown(train.name)}/ and its test part, but it holds both:"
            f" {both}; move away what is no class, or name a part by --validation or --test"
        )
    return FolderParts(
        named={"train": train, **_labelled(aside, train)}, classes=tuple(folders_in(train)), skipped=tuple(skipped)
    )


def _beside_classes(
    root: Path, folders: list[Path], found: dict[str, Path], asked: dict[str, Path], skipped: list[str]
) -> FolderParts:
    """The parts where there is no training folder of class folders: `root` is the training part, if
    it has classes of its own."""
    classes = [folder for folder in folders if meaning(folder.name) is None]
    siblings = {folder.name for folder in classes}
    parts = dict(asked)
    for part, folder in found.items():
        inner = {each.name for each in folders_in(folder)} if part not in parts and part != "train" else set()
        if inner and inner <= siblings:  # test/cat beside cat/
            parts[part] = folder
    split_names = [folder for folder in folders if folder not in parts.values()]
    if folders and not classes and any(map(holds_images, folders)):
        train = found.get("train", root / "train")
        names = listed([f"{shown(folder.name)}/" for folder in split_names], 80)
        raise InputError(
            f"{shown(str(root))} holds parts of a data set and no classes ({names}): pictures belong in"
            f" {shown(train.name)}/<class>"
        )
    return FolderParts(
        named={"train": root, **_labelled(parts, root)}, classes=tuple(split_names), skipped=tuple(skipped)
    )


def _asked(root: Path, reading: Reading) -> dict[str, Path]:
    """The folders that the options name."""
    asked: dict[str, Path] = {}
    for option, part in reading.parts.items():
        places = (root / part, Path(os.path.expanduser(part)))
        folder = next((place for place in places if os.path.isdir(place)), None)
        if folder is None:
            error = unknown("folder", part, [shown(each.name) for each in folders_in(root)])
            raise InputError(
                f"--{option} must name a folder within {shown(str(root))} or the path of one, but got an {error}"
            )
        if any(_same(folder, above) for above in (root, *root.resolve().parents)):
            raise InputError(f"--{option} must name a part of {shown(str(root))}, but {shown(part)!r} holds it whole")
        if any(_same(folder, other) for other in asked.values()):
            raise InputError(f"--validation and --test must name two parts, but both are {shown(str(folder))}")
        if not holds_images(folder):
            raise InputError(f"--{option} must name a folder that holds images, but {shown(str(folder))} holds none")
        asked[option] = next((each for each in folders_in(root) if _same(each, folder)), folder)
    return asked


def _same(one: Path, other: Path) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)


def _single(folders: list[Path]) -> Path | None:
    """The only folder that holds class folders, if no other folder holds images; else None."""
    outer = [folder for folder in folders if folders_in(folder)]
    return (
        outer[0]
        if len(outer) == 1 and not any(holds_images(folder) for folder in folders if folder not in outer)
        else None
    )


def _labelled(parts: dict[str, Path], train: Path) -> dict[str, Path]:
    """The parts that are not empty. Raises InputError if one holds images without class folders."""
    for folder in parts.values():
        if not folders_in(folder) and holds_images_itself(folder):
            raise InputError(
                f"{shown(str(folder))} holds images but no class folders; to use the labelled images alone give"
                f" {shown(str(train))}"
            )
    return {part: folder for part, folder in parts.items() if folders_in(folder)}
