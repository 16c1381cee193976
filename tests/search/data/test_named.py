"""The data sets known by name. No test touches the network: downloads are played by fakes, the
files by small ones of the same format."""

from __future__ import annotations

import gzip
import hashlib
import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from automl.blocks.errors import AutomlError, InputError
from automl.search.data import load, split

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data"


def idx(array: np.ndarray) -> bytes:
    return struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape) + array.tobytes()


def write_fashion(folder: Path, *, zipped: bool = False) -> np.ndarray:
    """The four files with 40 + 20 images; returns all images."""
    folder.mkdir(parents=True, exist_ok=True)
    images = np.random.default_rng(0).integers(0, 256, (60, 28, 28), np.uint8)
    labels = (np.arange(60) % 10).astype(np.uint8)
    for stem, array in (
        ("train-images-idx3-ubyte", images[:40]),
        ("train-labels-idx1-ubyte", labels[:40]),
        ("t10k-images-idx3-ubyte", images[40:]),
        ("t10k-labels-idx1-ubyte", labels[40:]),
    ):
        content = idx(array)
        (folder / (stem + (".gz" if zipped else ""))).write_bytes(gzip.compress(content) if zipped else content)
    return images


class TestDigits:
    def test_they_come_with_scikit_learn(self):
        data = load("digits")
        assert data.name == "digits"
        assert data.images.shape == (1797, 1, 8, 8)
        assert (data.images.min(), data.images.max()) == (0, 255)
        assert len(np.unique(data.images)) == 17
        assert data.classes == tuple("0123456789")
        assert not data.flip
        assert not data.official_test.any()

    def test_they_are_those_of_scikit_learn(self):
        from sklearn.datasets import load_digits

        bunch: Any = load_digits()
        data = load("digits")
        np.testing.assert_allclose(data.images[:, 0] / 255 * 16, bunch.images, atol=0.04)
        np.testing.assert_array_equal(data.labels, bunch.target)

    def test_they_can_be_made_smaller_but_not_larger(self):
        assert load("digits", size=5).size == 5
        assert load("digits", size=32).size == 8


