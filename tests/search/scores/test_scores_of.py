"""Scores of candidates: names, refusals, determinism, what is left behind, and every kind of block
of the shipped spaces."""

import importlib
import math
import subprocess
import sys

import numpy as np
import pytest
import timm
import torch
from automl.blocks import Attention, InputError, names
from automl.search.scores import (
    NoScore,
    Score,
    batch_of,
    network_scores,
    register,
    score,
    score_names,
    scores,
    scores_of,
)
from automl.search.training.pixels import Pixels
from automl.spaces import Candidate, Space, load_space
from automl.spaces.draws.bulk import draw, settings
from automl.spaces.skeletons import skeleton, skeletons
from torch import nn

from .conftest import Chain, made

DRAWN = 8
SPACES = ("efficientnet", "resnext-attention", "nas-bench-macro")
MACS, PARAMS = 40_000_000, 2_500_000
"""Of the larger candidates, building takes longer than what is tested."""


def drawn(name: str, count: int) -> list[Candidate]:
    """Random candidates, the first of those that are small at 32 pixels."""
    space = load_space(name)
    found: list[Candidate] = []
    for row in draw(space, 100 * count, np.random.default_rng(1)):
        candidate = space.candidate(settings(space, row))
        cost = candidate.cost()
        if cost.macs * 32**2 / (candidate.image[1] * candidate.image[2]) <= MACS and cost.params <= PARAMS:
            found.append(candidate)
        if len(found) == count:
            return found
    raise AssertionError(f"{name} has too few small candidates")


@pytest.fixture(scope="module")
def small() -> Candidate:
    return drawn("nas-bench-macro", 1)[0]


@pytest.fixture(scope="module")
def images() -> tuple[torch.Tensor, torch.Tensor]:
    return torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(0)), torch.arange(4)


