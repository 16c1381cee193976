"""What `--data` may name."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from automl.blocks.errors import InputError
from automl.search.data import load


def test_importing_the_package_imports_no_heavy_library():
    heavy = ["torch", "torchvision", "sklearn", "PIL", "datasets", "scipy", "ray", "optuna"]
    program = f"import sys, automl.search.data; print([name for name in {heavy} if name in sys.modules])"
    assert (
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip()
        == "[]"
    )


def test_loading_digits_imports_no_torch():
    program = (
        "import sys; from automl.search.data import load; load('digits'); print([name for name in ('torch',"
        " 'torchvision') if name in sys.modules])"
    )
    assert (
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip()
        == "[]"
    )


def test_an_unknown_name_is_answered_with_the_nearest_and_says_that_no_path_has_it():
    expected = (
        "unknown data set 'digit'; did you mean 'digits'? (known: digits, fashion-mnist, cifar10, cifar100); no folder"
        " or file has that path either"
    )
    with pytest.raises(InputError) as caught:
        load("digit")
    assert str(caught.value) == expected


@pytest.mark.parametrize(
    "name", ["", "no/such/folder", "missing.npz", "x" * 5000, "nul\0byte", "~nobody-of-that-name/x"]
)
def test_paths_that_are_not_there_are_unknown(name: str):
    with pytest.raises(InputError, match="no folder or file has that path either"):
        load(name)


@pytest.mark.parametrize("name", ["Digits", "DIGITS"])
def test_other_spellings_of_a_known_name_become_the_canonical_one(name: str):
    assert load(name).name == "digits"


@pytest.mark.parametrize("name", ["CIFAR-10", "cifar_10", "Cifar10"])
def test_hyphens_and_case_do_not_matter(name: str, tmp_path: Path):
    with pytest.raises(InputError, match=r"^cifar10 is not in"):
        load(name, data_dir=tmp_path)


def test_a_known_name_is_not_hidden_by_a_folder_but_the_folder_can_be_given_as_a_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "digits").mkdir()
    assert len(load("digits").images) == 1797
    with pytest.raises(InputError, match="holds no class folders"):
        load("./digits")


def test_the_home_folder_may_be_written_as_a_tilde(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    np.savez(tmp_path / "data.npz", x=np.zeros((4, 3, 3), np.uint8), y=np.arange(4) % 2)
    assert load("~/data.npz").name == "~/data.npz"


def test_another_kind_of_file_is_refused(tmp_path: Path):
    path = tmp_path / "table.ods"
    path.write_text("1,2")
    with pytest.raises(
        InputError,
        match=r"a data set is a folder of class folders or an .npz file or .*, but .*table.ods is another kind of file",
    ):
        load(str(path))


def test_the_hub_without_a_name_is_refused():
    with pytest.raises(InputError, match=r"^hf: must be followed by the name of a data set, as in hf:owner/name$"):
        load("hf:")


@pytest.mark.parametrize("size", [0, -3])
def test_a_size_below_one_pixel_is_refused(size: int):
    with pytest.raises(InputError, match=f"the size of images must be 1 pixel or more, but got {size}"):
        load("digits", size=size)
