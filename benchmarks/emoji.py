"""Lays out the pictures of emoji as a folder of nine classes: a data set whose test pictures show
things of which no picture trains.

    npm pack emoji-datasource-apple@16.0.0 …-facebook@16.0.0 …-google@16.0.0 …-twitter@16.0.0
    uv run python benchmarks/emoji.py FOLDER_OF_THE_FOUR_FILES --out emoji

A class is a category of Unicode (animals and nature, food and drink, flags …). Of each emoji four
vendors have drawn a picture of their own, 64 px a side; skin tones are left out. All pictures of an
emoji are in one part: a fifth of the emoji of each class tests, a fifth validates, and the hash of
its code points says which, so that the parts never depend on the order of files.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import tarfile
from collections import Counter
from pathlib import Path

VENDORS = ("apple", "facebook", "google", "twitter")
PARTS = ("test", "val", "train", "train", "train")
"""The part of an emoji whose hash has this remainder of five."""


def part_of(unified: str) -> str:
    """The part that all pictures of an emoji belong to."""
    return PARTS[int.from_bytes(hashlib.sha256(unified.encode()).digest()[:8]) % len(PARTS)]


def class_of(category: str) -> str:
    """The name of the folder of a category: "Food & Drink" is food-drink."""
    return category.lower().replace(" & ", "-").replace(" ", "-")


def lay_out(archive: Path, vendor: str, out: Path) -> Counter[str]:
    """Writes one vendor's pictures below `out/PART/CLASS/` and counts them by part."""
    written: Counter[str] = Counter()
    with tarfile.open(archive) as files:
        emoji = json.loads(files.extractfile("package/emoji.json").read())
        known = {entry["image"]: entry for entry in emoji if entry["category"] != "Component"}
        for member in files:
            entry = known.get(Path(member.name).name)
            if entry is None or f"/img/{vendor}/64/" not in member.name:
                continue
            part = part_of(entry["unified"])
            folder = out / part / class_of(entry["category"])
            folder.mkdir(parents=True, exist_ok=True)
            (folder / f"{vendor}-{entry['image']}").write_bytes(files.extractfile(member).read())
            written[part] += 1
    return written


def main() -> None:
    """Lays out the pictures and prints how many each part has."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("archives", type=Path, help="folder of emoji-datasource-VENDOR-*.tgz")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    written: Counter[str] = Counter()
    for vendor in VENDORS:
        (archive,) = args.archives.glob(f"emoji-datasource-{vendor}-*.tgz")
        written += lay_out(archive, vendor, args.out)
    print(", ".join(f"{part}: {written[part]:,}" for part in ("train", "val", "test")))


if __name__ == "__main__":
    main()
