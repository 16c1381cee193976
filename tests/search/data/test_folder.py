"""Folders of class folders."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from automl.blocks.errors import InputError
from automl.search.data import Reading, load, split
from PIL import Image

COLOURS = {"cat": (200, 30, 30), "dog": (30, 200, 30), "fox": (30, 30, 200)}


def fill(
    folder: Path,
    count: int,
    colour: tuple[int, ...] | int = (9, 9, 9),
    mode: str = "RGB",
    size: tuple[int, int] = (12, 10),
) -> list[Path]:
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{number:03}.png" for number in range(count)]
    for path in paths:
        Image.new(mode, size, colour).save(path)
    return paths


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    root = tmp_path / "pets"
    for name, colour in COLOURS.items():
        fill(root / name, 4, colour)
    return root


class TestReading:
    def test_classes_are_the_sorted_folder_names_and_each_image_keeps_its_label(self, pets: Path):
        data = load(str(pets), size=8)
        assert data.name == str(pets)
        assert data.classes == ("cat", "dog", "fox")
        assert data.images.shape == (12, 3, 8, 8)
        assert data.labels.tolist() == [0] * 4 + [1] * 4 + [2] * 4
        for image, label in zip(data.images, data.labels, strict=True):
            assert tuple(image[:, 4, 4].tolist()) == COLOURS[data.classes[label]]
        assert not data.official_test.any()
        assert data.skipped == ()
        assert data.flip

    def test_a_letterbox_shows_what_a_crop_cuts_off_and_is_other_data(self, tmp_path: Path):
        for name, colour in (("a", 200), ("b", 90)):
            (tmp_path / name).mkdir()
            wide = Image.new("L", (24, 12), colour)
            wide.paste(255, (0, 0, 6, 12))
            wide.save(tmp_path / name / "wide.png")
        crop = load(str(tmp_path), size=8)
        whole = load(str(tmp_path), size=8, reading=Reading(fit="letterbox"))
        assert (crop.native, whole.native, crop.fit, whole.fit) == (12, 24, "crop", "letterbox")
        assert not whole.images[:, :, :2].any()
        assert whole.images[0, 0, 4, [0, 7]].tolist() == [255, 200]
        assert max(crop.images[0, 0, 4, [0, 7]].tolist()) < 210  # the control
        assert crop.fingerprint != whole.fingerprint
        with pytest.raises(InputError, match="unknown --fit 'letterbx'; did you mean 'letterbox'"):
            Reading(fit="letterbx")

    def test_without_a_size_images_are_64_pixels_wide(self, pets: Path):
        assert load(str(pets)).size == 64

    def test_images_of_all_kinds_and_depths_of_folder_are_found(self, tmp_path: Path):
        for name in ("a", "b"):
            deep = tmp_path / name / "more" / "deeper"
            deep.mkdir(parents=True)
            for suffix in ("jpg", "jpeg", "png", "bmp", "webp", "gif", "tif", "tiff", "ppm"):
                Image.new("RGB", (9, 9)).save(deep / f"x.{suffix}")
            Image.new("RGBA", (5, 7)).save(tmp_path / name / "UPPER.PNG")
            Image.new("P", (5, 7)).save(tmp_path / name / "palette.png")
            Image.new("I;16", (5, 7)).save(tmp_path / name / "sixteen.png")
            Image.new("CMYK", (5, 7)).save(tmp_path / name / "print.jpg")
            (tmp_path / name / "notes.txt").write_text("not an image")
        data = load(str(tmp_path), size=4)
        assert data.images.shape == (26, 3, 4, 4)
        assert data.skipped == ("a/notes.txt: no image", "b/notes.txt: no image")

    def test_a_folder_is_grey_only_if_every_image_is(self, tmp_path: Path):
        for name, mode in (("a", "L"), ("b", "I;16"), ("c", "1")):
            fill(tmp_path / name, 3, 1, mode=mode)
        assert load(str(tmp_path), size=4).channels == 1
        fill(tmp_path / "c" / "coloured", 1)
        assert load(str(tmp_path), size=4).channels == 3

    def test_the_same_folder_has_the_same_fingerprint_and_a_touched_pixel_changes_it(self, pets: Path, tmp_path: Path):
        copy = shutil.copytree(pets, tmp_path / "copy")
        assert load(str(pets), size=8).fingerprint == load(str(copy), size=8).fingerprint
        image = Image.open(copy / "dog" / "002.png").convert("RGB")
        image.putpixel((5, 5), (255, 255, 255))
        image.save(copy / "dog" / "002.png")
        assert load(str(pets), size=10).fingerprint != load(str(copy), size=10).fingerprint

    def test_hidden_files_and_folders_are_passed_over(self, pets: Path):
        fill(pets / ".checkpoints", 2)
        (pets / "cat" / "._000.png").write_bytes(b"resource fork")
        data = load(str(pets), size=4)
        assert data.classes == ("cat", "dog", "fox")
        assert len(data.images) == 12

    def test_links_are_followed_but_not_in_circles(self, pets: Path, tmp_path: Path):
        elsewhere = tmp_path / "elsewhere"
        fill(elsewhere, 2)
        (pets / "cat" / "more").symlink_to(elsewhere)
        (pets / "cat" / "round").symlink_to(pets / "cat")
        assert np.bincount(load(str(pets), size=4).labels).tolist() == [6, 4, 4]

    def test_a_database_its_weights_and_an_export_among_the_images_are_no_classes(self, pets: Path):
        before = load(str(pets), size=4)
        (pets / "automl.db").write_bytes(b"SQLite")
        (pets / "automl.db.artifacts" / "study").mkdir(parents=True)
        (pets / "automl.db.artifacts" / "study" / "a.pt").write_bytes(b"weights")
        (pets / "found").mkdir()
        for name in ("model.py", "model.safetensors", "config.json"):
            (pets / "found" / name).write_text("{}")
        after = load(str(pets), size=4)
        assert (after.classes, after.fingerprint) == (before.classes, before.fingerprint)
        (pets / "found" / "model.py").unlink()  # the control: a folder of a user's own without images is told
        with pytest.raises(InputError, match="found holds no image"):
            load(str(pets), size=4)

    def test_images_in_no_class_folder_are_reported(self, pets: Path):
        fill(pets, 1)
        assert load(str(pets), size=4).skipped == ("000.png: lies in no class folder",)

    def test_more_files_than_a_thread_takes_at_once_keep_their_order(self, tmp_path: Path):
        for name in ("a", "b"):
            (tmp_path / name).mkdir()
            for number in range(100):
                Image.new("L", (2, 2), number + (100 if name == "b" else 0)).save(tmp_path / name / f"{number:03}.bmp")
        assert load(str(tmp_path), size=2).images[:, 0, 0, 0].tolist() == list(range(200))
        Image.new("RGB", (2, 2), "red").save(
            tmp_path / "a" / "000.bmp"
        )  # the very first of them makes all of them coloured
        assert load(str(tmp_path), size=2).channels == 3


class TestParts:
    @pytest.fixture
    def parted(self, tmp_path: Path) -> Path:
        root = tmp_path / "parted"
        for part, count in (("train", 5), ("val", 2), ("test", 1)):
            for name, colour in COLOURS.items():
                fill(root / part / name, count, colour)
        return root

    def test_val_and_test_folders_are_the_official_validation_and_test_parts(self, parted: Path):
        data = load(str(parted), size=4)
        assert data.classes == ("cat", "dog", "fox")
        assert len(data.images) == 24
        assert np.bincount(data.labels[data.official_validation]).tolist() == [2, 2, 2]
        assert np.bincount(data.labels[data.official_test]).tolist() == [1, 1, 1]
        assert split(data, seed=0, grouped=False).to_dict()["counts"] == {"train": 15, "validation": 6, "test": 3}

    def test_a_train_folder_alone_has_no_official_test_part(self, parted: Path):
        shutil.rmtree(parted / "val")
        shutil.rmtree(parted / "test")
        data = load(str(parted), size=4)
        assert len(data.images) == 15
        assert not data.official_test.any()

    def test_classes_may_be_called_train_and_test(self, tmp_path: Path):
        for name in ("bus", "train", "test"):
            fill(tmp_path / name, 3)
        assert load(str(tmp_path), size=4).classes == ("bus", "test", "train")

    def test_a_class_only_in_the_test_part_is_refused(self, parted: Path):
        fill(parted / "val" / "wolf", 1)
        with pytest.raises(
            InputError,
            match=(
                r"every class must be in .*train, but .*wolf has no folder of its name there \(there are: cat, dog,"
                r" fox\)"
            ),
        ):
            load(str(parted))

    def test_a_test_folder_without_labels_is_refused_with_the_way_out(self, parted: Path):
        shutil.rmtree(parted / "test")
        fill(parted / "test", 3)
        with pytest.raises(
            InputError, match=r"test holds images but no class folders; to use the labelled images alone give .*train$"
        ):
            load(str(parted))
        assert len(load(str(parted / "train"), size=4).images) == 15

    def test_parts_beside_class_folders_are_refused_and_beside_other_folders_not(self, parted: Path):
        (parted / "annotations").mkdir()
        assert len(load(str(parted), size=4).images) == 24
        fill(parted / "annotations", 1)
        with pytest.raises(
            InputError,
            match=r"must hold either classes or train/ and its test part, but it holds both: train, annotations",
        ):
            load(str(parted))


class TestCorruptFiles:
    def made(self, root: Path, good: int, bad: int) -> Path:
        sample = fill(root / "a", 1, size=(2, 2))[0]
        (root / "b").mkdir()
        for number in range(1, good):
            shutil.copy(sample, root / "ab"[number % 2] / f"{number:04}.png")
        whole = sample.read_bytes()
        for number in range(bad):
            # every second one has a good header, and is found to be broken only when its pixels are
            # decoded
            (root / "a" / f"bad{number}.png").write_bytes(b"" if number % 2 else whole[:45])
        return root

    def test_one_in_a_hundred_is_skipped_and_named(self, tmp_path: Path):
        data = load(str(self.made(tmp_path, good=198, bad=2)), size=2)
        assert len(data.images) == len(data.labels) == len(data.official_test) == 198
        assert [line.split(":")[0] for line in data.skipped] == ["a/bad0.png", "a/bad1.png"]
        assert data.skipped[1] == "a/bad1.png: not an image"
        assert np.bincount(data.labels).tolist() == [99, 99]

    def test_more_than_one_in_a_hundred_is_an_error_that_names_them(self, tmp_path: Path):
        with pytest.raises(
            InputError,
            match=(
                r"at most 1 % of the image files may be unreadable, but 2 of 199 are: a/bad0.png \(.+\); a/bad1.png"
                r" \(not an image\)$"
            ),
        ):
            load(str(self.made(tmp_path, good=197, bad=2)), size=2)

    def test_of_many_the_first_three_are_named_without_decoding_the_rest(self, tmp_path: Path):
        with pytest.raises(
            InputError,
            match=r"but 4 of 19 are: a/bad1.png \(not an image\); a/bad3.png \(.+\); a/bad5.png \(.+\); and 1 more$",
        ):
            load(str(self.made(tmp_path, good=10, bad=9)), size=2)

    def test_skipping_leaves_the_images_what_they_were(self, tmp_path: Path):
        """The control: with and without the broken files, the same data."""
        clean, dirty = self.made(tmp_path / "clean", 198, 0), self.made(tmp_path / "dirty", 198, 2)
        assert load(str(clean), size=2).fingerprint == load(str(dirty), size=2).fingerprint

    def test_a_decompression_bomb_counts_as_corrupt(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        root = self.made(tmp_path, good=200, bad=0)
        Image.new("1", (60, 60)).save(root / "b" / "bomb.png")
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 3000)
        data = load(str(root), size=2)
        assert len(data.images) == 200
        assert data.skipped == (
            "b/bomb.png: 60x60 pixels, more than the 3000 that are taken for no decompression bomb",
        )

    def test_a_dangling_link_counts_as_corrupt(self, tmp_path: Path):
        root = self.made(tmp_path, good=100, bad=0)
        (root / "a" / "gone.png").symlink_to(tmp_path / "nowhere.png")
        assert load(str(root), size=2).skipped == ("a/gone.png: No such file or directory",)


class TestRefusals:
    def test_an_empty_folder(self, tmp_path: Path):
        with pytest.raises(InputError, match=r"holds no class folders: images belong in .*<class>$"):
            load(str(tmp_path))

    def test_images_without_class_folders(self, tmp_path: Path):
        fill(tmp_path, 3)
        with pytest.raises(InputError, match="holds no class folders"):
            load(str(tmp_path))

    def test_a_single_class(self, tmp_path: Path):
        fill(tmp_path / "cat", 3)
        with pytest.raises(InputError, match="holds the single class folder 'cat': at least two classes are needed"):
            load(str(tmp_path))

    def test_an_empty_class_folder(self, pets: Path):
        (pets / "wolf").mkdir()
        with pytest.raises(
            InputError, match=r"class folder .*wolf holds no image that can be read; add images, or move it away$"
        ):
            load(str(pets))

    def test_an_unreadable_folder(self, pets: Path, monkeypatch: pytest.MonkeyPatch):
        scandir = os.scandir

        def refused(path: Path) -> object:
            if Path(path).name == "dog":
                raise PermissionError(13, "Permission denied")
            return scandir(path)

        monkeypatch.setattr(os, "scandir", refused)
        with pytest.raises(InputError, match=r"folder .*dog cannot be read: Permission denied$"):
            load(str(pets))
