"""Every score against a straightforward computation in float64, without any of what the package
does."""

import copy
import math

import pytest
import torch
from automl.search.scores import network_scores
from automl.search.scores.zen import ALPHA, INPUTS
from automl.search.training.randomness import generator
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from .conftest import Chain, Residual, made


def plain_synflow(network: nn.Module, x: Tensor) -> float:
    """The network written out anew with absolute weights, no normalisation, no activation, open
    gates; θ·∂R/∂θ added up in a loop."""
    weights = {
        name: p.detach().double().abs().requires_grad_()
        for name, p in network.named_parameters()
        if "bn" not in name and "gate" not in name
    }
    conv = nn.functional.conv2d
    first = conv(torch.ones(1, *x.shape[1:], dtype=torch.float64), weights["conv1.weight"], padding=1)
    last = conv(conv(first, weights["conv2.weight"], None, 2, 1, 1, 2), weights["conv3.weight"])
    if isinstance(network, Residual):
        last = last + conv(first, weights["short.weight"], None, 2)
    flow = (last.mean((2, 3)) @ weights["fc.weight"].T).sum()
    flow.backward()
    total = 0.0
    for weight in weights.values():
        for value, gradient in zip(weight.detach().flatten().tolist(), weight.grad.flatten().tolist(), strict=True):
            total += value * gradient
    return math.log(total)


def plain_naswot(network: nn.Module, x: Tensor) -> float:
    """Codes by hooks on a copy that trains; the units that agree counted pair by pair."""
    network = copy.deepcopy(network).double().train()
    codes: list[list[list[bool]]] = []
    for module in network.modules():
        if isinstance(module, nn.ReLU | nn.SiLU | nn.Hardswish):
            module.register_forward_hook(lambda module, args, out: codes.append((args[0] > 0).flatten(1).tolist()))
    network(x.double())
    code = [[bit for layer in codes for bit in layer[image]] for image in range(len(x))]
    kernel = [[float(sum(one == other for one, other in zip(a, b, strict=True))) for b in code] for a in code]
    return math.log(torch.det(torch.tensor(kernel, dtype=torch.float64)))


