"""What is called repeatedly is captured for each shape; what cannot be captured is run."""

from __future__ import annotations

import copy
from contextlib import nullcontext

import pytest
import torch
from automl.search.training import graphs as module
from automl.search.training.graphs import Graphs

from .recording import record


class Counting:
    """Counts its calls, and sums its inputs with a number of Python."""

    def __init__(self) -> None:
        self.calls = 0
        self.number = 1.0

    def __call__(self, *inputs: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return torch.stack([tensor.sum() for tensor in inputs]).sum() + self.number


@pytest.fixture
def graphs() -> Graphs:
    return Graphs(record)


class TestRun:
    def test_the_first_call_runs_the_second_captures_and_later_ones_replay(self, graphs):
        function = Counting()
        results = [graphs.run("sum", function, torch.full((3,), float(value))).item() for value in range(5)]
        assert results == [1.0, 4.0, 7.0, 10.0, 13.0]
        assert function.calls == 2

    def test_numbers_of_python_are_those_of_the_capture(self, graphs):
        """The control of all tests here: what is replayed is a recording, not the function."""
        function = Counting()
        for _ in range(2):
            graphs.run("sum", function, torch.zeros(3))
        function.number = 100.0
        assert graphs.run("sum", function, torch.zeros(3)).item() == 1.0

    def test_each_name_and_each_shape_is_captured_by_itself(self, graphs):
        function = Counting()
        for name in ("a", "b"):
            for count in (2, 3):
                for _ in range(4):
                    assert graphs.run(name, function, torch.ones(count)).item() == count + 1
        assert function.calls == 8

    def test_after_forgetting_it_captures_anew(self, graphs):
        function = Counting()
        for _ in range(2):
            for _ in range(3):
                graphs.run("sum", function, torch.ones(2))
            graphs.forget()
        assert function.calls == 4

    def test_without_a_capture_every_call_runs(self):
        function, graphs = Counting(), Graphs(None)
        for _ in range(4):
            graphs.run("sum", function, torch.ones(2))
        assert function.calls == 4

    def test_a_copy_holds_no_graphs(self, graphs):
        function = Counting()
        for _ in range(3):
            graphs.run("sum", function, torch.ones(2))
        copied = copy.deepcopy(graphs)
        for _ in range(3):
            copied.run("sum", function, torch.ones(2))
        assert function.calls == 4


class TestFallback:
    def test_a_function_that_reads_from_the_device_is_run_and_said_so_once(self, graphs):
        calls = []

        def reads(x: torch.Tensor) -> torch.Tensor:
            calls.append(x.sum().item())
            return x.sum() + calls[-1]

        assert graphs.run("reads", reads, torch.ones(2)).item() == 4.0
        with pytest.warns(UserWarning, match="without CUDA graphs, which is slower: operation not permitted"):
            assert graphs.run("reads", reads, 2 * torch.ones(2)).item() == 8.0
        assert graphs.run("reads", reads, 3 * torch.ones(2)).item() == 12.0
        assert calls == [2.0, 4.0, 6.0]

    @pytest.mark.parametrize(("waits", "given_up"), [([True, False], False), ([True, True], True)])
    def test_only_a_function_that_waits_for_the_device_twice_is_given_up(self, graphs, monkeypatch, waits, given_up):
        """An optimiser waits once, when it makes its state."""
        left = list(waits)
        monkeypatch.setattr(module, "noticing_reads", lambda: nullcontext(["it waits"] if left.pop(0) else []))
        function = Counting()
        with pytest.warns(UserWarning, match="slower: it waits") if given_up else nullcontext():
            for _ in range(5):
                graphs.run("sum", function, torch.ones(2))
        assert function.calls == (5 if given_up else 3)

    def test_without_a_gpu_nothing_is_noticed(self):
        with module.noticing_reads() as reads:
            torch.ones(2).sum().item()
        assert reads == []

    def test_other_errors_are_not_hidden(self, graphs):
        def broken(x: torch.Tensor) -> torch.Tensor:
            raise KeyError("broken")

        with pytest.raises(KeyError):
            graphs.run("broken", broken, torch.ones(2))
