"""What is checked of the machines of a cluster before a search starts there, and what is sent to
them."""

from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from automl.blocks import InputError, Shape
from automl.blocks.block import blocks
from automl.search import SearchOptions
from automl.search.by_value import by_value, users_modules
from automl.search.evaluators.training import require_sendable
from automl.search.own_parts import packed_blocks, packed_measures, unpacked_blocks, unpacked_measures
from automl.search.workers import nodes
from automl.search.workers.nodes import Machine, inside, machine, require_alike
from automl.studies.quality import Measure, measures
from ray.exceptions import RayTaskError

from ... import fresh

FIRST, SECOND, DEAD = "a1" * 28, "b2" * 28, "c3" * 28
BLOCK = """
import threading
from dataclasses import dataclass

from automl.blocks import Attention, Cost, register

WIDTH = 3
LOCK = threading.Lock()


@register("theirs")
@dataclass(frozen=True)
class Theirs(Attention):
    def cost(self, shape):
        {line}
        return Cost(macs=WIDTH * shape.channels)

    def build(self, shape):
        raise NotImplementedError
"""
MEASURE = """
from automl.studies.quality import Measure, register

SHARE = 0.5


class Half(Measure):
    name = "half"
    words = "half of the images"

    def of(self, logits_nk, labels_n):
        return SHARE * len(labels_n)


register(Half())
"""
RECEIVER = """
import sys
from automl.search.own_parts import unpacked_measures
from automl.studies.quality import measure

unpacked_measures(bytes.fromhex(sys.argv[1]))
print([measure("half").of(None, "x" * count) for count in (0, 1)])
"""


