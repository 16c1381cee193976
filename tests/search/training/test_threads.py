"""Threads train only where they were measured to be faster; no test looks at a real clock."""

from __future__ import annotations

import os

import pytest
import torch
from automl.blocks.errors import InputError
from automl.search.training.threads import REPEATS, SECONDS, Threads, usable_cpus

CPU = torch.device("cpu")


class Machine:
    """A clock that only steps move, each by the seconds of the number of threads that torch has at
    the time."""

    def __init__(self, *seconds: float | list[float], images: int = 10) -> None:
        """Seconds of a step with 1, 2, 4, … threads; a list gives those of one step after the
        other, the last for all further ones."""
        self.now, self.images = 0.0, images
        self.seconds = {
            2**power: list(given) if isinstance(given, list) else [given] for power, given in enumerate(seconds)
        }
        self.steps: list[int] = []

    def clock(self) -> float:
        return self.now

    def step(self) -> int:
        threads = torch.get_num_threads()
        self.steps.append(threads)
        times = self.seconds[threads]
        self.now += times.pop(0) if len(times) > 1 else times[0]
        return self.images

    def threads(self, count: int | None = None, device: torch.device = CPU) -> Threads:
        return Threads(device, count, cpus=max(self.seconds), clock=self.clock)


class TestMeasuring:
    @pytest.mark.parametrize(
        ("seconds", "chosen"),
        [
            pytest.param((0.100, 0.130), 1, id="two are slower"),
            pytest.param((0.100, 2.000), 1, id="two are twenty times slower"),
            pytest.param((0.100, 0.095), 1, id="two are 5 % faster"),
            pytest.param((0.100, 0.067), 2, id="two are 50 % faster"),
            pytest.param((0.100, 0.067, 0.040), 4, id="four are faster still"),
            pytest.param((0.100, 0.067, 0.064), 2, id="four are hardly faster than two"),
            pytest.param((0.100, 0.120, 0.050), 4, id="only four are faster"),
            pytest.param((0.100, 0.067, 0.300), 2, id="four are slower"),
        ],
    )
    def test_more_threads_are_taken_only_where_they_are_faster(self, seconds, chosen):
        machine = Machine(*seconds)
        assert machine.threads().measure(machine.step) == torch.get_num_threads() == chosen

    def test_the_first_step_compiles_and_is_not_what_counts(self):
        machine = Machine([0.5, 0.1], [0.6, 0.05])
        assert machine.threads().measure(machine.step) == 2
        machine = Machine([0.5, 0.1], [0.3, 0.1])  # the control: here only the first is faster
        assert machine.threads().measure(machine.step) == 1

    def test_times_that_vary_speak_against_more_threads(self):
        steady, varying = Machine(0.1, [0.05]), Machine(0.1, [0.05, 0.05, 0.3, 0.05, 0.3, 0.05])
        assert steady.threads().measure(steady.step) == 2
        assert varying.threads().measure(varying.step) == 1

    def test_with_one_cpu_no_step_is_taken(self):
        machine = Machine(0.1)
        assert machine.threads().measure(machine.step) == torch.get_num_threads() == 1
        assert machine.steps == []
        machine = Machine(0.1, 0.05)  # the control
        machine.threads().measure(machine.step)
        assert machine.steps == [1] * (REPEATS + 1) + [2] * (REPEATS + 1)

    def test_all_cpus_are_tried_where_they_are_no_power_of_two(self):
        machine = Machine(0.1, 0.1, 0.1)
        machine.seconds[6] = [0.01]
        assert machine.threads().measure(machine.step) == 6
        assert sorted(set(machine.steps)) == [1, 2, 4, 6]

    def test_the_cpus_are_those_this_process_may_use(self, monkeypatch):
        monkeypatch.setattr(os, "sched_getaffinity", lambda process: {3, 5, 8}, raising=False)
        assert usable_cpus() == 3
        monkeypatch.delattr(os, "sched_getaffinity")
        monkeypatch.setattr(os, "cpu_count", lambda: 7)
        assert usable_cpus() == 7


