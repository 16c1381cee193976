"""What is installed: wheel and sdist hold the package and nothing else, and a wheel as well as an
editable install searches on digits from another folder."""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import automl
import pytest

ROOT = Path(__file__).resolve().parents[1]
FOLDERS = ("blocks", "spaces", "studies", "search", "cli")
FILES = ("__init__.py", "py.typed", "pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE")
TINY = {"trials": 2, "epochs": 1, "proxy-size": 8, "image-size": 32, "workers": 1, "finals": 0, "study": "installed"}
SEARCH = ["search", *(word for name, value in TINY.items() for word in (f"--{name}", str(value)))]

pytestmark = pytest.mark.xdist_group("ray if exhaustive")


def environment() -> dict[str, str]:
    """The variables of a shell in which nobody has activated anything."""
    ours = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "AUTOML_STORAGE")
    kept = {key: value for key, value in os.environ.items() if key not in ours and not key.startswith("UV")}
    return {**kept, "COLUMNS": "200", "NO_COLOR": "1"}


def run(*command: object, cwd: Path, timeout: float = 240) -> str:
    done = subprocess.run(
        [str(word) for word in command], cwd=cwd, capture_output=True, text=True, timeout=timeout, env=environment()
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def copy_sources(to: Path) -> Path:
    """The files that a build reads, without what lies beside them here."""
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, to / folder, ignore=shutil.ignore_patterns("__pycache__"))
    (to / "tests").mkdir()  # with one test, which must be left out
    shutil.copy(__file__, to / "tests")
    for name in FILES:
        shutil.copy(ROOT / name, to)
    return to


def build(source: Path, kind: str, out: Path) -> Path:
    """A wheel or sdist by setuptools' own backend, in its own process and without a network."""
    out.mkdir(exist_ok=True)
    code = f"import sys; from setuptools import build_meta; print(build_meta.build_{kind}(sys.argv[1]))"
    return out / run(sys.executable, "-c", code, out, cwd=source).splitlines()[-1]


