"""The folder tree is the architecture: which module may import which, how, and what stays light."""

import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

from .import_graph import FOLDERS, ROOT, circles, graph, imports, modules, rooms, sources
from .private_names import FENCE, FREE, INTERNAL, private_names

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
    frozenset({"spaces.candidates.build", "spaces.candidates.candidate"}): (
        "a candidate builds its network, and building needs the candidate's type"
    )
}
"""Circles through imports inside functions or for type checkers, each with its reason."""

LONGEST = 300
"""Lines of a source file."""

LOOSE = 12
"""Modules of `spaces/` or `studies/` in no wing: what their wings have in common."""


def wrong_arrows(path: Path, source: str | None = None) -> list[str]:
    folder = path.relative_to(ROOT).parts[0]
    return [
        f"{path.relative_to(ROOT)}:{one.line} imports {one.target}"
        for one in imports(path, source)
        if one.ours and one.target.split(".")[0] in FOLDERS
        if FOLDERS.index(one.target.split(".")[0]) > FOLDERS.index(folder)
    ]


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


def wings(folder: str) -> list[str]:
    """The wings of a folder as the table in CONTRIBUTING.md lists them, from the bottom up."""
    page = (ROOT / "CONTRIBUTING.md").read_text()
    _, found, table = page.partition(f"| `{folder}/` | |\n|---|---|\n")
    assert found
    rows = table.partition("\n\n")[0].splitlines()
    return [wing for row in rows for wing in re.findall(r"`(\w+)/`", row.split("|")[1])]


def against_the_map(folder: str, order: list[str]) -> list[str]:
    arrows = rooms(graph())
    return [
        f"{wing} imports {later}"
        for place, wing in enumerate(order)
        for later in order[place + 1 :]
        if f"{folder}.{later}" in arrows[f"{folder}.{wing}"]
    ]


class TestWings:
    @pytest.mark.parametrize("folder", ["spaces", "studies"])
    def test_a_wing_imports_only_wings_that_the_map_shows_above_it(self, folder: str):
        assert against_the_map(folder, wings(folder)) == []
        assert against_the_map(folder, wings(folder)[::-1])

    @pytest.mark.parametrize("folder", ["spaces", "studies"])
    def test_the_map_shows_every_wing(self, folder: str):
        assert sorted(wings(folder)) == sorted(path.parent.name for path in (ROOT / folder).glob("*/__init__.py"))

    @pytest.mark.parametrize("folder", ["spaces", "studies"])
    def test_few_modules_lie_beside_the_wings(self, folder: str):
        assert len(list((ROOT / folder).glob("*.py"))) <= LOOSE


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

    def test_private_names_of_libraries_stay_behind_their_fence(self):
        assert [name for path in sources() for name in private_names(path)] == []

    @pytest.mark.parametrize(
        "planted",
        [
            "from optuna.storages._rdb.models import TrialModel",
            "from optuna.storages import _rdb",
            "optuna_study._storage",
            "self._study._storage",
            "class Own:\n    _storage = 1\nstudy._storage",
            "storage.scoped_session.remove()",
            "import optuna\noptuna.storages._rdb",
            "from ray._common.utils import anything",
            "import ray._private.worker",
            'sys.modules.get("ray._private.worker")',
            "worker._global_node",
            "getattr(worker, '_global_node')",
            "_global_node = worker._global_node",
            "ray.init(_temp_dir=place)",
            'asked = {"_system_config": {}}',
            'asked["_system_config"] = {}',
            "from ray.tune.execution import class_cache",
            "from ray import tune\ntune.execution.class_cache",
            "trial.temporary_state.ray_actor",
            "from timm.models import _registry",
            "from timm.models._features import feature_take_indices",
            'REGISTRY = f"timm.models._registry.{name}"',
            "import timm.models as models\nmodels._features",
        ],
    )
    def test_a_private_name_would_be_seen(self, planted: str):
        assert private_names(ROOT / "search" / "run.py", planted)

    @pytest.mark.parametrize(
        "planted",
        [
            "from optuna.trial import FrozenTrial\nself._study.ask()",
            '"""Tune\'s `ray.tune.execution`."""\n# ray._private',
            "import os\nos._exit(1)",
            "class Own:\n    def __init__(self):\n        self._mean = 1\nlike._mean",
            "from timm.layers import DropPath",
            "from ..automl import _ours",
        ],
    )
    def test_other_names_are_let_through(self, planted: str):
        assert not private_names(ROOT / "search" / "run.py", planted)

    @pytest.mark.parametrize("library", FENCE)
    def test_a_fence_holds_the_private_names_of_its_library_and_of_no_other(self, library: str):
        fence = ROOT / FENCE[library]
        inside = private_names(ROOT / "search" / "run.py", fence.read_text())
        assert any(f"uses {library}." in name for name in inside)
        assert not any(f"uses {other}." in name for name in inside for other in FENCE if other != library)

    def test_every_exception_is_needed(self):
        everything = "\n".join(path.read_text() for path in sources())
        assert [name for name in (*FREE, *INTERNAL) if name.rpartition(".")[2] not in everything] == []

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


def repeated(names: Iterable[str]) -> set[str]:
    """File names that stand for two things. Wings repeat some by convention: each registry has its
    `protocol.py` and `registry.py`, `cli/` names files after commands, and `modules/` holds the
    PyTorch modules of the blocks of the same names."""
    paths = [Path(name) for name in names]
    counted = Counter(path.name for path in paths if path.parts[0] != "cli" and path.parent.name != "modules")
    return {name for name, count in counted.items() if count > 1} - {"__init__.py", "protocol.py", "registry.py"}


def test_a_file_name_stands_for_one_thing():
    assert repeated(path.relative_to(ROOT).as_posix() for path in sources()) == set()
    assert repeated(["search/data/files.py", "search/tables/files.py", "cli/files.py"]) == {"files.py"}


def test_the_graph_holds_every_module():
    assert len(graph()) == len(modules()) == len(sources()) > 200
