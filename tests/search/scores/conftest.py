"""A batch, and small networks written by hand."""

import pytest
import torch
from torch import Tensor, nn


@pytest.fixture(autouse=True, scope="package")
def one_thread():
    """Two threads on maps this small wait for each other longer than they work."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


class Chain(nn.Module):
    """Three convolutions in a row with normalisations and ReLU, a pool, a classifier."""

    def __init__(self, activation: type[nn.Module] = nn.ReLU) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6)
        self.conv2, self.bn2 = nn.Conv2d(6, 8, 3, 2, 1, groups=2, bias=False), nn.BatchNorm2d(8)
        self.conv3, self.bn3 = nn.Conv2d(8, 10, 1, bias=False), nn.BatchNorm2d(10)
        self.act1, self.act2, self.act3 = activation(), activation(), activation()
        self.fc = nn.Linear(10, 4, bias=False)

    def forward_features(self, x: Tensor) -> Tensor:
        for conv, bn, act in (
            (self.conv1, self.bn1, self.act1),
            (self.conv2, self.bn2, self.act2),
            (self.conv3, self.bn3, self.act3),
        ):
            x = act(bn(conv(x)))
        return x

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.forward_features(x).mean((2, 3)))


class Residual(Chain):
    """A chain whose end stands in a residual unit with a shortcut and a gate."""

    def __init__(self) -> None:
        super().__init__()
        self.short, self.short_bn = nn.Conv2d(6, 10, 1, 2, bias=False), nn.BatchNorm2d(10)
        self.gate = nn.Conv2d(10, 10, 1)

    def forward_features(self, x: Tensor) -> Tensor:
        x = self.act1(self.bn1(self.conv1(x)))
        y = self.bn3(self.conv3(self.act2(self.bn2(self.conv2(x)))))
        y = y * self.gate(y.mean((2, 3), keepdim=True)).sigmoid()
        return self.act3(y + self.short_bn(self.short(x)))


@pytest.fixture
def batch() -> tuple[Tensor, Tensor]:
    draws = torch.Generator().manual_seed(0)
    return torch.randn(6, 3, 8, 8, generator=draws), torch.randint(0, 4, (6,), generator=draws)


@pytest.fixture(params=[Chain, Residual])
def network(request: pytest.FixtureRequest) -> nn.Module:
    return made(request.param)


def made(kind: type[nn.Module]) -> nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(1)
        return kind()