class TestFashionMnist:
    @pytest.mark.parametrize("zipped", [False, True])
    @pytest.mark.parametrize("inner", [".", "FashionMNIST/raw", "fashion-mnist"])
    def test_its_files_are_found_where_people_have_them(self, tmp_path: Path, inner: str, zipped: bool):
        images = write_fashion(tmp_path / inner, zipped=zipped)
        data = load("fashion-mnist", data_dir=tmp_path)
        assert data.name == "fashion-mnist"
        np.testing.assert_array_equal(data.images[:, 0], images)
        assert data.labels.tolist() == [row % 10 for row in range(60)]
        assert data.classes[0] == "T-shirt/top"
        assert data.classes[9] == "Ankle boot"
        assert data.official_test.tolist() == [False] * 40 + [True] * 20
        assert data.flip

    def test_the_class_names_are_those_of_torchvision(self):
        from automl.search.data.named import FASHION_CLASSES
        from torchvision.datasets import FashionMNIST

        assert tuple(FashionMNIST.classes) == FASHION_CLASSES

    def test_a_missing_set_says_where_it_was_looked_for_and_what_to_give(self, tmp_path: Path):
        with pytest.raises(
            InputError,
            match=(
                rf"^fashion-mnist is not in {tmp_path}; give the folder it is in by --data-dir DIR, or --download to"
                r" fetch it$"
            ),
        ):
            load("fashion-mnist", data_dir=tmp_path)

    def test_without_a_folder_the_cache_of_the_user_is_searched(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        write_fashion(tmp_path / "automl")
        assert len(load("fashion-mnist").images) == 60

    def test_three_files_of_four_are_not_the_set(self, tmp_path: Path):
        write_fashion(tmp_path)
        (tmp_path / "t10k-labels-idx1-ubyte").unlink()
        with pytest.raises(InputError, match="fashion-mnist is not in"):
            load("fashion-mnist", data_dir=tmp_path)

    @pytest.mark.parametrize(
        ("stem", "content", "message"),
        [
            (
                "train-images-idx3-ubyte",
                b"",
                r"must begin as an IDX file of unsigned bytes with 3 axes \(00 00 08 03\), but it begins with nothing$",
            ),
            ("train-images-idx3-ubyte", b"\x00\x00\x08\x03\x00", "but it begins with 00 00 08 03$"),
            (
                "train-images-idx3-ubyte",
                idx(np.zeros(40, np.uint8)),
                r"with 3 axes \(00 00 08 03\), but it begins with 00 00 08 01$",
            ),
            (
                "train-images-idx3-ubyte",
                bytes((0, 0, 8, 3)) + b"\xff" * 12,
                r"train-images-idx3-ubyte cannot be read: \S",
            ),
            ("train-labels-idx1-ubyte", b"\x1f\x8b\x08\x00 zipped", "but it begins with 1f 8b 08 00$"),
            (
                "train-images-idx3-ubyte",
                idx(np.zeros((40, 28, 28), np.uint8))[:-1],
                r"must hold 31360 bytes .* shape \(40, 28, 28\) .*, but it holds 31359$",
            ),
            (
                "train-labels-idx1-ubyte",
                idx(np.zeros(39, np.uint8)),
                r"must have one label for each image of one size, but it has 39 for images of shape \(40, 28, 28\)$",
            ),
            (
                "t10k-images-idx3-ubyte",
                idx(np.zeros((20, 9, 9), np.uint8)),
                r"one label for each image of one size, but it has 20 for images of shape \(20, 9, 9\)$",
            ),
            (
                "t10k-labels-idx1-ubyte",
                idx(np.full(20, 10, np.uint8)),
                r"labels must lie in 0..9, one for each class, but they lie in 0..10$",
            ),
        ],
    )
    def test_files_that_do_not_fit_are_refused(self, tmp_path: Path, stem: str, content: bytes, message: str):
        write_fashion(tmp_path)
        (tmp_path / stem).write_bytes(content)
        with pytest.raises(InputError, match=message):
            load("fashion-mnist", data_dir=tmp_path)

    @pytest.mark.parametrize("content", [b"not zipped", gzip.compress(b"x" * 1000, mtime=0)[:-9], b""])
    def test_a_damaged_gzip_file_is_refused(self, tmp_path: Path, content: bytes):
        write_fashion(tmp_path, zipped=True)
        (tmp_path / "train-images-idx3-ubyte.gz").write_bytes(content)
        with pytest.raises(
            InputError, match=r"train-images-idx3-ubyte.gz (cannot be read: \S|must begin as an IDX file)"
        ):
            load("fashion-mnist", data_dir=tmp_path)

    def test_it_is_downloaded_only_when_asked_and_only_when_missing(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ):
        from torchvision import datasets

        asked = []

        def fake(root: Path, *, train: bool, download: bool) -> object:
            asked.append((root, train, download))
            write_fashion(Path(root) / "FashionMNIST" / "raw")
            return object()

        monkeypatch.setattr(datasets, "FashionMNIST", fake)
        folder = tmp_path / "new" / "folder"
        with pytest.raises(InputError):
            load("fashion-mnist", data_dir=folder)
        assert asked == []
        assert len(load("fashion-mnist", data_dir=folder, download=True).images) == 60
        assert len(load("fashion-mnist", data_dir=folder, download=True).images) == 60
        assert asked == [(folder, True, True)]

    @pytest.mark.parametrize("error", [OSError("no\nnetwork"), RuntimeError("no\nnetwork")])
    def test_a_failed_download_is_an_error_but_not_of_the_input(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
    ):
        from torchvision import datasets

        def failing(*_: object, **__: object) -> None:
            raise error

        monkeypatch.setattr(datasets, "FashionMNIST", failing)
        with pytest.raises(
            AutomlError, match=rf"fashion-mnist could not be downloaded into {tmp_path}: no network"
        ) as caught:
            load("fashion-mnist", data_dir=tmp_path, download=True)
        assert not isinstance(caught.value, InputError)

    def test_the_real_set_can_be_read(self):
        folder = SHARED / "fashion-mnist"
        if not folder.exists():
            pytest.skip("Fashion-MNIST is not beside this checkout (../shared/data/fashion-mnist)")
        data = load("fashion-mnist", data_dir=folder)
        assert data.images.shape == (70_000, 1, 28, 28)
        assert np.bincount(data.labels).tolist() == [7_000] * 10
        parts = split(data, seed=0)
        assert parts.to_dict()["counts"] == {"train": 51_000, "validation": 9_000, "test": 10_000}
        assert np.bincount(data.labels[parts.validation]).tolist() == [900] * 10


class TestCifar:
    @pytest.fixture
    def cifar(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
        """Small files in CIFAR's format, with torchvision's checksums set to theirs, so that its
        own reader runs."""
        from torchvision import datasets

        def write(kind: type, folder: str, name: str, count: int, key: str, classes: int, seed: int) -> list[str]:
            data = np.random.default_rng(seed).integers(0, 256, (count, 3 * 32 * 32), np.uint8)
            return dump(folder, name, {"data": data, key: [row % classes for row in range(count)]})

        def dump(folder: str, name: str, content: object) -> list[str]:
            path = tmp_path / folder / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(pickle.dumps(content))
            return [name, hashlib.md5(path.read_bytes()).hexdigest()]

        for kind, folder, key, meta_key, classes in (
            (datasets.CIFAR10, "cifar-10-batches-py", "labels", "label_names", 10),
            (datasets.CIFAR100, "cifar-100-python", "fine_labels", "fine_label_names", 100),
        ):
            batches = [write(kind, folder, f"batch_{number}", 200, key, classes, number) for number in range(2)]
            monkeypatch.setattr(kind, "train_list", batches)
            monkeypatch.setattr(kind, "test_list", [write(kind, folder, "test", 100, key, classes, 9)])
            name, checksum = dump(folder, "meta", {meta_key: [f"name {number}" for number in range(classes)]})
            monkeypatch.setattr(kind, "meta", {"filename": name, "key": meta_key, "md5": checksum})
        return tmp_path

    @pytest.mark.parametrize(
        ("name", "classes", "inner"), [("cifar10", 10, "cifar-10-batches-py"), ("cifar100", 100, "cifar-100-python")]
    )
    def test_it_is_read_by_torchvision(self, cifar: Path, name: str, classes: int, inner: str):
        data = load(name, data_dir=cifar)
        assert data.name == name
        assert data.images.shape == (500, 3, 32, 32)
        first = np.random.default_rng(0).integers(0, 256, (200, 3, 32, 32), np.uint8)
        np.testing.assert_array_equal(data.images[:200], first)
        assert data.labels.tolist() == [row % classes for row in range(200)] * 2 + [row % classes for row in range(100)]
        assert data.classes == tuple(f"name {number}" for number in range(classes))
        assert data.official_test.tolist() == [False] * 400 + [True] * 100
        assert data.flip
        assert load(name, data_dir=cifar / inner, size=16).size == 16

    def test_a_missing_set_says_so(self, tmp_path: Path):
        with pytest.raises(
            InputError,
            match=(
                rf"^cifar10 is not in {tmp_path}; give the folder it is in by --data-dir DIR, or --download to"
                r" fetch it$"
            ),
        ):
            load("cifar10", data_dir=tmp_path)

    def test_a_damaged_set_says_so(self, cifar: Path):
        (cifar / "cifar-10-batches-py" / "test").write_bytes(b"x")
        with pytest.raises(
            InputError, match=r"^cifar10: the files in .*cifar-10-batches-py are incomplete or damaged; give --download"
        ):
            load("cifar10", data_dir=cifar)