def plain_grad_norm(network: nn.Module, x: Tensor, labels: Tensor) -> float:
    network = copy.deepcopy(network).double().train()
    cross_entropy(network(x.double()), labels).backward()
    layers = [module for module in network.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    return sum(math.sqrt(sum(value**2 for value in layer.weight.grad.flatten().tolist())) for layer in layers)


def plain_jacob_cov(network: nn.Module, x: Tensor) -> float:
    network, x = copy.deepcopy(network).double().train(), x.double().requires_grad_()
    network(x).backward(torch.ones(len(x), network.fc.out_features, dtype=torch.float64))
    rows = x.grad.flatten(1)
    rows = rows - rows.mean(1, keepdim=True)
    correlations = torch.tensor(
        [[float(a @ b / (a.norm() * b.norm())) for b in rows] for a in rows], dtype=torch.float64
    )
    return sum(
        -(math.log(value + 1e-5) + 1 / (value + 1e-5)) for value in torch.linalg.eigvals(correlations).real.tolist()
    )


def plain_zen(network: nn.Module, x: Tensor, seed: int) -> float:
    """A chain with the same random weights, twice through the training network, without residual
    link and gate."""
    draws = generator(seed, "scores", "zen")
    inputs = torch.randn(min(INPUTS, len(x)), *x.shape[1:], generator=draws)
    moved = inputs + ALPHA * torch.randn(inputs.shape, generator=draws)
    order = (
        ["conv1", "conv2", "conv3", "gate", "short"] if isinstance(network, Residual) else ["conv1", "conv2", "conv3"]
    )
    chain = Chain().double().train()
    for name in order:
        random = torch.randn(getattr(network, name).weight.shape, generator=draws)
        if hasattr(chain, name):
            getattr(chain, name).weight.data = random.double()
    scales = []
    with torch.no_grad():
        handles = [
            bn.register_forward_hook(
                lambda module, args, out: scales.append(args[0].var((0, 2, 3), unbiased=False).mean().sqrt().log())
            )
            for bn in (chain.bn1, chain.bn2, chain.bn3)
        ]
        here = chain.forward_features(inputs.double())
        for handle in handles:
            handle.remove()
        there = chain.forward_features(moved.double())
    moves = [math.sqrt(sum(value**2 for value in (a - b).flatten().tolist())) for a, b in zip(here, there, strict=True)]
    return math.log(sum(moves) / len(moves)) + float(sum(scales))


class TestAgainstPlainComputations:
    def test_synflow(self, network, batch):
        assert network_scores(network, *batch, names=["synflow"])["synflow"] == pytest.approx(
            plain_synflow(network, batch[0]), abs=1e-5
        )

    def test_naswot(self, network, batch):
        assert network_scores(network, *batch, names=["naswot"])["naswot"] == pytest.approx(
            plain_naswot(network, batch[0]), abs=1e-9
        )

    @pytest.mark.parametrize("activation", [nn.SiLU, nn.Hardswish])
    def test_naswot_of_smooth_activations_takes_the_sign_of_their_inputs(self, activation, batch):
        network = made(lambda: Chain(activation))
        assert network_scores(network, *batch, names=["naswot"])["naswot"] == pytest.approx(
            plain_naswot(network, batch[0]), abs=1e-9
        )

    def test_grad_norm(self, network, batch):
        assert network_scores(network, *batch, names=["grad_norm"])["grad_norm"] == pytest.approx(
            plain_grad_norm(network, *batch), rel=1e-4
        )

    def test_jacob_cov(self, network, batch):
        assert network_scores(network, *batch, names=["jacob_cov"])["jacob_cov"] == pytest.approx(
            plain_jacob_cov(network, batch[0]), rel=1e-4
        )

    def test_zen(self, network, batch):
        assert network_scores(network, *batch, names=["zen"], seed=5)["zen"] == pytest.approx(
            plain_zen(network, batch[0], 5), abs=1e-3
        )

    def test_all_at_once_are_those_one_by_one(self, network, batch):
        every = network_scores(network, *batch, seed=3)
        assert every == {name: network_scores(network, *batch, names=[name], seed=3)[name] for name in every}
        assert list(every) == ["synflow", "naswot", "jacob_cov", "zen", "grad_norm"]


class TestControls:
    """Faults that the comparisons above would show."""

    def test_a_synflow_that_keeps_signs_differs(self, batch, monkeypatch: pytest.MonkeyPatch):
        network = made(Chain)
        monkeypatch.setattr(Tensor, "abs", lambda tensor: tensor.clone())
        from automl.search.scores.compute import NoScore

        try:
            found = network_scores(network, *batch, names=["synflow"])["synflow"]
        except NoScore:
            return
        monkeypatch.undo()
        assert found != pytest.approx(plain_synflow(network, batch[0]), abs=1e-2)

    def test_a_zen_that_keeps_the_residual_link_differs(self, batch, monkeypatch: pytest.MonkeyPatch):
        from automl.search.scores import tracing, zen

        network = made(Residual)
        monkeypatch.setattr(zen._Random, "total", tracing.Trace.total)
        assert network_scores(network, *batch, names=["zen"])["zen"] != pytest.approx(
            plain_zen(network, batch[0], 0), abs=1e-2
        )

    def test_a_zen_that_keeps_the_gate_differs(self, batch, monkeypatch: pytest.MonkeyPatch):
        from automl.search.scores import tracing, zen

        network = made(Residual)
        monkeypatch.setattr(zen._Random, "product", tracing.Trace.product)
        assert network_scores(network, *batch, names=["zen"])["zen"] != pytest.approx(
            plain_zen(network, batch[0], 0), abs=1e-2
        )

    def test_statistics_of_evaluation_instead_of_the_batch_would_differ(
        self, network, batch, monkeypatch: pytest.MonkeyPatch
    ):
        from automl.search.scores.tracing import Trace

        monkeypatch.setattr(Trace, "batch_norm", lambda self, func, *args, **kwargs: func(*args, **kwargs))
        found = network_scores(network, *batch, names=["naswot", "grad_norm"])
        assert found["naswot"] != pytest.approx(plain_naswot(network, batch[0]), abs=1e-3)
        assert found["grad_norm"] != pytest.approx(plain_grad_norm(network, *batch), rel=1e-3)