class TestCost:
    def test_a_number_whose_first_step_is_much_slower_is_not_repeated(self):
        machine = Machine(0.1, 0.151)
        machine.threads().measure(machine.step)
        assert machine.steps.count(2) == 1
        machine = Machine(0.1, [0.149, 0.05])  # the control
        machine.threads().measure(machine.step)
        assert machine.steps.count(2) == REPEATS + 1

    def test_a_number_that_cannot_win_any_more_is_not_repeated(self):
        machine = Machine(0.1, [0.1, 0.05, 0.5, 0.05])
        machine.threads().measure(machine.step)
        assert machine.steps.count(2) == 3
        machine = Machine(0.1, [0.1, 0.05, 0.2, 0.05])  # the control: 0.4 s for five steps are still faster
        assert machine.threads().measure(machine.step) == 2
        assert machine.steps.count(2) == REPEATS + 1

    @pytest.mark.parametrize("seconds", [0.001, 0.2, 1.0, 3.0, 20.0])
    @pytest.mark.parametrize("speed", [0.5, 0.8, 1.0, 1.4, 20.0])
    def test_it_is_a_few_seconds_beside_one_step_for_each_number(self, seconds, speed):
        machine = Machine(*(seconds * speed**power for power in range(8)))
        chosen = machine.threads().measure(machine.step)
        least = sum(machine.seconds[count][0] for count in set(machine.steps))
        assert machine.now <= SECONDS + 2 * least
        assert (chosen > 1) == (speed < 0.9)

    def test_slow_steps_are_tried_with_more_threads_only_as_long_as_that_helps(self):
        machine = Machine(20.0, 11.0, 10.5, 10.0, 9.5)
        assert machine.threads().measure(machine.step) == 2
        assert machine.steps == [1, 2, 4]


class TestEpochs:
    def test_a_machine_that_has_become_busy_trains_with_one_thread_for_good(self):
        machine = Machine(0.10, 0.06, images=10)  # alone, an image takes 10 ms
        threads = machine.threads()
        threads.measure(machine.step)
        assert threads.ended(images=1000, seconds=6.0) == torch.get_num_threads() == 2
        assert threads.ended(images=1000, seconds=9.9) == 2  # the control: slower than measured, yet faster than one
        assert threads.ended(images=1000, seconds=10.1) == torch.get_num_threads() == 1
        assert threads.ended(images=1000, seconds=1.0) == torch.get_num_threads() == 1

    def test_seconds_are_compared_by_image(self):
        machine = Machine(0.10, 0.06, images=10)
        threads = machine.threads()
        threads.measure(machine.step)
        assert threads.ended(images=5000, seconds=40.0) == 2
        assert threads.ended(images=500, seconds=40.0) == 1

    def test_a_number_that_was_given_is_kept(self):
        machine = Machine(0.1, 0.1)
        with machine.threads(count=2) as threads:
            assert (
                threads.measure(machine.step) == threads.ended(images=10, seconds=1e6) == torch.get_num_threads() == 2
            )
        assert machine.steps == []


class TestContext:
    @pytest.mark.parametrize("count", [None, 2])
    def test_the_number_of_before_comes_back(self, count):
        machine = Machine(0.1, 0.05)
        torch.set_num_threads(3)  # the fixture of this folder puts it back
        with machine.threads(count) as threads:
            assert threads.measure(machine.step) == torch.get_num_threads() == 2
        assert torch.get_num_threads() == 3

    def test_it_comes_back_from_the_midst_of_measuring(self):
        def step() -> int:
            if torch.get_num_threads() == 2:
                raise KeyboardInterrupt
            return 10

        torch.set_num_threads(3)
        with pytest.raises(KeyboardInterrupt), Threads(CPU, cpus=2) as threads:
            threads.measure(step)
        assert torch.get_num_threads() == 3

    def test_with_cuda_nothing_is_changed(self):
        machine = Machine(0.1, 0.05)
        torch.set_num_threads(3)
        with machine.threads(device=torch.device("cuda")) as threads:
            assert (
                threads.measure(machine.step) == threads.ended(images=10, seconds=1e6) == torch.get_num_threads() == 3
            )
        assert torch.get_num_threads() == 3
        assert machine.steps == []

    def test_a_number_below_one_is_refused(self):
        with pytest.raises(InputError, match="must be at least 1, but got 0"):
            Threads(CPU, 0)
