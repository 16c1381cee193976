"""What every exporter must do: inherit `ExporterConformance` to test one."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from automl.blocks.modules.network import Network
from automl.spaces import Candidate
from automl.studies.export import Context, Exporter, NotExported, exporters
from automl.studies.export.exporter import CORE, missing

Written = tuple[Exporter, Network, Context, Path]
"""An exporter, the network that it wrote, what it was told, and the folder."""


class ExporterConformance:
    """Tests of one exporter; a subclass names it. `tiny`, `trained` and `facts` come from the
    conftest of this folder."""

    name: str
    """The exporter's name in the registry."""
    made: ClassVar[tuple[Network, Context, Path]]
    """The network after it was written, what the exporter was told, and the folder."""

    @pytest.fixture
    def exporter(self) -> Exporter:
        return exporters.get(self.name)

    @pytest.fixture
    def candidate(self, tiny: Callable[..., Candidate]) -> Candidate:
        """The network that is exported."""
        return tiny("resnet", attention="eca")

    @pytest.fixture
    def written(
        self,
        exporter: Exporter,
        candidate: Candidate,
        trained: Any,
        facts: Any,
        tmp_path_factory: pytest.TempPathFactory,
    ) -> Written:
        """Written once for all tests of a class; each is given its own copy of the network."""
        if "made" not in vars(type(self)):
            network, folder = candidate.build(), tmp_path_factory.mktemp(self.name)
            network.load_state_dict(trained(candidate))
            context = Context(candidate=candidate, facts=facts(candidate))
            exporter.write(network.eval(), folder, context)
            type(self).made = network, context, folder
        network, context, folder = type(self).made
        return exporter, copy.deepcopy(network), context, folder

    def test_it_is_registered_under_its_name_with_words_in_one_line(self, exporter: Exporter):
        assert exporter.name == self.name
        assert exporter.words.strip()
        assert "\n" not in exporter.words
        assert not set(exporter.files) & set(CORE)

    def test_what_it_requires_is_installed_and_says_what_to_install(self, exporter: Exporter):
        assert missing(exporter) == []
        assert bool(exporter.requires) <= bool(exporter.install)

    def test_it_writes_its_files_and_no_others(self, written: Written):
        exporter, _, _, folder = written
        assert sorted(path.name for path in folder.iterdir()) == sorted(exporter.files)

    def test_it_leaves_the_network_as_it_is(self, written: Written, candidate: Candidate, trained: Any):
        _, network, _, _ = written
        assert not network.training
        given = trained(candidate)
        assert all(torch.equal(given[name], tensor) for name, tensor in network.state_dict().items())

    def test_what_it_wrote_passes_its_own_check(self, written: Written):
        exporter, network, context, folder = written
        exporter.check(network, folder, context)

    def test_its_check_finds_another_network(self, written: Written):
        exporter, network, context, folder = written
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.mul_(1.5)
        with pytest.raises(NotExported):
            exporter.check(network, folder, context)

    def test_its_usage_names_every_file(self, written: Written):
        exporter, _, context, _ = written
        assert all(file in exporter.usage(context) for file in exporter.files)

    def test_nothing_it_wrote_names_a_folder_of_this_machine(self, written: Written):
        _, _, _, folder = written
        project = Path(torch.__file__).parents[1]
        for path in (path for path in folder.rglob("*") if path.is_file()):
            contents = path.read_bytes()
            assert bytes(folder) not in contents
            assert bytes(project) not in contents
