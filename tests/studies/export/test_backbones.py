"""An exported network as the backbone of torchvision's heads, by model.py alone: detection and
segmentation need no search of their own, since the backbone and its cost are the same."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from automl.studies.export import export_network
from automl.studies.export.source_check import loaded
from torch import Tensor, nn
from torchvision.models.segmentation.fcn import FCNHead
from torchvision.ops import FeaturePyramidNetwork

SIDE = 32


class WithFcn(nn.Module):
    """torchvision's FCN head on the map of an exported network that has a quarter of the side."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network
        self.level = [info["reduction"] for info in network.feature_info].index(4)
        self.head = FCNHead(network.feature_info[self.level]["num_chs"], 1)

    def forward(self, x_bchw: Tensor) -> Tensor:
        (found,) = self.network.forward_intermediates(x_bchw, indices=[self.level], intermediates_only=True)
        return nn.functional.interpolate(self.head(found), size=SIDE, mode="bilinear")


class WithPyramid(nn.Module):
    """torchvision's feature pyramid on the maps of an exported network, and one convolution: the
    logit that an object is at each place of the largest map, as in detectors."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network
        self.pyramid = FeaturePyramidNetwork([info["num_chs"] for info in network.feature_info[1:]], 16)
        self.head = nn.Conv2d(16, 1, 1)

    def forward(self, x_bchw: Tensor) -> Tensor:
        maps = self.network.forward_intermediates(x_bchw, intermediates_only=True)[1:]
        found = self.pyramid(OrderedDict((str(level), each) for level, each in enumerate(maps)))
        return nn.functional.interpolate(self.head(found["0"]), size=SIDE, mode="bilinear")


def scenes(count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Pictures of noise with a bright square, and its mask: bchw and b1hw."""
    random = torch.Generator().manual_seed(seed)
    images, masks = torch.randn(count, 3, SIDE, SIDE, generator=random), torch.zeros(count, 1, SIDE, SIDE)
    for image, mask, (top, left) in zip(images, masks, torch.randint(0, 16, (count, 2), generator=random), strict=True):
        image[:, top : top + 16, left : left + 16] += 2.0
        mask[:, top : top + 16, left : left + 16] = 1.0
    return images, masks


def trained_overlap(network: nn.Module, *, shuffled: bool = False) -> float:
    """Intersection over union on new pictures after a few updates; `shuffled` masks are those of
    other pictures."""
    images, masks = scenes(64, 0)
    masks = masks.roll(1, 0) if shuffled else masks
    optimizer = torch.optim.Adam(network.parameters(), lr=0.01)
    network.train()
    for update in range(40):
        rows = slice(update % 4 * 16, update % 4 * 16 + 16)
        optimizer.zero_grad()
        nn.functional.binary_cross_entropy_with_logits(network(images[rows]), masks[rows]).backward()
        optimizer.step()
    network.eval()
    images, masks = scenes(32, 1)
    with torch.inference_mode():
        found = network(images) > 0
    return float((found & (masks > 0)).sum() / (found | (masks > 0)).sum())


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, tiny, facts) -> Path:
    candidate = tiny("resnet", width=0.25)
    torch.manual_seed(0)
    out = tmp_path_factory.mktemp("backbone") / "found"
    export_network(out, candidate=candidate, weights=candidate.build().state_dict(), facts=facts(candidate), formats=())
    return out


@pytest.mark.parametrize("kind", [WithFcn, pytest.param(WithPyramid, marks=pytest.mark.exhaustive)])
def test_torchvisions_heads_learn_on_it(folder: Path, kind: Callable[[Any], nn.Module]) -> None:
    def overlap(*, shuffled: bool) -> float:
        with loaded(folder / "model.py") as module:
            torch.manual_seed(0)
            return trained_overlap(kind(module.load()), shuffled=shuffled)

    assert overlap(shuffled=False) > 0.6
    assert overlap(shuffled=True) < 0.5  # the control: masks of other pictures


def test_timm_gives_its_maps_by_features_only(folder: Path) -> None:
    backbone: Any = timm.create_model(f"local-dir:{folder}", pretrained=True, features_only=True, out_indices=(1, 2, 3))
    x_bchw = torch.randn(1, 3, SIDE, SIDE)
    with loaded(folder / "model.py") as module, torch.inference_mode():
        maps = module.load().forward_intermediates(x_bchw, indices=[1, 2, 3], intermediates_only=True)
        assert all(map(torch.equal, backbone.eval()(x_bchw), maps))
    assert backbone.feature_info.channels() == [each.shape[1] for each in maps]
