"""Checks that training on a GPU is right: against the CPU, graphs against eager, resumed against
straight, and a network that cannot be captured.

Each check gives a figure, the bound that it must keep, and a control where one is needed: the same
figure for something that must differ. On the CPU the same code runs without graphs.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from automl.search.training.graphs import cuda_graph
from automl.search.training.pixels import Pixels
from automl.search.training.recipe import OPTIMIZERS, Recipe
from automl.search.training.trainer import Trainer
from gpu_tasks import Net, generated, recipe, table
from torch import Tensor, nn

RATES = {"sgd": 0.02, "adamw": 1e-3, "nadamw": 1e-3, "lamb": 0.01, "lion": 3e-4, "rmsproptf": 1e-3, "muon": 0.01}
"""Learning rates of the optimisers that are checked."""


class Check(NamedTuple):
    """A figure and the bound that it must keep."""

    name: str
    value: float
    least: float = float("-inf")
    most: float = float("inf")

    @property
    def passed(self) -> bool:
        """Whether the figure lies within its bounds."""
        return self.least <= self.value <= self.most

    def row(self) -> list[str]:
        """The line of a table."""
        bound = f"at most {self.most:g}" if self.most < float("inf") else f"at least {self.least:g}"
        return [self.name, f"{self.value:.3g}", bound, "yes" if self.passed else "NO"]


class Noted(Trainer):
    """A trainer that notes the loss of every update."""

    graphs = True

    def __init__(self, *given: Any, **settings: Any) -> None:
        super().__init__(*given, **settings)
        self.losses: list[Tensor] = []
        if not self.graphs:
            self._graphs._capture = None

    def _update(self, *given: Any) -> Tensor:
        loss = super()._update(*given)
        self.losses.append(loss.clone())
        return loss

    def trained(self, epochs: int) -> list[float]:
        """The losses of the next epochs."""
        self.losses = []
        for _ in range(epochs):
            self.epoch()
        return torch.stack(self.losses).tolist()


class Eager(Noted):
    """The same, with every kernel launched from Python."""

    graphs = False


class Reading(nn.Module):
    """Reads a value from the device, which no graph can hold."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, x_bchw: Tensor) -> Tensor:
        return self.network(x_bchw) * float(x_bchw[0, 0, 0, 0].item() < 1e9)


def apart(first: list[float], second: list[float]) -> float:
    """The largest difference of two losses of the same update, as a share."""
    return max(abs(a - b) / abs(a) for a, b in zip(first, second, strict=True))


