"""Writes WebDataset shards for tests: plain tar files of samples."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

Sample = tuple[str, Mapping[str, Any]]
"""The name of a sample, and the content of its members by their endings."""


def write_shard(path: Path, samples: Iterable[Sample]) -> Path:
    """Write samples: bytes as they are, mappings as JSON, all else as text."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as archive:
        for name, members in samples:
            for ending, content in members.items():
                add(archive, f"{name}.{ending}", content)
    return path


def add(archive: tarfile.TarFile, name: str, content: Any) -> None:
    """Add one member."""
    text = json.dumps(content) if isinstance(content, dict) else str(content)
    written = content if isinstance(content, bytes) else text.encode()
    member = tarfile.TarInfo(name)
    member.size = len(written)
    archive.addfile(member, io.BytesIO(written))


def from_folder(root: Path, out: Path, *, each: int = 10, label: str = "cls") -> Path:
    """The images of class folders as shards `train-0000.tar`, … of `each` samples."""
    files = sorted(root.glob("*/*"))
    for start in range(0, len(files), each):
        samples = [
            (f"{number:06}", {file.suffix[1:]: file.read_bytes(), label: file.parent.name})
            for number, file in enumerate(files[start : start + each], start)
        ]
        write_shard(out / f"train-{start // each:04}.tar", samples)
    return out
