"""Strided 1x1 convolutions of few channels train, are what they were, and do not end the
process."""

from __future__ import annotations

import copy
import subprocess

import pytest
import torch
from automl.search.training.strided import safe_strided
from automl.search.training.trainer import Trainer
from torch import nn

from ... import fresh

CPU = torch.device("cpu")

PLAIN = """
import torch
torch.set_num_threads(2)
layer = torch.nn.Conv2d(8, 16, 1, stride=2, bias=False).to(memory_format=torch.channels_last)
for _ in range(60):
    x = torch.randn(15, 8, 16, 16, requires_grad=True).to(memory_format=torch.channels_last)
    layer(x).sum().backward()
"""

RESIDUAL = """
import contextlib, sys
import numpy as np, torch
from automl.search.training import trainer
from automl.search.training.pixels import Pixels
from automl.search.training.recipe import Recipe
from automl.spaces.skeletons.resnet import ResNet
from automl.spaces.skeletons.stage_table import stages

torch.set_num_threads(2)
narrow = stages("repeats channels stride", (1, 8, 1), (1, 12, 2), (1, 24, 2))
skeleton = ResNet(name="narrow", stages=narrow, baseline={"unit": "basic"})
network = skeleton.candidate({"divisor": 4, "stem": "deep", "stem_width": 4}, (3, 64, 64), 3).build()
convolutions = [layer for layer in network.modules() if isinstance(layer, torch.nn.Conv2d)]
shortcuts = [layer for layer in convolutions if layer.kernel_size == (1, 1) and layer.stride == (2, 2)]
assert [layer.in_channels for layer in shortcuts] == [8, 12]
if sys.argv[1] == "plain":
    trainer.safe_strided = lambda network, device: contextlib.nullcontext()
random, rows = np.random.default_rng(0), np.arange(75)
pixels = Pixels(random.integers(0, 256, (75, 3, 64, 64)).astype(np.uint8), rows % 3, rows[:60], rows[60:], None, "cpu")
kept = {"drop_rate": 0.0, "drop_path_rate": 0.0, "flip": False, "shift": 0.0}
recipe = Recipe(learning_rate=0.05, weight_decay=0.0, batch_size=15, warmup=0.5, **kept)
training = trainer.Trainer(network, pixels, epochs=6, size=64, recipe=recipe, seed=0)
while not training.finished:
    training.epoch()
print("trained", training.done_epochs)
"""


def outcome(script: str, *arguments: str) -> str:
    """What the script prints, or how its process ended; a process that no longer moves is ended
    after a minute."""
    try:
        ran = fresh.run(script, *arguments)
    except subprocess.TimeoutExpired:
        return "died: it hung"
    assert ran.returncode <= 0, ran.stderr  # an ordinary exception is a fault of the script
    return f"died: signal {-ran.returncode}" if ran.returncode else ran.stdout.strip()


@pytest.fixture(scope="module")
def faulty() -> None:
    """Skips where the fault is not to be seen; once it is mended in every torch that the package
    takes, `strided.py` can go."""
    if not outcome(PLAIN).startswith("died"):
        pytest.skip(f"torch {torch.__version__} survives the plain convolution on this machine")


def convolution(
    channels: int, stride: int | tuple[int, int] = 2, groups: int = 1, kernel: int = 1, **options: object
) -> nn.Conv2d:
    return nn.Conv2d(channels, 2 * channels, kernel, stride, groups=groups, **options)  # pyright: ignore[reportArgumentType]


class Doubled(nn.Conv2d):
    """A subclass that ends in `nn.Conv2d`'s own forward, as a user's block may have."""

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        return super().forward(2 * input)


class TestTheFault:
    def test_a_narrow_residual_network_trains_with_several_threads(self):
        assert outcome(RESIDUAL, "safe") == "trained 6"

    def test_the_same_network_dies_without_the_other_way(self, faulty):
        """The control."""
        assert outcome(RESIDUAL, "plain").startswith("died")

    @pytest.mark.parametrize(("side", "threads"), [(16, 2), (64, 1)])
    def test_a_convolution_alone_survives_what_ends_the_plain_one(self, side, threads):
        for batch in (15, 15, 63):
            layer = convolution(8, bias=False).to(memory_format=torch.channels_last)
            x = torch.randn(batch, 8, side, side).to(memory_format=torch.channels_last).requires_grad_()
            torch.set_num_threads(threads)  # the fixture of this folder puts it back
            with safe_strided(layer, CPU):
                layer(x).sum().backward()
            expected = x.detach()[:, :, ::2, ::2].sum((0, 2, 3)).expand(16, 8)
            torch.testing.assert_close(layer.weight.grad[:, :, 0, 0], expected, rtol=1e-4, atol=1e-2)


