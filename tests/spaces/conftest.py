"""Small networks of four kinds, under names in timm."""

from __future__ import annotations

import pytest
import torch
from automl.spaces import Candidate
from automl.spaces.skeletons import skeleton

torch.set_num_threads(1)

SMALL: dict[str, Candidate] = {
    "automl_small_mobile": skeleton("efficientnet").candidate({"width": 0.25, "depth": 0.3}, (3, 64, 64), 10),
    "automl_small_neck": skeleton("mobilenetv3").candidate({"width": 0.25}, (3, 64, 64), 10),
    "automl_small_basic": (
        skeleton("resnet").candidate(
            {"width": 0.125, "depth": 0.34, "unit": "basic", "attention": "eca"}, (3, 64, 64), 10
        )
    ),
    "automl_small_split": (
        skeleton("resnet").candidate(
            {"width": 0.125, "depth": 0.34, "stem": "deep", "downsample": "avg", "radix": 2, "pool": "last"},
            (3, 64, 64),
            10,
        )
    ),
}


@pytest.fixture(scope="session")
def small() -> dict[str, Candidate]:
    """Candidate by its name in timm."""
    from automl.spaces.timm_model import name_in_timm

    for name, candidate in SMALL.items():
        name_in_timm(name, candidate)
    return SMALL