class Checks:
    """Trains a small network again and again on the same images."""

    def __init__(self, net: Net, device: torch.device, images: int, batch_size: int, epochs: int) -> None:
        self.net, self.device, self.batch_size, self.epochs = net, device, batch_size, epochs
        self.count = images
        self.pixels = generated(images, net.size, device)
        self.found: list[Check] = []

    def trainer(
        self,
        kind: type[Noted],
        *,
        seed: int = 0,
        dropout: float = 0.2,
        pixels: Pixels | None = None,
        network: Callable[[nn.Module], nn.Module] = lambda network: network,
        **changes: Any,
    ) -> Noted:
        """A trainer at its start."""
        how = {"ema": 0.99, "cutout": 0.2, "clip": 5.0, "batch_size": self.batch_size, **changes}
        how.setdefault("learning_rate", RATES[how.get("optimizer", "sgd")])
        chosen: Recipe = recipe(**how)
        built = self.net.build(drop_rate=dropout, drop_path_rate=dropout)
        pixels = pixels or self.pixels
        return kind(
            network(built),
            pixels,
            epochs=self.epochs,
            size=self.net.size,
            recipe=chosen,
            seed=seed,
            device=pixels.device,
        )

    def add(self, name: str, value: float, **bounds: float) -> None:
        """Note a figure."""
        self.found.append(Check(name, value, **bounds))
        print(*self.found[-1].row(), sep=" | ", flush=True)

    def against_the_cpu(self) -> None:
        """Without dropout, whose random numbers differ among devices."""
        on_cpu = generated(self.count, self.net.size, torch.device("cpu"))
        expected = self.trainer(Noted, dropout=0.0, pixels=on_cpu).trained(1)
        for amp, most in ((False, 0.01), (True, 0.05)):
            found = self.trainer(Noted, dropout=0.0, amp=amp).trained(1)
            name = "bf16" if amp else "float32"
            self.add(
                f"losses of {len(found)} updates in {name}, apart from the CPU's", apart(expected, found), most=most
            )
        if self.device.type == "cuda":
            other = self.trainer(Noted, dropout=0.0, seed=1).trained(1)
            self.add("control: those of another seed", apart(expected, other), least=0.005)

    def graphs_against_eager(self, optimizers: tuple[str, ...] = OPTIMIZERS) -> None:
        """With dropout and drop-path, of which graph and eager must draw the same."""
        for optimizer in optimizers:
            eager, again, graph = (self.trainer(kind, optimizer=optimizer) for kind in (Eager, Eager, Noted))
            expected, noise, found = (each.trained(2) for each in (eager, again, graph))
            noise_apart = apart(expected, noise)
            self.add(
                f"{optimizer}: losses of {len(found)} updates as graphs, apart from eager ones"
                f" (two eager trainings: {noise_apart:.2g})",
                apart(expected, found),
                most=max(0.02, 3 * noise_apart),
            )
            if self.device.type == "cuda":
                captured = sum(replay is not None for replay in graph._graphs._replays.values())
                self.add(f"{optimizer}: graphs captured", captured, least=2)
        other = self.trainer(Noted, seed=1).trained(2)
        self.add("control: sgd with another seed", apart(self.trainer(Eager).trained(2), other), least=0.005)

    def resumed(self, optimizers: tuple[str, ...]) -> None:
        """Stopped after the first epoch; the state goes through the CPU."""
        for optimizer in optimizers:
            straight, stopped, going_on = (self.trainer(Noted, optimizer=optimizer) for _ in range(3))
            expected = straight.trained(self.epochs)
            first = stopped.trained(1)
            going_on.load_state_dict(stopped.state_dict())
            found = first + going_on.trained(self.epochs - 1)
            self.add(
                f"{optimizer}: losses of a resumed training, apart from a straight one",
                apart(expected, found),
                most=0.02,
            )
            state = stopped.state_dict()
            expected = stopped.trained(self.epochs - 1)
            stopped.load_state_dict(state)
            found = stopped.trained(self.epochs - 1)
            self.add(f"{optimizer}: losses after going back to a state", apart(expected, found), most=0.02)
            on_cpu = generated(self.count, self.net.size, torch.device("cpu"))
            moved = self.trainer(Noted, optimizer=optimizer, pixels=on_cpu)
            moved.load_state_dict(state)
            found = moved.trained(1)
            self.add(
                f"{optimizer}: losses of going on from that state on the CPU",
                apart(expected[: len(found)], found),
                most=0.5,
            )

    def not_captured(self) -> None:
        """A network that reads from the device trains from Python, and the next one as graphs."""
        eager, reading = self.trainer(Eager), self.trainer(Noted, network=Reading)
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter("always")
            found = reading.trained(2)
        self.add(
            "a network that cannot be captured: losses apart from eager ones", apart(eager.trained(2), found), most=0.02
        )
        if self.device.type == "cuda":
            self.add(
                "  warnings that it says so by", sum("without CUDA graphs" in str(one.message) for one in said), least=1
            )
            following = self.trainer(Noted)
            self.add(
                "  losses of the next training, apart from eager ones",
                apart(self.trainer(Eager).trained(2), following.trained(2)),
                most=0.02,
            )
            self.add("  graphs captured in it", sum(map(callable, following._graphs._replays.values())), least=2)

    def rehearsed(self) -> None:
        """A rehearsal, which some callers ask for on a GPU too, leaves no trace."""
        plain, rehearsed = self.trainer(Noted), self.trainer(Noted)
        expected, found = plain.trained(1), rehearsed.trained(1)
        rehearsed.rehearsal()()
        self.add(
            "losses after a rehearsal", apart(expected + plain.trained(1), found + rehearsed.trained(1)), most=0.02
        )

    def capture_seconds(self) -> None:
        """What a capture takes, without the update that runs before it."""
        if self.device.type != "cuda":
            return
        times: list[float] = []

        def timed(*given: Any) -> Any:
            torch.cuda.synchronize()
            began = time.perf_counter()
            replay = cuda_graph(*given)
            torch.cuda.synchronize()
            times.append(time.perf_counter() - began)
            return replay

        trainer = self.trainer(Noted, optimizer="muon")
        trainer._graphs._capture = timed
        trainer.trained(2)
        self.add("seconds of a capture, the slowest of an update or validation", max(times), most=1.0)


def checks_table(found: list[Check]) -> str:
    """Figures, bounds and whether they hold."""
    return table(["check", "value", "bound", "holds"], [each.row() for each in found])
