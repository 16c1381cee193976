"""`check_data` reads a data set as a search would, and describes what a search would refuse too."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from automl import check_data
from automl.blocks.errors import InputError
from automl.search.data import load, split
from PIL import Image

Noise = Callable[..., list[Path]]


def wide(path: Path, count: int, first: int = 0, size: tuple[int, int] = (40, 20)) -> None:
    path.mkdir(parents=True, exist_ok=True)
    for number in range(first, first + count):
        pixels = np.random.default_rng(number).integers(0, 256, (size[1], size[0], 3), np.uint8)
        Image.fromarray(pixels).save(path / f"{number:03}.jpg")


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    """38 wide cats and 4 tall dogs, one of them broken; one cat is there twice."""
    wide(tmp_path / "pets" / "cat", 37)
    wide(tmp_path / "pets" / "dog", 4, first=100, size=(20, 60))
    (tmp_path / "pets" / "cat" / "copy.jpg").write_bytes((tmp_path / "pets" / "cat" / "000.jpg").read_bytes())
    return tmp_path / "pets"


class TestFolder:
    def test_classes_sizes_copies_and_the_split_of_a_search(self, pets: Path):
        found = check_data(str(pets))
        rows = split(load(str(pets)), seed=0)
        assert found.kind == "folder"
        assert {name: sum(parts.values()) for name, parts in found.classes.items()} == {"cat": 38, "dog": 4}
        assert sum(parts["validation"] for parts in found.classes.values()) == len(rows.validation)
        assert found.sizes is not None
        assert (found.sizes["width"][0], found.sizes["width"][-1], found.sizes["shorter"][3]) == (20, 40, 20)
        assert (found.size, found.channels, found.kinds) == (64, 3, {"JPEG": 42})
        assert (found.copies, found.conflicting, found.broken, found.refused) == (1, 0, (), None)
        text = "\n".join(found.lines)
        assert "the square holds 50% of the median picture, 33% of the longest; 42 are smaller" in text
        assert "unequal classes: " in text
        assert "balanced accuracy" in text
        assert json.loads(json.dumps(found.to_dict()))["images"] == 42

    def test_equal_classes_are_not_warned_of(self, tmp_path: Path, noise: Noise):
        for name in ("cat", "dog"):
            noise(tmp_path / name, 8)
        assert not any("unequal" in line for line in check_data(str(tmp_path)).lines)

    def test_many_broken_files_are_named_with_the_reason_and_the_rest_is_described(self, pets: Path):
        for number in range(3):
            path = pets / "dog" / f"10{number}.jpg"
            path.write_bytes(path.read_bytes()[:200])
        (pets / "cat" / "text.jpg").write_text("no image")
        found = check_data(str(pets))
        assert [line.partition(":")[0] for line in found.broken] == [
            "cat/text.jpg",
            "dog/100.jpg",
            "dog/101.jpg",
            "dog/102.jpg",
        ]
        assert all(line.partition(": ")[2] for line in found.broken)
        assert {name: sum(parts.values()) for name, parts in found.classes.items()} == {"cat": 38, "dog": 1}
        assert found.refused is not None
        assert "at most 1 % of the image files may be unreadable" in found.refused
        with pytest.raises(InputError, match="at most 1 %"):
            load(str(pets))

    def test_classes_that_are_too_small_or_empty_are_described_all_the_same(self, pets: Path):
        (pets / "emu").mkdir()
        found = check_data(str(pets))
        assert found.classes["emu"] == {"train": 0, "validation": 0, "test": 0}
        assert found.refused is not None
        assert "holds no image" in found.refused

    def test_a_class_of_the_test_part_alone_is_named_by_the_refusal(self, tmp_path: Path, noise: Noise):
        for part, name in (("train", "cat"), ("train", "dog"), ("test", "cat"), ("test", "dog"), ("test", "emu")):
            noise(tmp_path / part / name, 4)
        found = check_data(str(tmp_path))
        assert found.classes["emu"] == {"train": 0, "validation": 0, "test": 4}
        assert found.refused is not None
        assert "emu has no folder of its name there" in found.refused

    def test_what_cannot_be_read_at_all_is_an_error(self, tmp_path: Path):
        (tmp_path / "cat").mkdir()
        for text in (str(tmp_path), str(tmp_path / "nowhere"), "fashoin-mnist"):
            with pytest.raises(InputError):
                check_data(text)


class TestSpecialFiles:
    def test_they_are_counted_with_what_is_done_about_them(self, tmp_path: Path, noise: Noise):
        for name in ("cat", "dog"):
            noise(tmp_path / name, 6, side=12)
        first = Image.open(tmp_path / "cat" / "0000.png")
        pages = [first, first.rotate(90)]
        pages[0].save(tmp_path / "cat" / "moving.gif", save_all=True, append_images=pages[1:])
        pages[0].save(tmp_path / "cat" / "pages.tiff", save_all=True, append_images=pages[1:])
        exif = Image.Exif()
        exif[0x0112] = 6
        first.resize((30, 12)).save(tmp_path / "dog" / "turned.jpg", exif=exif)
        first.convert("CMYK").save(tmp_path / "dog" / "print.jpg")
        first.convert("RGBA").rotate(45).save(tmp_path / "dog" / "clear.png")
        found = check_data(str(tmp_path))
        counts = {what.partition(":")[0]: count for what, count in found.special.items()}
        assert counts == {
            "with several pictures or pages": 2,
            "turned by the camera": 1,
            "with transparent pixels": 1,
            "in the colours of print (CMYK)": 1,
        }
        assert found.sizes is not None
        assert (found.sizes["width"][-1], found.sizes["height"][-1]) == (12, 30)
        assert "1 file turned by the camera: set upright" in found.lines


class TestOtherKinds:
    def test_an_archive_has_no_files(self, tmp_path: Path):
        random = np.random.default_rng(0)
        np.savez(tmp_path / "a.npz", x=random.integers(0, 256, (30, 10, 14), np.uint8), y=np.arange(30) % 3)
        found = check_data(str(tmp_path / "a.npz"))
        assert (found.kind, found.sizes, found.size, found.channels) == ("npz", None, 10, 1)
        assert "sizes: the images hold squares of 10 pixels" in found.lines

    def test_a_class_too_small_for_the_split_is_a_refusal(self, tmp_path: Path):
        x = np.random.default_rng(0).integers(0, 256, (12, 8, 8), np.uint8)
        np.savez(tmp_path / "a.npz", x=x, y=[0] * 10 + [1] * 2)
        found = check_data(str(tmp_path / "a.npz"))
        assert found.refused is not None
        assert "every class needs at least 3 images" in found.refused
        assert found.classes["1"] == {"train": 2, "validation": 0, "test": 0}
        assert check_data(str(tmp_path / "a.npz"), drop_small_classes=0, seed=1).refused == found.refused


class TestSheet:
    def test_it_shows_a_row_of_each_class(self, pets: Path, tmp_path: Path):
        assert check_data(str(pets), sheet=tmp_path / "sheet.png").sheet == tmp_path / "sheet.png"
        with Image.open(tmp_path / "sheet.png") as sheet:
            assert sheet.format == "PNG"
            assert sheet.height == 2 * 76 + 4
            tiles = np.asarray(sheet)[:, 220:]
        assert (tiles[10:60, 10:60] != 255).any()
        assert (tiles[90:140, -40:] == 255).all(), "four dogs leave the rest of their row white"

    @pytest.mark.parametrize("name", ["sheet.jpg", "nowhere/sheet.png", "."])
    def test_a_place_where_it_cannot_be_is_refused_before_anything_is_read(self, tmp_path: Path, name: str):
        with pytest.raises(InputError, match="--sheet must be a file"):
            check_data(str(tmp_path), sheet=tmp_path / name)

    def test_hostile_names_are_drawn(self, tmp_path: Path, noise: Noise):
        for name in ("\n\x1b[31mred", "x" * 200, "\u732b", os.fsdecode(b"caf\xe9")):
            noise(tmp_path / "pets" / name, 3)
        check_data(str(tmp_path / "pets"), sheet=tmp_path / "sheet.png")
