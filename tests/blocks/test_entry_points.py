"""Entry points `automl.blocks`: found on first need, all or nothing, and what is refused says which
package it is of."""

import sys
import textwrap
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from automl.blocks import Attention, InputError, InvalidBlock, Se, block, block_class, names
from automl.blocks.block import adopt
from automl.blocks.registry import PluginWarning, Registry

HEADER = "from dataclasses import dataclass\nfrom automl.blocks import Attention, Cost, register\n"
CLASS = """
{decorator}
@dataclass(frozen=True)
class {name}(Attention):
    def cost(self, shape):
        return Cost()

    def build(self, shape):
        raise AssertionError("never built here")
"""

Install = Callable[..., None]


def source(name: str, registered: str | None = None) -> str:
    return HEADER + textwrap.dedent(
        CLASS.format(decorator=f'@register("{registered}")' if registered else "", name=name)
    )


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """install(package, {entry: value}, {module: source}): a package as pip leaves it; the registry
    is as before afterwards."""
    registered, modules = dict(block.blocks.known), set(sys.modules)
    fresh = Registry("block", "automl.blocks", accept=block._accepted, error=InvalidBlock)
    fresh.known = block.blocks.known
    monkeypatch.setattr(block, "blocks", fresh)
    monkeypatch.syspath_prepend(tmp_path)

    def write(package: str, entries: dict[str, str], files: dict[str, str]) -> None:
        info = tmp_path / f"{package.replace('-', '_')}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(
            "[automl.blocks]\n" + "".join(f"{name} = {value}\n" for name, value in entries.items())
        )
        for name, text in files.items():
            (tmp_path / f"{name}.py").write_text(text)

    yield write
    block.blocks.known.clear()
    block.blocks.known.update(registered)
    for name in set(sys.modules) - modules:
        if str(tmp_path) in (getattr(sys.modules[name], "__file__", None) or ""):
            del sys.modules[name]


def test_a_module_that_registers_is_known_by_name(install: Install):
    install("package-a", {"gate_a": "module_a"}, {"module_a": source("A", "gate_a")})
    assert "gate_a" in names(Attention)
    assert block.blocks.origins == {"gate_a": "package-a"}
    assert block.from_dict({"block": "gate_a"}) == block_class("gate_a", Attention)()


def test_a_class_is_registered_under_its_entrys_name_unless_it_registers_itself(install: Install):
    install(
        "package-a",
        {"one": "module_a:A", "other": "module_b:B"},
        {"module_a": source("A"), "module_b": source("B", "itself")},
    )
    assert block_class("one", Attention).name == "one"
    assert block_class("itself", Attention).__name__ == "B"
    assert "other" not in names()


def test_a_module_imported_before_is_not_registered_twice(install: Install):
    install("package-a", {"gate_a": "module_a"}, {"module_a": source("A", "gate_a")})
    import module_a  # pyright: ignore[reportMissingImports]

    assert block_class("gate_a", Attention) is module_a.A
    assert block.blocks.origins == {"gate_a": "package-a"}
    assert block.blocks.refused == {}


def test_what_a_package_declares_is_not_sent_to_workers_and_the_users_own_is(install: Install):
    install("package-a", {"gate_a": "module_a"}, {"module_a": source("A", "gate_a"), "module_b": source("B", "mine")})
    import module_b  # pyright: ignore[reportMissingImports]

    names()
    assert "mine" in block.blocks.foreign()
    assert "gate_a" not in block.blocks.foreign()
    del block.blocks.known["mine"]
    module_b.B.name = ""  # as a class arrives that was pickled by reference to a module which does not register it
    adopt({"mine": module_b.B})
    assert block_class("mine", Attention).name == "mine"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("import nowhere_to_be_found", "ModuleNotFoundError: No module named 'nowhere_to_be_found'"),
        ("x = 1", "the module broken_module must register a block, but registers none"),
        (
            source("Own", "half") + source("Second", "se"),
            "the block name 'se' is taken by Se of automl.blocks.se; broken_module needs another one",
        ),
    ],
)
def test_a_broken_package_is_named_and_hinders_nothing_else(install: Install, text: str, says: str):
    install(
        "package-a",
        {"broken": "broken_module", "gate_a": "module_a"},
        {"broken_module": text, "module_a": source("A", "gate_a")},
    )
    with pytest.warns(PluginWarning, match="the block 'broken' of the package package-a is left out") as said:
        assert "gate_a" in names()
    assert len(said) == 1
    assert says in str(said[0].message)
    assert block_class("se", Attention) is Se
    assert "half" not in names()
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # said once
        with pytest.raises(InvalidBlock, match="the block 'broken' of the package package-a is left out"):
            block_class("broken", Attention)
        with pytest.raises(InputError, match="unknown attention 'gate_b'; did you mean 'gate_a'"):
            block_class("gate_b", Attention)


def test_a_name_that_two_packages_declare_is_neithers(install: Install):
    install("package-b", {"gate": "module_b"}, {"module_b": source("B", "gate")})
    install("package-a", {"gate": "module_a"}, {"module_a": source("A", "gate")})
    with pytest.warns(PluginWarning, match="the packages package-a and package-b is left out"):
        assert "gate" not in names()
    with pytest.raises(InvalidBlock, match="declared by one package, but got module_a, module_b"):
        block_class("gate", Attention)


def test_nothing_is_looked_for_before_a_name_is_needed(install: Install):
    install("package-a", {"broken": "broken_module"}, {"broken_module": "raise RuntimeError"})
    Se()
    assert block.blocks.refused == {}
