"""Builds a candidate's network through timm's model builder; needs torch and timm.

`automl_network` in timm's registry calls `create`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import torch
from timm.models import (
    PretrainedCfg,
    build_model_with_cfg,
    generate_default_cfgs,
    is_model,
    model_entrypoint,
    register_model,
)
from torch import nn

from ..blocks import InputError
from ..blocks.modules.network import Network
from . import timm_configs
from .candidates.build import build
from .candidates.candidate import Candidate
from .named_candidate import Reference, find_candidate
from .timm_configs import STAND_IN, default_cfgs


def create(
    variant: str,
    reference: Reference,
    *,
    storage: str | None = None,
    pretrained: bool = False,
    pretrained_cfg: Any = None,
    output_stride: int | None = None,
    **kwargs: Any,
) -> nn.Module:
    """Build the network of a candidate with timm's arguments.

    Args:
        variant: the name of the model in timm.
        reference, storage: see `find_candidate`.
        pretrained: load the weights of an exported folder, adapted to `num_classes` and `in_chans`
            as timm does.
        pretrained_cfg: entries that replace those of the candidate's configuration.
        output_stride: at least the network's own stride; strides are not turned into dilation.
        kwargs: `num_classes`, `in_chans`, `global_pool`, `drop_rate`, `drop_path_rate`,
            `bn_momentum`, `bn_eps`, `device`, `dtype`; for features `features_only`, `out_indices`,
            `feature_cls`; and what `timm.models.build_model_with_cfg` takes.

    Raises:
        InputError: there is no such candidate, a pretrained tag is given, or `output_stride` is
            below the network's stride.
        RuntimeError: `pretrained` is true and the reference has no weights.
        TypeError: an argument that no model takes.
    """
    candidate = find_candidate(reference, storage=storage)
    if isinstance(pretrained_cfg, str):
        raise InputError(
            f"{variant} has no pretrained tags, but got {pretrained_cfg!r}; weights come from an exported folder"
        )
    described, stride = _described(candidate)
    if output_stride is not None and output_stride < stride:
        raise InputError(
            f"output_stride must be at least the network's own, {stride} (strides are not turned into dilation), but"
            f" got {output_stride}"
        )
    levels = described.feature_info
    # timm must open the Sequential `blocks` to reach the levels inside it
    flatten = any("." in level["module"] for level in levels)
    return build_model_with_cfg(
        partial(_network, candidate),
        variant,
        pretrained,
        pretrained_cfg={
            **described.pretrained_cfg,
            **_exported(reference),
            **_given(pretrained_cfg),
            "architecture": variant,
        },
        feature_cfg={"out_indices": tuple(range(len(levels))), "flatten_sequential": flatten},
        **kwargs,
    )


def name_in_timm(name: str, candidate: Reference, *, storage: str | None = None) -> None:
    """Register a candidate with timm under `name`, for this process.

    `timm.create_model(name)`, and everything else that takes a model name, then builds it.

    Raises:
        InputError: another model has the name, or it is not made of letters, digits and
            underscores.
    """
    found = find_candidate(candidate, storage=storage)
    if not name.isidentifier():
        raise InputError(f"a name in timm must be made of letters, digits and underscores, but got {name!r}")
    if is_model(name):
        if getattr(model_entrypoint(name), "candidate", None) == found:
            return
        raise InputError(f"the name {name!r} is taken in timm; give another")

    def entry(pretrained: bool = False, **kwargs: Any) -> nn.Module:
        return create(name, found, pretrained=pretrained, **kwargs)

    entry.__name__, entry.__module__ = name, timm_configs.__name__  # timm reads `default_cfgs` of that module
    vars(entry)["candidate"] = found
    default_cfgs.update(generate_default_cfgs({name: {**_described(found)[0].pretrained_cfg, "tag": None}}))
    register_model(entry)


def _described(candidate: Candidate) -> tuple[Network, int]:
    """Return the network on torch's meta device, which allocates no weights, and its stride."""
    with torch.device("meta"):
        network = build(candidate)
    return network, int(network.feature_info[-1]["reduction"])


def _given(pretrained_cfg: PretrainedCfg | Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the entries of a configuration that the user set.

    Of the stand-in that timm holds for `automl_network`, these are the entries that were changed.
    """
    given = asdict(pretrained_cfg) if isinstance(pretrained_cfg, PretrainedCfg) else dict(pretrained_cfg or {})
    if given.get("notes") != STAND_IN:
        return given
    stand_in = PretrainedCfg(**default_cfgs["automl_network"], architecture="automl_network")
    return {key: value for key, value in given.items() if value != getattr(stand_in, key)}


def _exported(reference: Reference) -> dict[str, Any]:
    """Return the pretrained configuration of an exported folder, with the path of its weights."""
    folder = Path(reference) if isinstance(reference, str | os.PathLike) else None
    if folder is None or not (folder / "config.json").is_file():
        return {}
    written = json.loads((folder / "config.json").read_text("utf-8"))
    cfg = {**written.get("pretrained_cfg", {}), **{key: written[key] for key in ("label_names",) if key in written}}
    weights = folder / "model.safetensors"
    return {**cfg, "file": str(weights)} if weights.is_file() else cfg


def _network(
    candidate: Candidate,
    *,
    num_classes: int,
    in_chans: int,
    global_pool: str = "avg",
    drop_rate: float = 0.0,
    drop_path_rate: float = 0.0,
    bn_momentum: float | None = None,
    bn_eps: float | None = None,
    device: Any = None,
    dtype: torch.dtype | None = None,
) -> Network:
    if in_chans != candidate.image[0]:
        candidate = Candidate.from_dict({**candidate.to_dict(), "image": [in_chans, *candidate.image[1:]]})
    with nullcontext() if device is None else torch.device(device):
        network = build(
            candidate,
            drop_rate=drop_rate,
            drop_path_rate=drop_path_rate,
            global_pool=global_pool,
            num_classes=num_classes,
        )
    changes: Mapping[str, float | None] = {"momentum": bn_momentum, "eps": bn_eps}
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            for name, value in changes.items():
                if value is not None:
                    setattr(module, name, value)
    return network if dtype is None else network.to(dtype=dtype)
