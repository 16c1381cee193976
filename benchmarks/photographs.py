"""Makes a folder of 3,000 pictures as people have them: ten unequal classes, sides of 100 to 500
pixels, many kinds of files, and what goes wrong with them.

    uv run python benchmarks/photographs.py cifar10-small.npz --out photos

The pictures are those of an `.npz` file (`x_train`, `y_train`), enlarged, so that they hold no more
than their 32 pixels did: the folder tests the way of a photograph through the program, and its
accuracies say nothing of photographs. Most are JPEG files; one in ten is a PNG, a WebP or a TIFF.
Each class has besides them every file of `ODD`, and the folder three files that cannot be read, one
that is no picture, an exact copy and a copy that was saved again.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

NAMES = ("plane", "car", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
NUMBERS = (520, 460, 400, 350, 300, 260, 230, 200, 160, 120)
"""Pictures of each class."""
SIDES = 100, 500
"""Smallest and largest side in pixels."""
USUAL = ("jpg",) * 9 + ("png", "webp", "tif")
"""Kinds of files, drawn at random."""
ORIENTATION = 0x0112
"""The EXIF tag of how the camera was held."""


def turned(picture: Image.Image, path: Path) -> None:
    """As a camera held upright saves it: lying, with a tag that says so."""
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    picture.transpose(Image.Transpose.ROTATE_90).save(path, exif=exif)


def animated(picture: Image.Image, path: Path) -> None:
    """Several frames; the first is the picture."""
    picture.save(path, save_all=True, append_images=[picture.rotate(angle) for angle in (10, 20)], duration=100)


def deep(picture: Image.Image, path: Path) -> None:
    """Grey values of 16 bits."""
    Image.fromarray(np.asarray(picture.convert("L"), np.uint16) * 257).save(path)


def transparent(picture: Image.Image, path: Path) -> None:
    """A palette with a transparent colour."""
    picture.quantize(64).save(path, transparency=0)


ODD: dict[str, Callable[[Image.Image, Path], None]] = {
    "turned.jpg": turned,
    "animated.gif": animated,
    "pages.tif": animated,
    "deep.png": deep,
    "transparent.png": transparent,
    "cmyk.jpg": lambda picture, path: picture.convert("CMYK").save(path),
    "grey.jpg": lambda picture, path: picture.convert("L").save(path),
    "next.avif": lambda picture, path: picture.save(path),
    "old.bmp": lambda picture, path: picture.save(path),
    "wrong-name.jpg": lambda picture, path: picture.save(path, format="PNG"),
}
"""Files that every class has, and how each is written."""


def main() -> None:
    """Makes the folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("arrays", type=Path, help="an .npz file of x_train (n, h, w, 3) and y_train")
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    with np.load(asked.arrays) as arrays:
        images, labels = arrays["x_train"], arrays["y_train"]
    random = np.random.default_rng(0)
    for label, (name, number) in enumerate(zip(NAMES, NUMBERS, strict=True)):
        folder = asked.out / name
        folder.mkdir(parents=True)
        rows = random.permutation(np.flatnonzero(labels == label))[:number]
        for place, row in enumerate(rows):
            width, height = (int(side) for side in random.integers(SIDES[0], SIDES[1] + 1, 2))
            picture = Image.fromarray(images[row]).resize((width, height), Image.Resampling.BICUBIC)
            if place < len(ODD):
                file, write = list(ODD.items())[place]
                write(picture, folder / file)
            else:
                picture.save(folder / f"{place:03d}.{random.choice(USUAL)}")
    jpegs = sorted((asked.out / NAMES[0]).glob("[0-9]*.jpg"))
    shutil.copy(jpegs[0], jpegs[0].with_name("copy.jpg"))
    Image.open(jpegs[1]).save(jpegs[1].with_name("again.jpg"), quality=60)
    for source in jpegs[2:5]:
        source.with_stem(f"cut-{source.stem}").write_bytes(source.read_bytes()[:900])
    (asked.out / NAMES[0] / "notes.txt").write_text("no picture\n", "utf-8")


if __name__ == "__main__":
    main()
