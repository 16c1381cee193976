"""The folder tree is the architecture: which module may import which, how, and what stays light."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from .import_graph import FOLDERS, ROOT, circles, graph, imports, modules, rooms, sources

ONLY_IN = {
    "ray": {"search"},
    "optuna": {"studies", "search"},
    "thop": {"spaces"},
    "typer": {"cli"},
    "sqlalchemy": {"studies", "search"},
    "alembic": {"studies"},
}
"""Which folders may import a library; thop is imported by the audit alone."""

LAZY_CIRCLES: dict[frozenset[str], str] = {
    frozenset({"spaces.build", "spaces.candidate"}): (
        "a candidate builds its network, and building needs the candidate's type"
    )
}
"""Circles through imports inside functions or for type checkers, each with its reason."""

LONGEST = 300
"""Lines of a source file."""

FENCE = {"optuna": "studies/database/optuna_private.py", "ray": "search/workers/cluster.py"}
"""The one module that may use private names of a library."""


def wrong_arrows(path: Path, source: str | None = None) -> list[str]:
    folder = path.relative_to(ROOT).parts[0]
    return [
        f"{path.relative_to(ROOT)}:{one.line} imports {one.target}"
        for one in imports(path, source)
        if one.ours and one.target.split(".")[0] in FOLDERS
        if FOLDERS.index(one.target.split(".")[0]) > FOLDERS.index(folder)
    ]


def private_names(path: Path, source: str | None = None) -> list[str]:
    """Private modules and attributes of Optuna and Ray that a file uses outside their fence."""
    text = path.read_text() if source is None else source
    place = path.relative_to(ROOT).as_posix()
    found = []
    for library, fence in FENCE.items():
        if place == fence:
            continue
        found += [
            f"{place}:{one.line} imports {one.target}"
            for one in imports(path, text)
            if not one.ours and re.match(rf"{library}(\.\w+)*\._", one.target)
        ]
    if place != FENCE["optuna"]:
        found += [f"{place}: {match}" for match in re.findall(r"\b\w*study\._\w+|scoped_session", text)]
    return [one for one in found if not re.search(r"self\._study\._\w+$", one)]


class TestArrows:
    def test_imports_go_down_the_folders_only(self):
        assert [wrong for path in sources() for wrong in wrong_arrows(path)] == []

    def test_an_import_against_the_order_would_be_seen(self):
        assert wrong_arrows(ROOT / "blocks" / "eca.py", "from ..search.course.engine import Engine")
        assert wrong_arrows(ROOT / "spaces" / "skeletons" / "resnet.py", "from ...studies import Study")
        assert not wrong_arrows(ROOT / "search" / "run.py", "from ..studies import Study")

    @pytest.mark.parametrize("folder", [*FOLDERS, "tests", "benchmarks"])
    def test_no_bare_import_of_a_folder_which_would_load_modules_twice(self, folder: str):
        bare = [
            f"{path.relative_to(ROOT)}:{one.line} imports {one.target}"
            for path in sorted((ROOT / folder).rglob("*.py"))
            if "assets" not in path.parts
            for one in imports(path)
            if not one.ours and one.target.split(".")[0] in FOLDERS
        ]
        assert bare == []

    def test_a_bare_import_would_be_seen(self):
        found = imports(ROOT / "cli" / "main.py", "import blocks.eca\nfrom spaces import Space")
        assert [(one.target.split(".")[0], one.ours) for one in found] == [("blocks", False), ("spaces", False)]


class TestCircles:
    def test_modules_import_one_another_in_no_circle(self):
        assert circles(graph(("now",))) == []

    def test_lazy_and_type_only_circles_are_known_by_name(self):
        assert {frozenset(one) for one in circles(graph())} == set(LAZY_CIRCLES)

    def test_rooms_import_one_another_in_no_circle_but_the_known(self):
        known = [{".".join(name.split(".")[:2]) for name in names} for names in LAZY_CIRCLES]
        assert [one for one in circles(rooms(graph())) if one not in known] == []

    def test_a_circle_would_be_seen(self):
        assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}) == [{"a", "b", "c"}]
        planted = graph()
        planted["blocks.cost"] = {*planted["blocks.cost"], "blocks.residual"}
        assert any({"blocks.cost", "blocks.residual"} <= one for one in circles(planted))


class TestFiles:
    def test_no_file_is_longer_than_can_be_read_in_one_go(self):
        lengths = {path.relative_to(ROOT).as_posix(): len(path.read_text().splitlines()) for path in sources()}
        assert {name: length for name, length in lengths.items() if length > LONGEST} == {}

    def test_every_folder_with_modules_is_a_package(self):
        assert {path.parent for path in sources() if not (path.parent / "__init__.py").exists()} == set()


class TestLibraries:
    @pytest.mark.parametrize("library", ONLY_IN)
    def test_a_library_is_imported_only_where_it_belongs(self, library: str):
        strangers = [
            f"{path.relative_to(ROOT)}:{one.line}"
            for path in sources()
            for one in imports(path)
            if not one.ours and one.target.split(".")[0] == library
            if path.relative_to(ROOT).parts[0] not in ONLY_IN[library]
        ]
        assert strangers == []

    def test_private_names_of_optuna_and_ray_stay_behind_their_fence(self):
        assert [name for path in sources() for name in private_names(path)] == []

    def test_a_private_name_would_be_seen(self):
        path = ROOT / "search" / "run.py"
        assert private_names(path, "from optuna.storages._rdb.models import TrialModel")
        assert private_names(path, "from ray._common.utils import anything")
        assert private_names(path, "optuna_study._storage")
        assert not private_names(path, "from optuna.trial import FrozenTrial\nself._study.ask()")

    @pytest.mark.parametrize(
        ("module", "heavy"),
        [
            ("automl", "torch timm ray optuna sqlalchemy numpy yaml"),
            ("automl.blocks", "torch timm ray optuna sqlalchemy"),
            ("automl.spaces", "torch timm ray optuna sqlalchemy"),
            ("automl.studies", "torch timm ray"),
            ("automl.search", "torch timm ray optuna"),
            ("automl.cli.main", "torch timm ray optuna sqlalchemy numpy yaml"),
        ],
    )
    def test_importing_is_light(self, module: str, heavy: str):
        code = f"import sys, {module}; print(*[name for name in {heavy.split()!r} if name in sys.modules])"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == ""


def test_the_graph_holds_every_module():
    assert len(graph()) == len(modules()) == len(sources()) > 200
