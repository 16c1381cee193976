"""Builds the trainable network of a candidate; needs torch and timm.

`Candidate.build` imports this module when it is called, so that candidates can be used without
torch.
"""

from __future__ import annotations

from typing import Any

from timm.data import IMAGENET_DEFAULT_MEAN, IMAGENET_DEFAULT_STD
from torch import nn

from ...blocks import Shape, Unit
from ...blocks.modules.network import Network
from .candidate import Candidate


def build(
    candidate: Candidate,
    *,
    drop_rate: float = 0.0,
    drop_path_rate: float = 0.0,
    global_pool: str = "avg",
    num_classes: int | None = None,
) -> Network:
    """Build the network of `candidate`, randomly initialised.

    Args:
        candidate: the network to build.
        drop_rate: dropout before the classifier.
        drop_path_rate: rate of stochastic depth at the last unit; it rises linearly from 0 over the
            units (Huang et al., arXiv:1603.09382).
        global_pool: the name of the pool in timm.
        num_classes: outputs in place of the candidate's; 0 leaves out the classifier.
    """
    efficientnet = candidate.layout == "efficientnet"
    trunk: dict[str, nn.Module] = dict(candidate.stem.build(candidate.input))
    first_conv = next(name for name, module in trunk.items() if isinstance(module, nn.Conv2d | nn.Sequential))
    stages, info = _stages(candidate, drop_path_rate), feature_levels(candidate)
    if efficientnet:
        trunk["blocks"] = nn.Sequential(*stages)
    else:
        trunk |= {f"layer{index}": stage for index, stage in enumerate(stages, start=1)}
    *_, (_, head, shape, _) = candidate.walk()
    trunk |= candidate.head.build(shape)
    neck = candidate.head.neck(shape)
    features = head.out(shape).channels
    classifier = "classifier" if efficientnet else "fc"
    reduction = int(info[-1]["reduction"])
    return Network(
        trunk=trunk,
        stages=["blocks"] if efficientnet else [f"layer{index}" for index in range(1, len(stages) + 1)],
        classifier_name=classifier,
        feature_info=info,
        in_chans=candidate.image[0],
        # as in timm, those of the last map: with a neck it is the map of the last stage
        num_features=shape.channels if neck else features,
        neck=neck,
        neck_features=features if neck else None,
        num_classes=candidate.classes if num_classes is None else num_classes,
        drop_rate=drop_rate,
        global_pool=global_pool,
        pretrained_cfg={
            "url": "",
            "architecture": "automl_network",
            "tag": candidate.id[:12],
            "num_classes": candidate.classes,
            "input_size": tuple(candidate.image),
            "pool_size": tuple(-(-side // reduction) for side in candidate.image[1:]),
            "crop_pct": 1.0,
            "interpolation": "bilinear",
            "mean": IMAGENET_DEFAULT_MEAN,
            "std": IMAGENET_DEFAULT_STD,
            "fixed_input_size": False,
            "first_conv": f"{first_conv}.0" if isinstance(trunk[first_conv], nn.Sequential) else first_conv,
            "classifier": classifier,
        },
    )


def feature_levels(candidate: Candidate) -> list[dict[str, Any]]:
    """Return timm's `feature_info`: the last map of every resolution, from the stem on.

    The reductions are those of a large input whose sides all strides divide without rounding.
    """
    side = 1 << 20
    probe = Shape(candidate.image[0], side, side)
    tap = candidate.stem.tap(probe)
    ends = [] if tap is None else [tap]
    shape = candidate.stem.out(probe)
    for index, layers in enumerate(candidate.stages):
        for unit, _ in layers:
            shape = unit.out(shape)
        ends.append((f"blocks.{index}" if candidate.layout == "efficientnet" else f"layer{index + 1}", shape))
    first = len(candidate.stages) + 1 - len(ends)  # the stem counts as stage 0
    levels = {
        side // end.height: {"num_chs": end.channels, "reduction": side // end.height, "module": module, "stage": stage}
        for stage, (module, end) in enumerate(ends, start=first)
    }
    return list(levels.values())


def _stages(candidate: Candidate, drop_path_rate: float) -> list[nn.Sequential]:
    units = sum(int(repeats) for stage in candidate.stages for _, repeats in stage)
    stages: list[list[nn.Module]] = [[] for _ in candidate.stages]
    done = 0
    for place, block, shape, repeats in candidate.walk():
        if isinstance(block, Unit):
            stage = int(place.removeprefix("stages."))
            for _ in range(int(repeats)):
                stages[stage].append(block.build(shape, drop_path=drop_path_rate * done / max(1, units - 1)))
                shape = block.out(shape)
                done += 1
    return [nn.Sequential(*stage) for stage in stages]
