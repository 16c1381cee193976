"""Which files of a folder are images: by content, and by name only where Pillow cannot open
them."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from automl.blocks.errors import InputError
from automl.search.data import described, load
from automl.search.data.kinds import is_called_an_image, unsupported
from PIL import Image

HEIF = b"\x00\x00\x00\x18ftypheic" + bytes(60)
NO_IMAGES = {
    "labels.txt": b"P1 is the first picture",
    "Thumbs.db": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600),
    "box.xml": b"<annotation/>",
    "box.json": b"{}",
    "table.h5": b"\x89HDF\r\n\x1a\n" + bytes(100),
    "film.mpg": b"\x00\x00\x01\xb3" + b"\x10" * 60,
    "README": b"read me",
    "empty": b"",
}


@pytest.fixture
def pets(tmp_path: Path, noise: Callable[..., list[Path]]) -> Path:
    """Two classes of 60 images each."""
    for name in ("cat", "dog"):
        noise(tmp_path / name, 60)
    return tmp_path


class TestNames:
    @pytest.mark.parametrize(
        "name",
        [
            "x.png",
            "x.PNG",
            "x.jfif",
            "x.pgm",
            "x.jp2",
            "x.heic",
            "x.HEIF",
            "x.jxl",
            "x.svg",
            "x.cr2",
            "x.dcm",
            "a.b.tif",
        ],
    )
    def test_names_of_images(self, name: str):
        assert is_called_an_image(name) is True

    @pytest.mark.parametrize("name", ["x.txt", "x.json", "x.xml", "x.csv", "x.mp4", "x.mpg", "x.pdf", "x.zip", "x.py"])
    def test_names_of_other_files(self, name: str):
        assert is_called_an_image(name) is False

    @pytest.mark.parametrize("name", ["x", "x.db", "x.ini", "x.jpg~", "0001"])
    def test_names_that_say_nothing(self, name: str):
        assert is_called_an_image(name) is None

    def test_a_kind_without_its_package_is_known_by_name_and_by_its_first_bytes(self):
        assert str(unsupported("x.heic")) == "HEIF: pip install pillow-heif"
        assert unsupported("x", HEIF[:16]) == unsupported("x.heic")
        assert str(unsupported("x", b"\xff\x0a\x00\x00")) == "JPEG XL: pip install pillow-jxl-plugin"
        assert unsupported("x.png") is None
        assert unsupported("x", b"\xff\xd8\xff\xe0") is None


class TestContent:
    def test_whatever_pillow_opens_is_read_under_any_name(self, tmp_path: Path, noise: Callable[..., list[Path]]):
        endings = [
            ".png",
            ".PNG",
            ".jfif",
            ".jpe",
            ".pgm",
            ".ppm",
            ".jp2",
            ".tga",
            ".pcx",
            ".bmp",
            ".gif",
            ".webp",
            ".tiff",
            ".ico",
            "",
        ]
        for name in ("cat", "dog"):
            for ending in endings:
                noise(tmp_path / name, 1, ending=ending)
            Image.new("RGB", (8, 8), "red").save(tmp_path / name / "really a picture.txt", "PNG")
        data = load(str(tmp_path), size=8)
        assert len(data.images) == 2 * (len(endings) + 1)
        assert data.skipped == ()
        assert dict(data.kinds)["PNG"] == 8
        assert any(line.startswith("kinds of files: 8 PNG, 4 JPEG, ") for line in described(data))

    @pytest.mark.parametrize("name", NO_IMAGES)
    def test_other_files_are_skipped_and_named_but_are_no_fault(self, pets: Path, name: str):
        for number in range(5):  # far more than 1 % of the files
            folder = pets / "cat" / str(number)
            folder.mkdir()
            (folder / name).write_bytes(NO_IMAGES[name])
        data = load(str(pets), size=8)
        assert len(data.images) == 120
        assert data.skipped == tuple(f"cat/{number}/{name}: no image" for number in range(5))

    @pytest.mark.parametrize("content", [b"", b"broken", HEIF])
    def test_the_control_the_same_content_called_an_image_is_a_fault(self, pets: Path, content: bytes):
        for number in range(5):
            (pets / "cat" / f"bad{number}.png").write_bytes(content)
        with pytest.raises(InputError, match="at most 1 % of the image files may be unreadable, but 5 of 125 are"):
            load(str(pets), size=8)

    @pytest.mark.parametrize("name", ["new.heic", "new"])
    def test_kinds_that_need_a_package_are_counted_and_the_package_is_named(self, pets: Path, name: str):
        for number in range(3):
            (pets / "cat" / f"{number}{name}").write_bytes(HEIF)
        (pets / "dog" / "drawing.svg").write_text("<svg/>")
        with pytest.raises(InputError) as caught:
            load(str(pets), size=8)
        assert str(caught.value).endswith(
            f"but 4 of 124 are: cat/0{name} (HEIF); cat/1{name} (HEIF); cat/2{name} (HEIF); and 1 more; "
            "3 of these are HEIF: pip install pillow-heif; 1 of these is SVG: convert to PNG"
        )

    def test_one_in_a_hundred_of_such_a_kind_is_skipped_with_the_remedy(self, pets: Path):
        (pets / "cat" / "x.heic").write_bytes(HEIF)
        assert load(str(pets), size=8).skipped == ("cat/x.heic: HEIF: pip install pillow-heif",)

    def test_files_that_are_no_images_do_not_dilute_the_one_in_a_hundred(self, pets: Path):
        for number in range(500):
            (pets / "cat" / f"{number}.txt").write_text("no image")
        (pets / "cat" / "a.png").write_bytes(b"")
        (pets / "cat" / "b.png").write_bytes(b"")
        with pytest.raises(InputError, match="but 2 of 122 are"):
            load(str(pets), size=8)

    def test_a_truncated_image_without_an_ending_is_a_broken_image(self, pets: Path):
        whole = next((pets / "cat").iterdir()).read_bytes()
        (pets / "cat" / "whole").write_bytes(whole)
        assert len(load(str(pets), size=8).images) == 121
        (pets / "cat" / "half").write_bytes(whole[: len(whole) // 2])
        (skipped,) = load(str(pets), size=8).skipped
        assert skipped.startswith("cat/half: ")
        assert not skipped.endswith("no image")

    def test_a_class_folder_of_other_files_holds_no_image(self, pets: Path):
        (pets / "wolf").mkdir()
        for name, content in NO_IMAGES.items():
            (pets / "wolf" / name).write_bytes(content)
        with pytest.raises(
            InputError,
            match=(
                r"class folder .*wolf holds no image that can be read, but 8 files that are none \(README, Thumbs.db,"
                r" box.json, … and 5 more\)"
            ),
        ):
            load(str(pets), size=8)

    def test_images_beside_the_class_folders_are_reported_and_other_files_are_not(
        self, pets: Path, noise: Callable[..., list[Path]]
    ):
        noise(pets, 1, ending=".jfif")
        (pets / "labels.csv").write_text("0,1")
        (skipped,) = load(str(pets), size=8).skipped
        assert skipped.endswith(".jfif: lies in no class folder")

    def test_folders_made_by_machines_are_no_classes(self, pets: Path, noise: Callable[..., list[Path]]):
        noise(pets / "__MACOSX" / "cat")
        noise(pets / "cat" / "@eaDir")
        data = load(str(pets), size=8)
        assert (data.classes, len(data.images)) == (("cat", "dog"), 120)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
class TestWhatIsNoFile:
    def test_pipes_sockets_and_devices_are_never_opened(self, pets: Path, monkeypatch: pytest.MonkeyPatch):
        os.mkfifo(pets / "cat" / "pipe")  # opened, it would wait for a writer for ever
        os.mkfifo(pets / "cat" / "pipe.png")
        (pets / "cat" / "link.png").symlink_to("pipe")
        (pets / "cat" / "zero.jpg").symlink_to("/dev/zero")
        monkeypatch.chdir(pets / "cat")  # the paths of sockets must be short
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind("socket")
        data = load(str(pets), size=8)
        assert len(data.images) == 120
        assert data.skipped == tuple(
            f"cat/{name}: no file to be read" for name in ("link.png", "pipe", "pipe.png", "socket", "zero.jpg")
        )

    def test_links_to_files_are_followed_and_links_to_nothing_say_so(self, pets: Path):
        (pets / "cat" / "link").symlink_to(next((pets / "dog").iterdir()))
        (pets / "cat" / "gone.png").symlink_to("nowhere")
        (pets / "cat" / "self").symlink_to("self")
        data = load(str(pets), size=8)
        assert len(data.images) == 121
        assert data.skipped == (
            "cat/gone.png: No such file or directory",
            "cat/self: Too many levels of symbolic links",
        )