class TestNames:
    def test_all_by_default_in_order(self, small, images):
        assert list(scores_of(small, *images)) == score_names()

    def test_only_those_asked_for_each_once(self, small, images):
        assert list(scores_of(small, *images, names=["zen", "log_macs", "zen"])) == ["zen", "log_macs"]

    def test_an_unknown_one_is_answered_with_the_nearest(self, small, images):
        with pytest.raises(InputError, match="unknown score 'synflo'; did you mean 'synflow'"):
            scores_of(small, *images, names=["synflo"])

    def test_every_score_names_its_paper_and_its_deviations(self):
        for name in score_names():
            described = importlib.import_module(score(name).module.partition(":")[0])
            assert name in described.__doc__
            if not name.startswith("log_"):
                assert "arXiv:" in score(name).source
                assert "Source: " in described.__doc__
                assert "Deviation" in described.__doc__

    def test_one_of_a_user_is_found_and_no_name_is_taken_twice(self, small, images, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(scores, "known", dict(scores.known))
        module = type(sys)("their_score")
        module.score = lambda subject: float(subject.labels.sum())
        monkeypatch.setitem(sys.modules, "their_score", module)
        register(Score(name="theirs", source="none", module="their_score"))
        assert scores_of(small, *images, names=["theirs"]) == {"theirs": 6.0}
        with pytest.raises(InputError, match="the score name 'theirs' is taken by Score of their_score"):
            register(Score(name="theirs", source="none", module="another"))


class TestCosts:
    def test_they_are_the_logarithms_of_the_candidates_cost_and_build_nothing(
        self, small, images, monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setattr(Candidate, "build", None)
        cost = small.cost()
        assert scores_of(small, *images, names=["log_params", "log_macs"]) == {
            "log_params": math.log(cost.params),
            "log_macs": math.log(cost.macs),
        }

    def test_a_network_alone_has_none(self, batch):
        with pytest.raises(InputError, match="log_macs is a score of candidates"):
            network_scores(made(Chain), *batch, names=["log_macs"])


class TestDeterminism:
    def test_a_seed_gives_the_same_scores_again_whatever_ran_before(self, small, images):
        first = scores_of(small, *images, seed=4)
        torch.rand(7)
        assert scores_of(small, *images, seed=4) == first
        assert scores_of(small, *images, seed=5) != first

    def test_nothing_is_drawn_from_the_global_generator(self, small, images):
        before = torch.get_rng_state()
        scores_of(small, *images, seed=4)
        assert torch.equal(torch.get_rng_state(), before)

    def test_size_brings_the_images_to_it(self, small, images):
        smaller = nn.functional.interpolate(images[0], (16, 16), mode="bilinear", antialias=True)
        wanted = scores_of(small, smaller, images[1], names=["naswot"])["naswot"]
        assert scores_of(small, *images, size=16, names=["naswot"])["naswot"] == pytest.approx(wanted, abs=1e-6)
        assert scores_of(small, *images, names=["naswot"])["naswot"] != pytest.approx(wanted, abs=1e-6)


class TestNothingIsLeftBehind:
    def test_parameters_buffers_gradients_modes_hooks_and_images(self, network, batch):
        network.train()
        network.bn2.eval()
        before = {name: value.clone() for name, value in network.state_dict().items()}
        images = batch[0].clone()
        network_scores(network, *batch)
        assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
        assert all(parameter.grad is None and parameter.requires_grad for parameter in network.parameters())
        assert [name for name, module in network.named_modules() if not module.training] == ["bn2"]
        assert not any(
            module._forward_hooks or module._forward_pre_hooks or module._backward_hooks for module in network.modules()
        )
        assert torch.equal(batch[0], images)
        assert not batch[0].requires_grad
        assert torch.overrides._get_current_function_mode_stack() == []

    def test_nor_after_a_network_that_fails(self, batch):
        class Broken(Chain):
            def forward_features(self, x):
                raise RuntimeError("broken")

        network = Broken().train()
        with pytest.raises(RuntimeError, match="broken"):
            network_scores(network, *batch)
        assert all(module.training for module in network.modules())
        assert torch.overrides._get_current_function_mode_stack() == []


class TestRefusals:
    def test_equal_images_have_no_naswot(self, batch):
        with pytest.raises(NoScore, match="naswot is -inf; two images of the batch have one pattern"):
            network_scores(made(Chain), batch[0][:1].expand(4, -1, -1, -1), batch[1][:4], names=["naswot"])

    def test_a_network_without_activations_has_no_naswot(self, batch):
        with pytest.raises(NoScore, match="the network has no activation"):
            network_scores(nn.Sequential(nn.Conv2d(3, 4, 8), nn.Flatten()), *batch, names=["naswot"])

    def test_a_network_without_a_map_before_the_pool_has_no_zen(self, batch):
        with pytest.raises(NoScore, match="forward_features"):
            network_scores(nn.Sequential(nn.Conv2d(3, 4, 8), nn.Flatten()), *batch, names=["zen"])

    def test_a_network_of_zeros_has_no_synflow(self, batch):
        network = made(Chain)
        nn.init.zeros_(network.conv2.weight)
        with pytest.raises(NoScore, match="synflow is -inf"):
            network_scores(network, *batch, names=["synflow"])

    def test_infinite_weights_have_no_score(self, batch):
        network = made(Chain)
        nn.init.constant_(network.conv2.weight, math.inf)
        for name in ("synflow", "grad_norm"):
            with pytest.raises(NoScore, match=name):
                network_scores(network, *batch, names=[name])

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            (lambda x, y: (x[:1], y[:1]), "at least 2 images"),
            (lambda x, y: ((x * 9).byte(), y), "floats"),
            (lambda x, y: (x, y.float()), "labels must be int64"),
            (lambda x, y: (x, y[:2]), "one for each image"),
            (lambda x, y: (x, y - 1), "labels must be 0 or above"),
            (lambda x, y: (x, y + 10), "10 classes"),
            (lambda x, y: (x[:, :1], y), "3 channels"),
        ],
    )
    def test_a_batch_that_does_not_fit(self, small, images, change, message):
        with pytest.raises(InputError, match=message):
            scores_of(small, *change(*images))

    def test_a_size_without_pixels(self, small, images):
        with pytest.raises(InputError, match="size must be at least 1, but got 0"):
            scores_of(small, *images, size=0)


