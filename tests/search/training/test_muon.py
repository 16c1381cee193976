"""Muon orthogonalises what mixes channels and leaves the rest to AdamW."""

from __future__ import annotations

import pytest
import torch
from automl.search.training import muon
from automl.search.training.muon import Muon, mixes, move, move_padded, orthogonalised
from torch import nn


@pytest.mark.parametrize("shape", [(1, 8, 20), (3, 24, 72), (2, 200, 30)])
def test_singular_values_come_near_one_and_vectors_stay(shape):
    matrices = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    found = orthogonalised(matrices)
    values = torch.linalg.svdvals(found)
    assert values.min() > 0.5
    assert values.max() < 1.1
    u, _, vh = torch.linalg.svd(matrices, full_matrices=False)
    exact = u @ vh
    assert (found - exact).norm() < 0.2 * exact.norm()
    assert (matrices / matrices.norm() - exact).norm() > 0.5 * exact.norm()  # the control: it was not so before


def test_zeros_stay_zeros():
    assert not orthogonalised(torch.zeros(2, 8, 9)).any()


def test_matrices_of_one_shape_do_not_mix():
    first, second = torch.randn(8, 12), 100 * torch.randn(8, 12)
    together = orthogonalised(torch.stack([first, second]))
    torch.testing.assert_close(together[0], orthogonalised(first[None])[0], rtol=1e-4, atol=1e-5)


class TestWide:
    """Matrices whose steps are taken on their product with their transpose."""

    @pytest.fixture
    def matrices(self):
        """Singular values from 1 to 0.001, as gradients have them, and from 1 to 0.1."""
        random = torch.Generator().manual_seed(0)
        u, _, vh = torch.linalg.svd(torch.randn(2, 32, 288, generator=random), full_matrices=False)
        return u @ torch.diag_embed(torch.stack([torch.logspace(0, -3, 32), torch.logspace(0, -1, 32)])) @ vh

    def test_the_steps_are_those_taken_on_the_matrix_itself(self, matrices, monkeypatch):
        found = orthogonalised(matrices)
        monkeypatch.setattr(muon, "WIDE", float("inf"))
        expected = orthogonalised(matrices)
        torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-3)
        assert not torch.equal(found, expected)  # the control: there are two ways

    def test_one_step_less_would_be_seen(self, matrices, monkeypatch):
        found = orthogonalised(matrices)
        monkeypatch.setattr(muon, "STEPS", muon.STEPS[1:])
        assert (orthogonalised(matrices) - found).abs().max() > 0.01


@pytest.mark.parametrize("shape", [(2, 96, 200), (1, 260, 100)])
def test_large_matrices_in_bf16_where_the_cpu_multiplies_it(shape, monkeypatch):
    matrices = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    exact, short = [], []
    for able, found in ((False, exact), (True, short)):
        monkeypatch.setattr(muon, "multiplies_bf16", lambda able=able: able)
        found.extend((orthogonalised(matrices), orthogonalised(matrices[:, :8])))
    assert short[0].dtype == torch.float32
    values = torch.linalg.svdvals(short[0])
    assert values.min() > 0.5
    assert values.max() < 1.1
    assert 0 < (short[0] - exact[0]).norm() < 0.02 * exact[0].norm()
    assert torch.equal(short[1], exact[1])  # the control: small ones are processed as before


def test_the_order_of_weights_in_memory_has_no_influence():
    moved = []
    for layout in (torch.contiguous_format, torch.channels_last):
        weight = torch.zeros(16, 8, 3, 3).to(memory_format=layout)
        ahead = torch.randn(16, 8, 3, 3, generator=torch.Generator().manual_seed(0)).to(memory_format=layout)
        move([weight], [ahead], 0.1)
        moved.append(weight)
    torch.testing.assert_close(*moved, rtol=1e-4, atol=1e-6)


def test_what_is_orthogonalised():
    wide, depthwise, thin = nn.Conv2d(8, 16, 1), nn.Conv2d(16, 16, 3, groups=16), nn.Conv2d(16, 4, 1)
    norm, stem, head = nn.BatchNorm2d(16), nn.Conv2d(3, 16, 3), nn.Linear(64, 3)
    assert [mixes(module.weight) for module in (wide, depthwise, thin, norm, stem, head)] == [
        True,
        False,
        False,
        False,
        True,
        False,
    ]


def test_other_weights_are_updated_as_adamw_does():
    ours, theirs = nn.BatchNorm2d(5), nn.BatchNorm2d(5)
    muon = Muon(ours.parameters(), lr=0.01, weight_decay=0.1, betas=(0.9, 0.99))
    adamw = torch.optim.AdamW(theirs.parameters(), lr=0.01, weight_decay=0.1, betas=(0.9, 0.99), eps=1e-8)
    for step in range(3):
        for module, optimizer in ((ours, muon), (theirs, adamw)):
            for parameter in module.parameters():
                parameter.grad = torch.full_like(parameter, step - 0.5)
            optimizer.step()
    torch.testing.assert_close(ours.weight, theirs.weight)
    torch.testing.assert_close(ours.bias, theirs.bias)


def test_a_step_has_the_size_of_its_rate_whatever_the_gradient():
    moved = []
    for scale in (1e-3, 1e3):
        weight = nn.Parameter(torch.zeros(16, 32))
        weight.grad = scale * torch.randn(16, 32, generator=torch.Generator().manual_seed(0))
        Muon([weight], lr=0.01).step()
        moved.append(weight.detach().square().mean().sqrt().item())
    assert moved[0] == pytest.approx(moved[1], rel=1e-3)
    assert moved[0] == pytest.approx(0.01 * 0.2, rel=0.1)


class TestPadded:
    SHAPES = ((16, 32), (24, 20, 1, 1), (8, 9, 3, 3), (72, 12, 1, 1), (17, 33))

    def moved(self, function, rate=0.1):
        random = torch.Generator().manual_seed(0)
        weights = [torch.zeros(shape) for shape in self.SHAPES]
        ahead = [torch.randn(shape, generator=random) for shape in self.SHAPES]
        function(weights, ahead, rate)
        return weights

    def test_matrices_padded_to_a_common_shape_move_as_each_by_itself(self):
        for one, other in zip(self.moved(move), self.moved(move_padded), strict=True):
            torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-5)

    def test_other_gradients_move_them_otherwise(self):
        """The control: the steps compared are large."""
        assert all(weight.square().mean().sqrt() > 0.01 for weight in self.moved(move_padded))

    def test_the_rate_may_be_a_tensor(self):
        for one, other in zip(self.moved(move_padded), self.moved(move_padded, torch.tensor(0.1)), strict=True):
            torch.testing.assert_close(one, other)