class TestTheSums:
    @pytest.mark.parametrize("bias", [False, True])
    @pytest.mark.parametrize(
        ("channels", "stride", "groups"),
        [
            (1, 2, 1),
            (3, 2, 1),
            (8, 2, 1),
            (12, 3, 1),
            (15, (1, 2), 1),
            (8, (2, 1), 1),
            (12, (2, 3), 1),
            (16, 2, 2),
            (12, 2, 12),
        ],
    )
    @pytest.mark.parametrize("side", [1, 2, 7, 16])
    def test_output_and_gradients_are_those_of_the_plain_convolution(self, channels, stride, groups, side, bias):
        plain = convolution(channels, stride, groups, bias=bias).to(memory_format=torch.channels_last)
        found = []
        for layer, device in ((plain, torch.device("meta")), (copy.deepcopy(plain), CPU)):
            x = (
                torch.randn(5, channels, side, side + 1, generator=torch.Generator().manual_seed(1))
                .to(memory_format=torch.channels_last)
                .requires_grad_()
            )
            with safe_strided(layer, device):
                assert (type(layer) is not nn.Conv2d) == (device == CPU)
                y = layer(x)
                (y * torch.linspace(-1, 1, y.numel()).view_as(y)).sum().backward()
            found.append([y, x.grad, *(parameter.grad for parameter in layer.parameters())])
        for expected, got in zip(*found, strict=True):
            torch.testing.assert_close(got, expected, rtol=1e-5, atol=1e-5)

    def test_positions_beside_those_of_the_stride_do_not_count(self):
        """The control: one column further, the gradient is another one, so that the comparison
        tells positions apart."""
        layer, gradients = convolution(8, bias=False), []
        x = torch.randn(5, 8, 16, 16)
        for images in (x, x.roll(1, 3)):
            layer.weight.grad = None
            with safe_strided(layer, CPU):
                layer(images).square().sum().backward()
            gradients.append(layer.weight.grad)
        assert not torch.allclose(*gradients, atol=1e-2)

    @pytest.mark.parametrize("frozen", ["weight", "bias", "input"])
    def test_what_needs_no_gradient_gets_none(self, frozen):
        layer, x = convolution(8), torch.randn(3, 8, 8, 8, requires_grad=frozen != "input")
        if frozen != "input":
            getattr(layer, frozen).requires_grad_(False)
        with safe_strided(layer, CPU):
            layer(x).sum().backward()
        given = {"weight": layer.weight.grad, "bias": layer.bias.grad, "input": x.grad}
        assert [name for name, gradient in given.items() if gradient is None] == [frozen]

    def test_a_single_image_without_a_batch_is_taken(self):
        layer, x = convolution(8), torch.randn(8, 6, 6)
        expected = layer(x)
        with safe_strided(layer, CPU):
            torch.testing.assert_close(layer(x), expected)

    def test_a_subclass_keeps_what_it_adds(self):
        layer, x = Doubled(8, 16, 1, 2), torch.randn(3, 8, 6, 6)
        expected = layer(x)
        with safe_strided(layer, CPU):
            y = layer(x)
            assert isinstance(layer, Doubled)
            assert "_Strided" in type(y.grad_fn).__name__
        torch.testing.assert_close(y, expected)
        assert type(layer) is Doubled


class TestWhatIsTouched:
    def test_only_narrow_strided_convolutions_and_only_within(self):
        kept = [
            convolution(8, 1),
            convolution(16),
            convolution(8, kernel=3),
            convolution(8, padding=1),
            nn.ConvTranspose2d(8, 8, 1, 2),
            nn.Linear(8, 8),
        ]
        network = nn.Sequential(
            *kept,
            convolution(8),
            convolution(8, padding="valid", stride=(1, 2)),
            convolution(30, groups=2),
            Doubled(8, 8, 1, 2),
        )
        before = [type(module) for module in network]
        with safe_strided(network, CPU):
            assert [type(module) is not usual for module, usual in zip(network, before, strict=True)] == [False] * len(
                kept
            ) + [True] * 4
            assert [type(module) for module in copy.deepcopy(network)] == [type(module) for module in network]
        assert [type(module) for module in network] == before

    @pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
    def test_an_interruption_leaves_the_network_as_it_was(self, error):
        network = nn.Sequential(convolution(8))
        with pytest.raises(error), safe_strided(network, CPU):
            raise error
        assert type(network[0]) is nn.Conv2d


def test_training_with_one_thread_does_not_depend_on_what_ran_before(toy, recipe):
    def trained() -> list[torch.Tensor]:
        torch.manual_seed(0)
        network = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), convolution(8), nn.ReLU(), nn.Flatten(), nn.Linear(16 * 36, 3)
        )
        trainer = Trainer(network, toy(train=30), epochs=2, size=12, recipe=recipe(batch_size=15), seed=0)
        while not trainer.finished:
            trainer.epoch()
        return [parameter.detach() for parameter in network.parameters()]

    first = trained()
    torch.set_num_threads(2)
    trained()
    torch.set_num_threads(1)
    assert all(torch.equal(a, b) for a, b in zip(first, trained(), strict=True))
