"""The folder tree is the architecture: who may import whom, how, and what stays light."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
ORDER = ["blocks", "spaces", "studies", "search", "cli"]
"""An import may go to a folder further left, never further right."""
ONLY_IN = {
    "ray": {"search"},
    "optuna": {"studies", "search"},
    "thop": {"spaces"},
    "typer": {"cli"},
    "sqlalchemy": {"studies", "search"},
    "alembic": {"studies"},
}
"""Which folders may import a library; thop is imported by the audit alone."""


def imports(path: Path, source: str | None = None) -> list[tuple[str, int]]:
    """(dotted target, line) of every import in a file, relative ones resolved against the root
    folder."""
    package = path.relative_to(ROOT).parent.parts
    found: list[tuple[str, int]] = []
    for node in ast.walk(ast.parse(path.read_text() if source is None else source)):
        if isinstance(node, ast.Import):
            found += [(alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            if not node.level:
                found.append((node.module or "", node.lineno))
                continue
            base = package[: len(package) - node.level + 1]
            target = [*base, *(node.module or "").split(".")] if node.module else [*base]
            found += (
                [(".".join(part for part in ("automl", *target) if part), node.lineno)]
                if node.module
                else [(".".join(("automl", *target, alias.name)), node.lineno) for alias in node.names]
            )
    return found


def sources() -> list[Path]:
    return [path for folder in ORDER for path in sorted((ROOT / folder).rglob("*.py"))]


def wrong_arrows(path: Path, source: str | None = None) -> list[str]:
    folder = path.relative_to(ROOT).parts[0]
    wrong = []
    for target, line in imports(path, source):
        parts = target.split(".")
        if (
            parts[0] == "automl"
            and len(parts) > 1
            and parts[1] in ORDER
            and ORDER.index(parts[1]) > ORDER.index(folder)
        ):
            wrong.append(f"{path.relative_to(ROOT)}:{line} imports {target}")
    return wrong


def test_imports_go_down_the_folders_only():
    assert [wrong for path in sources() for wrong in wrong_arrows(path)] == []


def test_an_import_against_the_order_would_be_seen():
    assert wrong_arrows(ROOT / "blocks" / "eca.py", "from ..search.engine import Engine")
    assert wrong_arrows(ROOT / "spaces" / "skeletons" / "resnet.py", "from ...studies import Study")
    assert not wrong_arrows(ROOT / "search" / "engine.py", "from ..studies import Study")


@pytest.mark.parametrize("folder", ["blocks", "spaces", "studies", "search", "cli", "tests", "benchmarks"])
def test_no_bare_import_of_a_folder_which_would_load_modules_twice(folder: str):
    bare = [
        f"{path.relative_to(ROOT)}:{line} imports {target}"
        for path in sorted((ROOT / folder).rglob("*.py"))
        for target, line in imports(path)
        if target.split(".")[0] in ORDER
    ]
    assert bare == []


def test_a_bare_import_would_be_seen():
    assert [
        target.split(".")[0]
        for target, _ in imports(ROOT / "cli" / "main.py", "import blocks.eca\nfrom spaces import Space")
    ] == ["blocks", "spaces"]


@pytest.mark.parametrize("library", ONLY_IN)
def test_a_library_is_imported_only_where_it_belongs(library: str):
    strangers = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in sources()
        for target, line in imports(path)
        if target.split(".")[0] == library and path.relative_to(ROOT).parts[0] not in ONLY_IN[library]
    ]
    assert strangers == []


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("automl.blocks", "torch timm ray optuna sqlalchemy"),
        ("automl.spaces", "torch timm ray optuna sqlalchemy"),
        ("automl.studies", "torch timm ray"),
        ("automl.search", "torch timm ray optuna"),
        ("automl.cli.main", "torch timm ray optuna sqlalchemy numpy yaml"),
    ],
)
def test_importing_is_light(module: str, heavy: str):
    code = f"import sys, {module}; print(*[name for name in {heavy.split()!r} if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