def in_wheel(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as file:
        return {name for name in file.namelist() if ".dist-info/" not in name}


def expected(root: Path) -> set[str]:
    """Every module and space, py.typed, and nothing else, as a wheel names them."""
    files = [root / "__init__.py", root / "py.typed"]
    for folder in FOLDERS:
        files += [*(root / folder).rglob("*.py"), *(root / folder).rglob("*.yaml")]
    return {f"automl/{file.relative_to(root).as_posix()}" for file in files}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return copy_sources(tmp_path_factory.mktemp("source"))


@pytest.fixture(scope="module")
def wheel(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(source, "wheel", tmp_path_factory.mktemp("wheel"))


def test_the_wheel_holds_every_module_every_space_and_nothing_else(source: Path, wheel: Path):
    assert in_wheel(wheel) == expected(source)
    assert len(expected(source)) > 200


def test_the_sources_hold_nothing_that_is_no_module_and_would_be_left_out():
    others = {
        file.relative_to(ROOT).as_posix()
        for folder in FOLDERS
        for file in (ROOT / folder).rglob("*")
        if file.is_file() and file.suffix not in (".py", ".yaml", ".pyc")
    }
    assert others == set()


def test_the_sdist_holds_what_builds_the_wheel_and_no_tests(source: Path, wheel: Path, tmp_path: Path):
    with tarfile.open(build(source, "sdist", tmp_path / "sdist")) as file:
        file.extractall(tmp_path, filter="data")
    [unpacked] = tmp_path.glob("automl-*")
    names = {file.relative_to(unpacked).as_posix() for file in unpacked.rglob("*") if file.is_file()}
    modules = {name.removeprefix("automl/") for name in expected(source)}
    made = {"PKG-INFO", "setup.cfg"} | {name for name in names if name.startswith("automl.egg-info/")}
    assert names - made == modules | set(FILES)
    assert in_wheel(build(unpacked, "wheel", tmp_path / "again")) == in_wheel(wheel)


@pytest.mark.parametrize(
    ("fault", "wrong"),
    [
        (lambda root: lost_folder(root), "automl/blocks/lost/part.py"),
        (lambda root: edited(root / "setup.py", '    cmdclass={"build_py": BuildPy},\n', ""), "automl/setup.py"),
        (
            lambda root: edited(root / "pyproject.toml", '"automl.spaces" = ["library/*.yaml"]\n', ""),
            "automl/spaces/library/efficientnet.yaml",
        ),
    ],
)
def test_a_fault_in_the_packaging_would_be_seen(tmp_path: Path, fault, wrong: str):
    root = copy_sources(tmp_path / "source")
    fault(root)
    shutil.rmtree(root / "tests")
    (root / "MANIFEST.in").unlink()
    assert wrong in in_wheel(build(root, "wheel", tmp_path / "wheel")) ^ expected(root)


def lost_folder(root: Path) -> None:
    """A folder without `__init__.py`."""
    (root / "blocks" / "lost").mkdir()
    (root / "blocks" / "lost" / "part.py").touch()


def edited(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def test_the_metadata_say_what_it_is(wheel: Path):
    with zipfile.ZipFile(wheel) as file:
        [name] = [name for name in file.namelist() if name.endswith(".dist-info/METADATA")]
        lines = file.read(name).decode().splitlines()
        [commands] = [name for name in file.namelist() if name.endswith("entry_points.txt")]
        assert "automl = automl.cli.main:run" in file.read(commands).decode()
    assert "License-Expression: Apache-2.0" in lines
    assert "Classifier: Typing :: Typed" in lines
    assert "Requires-Python: >=3.11" in lines


def empty_environment(folder: Path, *, borrowed: bool) -> Path:
    """A fresh environment without automl: its Python. `borrowed` lets it import the libraries of
    the environment that runs the tests, which take gigabytes to install."""
    venv.EnvBuilder(with_pip=False, symlinks=True).create(folder)
    python = folder / "bin" / "python"
    if borrowed:
        libraries = folder / "borrowed"
        libraries.mkdir()
        for entry in libraries_here():
            (libraries / entry.name).symlink_to(entry)
        [site] = (folder / "lib").glob("python*/site-packages")
        (site / "borrowed.pth").write_text(f"{libraries}\n")
    return python


def libraries_here() -> Iterable[Path]:
    """What is installed here, except automl and the files by which an editable install is found."""
    for entry in Path(sysconfig.get_path("purelib")).iterdir():
        if "automl" not in entry.name and entry.suffix != ".pth" and entry.name != "__pycache__":
            yield entry


def install(python: Path, *what: object, cwd: Path, offline: bool = True) -> None:
    uv = os.environ.get("UV") or shutil.which("uv")
    assert uv is not None, "the tests are run by `uv run pytest`"
    how = ["--offline", "--no-deps", "--no-build-isolation"] if offline else []
    run(uv, "pip", "install", "-q", "--python", python, *how, *what, cwd=cwd, timeout=3600)


def check_search(python: Path, folder: Path) -> None:
    """`automl search` on digits, by the command that was installed, from `folder`."""
    command = python.with_name("automl")
    assert run(command, "--version", cwd=folder).startswith("automl ")
    out = run(command, *SEARCH, cwd=folder)
    assert "best: " in out
    assert "installed" in run(command, "studies", cwd=folder)
    assert (folder / "automl.db").is_file()


def where(python: Path, folder: Path) -> Path:
    return Path(run(python, "-c", "import automl, automl.cli.main; print(automl.__file__)", cwd=folder).strip()).parent


@pytest.mark.exhaustive
def test_an_empty_environment_does_not_see_the_automl_that_is_tested(tmp_path: Path):
    python = empty_environment(tmp_path / "env", borrowed=True)
    code = "import torch, importlib.util as u; print(u.find_spec('automl'), u.find_spec('blocks'))"
    assert run(python, "-c", code, cwd=tmp_path).strip() == "None None"


def test_what_the_wheel_installs_runs_from_another_folder(wheel: Path, tmp_path: Path):
    python = empty_environment(tmp_path / "env", borrowed=True)
    install(python, wheel, cwd=tmp_path)
    assert where(python, tmp_path).is_relative_to(tmp_path / "env")
    command = python.with_name("automl")
    assert run(command, "--version", cwd=tmp_path).startswith("automl ")
    assert "macs" in run(command, "space", "sample", "efficientnet", "--json", cwd=tmp_path)


@pytest.mark.exhaustive
def test_the_wheel_searches_from_another_folder(wheel: Path, tmp_path: Path):
    python = empty_environment(tmp_path / "env", borrowed=True)
    install(python, wheel, cwd=tmp_path)
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    assert where(python, folder).is_relative_to(tmp_path / "env")
    check_search(python, folder)


@pytest.mark.exhaustive  # by default, the tests themselves import an editable install
def test_an_editable_install_searches_from_another_folder(tmp_path: Path):
    source = copy_sources(tmp_path / "source")
    python = empty_environment(tmp_path / "env", borrowed=True)
    install(python, "--editable", source, cwd=tmp_path)
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    assert where(python, folder) == source
    check_search(python, folder)


@pytest.mark.exhaustive  # the sources are checked before the tests
def test_every_public_name_has_a_known_type(wheel: Path, tmp_path: Path):
    """As a type checker sees the installed wheel, parameters, results and their fields included:
    all modules and names without a leading underscore, except those of `INFERRED`."""
    python = empty_environment(tmp_path / "env", borrowed=True)
    install(python, wheel, cwd=tmp_path)
    installed = where(python, tmp_path)
    (installed / "planted.py").write_text("def untyped(value):\n    return value\n")  # the control
    done = subprocess.run(
        [Path(sys.executable).with_name("basedpyright"), "--outputjson", "--ignoreexternal", "--verifytypes", "automl"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**environment(), "VIRTUAL_ENV": str(tmp_path / "env"), "PATH": f"{python.parent}:{os.environ['PATH']}"},
    )
    found = json.loads(done.stdout)["typeCompleteness"]
    public = [symbol for symbol in found["symbols"] if symbol["isExported"]]
    assert found["exportedSymbolCounts"]["withUnknownType"] == 1
    assert {symbol["name"] for symbol in public if not symbol["isTypeKnown"]} - inferred(public) == {PLANTED}
    assert len(public) > 5000
    assert {f"automl.{name}" for name in automl.__all__ if not name.startswith("__")} <= {one["name"] for one in public}


PLANTED = "automl.planted.untyped"
INFERRED = re.compile(r"automl\.blocks\.modules\.\w+\.[A-Z]\w*(\.\w+)?")
"""The only symbols that may have an inferred type, which no annotation states: the attributes of
the torch modules, and with them their classes. Each is a constructor argument or a layer that the
constructor makes, and the sources are what `model.py` of an exported network is written from."""


def inferred(public: list[dict[str, Any]]) -> set[str]:
    """Of those symbols, the ones that are only inferred, not unknown."""
    return {one["name"] for one in public if one["isTypeAmbiguous"] and INFERRED.fullmatch(one["name"])}


@pytest.mark.network
def test_the_wheel_and_all_it_needs_install_from_an_index_and_search(wheel: Path, tmp_path: Path):
    python = empty_environment(tmp_path / "env", borrowed=False)
    install(python, wheel, cwd=tmp_path, offline=False)
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    check_search(python, folder)
