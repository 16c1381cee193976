"""Which source is copied, which imported, and what cannot be."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from automl.blocks import InputError
from automl.blocks.modules import residual
from automl.studies.export.imports import Import, is_library, render, requirements
from automl.studies.export.source_text import Sources

UserFile = Callable[..., ModuleType]


def defined(text: str) -> list[str]:
    """Names of the classes, functions and constants in a piece of source, in order."""
    found = []
    for statement in ast.parse(text).body:
        if isinstance(statement, ast.ClassDef | ast.FunctionDef):
            found.append(statement.name)
        elif isinstance(statement, ast.Assign):
            found += [ast.unparse(target) for target in statement.targets]
        elif isinstance(statement, ast.AnnAssign):
            found.append(ast.unparse(statement.target))
    return found


def gather(*values: object) -> Sources:
    sources = Sources()
    for value in values:
        sources.add(value)
    return sources


def test_exactly_what_a_class_uses_is_copied_and_dependencies_come_first() -> None:
    sources = gather(residual.Bottleneck)
    assert defined(sources.text()) == [
        "SplitAttention",
        "activation_layer",
        "BlurPool",
        "antialias_layer",
        "shortcut",
        "Bottleneck",
    ]
    assert sources.imports["DropPath"] == Import(module="timm.layers", name="DropPath")
    assert "math" not in sources.imports


def test_the_docstring_of_a_file_heads_its_definitions_as_a_comment() -> None:
    assert "# Source: Zhang et al., ResNeSt, 2020" in gather(residual.Bottleneck).text()


def test_helpers_constants_and_their_comments_are_copied_in_their_order(user_file: UserFile) -> None:
    module = user_file('''
from torch import nn
UNUSED = 1
# a comment that belongs to the constant
SCALE = 2.0
"""What it is."""
TABLE = {"scale": SCALE}

def unused(): ...

def helper(x):
    def inner(y):
        return y * TABLE["scale"]
    return inner(x)

class Base(nn.Module):
    SCALE = 3  # of the class; hides nothing

class Mine(Base):
    def forward(self, x):
        unused = 1
        return helper(x) * unused
''')
    text = gather(module.Mine).text()
    assert defined(text) == ["SCALE", "TABLE", "helper", "Base", "Mine"]
    assert '# a comment that belongs to the constant\nSCALE = 2.0\n"""What it is."""\nTABLE' in text


def test_annotations_count_as_use_even_when_quoted_or_imported_for_type_checking_alone(user_file: UserFile) -> None:
    module = user_file("""
from __future__ import annotations
from typing import TYPE_CHECKING
from torch import nn
if TYPE_CHECKING:
    from collections.abc import Callable
    from torch import Tensor

class Mine(nn.Module):
    act: "Callable[[int], int]"

    def forward(self, x: Tensor) -> Tensor:
        return x
""")
    sources = gather(module.Mine)
    assert set(sources.imports) == {"nn", "Callable", "Tensor"}
    assert sources.postponed


def test_definitions_of_other_files_are_followed_under_another_name_too(user_file: UserFile) -> None:
    user_file("WIDTH = 3\n\ndef gate(x):\n    return x * WIDTH\n", "helpers")
    imports = "from torch import nn\nfrom helpers import gate as g\nfrom math import pi as PI"
    module = user_file(f"{imports}\n\nclass Mine(nn.Module):\n    def forward(self, x):\n        return g(x) * PI\n")
    sources = gather(module.Mine)
    assert defined(sources.text()) == ["WIDTH", "gate", "g", "Mine"]
    assert render(sources.imports.values()) == "from math import pi as PI\n\nfrom torch import nn"


def test_a_file_that_nothing_can_import_by_name_is_copied_all_the_same(
    user_file: UserFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    module = user_file(
        "from torch import nn\n\nclass Mine(nn.Module):\n    def forward(self, x):\n        return x\n",
        "loaded_from_its_path",
    )
    monkeypatch.delitem(sys.modules, "loaded_from_its_path")
    try:
        assert defined(gather(module.Mine).text()) == ["Mine"]
    finally:
        sys.modules["loaded_from_its_path"] = module


def test_an_import_that_may_fail_is_copied_whole(user_file: UserFile) -> None:
    module = user_file("""
