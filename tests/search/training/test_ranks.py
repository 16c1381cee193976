"""What processes that train a network together exchange."""

from __future__ import annotations

import pytest
import torch
from automl.blocks import InputError
from automl.search.training import ranks
from automl.search.training.ranks import ALONE, Ranks
from torch import nn


class Done:
    """An exchange that takes no time, or one that hangs on the GPU."""

    def __init__(self, tensor: torch.Tensor, *, completed: bool = True) -> None:
        self.tensor, self.completed = tensor, completed

    def wait(self) -> None:
        """On a GPU this does not wait for the others."""

    def is_completed(self) -> bool:
        return self.completed


@pytest.fixture
def alike(monkeypatch: pytest.MonkeyPatch) -> Ranks:
    """Two processes that hold the same."""
    monkeypatch.setattr(ranks.dist, "all_reduce", lambda tensor, async_op: Done(tensor.mul_(2)))
    return Ranks(1, 2)


@pytest.fixture
def thrice(monkeypatch: pytest.MonkeyPatch) -> Ranks:
    """Two processes, the other of which holds three times as much."""
    monkeypatch.setattr(ranks.dist, "all_reduce", lambda tensor, async_op: Done(tensor.mul_(4)))
    return Ranks(1, 2)


def network() -> nn.Module:
    made = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Linear(4, 2))
    made[2].bias.requires_grad_(False)  # has no gradient
    made(torch.randn(8, 3)).sum().backward()
    return made


@pytest.mark.parametrize(("images", "count"), [(8, 2), (7, 2), (15, 4)])
def test_parts_hold_each_image_of_a_batch_once(images: int, count: int) -> None:
    batch = torch.arange(images)
    parts = [Ranks(rank, count).own(batch) for rank in range(count)]
    assert torch.cat(parts).tolist() == batch.tolist()
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    assert ALONE.own(batch) is batch


def test_a_batch_that_gives_a_process_one_image_is_refused() -> None:
    Ranks(0, 4).require_batch(8)
    ALONE.require_batch(1)
    with pytest.raises(InputError, match="4 processes need batches of at least 8 images, but the smallest has 7: give"):
        Ranks(0, 4).require_batch(7)


def test_gradients_of_parts_are_weighed_by_their_images(alike: Ranks) -> None:
    made = network()
    before = [weights.grad.clone() for weights in made.parameters() if weights.grad is not None]
    alike.sum_gradients(made, 0.5)  # two equal parts give the gradient of the batch
    after = [weights.grad for weights in made.parameters() if weights.grad is not None]
    assert all(torch.allclose(one, other) for one, other in zip(after, before, strict=True))
    alike.sum_gradients(made, 0.25)
    assert all(torch.allclose(one, other / 2) for one, other in zip(after, before, strict=True))


def test_running_statistics_are_averaged_and_counters_are_not(thrice: Ranks) -> None:
    made = network()
    before = [buffer.clone() for buffer in made.buffers()]
    thrice.average_buffers([made])
    factors = [2 if buffer.dtype.is_floating_point else 1 for buffer in before]
    assert sorted(factors) == [1, 2, 2]
    assert all(
        torch.allclose(one, other * factor) for one, other, factor in zip(made.buffers(), before, factors, strict=True)
    )
    assert thrice.sum(torch.tensor(1.5)) == 6
    thrice.average_buffers([nn.Linear(2, 2)])  # has none


def test_all_begin_with_what_the_first_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[tuple[torch.Tensor, int]] = []
    monkeypatch.setattr(ranks.dist, "broadcast", lambda tensor, src, async_op: sent.append((tensor, src)))
    made = network()
    Ranks(1, 2).begin_alike([made])
    assert {id(tensor) for tensor, _ in sent} == set(map(id, (*made.parameters(), *made.buffers())))
    assert {source for _, source in sent} == {0}


def test_alone_nothing_is_exchanged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ranks, "dist", None)
    made, value = network(), torch.tensor(1.5)
    ALONE.sum_gradients(made, 1.0)
    ALONE.average_buffers([made])
    ALONE.begin_alike([made])
    assert ALONE.sum(value) == 1.5
    assert ranks.waited() == 0


def test_a_process_that_waits_for_the_others_is_known_to(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[bool] = []

    class Noted(Done):
        def wait(self) -> None:
            seen.append(ranks.waited() > 0)

    monkeypatch.setattr(ranks.dist, "all_reduce", lambda tensor, async_op: Noted(tensor))
    Ranks(0, 2).sum(torch.tensor(1.0))
    assert seen == [True]
    assert ranks.waited() == 0


def test_a_gpu_that_waits_is_known_to_when_the_process_is_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    begun: list[Done] = []

    def hangs(tensor: torch.Tensor, *, async_op: bool) -> Done:
        begun.append(Done(tensor, completed=False))
        return begun[-1]

    monkeypatch.setattr(ranks.dist, "all_reduce", hangs)
    Ranks(0, 2).average_buffers([network()])
    assert ranks.waited() > 0
    begun[-1].completed = True
    assert ranks.waited() == 0