class Cluster:
    """Two machines, whose tasks run here; `answers` replaces what the second one says."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.answers: Callable[[Machine], Machine] = lambda found: found
        self.asked: list[str] = []
        here = self

        class Task:
            def __init__(self, function):
                self.function = function

            def options(self, scheduling_strategy):
                self.node = scheduling_strategy.node_id
                return self

            def remote(self, *given):
                here.asked.append(self.node)
                return lambda: here.answers(self.function(*given)) if self.node == SECOND else self.function(*given)

        rows = [
            {"NodeID": name, "NodeManagerAddress": f"10.0.0.{name[0]}", "Alive": name != DEAD}
            for name in (FIRST, SECOND, DEAD)
        ]
        monkeypatch.setattr("ray.nodes", lambda: rows)
        monkeypatch.setattr("ray.remote", lambda **_: Task)
        monkeypatch.setattr("ray.get", lambda answer, timeout: answer())


@pytest.fixture
def cluster(monkeypatch: pytest.MonkeyPatch) -> Cluster:
    return Cluster(monkeypatch)


def test_machines_that_are_alike_are_taken(cluster: Cluster):
    require_alike()
    assert cluster.asked == [FIRST, SECOND]  # the dead one is not asked


def test_a_machine_with_another_version_is_named(cluster: Cluster):
    cluster.answers = lambda found: Machine(versions={**found.versions, "timm": "0.1"})
    with pytest.raises(InputError, match=r"must have timm \d.*, as this one, but 10\.0\.0\.b has 0\.1"):
        require_alike()


def test_a_machine_that_cannot_run_automl_is_named(cluster: Cluster):
    def fails(found: Machine) -> Machine:
        raise RayTaskError("task", "traceback", ModuleNotFoundError("No module named 'automl'"))

    cluster.answers = fails
    with pytest.raises(InputError, match=r"10\.0\.0\.b of the cluster cannot run automl: .*No module named 'automl'"):
        require_alike()


class TestOwnParts:
    @pytest.fixture
    def theirs(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
        """Imports the user's module, which registers a block."""

        def write(line: str = "") -> None:
            (tmp_path / "their_blocks.py").write_text(BLOCK.format(line=line))
            monkeypatch.syspath_prepend(str(tmp_path))
            importlib.import_module("their_blocks")

        monkeypatch.setattr(blocks, "known", dict(blocks.known))
        yield write
        sys.modules.pop("their_blocks", None)

    def away(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        """From here on this process is another machine, which has no such module."""
        sys.modules.pop("their_blocks")
        monkeypatch.setattr(sys, "path", [path for path in sys.path if path != str(tmp_path)])
        blocks.known.pop("theirs")

    def test_a_block_of_a_module_that_workers_cannot_import_is_sent(self, theirs, monkeypatch, tmp_path: Path):
        theirs()
        data = packed_blocks()
        self.away(monkeypatch, tmp_path)
        assert unpacked_blocks(data)["theirs"]().cost(Shape(8, 1, 1)).macs == 24
        assert machine((), data, b"").refused == ""

    def test_control_by_its_name_it_could_not_be_imported(self, theirs, monkeypatch, tmp_path: Path):
        import ray.cloudpickle as pickle

        theirs()
        data = pickle.dumps(blocks.foreign())
        self.away(monkeypatch, tmp_path)
        assert "No module named 'their_blocks'" in machine((), data, b"").refused

    def test_one_that_cannot_be_sent_is_refused_before_anything_starts(self, theirs, cluster: Cluster):
        theirs("LOCK.acquire()")
        with pytest.raises(InputError, match=r"the block 'theirs' must be a class that can be sent to workers"):
            require_alike()
        assert cluster.asked == []

    def test_a_machine_that_cannot_use_it_is_named(self, theirs, cluster: Cluster):
        theirs()
        cluster.answers = lambda found: Machine(versions=found.versions, refused="ModuleNotFoundError: no helpers")
        with pytest.raises(InputError, match=r"10\.0\.0\.b .* cannot use parts of your own: ModuleNotFoundError: no"):
            require_alike()

    def test_a_measure_of_a_module_that_workers_cannot_import_is_sent(self, monkeypatch, tmp_path: Path):
        (tmp_path / "their_measures.py").write_text(MEASURE)
        monkeypatch.syspath_prepend(str(tmp_path))
        monkeypatch.setattr(measures, "known", dict(measures.known))
        assert packed_measures() == b""
        unpacked_measures(b"")
        importlib.import_module("their_measures")
        data = packed_measures()
        assert (packed_measures("half"), packed_measures("accuracy")) == (data, b"")
        sys.modules.pop("their_measures")
        measures.known.pop("half")
        done = fresh.run(RECEIVER, data.hex(), folder=Path("/"))
        assert (done.stdout.strip(), done.returncode) == ("[0.0, 0.5]", 0), done.stderr
        assert machine((), own_measures=data).refused == ""
        assert measures.get("half").words == "half of the images"

    def test_a_measure_that_cannot_be_sent_is_refused_before_anything_starts(self, monkeypatch, cluster: Cluster):
        class Locked(Measure):
            name = words = "locked"

            def __init__(self) -> None:
                self.lock = threading.Lock()

            def of(self, logits_nk, labels_n):
                return 0.0

        monkeypatch.setattr(measures, "known", {**measures.known, "locked": Locked()})
        with pytest.raises(InputError, match=r"the measure 'locked' must be an object that can be sent to workers, .*"):
            require_alike()
        assert cluster.asked == []
        with pytest.raises(InputError, match=r"the measure 'locked' must be an object that can be sent to workers, .*"):
            require_sendable(SearchOptions(metric="locked"), [])
        require_sendable(SearchOptions(metric="macro-f1"), [])  # control: a search that does not ask for it

    def test_installed_modules_are_sent_by_name(self, theirs):
        import ray.cloudpickle as pickle

        theirs()
        own = {module.__name__ for module in users_modules()}
        assert "their_blocks" in own
        assert not {name.partition(".")[0] for name in own} & {"automl", "torch", "numpy", "json", "ray"}
        before = set(pickle.list_registry_pickle_by_value())
        with by_value([sys.modules["their_blocks"]]):
            assert "their_blocks" in pickle.list_registry_pickle_by_value()
        assert set(pickle.list_registry_pickle_by_value()) == before


def test_the_packages_compared_are_installed():
    assert all(machine(nodes.ALIKE, b"", b"").versions.values())


def test_the_address_of_a_client_is_refused():
    with pytest.raises(InputError, match=r"--address must be auto or host:port, .*'ray://head:10001'"):
        inside("ray://head:10001")
    assert inside("head:6379") == "head:6379"