from torch import nn
try:
    from math import cbrt
except ImportError:
    def cbrt(x):
        return x ** (1 / 3)

class Mine(nn.Module):
    def forward(self, x):
        return x * cbrt(8.0)
""")
    assert "except ImportError:\n    def cbrt(x):" in gather(module.Mine).text()


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            "import helpers\nclass Mine(nn.Module):\n    def forward(self, x):\n        return helpers.gate(x)",
            "helpers is a module of your own",
        ),
        (
            (
                "class Mine(nn.Module):\n    def forward(self, x):\n        from helpers import gate\n        return"
                " gate(x)"
            ),
            "Mine imports helpers on the way",
        ),
        (
            "globals()['gate'] = abs\nclass Mine(nn.Module):\n    def forward(self, x):\n        return gate(x)",
            "'gate', which it uses, must be defined",
        ),
        (
            "def make():\n    class Mine(nn.Module): ...\n    return Mine\nMine = make()",
            "must be defined at the top level of a file",
        ),
    ],
)
def test_what_cannot_be_copied_is_refused_with_what_to_do(user_file: UserFile, source: str, message: str) -> None:
    user_file("def gate(x):\n    return x\n", "helpers")
    module = user_file(f"from torch import nn\n{source}\n")
    with pytest.raises(InputError, match=message):
        gather(module.Mine)


def test_a_class_without_a_file_is_refused() -> None:
    space: dict[str, object] = {"__name__": "nowhere"}
    exec("from torch import nn\nclass Mine(nn.Module):\n    def forward(self, x):\n        return x\n", space)
    with pytest.raises(InputError, match="Mine cannot be exported: its module nowhere cannot be imported"):
        gather(space["Mine"])


def test_a_class_whose_file_is_gone_is_refused(user_file: UserFile) -> None:
    module = user_file("from torch import nn\nclass Mine(nn.Module):\n    def forward(self, x):\n        return x\n")
    Path(str(module.__file__)).unlink()
    with pytest.raises(
        InputError,
        match=r"Mine cannot be exported: its source must be in a file that can be read, but .*mine\.py' cannot",
    ):
        gather(module.Mine)


def test_two_definitions_of_one_name_are_refused_and_both_files_named(user_file: UserFile) -> None:
    first = user_file(
        "from torch import nn\nEPS = 1\nclass One(nn.Module):\n    def forward(self, x):\n        return x + EPS\n",
        "first",
    )
    second = user_file(
        "from torch import nn\nEPS = 2\nclass Two(nn.Module):\n    def forward(self, x):\n        return x + EPS\n",
        "second",
    )
    with pytest.raises(
        InputError, match=r"two things called 'EPS', but .*first\.py and .*second\.py each define one; rename"
    ):
        gather(first.One, second.Two)


def test_one_import_written_in_two_ways_is_no_clash(user_file: UserFile) -> None:
    module = user_file("import torch.nn as nn\nclass Mine(nn.Module):\n    def forward(self, x):\n        return x\n")
    assert [entry.bound for entry in gather(residual.BasicBlock, module.Mine).imports.values()].count("nn") == 1


@pytest.mark.parametrize(
    ("module", "library"),
    [("torch.nn", True), ("timm", True), ("math", True), ("numpy", True), ("automl.blocks", False), ("mine", False)],
)
def test_what_is_installed_is_imported_and_what_is_ours_or_the_users_is_copied(module: str, library: bool) -> None:
    assert is_library(module) is library


def test_packages_that_must_be_installed_are_found_among_the_imports() -> None:
    assert requirements(
        [Import(module="math"), Import(module="torch.nn", alias="nn"), Import(module="scipy.special", name="erf")]
    ) == ["scipy", "torch"]
