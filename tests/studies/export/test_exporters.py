"""Every exporter conforms, one of a package writes into the folder, and a faulty one is found."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from automl.blocks.errors import AutomlError, InputError
from automl.blocks.modules.network import Network
from automl.studies.export import Context, Exporter, NotExported, export_network, exporters
from torch import Tensor

from .conformance import ExporterConformance

pytestmark = pytest.mark.xdist_group("exports")


class Traced:
    """An exporter as a package might add it."""

    name = "traced"
    files = ("model.pt2",)
    words = "the network as an exported program of torch"
    requires = ()
    install = ""

    def write(self, network: Network, folder: Path, context: Context) -> None:
        torch.save(network.state_dict(), folder / "model.pt2")

    def check(self, network: Network, folder: Path, context: Context) -> None:
        kept: dict[str, Tensor] = torch.load(folder / "model.pt2", weights_only=True)
        if not all(torch.equal(kept[name], tensor) for name, tensor in network.state_dict().items()):
            raise NotExported("model.pt2 holds other weights")

    def usage(self, context: Context) -> str:
        return "With torch alone: `torch.load('model.pt2')`."


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], Exporter]:
    """plugin(part): registers an exporter for the length of a test."""
    exporters.load()
    monkeypatch.setattr(exporters, "known", dict(exporters.known))
    return lambda part: exporters.add("traced", part)


class TestOnnx(ExporterConformance):
    name = "onnx"


class TestPlugin(ExporterConformance):
    name = "traced"

    @pytest.fixture(autouse=True)
    def registered(self, plugin: Callable[[Any], Exporter]) -> None:
        plugin(Traced)


class TestOfTheDocs(ExporterConformance):
    """The example of docs/extending.md."""

    name = "npz"

    @pytest.fixture(autouse=True)
    def registered(self, plugin: Callable[[Any], Exporter]) -> None:
        page = (Path(__file__).parents[3] / "docs" / "extending.md").read_text("utf-8")
        exec(page.partition("## An exporter")[2].partition("```python\n")[2].partition("```")[0], {})


class Littering(Traced):
    """Writes a file that it does not name."""

    def write(self, network: Network, folder: Path, context: Context) -> None:
        super().write(network, folder, context)
        (folder / "log.txt").write_text("done")


class Changing(Traced):
    """Changes the network that it writes."""

    def write(self, network: Network, folder: Path, context: Context) -> None:
        super().write(network, folder, context)
        with torch.no_grad():
            next(network.parameters()).add_(1)


class Training(Traced):
    """Leaves the network in training mode."""

    def write(self, network: Network, folder: Path, context: Context) -> None:
        super().write(network.train(), folder, context)


class Trusting(Traced):
    """Checks nothing."""

    def check(self, network: Network, folder: Path, context: Context) -> None:
        pass


class Telling(Traced):
    """Writes where it runs."""

    def write(self, network: Network, folder: Path, context: Context) -> None:
        (folder / "model.pt2").write_text(str(folder))


class Silent(Traced):
    def usage(self, context: Context) -> str:
        return ""


class Needing(Traced):
    requires = ("no_such_module",)


@pytest.mark.parametrize(
    ("faulty", "found_by"),
    [
        (Littering, "test_it_writes_its_files_and_no_others"),
        (Changing, "test_it_leaves_the_network_as_it_is"),
        (Training, "test_it_leaves_the_network_as_it_is"),
        (Trusting, "test_its_check_finds_another_network"),
        (Telling, "test_nothing_it_wrote_names_a_folder_of_this_machine"),
        (Silent, "test_its_usage_names_every_file"),
        (Needing, "test_what_it_requires_is_installed_and_says_what_to_install"),
    ],
)
def test_a_faulty_exporter_does_not_conform(
    plugin: Callable[[Any], Exporter], tiny, trained, facts, tmp_path: Path, faulty: type, found_by: str
) -> None:
    suite, exporter, candidate = ExporterConformance(), plugin(faulty), tiny("resnet")
    network = candidate.build()
    network.load_state_dict(trained(candidate))
    context = Context(candidate=candidate, facts=facts(candidate))
    exporter.write(network.eval(), tmp_path, context)
    written = (exporter, network, context, tmp_path)
    given = {"exporter": exporter, "written": written, "candidate": candidate, "trained": trained}
    check = getattr(suite, found_by)
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        check(**{name: given[name] for name in inspect.signature(check).parameters})


class TestInTheFolder:
    def export(self, out: Path, tiny: Any, trained: Any, facts: Any, formats: list[str]) -> Any:
        candidate = tiny("resnet")
        weights = trained(candidate)
        return export_network(out, candidate=candidate, weights=weights, facts=facts(candidate), formats=formats)

    def test_a_plugins_file_is_written_and_the_readme_shows_its_use(
        self, plugin, tiny, trained, facts, tmp_path: Path
    ) -> None:
        plugin(Traced)
        made = self.export(tmp_path / "found", tiny, trained, facts, ["traced"])
        names = [path.name for path in made.files]
        assert names == ["model.safetensors", "config.json", "model.py", "model.pt2", "README.md"]
        assert sorted(path.name for path in (tmp_path / "found").iterdir()) == sorted(names)
        assert "`torch.load('model.pt2')`" in (tmp_path / "found" / "README.md").read_text("utf-8")

    def test_a_plugins_file_that_differs_is_left_out_with_its_reason(
        self, plugin, tiny, trained, facts, tmp_path: Path
    ) -> None:
        class Differing(Traced):
            def check(self, network: Network, folder: Path, context: Context) -> None:
                raise NotExported("it differs")

        plugin(Differing)
        made = self.export(tmp_path / "found", tiny, trained, facts, ["traced"])
        assert made.left_out == {"model.pt2": "it differs"}
        assert not (tmp_path / "found" / "model.pt2").exists()
        text = (tmp_path / "found" / "README.md").read_text("utf-8")
        assert "`model.pt2` was left out: it differs." in text
        assert "torch.load" not in text

    def test_a_file_that_is_promised_and_missing_fails_the_export(
        self, plugin, tiny, trained, facts, tmp_path: Path
    ) -> None:
        class Forgetful(Trusting):
            def write(self, network: Network, folder: Path, context: Context) -> None:
                pass

        plugin(Forgetful)
        with pytest.raises(AutomlError, match=r"the exporter traced must write model\.pt2, but did not"):
            self.export(tmp_path / "found", tiny, trained, facts, ["traced"])
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize(
        ("formats", "says"),
        [
            (["tracd"], "unknown exporter 'tracd'; did you mean 'traced'"),
            (["traced"], r"model\.pt2 needs no_such_module: install their-package, or give --format none"),
            (["onnx", "traced"], "or give --format onnx"),
        ],
    )
    def test_an_exporter_that_cannot_be_had_is_refused_before_anything_is_written(
        self, plugin, tiny, trained, facts, tmp_path: Path, formats: list[str], says: str
    ) -> None:
        plugin(type("Absent", (Needing,), {"install": "their-package"}))
        with pytest.raises(InputError, match=says):
            self.export(tmp_path / "found", tiny, trained, facts, formats)
        assert list(tmp_path.iterdir()) == []

    def test_two_exporters_of_one_file_are_refused(self, plugin, tiny, trained, facts, tmp_path: Path) -> None:
        plugin(type("Same", (Traced,), {"files": ("model.onnx",)}))
        with pytest.raises(InputError, match=r"two exporters cannot write one file, but onnx and traced both"):
            self.export(tmp_path / "found", tiny, trained, facts, ["onnx", "traced"])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"write": None}, "lacks write"),
        ({"name": "other"}, "must have the name it is registered under"),
        ({"files": ("model.py",)}, r"other than model\.safetensors, config\.json, model\.py, README\.md"),
        ({"files": ("../model.bin",)}, "names without a path"),
        ({"files": ()}, "but 'traced' has none"),
    ],
)
def test_what_is_no_exporter_is_not_registered(
    plugin: Callable[[Any], Exporter], change: dict[str, Any], says: str
) -> None:
    with pytest.raises(InputError, match=says):
        plugin(type("Odd", (Traced,), change))
