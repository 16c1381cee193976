"""`import automl`: light, complete, documented, and callable whichever part was imported first."""

import inspect
import json
import pydoc
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import get_type_hints

import automl
import pytest
import typer
from automl import search as search_package
from automl.blocks import InputError
from automl.search.grid import search_grid
from automl.search.options import SearchOptions
from automl.search.run import search as run_search

from . import fresh

HEAVY = ("torch", "timm", "ray", "optuna", "sqlalchemy", "numpy", "yaml")
FUNCTIONS = {
    "search": "search",
    "grid": "grid",
    "scale": "scale",
    "references": "references",
    "cost": "cost",
    "train": "train",
    "export": "export",
    "report": "report",
    "verify": "verify",
    "status": "status",
    "front": "front",
    "delete": "delete",
    "doctor": "doctor",
    "studies": "list_studies",
    "studies check": "check_studies",
    "studies upgrade": "upgrade_studies",
    "space check": "check_space",
    "space describe": "describe_space",
    "space sample": "sample_space",
    "data check": "check_data",
    "cache list": "list_cache",
    "cache clear": "clear_cache",
}
"""Command -> the function of the Python API that does its work."""


def python(code: str, *options: str) -> str:
    done = subprocess.run([sys.executable, *options, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def loaded_by(code: str) -> list[str]:
    return python(f"{code}\nimport sys; print(*[name for name in {HEAVY!r} if name in sys.modules])").split()


def test_importing_automl_loads_no_library():
    assert loaded_by("import automl") == []


def test_a_heavy_import_would_be_seen():
    assert "numpy" in loaded_by("import automl; automl.load_space")


def test_importing_automl_loads_nothing_else_of_ours_and_little_of_pythons():
    code = "import sys; before = set(sys.modules); import automl; print(*set(sys.modules) - before)"
    loaded = python(code).split()
    assert [name for name in loaded if name.startswith("automl")] == ["automl"]
    assert len(loaded) < 40  # milliseconds: typing and importlib


def test_every_public_name_is_there_once_and_in_tab_completion():
    assert sorted(set(automl.__all__)) == sorted(automl.__all__)
    listed = python("import automl; print(*dir(automl))").split()
    assert set(automl.__all__) <= set(listed)
    for name in automl.__all__:
        assert getattr(automl, name) is not None


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'automl' has no attribute 'serach'"):
        automl.serach  # noqa: B018  # pyright: ignore[reportAttributeAccessIssue]


def test_what_type_checkers_see_is_what_is_loaded():
    from ast import Constant, ImportFrom, parse, walk

    tree = parse(Path(automl.__file__).read_text())
    seen = {
        alias.asname or alias.name: (node.module, alias.name)
        for node in walk(tree)
        if isinstance(node, ImportFrom) and node.level
        for alias in node.names
    }
    places = {**automl._PLACES, "search": ("search.run", "search")}  # pyright: ignore[reportAttributeAccessIssue]
    assert seen == places
    assert {node.value for node in walk(tree) if isinstance(node, Constant)} >= set(automl.__all__)
    assert set(seen) | {"__version__"} == set(automl.__all__)


def commands(app: typer.Typer, before: str = "") -> Iterator[str]:
    """The commands of an app and of its groups, each in full: "space check"."""
    for one in app.registered_commands:
        yield before + (one.name or one.callback.__name__)  # pyright: ignore[reportOptionalMemberAccess]
    for group in app.registered_groups:
        assert group.name is not None
        assert group.typer_instance is not None
        if group.typer_instance.info.invoke_without_command:
            yield before + group.name
        yield from commands(group.typer_instance, f"{before}{group.name} ")


def test_every_command_has_a_function():
    from automl.cli.main import app

    assert sorted(commands(app)) == sorted(FUNCTIONS)
    assert set(FUNCTIONS.values()) <= set(automl.__all__)


def test_a_command_without_a_function_would_be_seen():
    app, group = typer.Typer(), typer.Typer(invoke_without_command=True)
    app.command("status")(lambda: None)
    group.command("new")(lambda: None)
    app.add_typer(group, name="studies")
    assert set(commands(app)) - set(FUNCTIONS) == {"studies new"}
    assert "studies" in set(commands(app))


@pytest.mark.parametrize("name", FUNCTIONS.values())
def test_each_command_is_a_function_with_a_documented_result(name: str):
    function = run_search if name == "search" else getattr(automl, name)
    text = inspect.getdoc(function) or ""
    assert "Raises:" in text
    assert inspect.signature(function).return_annotation not in (inspect.Signature.empty, "None")
    for parameter in list(inspect.signature(function).parameters.values())[1:]:
        if name not in ("search", "grid"):  # whose options are a dataclass
            assert f"{parameter.name}:" in text, parameter.name


@pytest.mark.parametrize(
    "imports",
    [
        "import automl",
        "import automl.search",
        "import automl.search.run; import automl",
        "from automl import search",
        "from automl.search import search, SearchOptions; import automl",
        "import automl; automl.grid; import automl.search.options",
        "import automl; import automl.cli.searching, automl.cli.main",
    ],
)
def test_the_search_is_called_whichever_was_imported_first(imports: str):
    code = f"""
{imports}
import automl
from automl.search import SearchOptions, best
from automl.blocks import InputError
assert automl.search is __import__("sys").modules["automl.search"]
try:
    automl.search(SearchOptions(space="no-such-space", evaluator="zero-cost"))
except InputError as error:
    print(str(error)[:13])
"""
    done = fresh.run(code)
    assert done.stdout.startswith("unknown space"), done.stderr


def test_the_module_takes_what_the_function_takes():
    module, function = inspect.signature(search_package), inspect.signature(run_search)
    assert module == function
    assert type(search_package).__call__.__doc__ == run_search.__doc__  # pyright: ignore[reportFunctionMemberAccess]


def test_help_of_the_search_shows_the_call_and_its_options():
    text = pydoc.plain(pydoc.render_doc(automl.search))
    assert "automl.search(options)" in text
    assert "search(options: 'SearchOptions'" in text
    assert "budget: Bound on cost" in pydoc.plain(pydoc.render_doc(SearchOptions))
    assert {"SearchOptions", "PredictorSampler", "search"} <= set(dir(search_package))


def test_the_search_module_is_still_a_package():
    from automl.search.proposing.samplers import sampler_names

    assert search_package.sampler_names is sampler_names
    assert automl.grid is search_grid
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        search_package.nothing  # noqa: B018  # pyright: ignore[reportAttributeAccessIssue]


class TestStorage:
    """Without an argument every function and option reads AUTOML_STORAGE, as the commands do."""

    @pytest.fixture(autouse=True)
    def here(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setenv("AUTOML_STORAGE", "sqlite:///elsewhere.db")

    def test_of_options(self):
        assert automl.SearchOptions().storage == "sqlite:///elsewhere.db"
        assert automl.GridOptions(baseline="resnet18").storage == "sqlite:///elsewhere.db"
        assert automl.SearchOptions(storage="sqlite:///own.db").storage == "sqlite:///own.db"

    def test_an_empty_variable_counts_as_none(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setenv("AUTOML_STORAGE", "")
        assert automl.SearchOptions().storage == "sqlite:///automl.db"
        monkeypatch.delenv("AUTOML_STORAGE")
        assert automl.SearchOptions().storage == "sqlite:///automl.db"

    @pytest.mark.parametrize(
        "call",
        [
            lambda: automl.report("photos"),
            lambda: automl.train("photos"),
            lambda: automl.export("photos", "found"),
            lambda: automl.verify("photos"),
            lambda: automl.scale(study="photos"),
            lambda: automl.scale("photos:best"),
            lambda: automl.cost("photos:best"),
            lambda: automl.status("photos"),
            lambda: automl.front("photos"),
            lambda: automl.delete("photos"),
            lambda: automl.list_studies(),
            lambda: automl.check_studies(),
            lambda: automl.upgrade_studies(),
        ],
    )
    def test_of_functions_that_take_the_name_of_a_study(self, call, monkeypatch: pytest.MonkeyPatch):
        with pytest.raises(InputError, match=r"elsewhere\.db"):
            call()
        monkeypatch.setenv("AUTOML_STORAGE", "sqlite:///third.db")
        with pytest.raises(InputError, match=r"third\.db"):
            call()


class TestCost:
    def test_it_is_what_the_command_prints(self, capsys: pytest.CaptureFixture[str]):
        from automl.cli.main import main

        for arguments, found in (
            (["resnet50"], automl.cost("resnet50")),
            (["resnet50", "--image-size", "64"], automl.cost("resnet50", image_size=64)),
            (["efficientnet"], automl.cost("efficientnet")),
        ):
            assert main(["cost", *arguments, "--layers", "--json"]) == 0
            printed = json.loads(capsys.readouterr().out)
            assert (printed["id"], printed["macs"], printed["params"], printed["activations"]) == (
                found.candidate.id,
                found.macs,
                found.params,
                found.activations,
            )
            assert printed["memory_bytes"] == found.cost.memory()
            assert [(row["place"], row["block"], row["macs"]) for row in printed["layers"]] == [
                (layer.place, layer.block, layer.cost.macs) for layer in found.layers
            ]

    def test_a_space_and_a_candidate_are_taken(self):
        space = automl.load_space("efficientnet")
        found = automl.cost(space)
        assert (found.space, "depth" in found.free) == ("efficientnet", True)
        assert automl.cost(found.candidate).macs == automl.cost(found.candidate.to_dict()).macs == found.macs
        assert automl.cost(space, image_size=64).macs < found.macs
        with pytest.raises(InputError, match="a candidate has its own size"):
            automl.cost(found.candidate, image_size=64)


class TestScale:
    def test_it_is_what_the_command_prints(self, capsys: pytest.CaptureFixture[str]):
        from automl.cli.main import main

        assert main(["scale", "--baseline", "resnet50", "--phi", "0,2", "--target-axis", "each", "--json"]) == 0
        printed = json.loads(capsys.readouterr().out)
        found = automl.scale("resnet50", phi=[0, 2], target_axis="each")
        assert {key: printed[key] for key in found.to_dict()} == json.loads(json.dumps(found.to_dict()))
        assert len(found.alone) == 3
        assert [row.printed for row in found.published(found.members[1])] == ["16.2B", "14.7B", "16.4B", "16.7B"]

    def test_a_budget_is_taken_as_text_or_as_a_budget(self):
        texts = automl.scale("resnet50", budget="5GFLOPs"), automl.scale("resnet50", budget=["5GFLOPs"])
        [one], [other] = (found.members for found in texts)
        [third] = automl.scale("resnet50", budget=automl.parse_budget(["5GFLOPs"])).members
        assert one.phi == other.phi == third.phi > 0
        assert automl.scale("resnet50", phi=one.phi).members[0].cost == one.cost


def test_the_annotations_of_the_functions_can_be_read():
    from automl.search.network_cost import NetworkCost

    hints = get_type_hints(NetworkCost)
    assert set(hints) == {"candidate", "cost", "space", "free", "stride_rule"}