@pytest.mark.parametrize("name", SPACES)
def test_random_candidates_of_shipped_spaces_have_finite_scores(name: str, images):
    for candidate in drawn(name, DRAWN):
        found = scores_of(candidate, *images, size=32)
        assert all(math.isfinite(value) for value in found.values())
        assert found["synflow"] > 0


def attentions(name: str) -> list[str]:
    """Some attentions for the skeleton `name`: together, the skeletons have all of them."""
    every, index = ["none", *names(Attention)], list(skeletons()).index(name)
    return list(dict.fromkeys([every[index % len(every)], *every[index :: len(skeletons())]]))


@pytest.mark.parametrize("part", ["some", pytest.param("all", marks=pytest.mark.exhaustive)])
@pytest.mark.parametrize("name", skeletons())
def test_every_attention_in_every_skeleton_has_finite_scores(name: str, part: str):
    base = skeleton(name)
    fixed = {"depth": 0.2, "width": 0.25, "radix": 2, "activation": "hard_swish"}
    dimensions = {key: value for key, value in fixed.items() if key in base.dimensions()}
    images, labels = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(0)), torch.arange(4)
    for attention in attentions(name) if part == "some" else ["none", *names(Attention)]:
        given = {
            "skeleton": name,
            "image": [3, 32, 32],
            "classes": 5,
            "dimensions": {**dimensions, "attention": list(dict.fromkeys(["none", attention]))},
        }
        space = Space.from_dict(given, name)
        candidate = space.candidate({"attention": attention})
        assert all(math.isfinite(value) for value in scores_of(candidate, images, labels).values()), attention


def test_the_parts_of_all_skeletons_hold_every_attention():
    assert {one for name in skeletons() for one in attentions(name)} == {"none", *names(Attention)}


@pytest.mark.parametrize("name", ["test_resnet", "test_efficientnet", "test_byobnet"])
def test_models_of_timm_have_finite_scores(name: str):
    images, labels = torch.randn(4, 3, 64, 64, generator=torch.Generator().manual_seed(0)), torch.arange(4)
    network = timm.create_model(name, num_classes=5)
    assert list(network_scores(network, images, labels)) == ["synflow", "naswot", "jacob_cov", "zen", "grad_norm"]


class TestBatch:
    @pytest.fixture
    def pixels(self) -> Pixels:
        rng = np.random.default_rng(0)
        labels = np.arange(40) % 5
        images = rng.integers(0, 256, (40, 3, 8, 8), dtype=np.uint8)
        images[5:10] = images[:5]
        return Pixels(images, labels.astype(np.int64), np.arange(32), np.arange(32, 40), None, "cpu")

    def test_classes_come_in_turn_and_no_image_twice(self, pixels):
        images, labels = batch_of(pixels, 8, seed=0, count=10)
        assert sorted(labels.tolist()) == sorted([*range(5)] * 2)
        assert len({tuple(image.flatten().tolist()) for image in images}) == 10
        assert images.dtype == torch.float32

    def test_it_follows_from_the_seed(self, pixels):
        assert torch.equal(batch_of(pixels, 8, seed=0)[0], batch_of(pixels, 8, seed=0)[0])
        assert not torch.equal(batch_of(pixels, 8, seed=0)[0], batch_of(pixels, 8, seed=1)[0])

    def test_a_small_data_set_gives_what_it_has(self, pixels):
        assert len(batch_of(pixels, 8, seed=0, count=100)[0]) == 27

    def test_one_image_is_no_batch(self, pixels):
        with pytest.raises(InputError, match="at least 2 images, but got 1"):
            batch_of(pixels, 8, seed=0, count=1)


def test_importing_is_light():
    code = (
        "import sys, automl.search.scores as s; s.score_names(); print(*[name for name in ('torch', 'timm', 'ray',"
        " 'optuna') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""
