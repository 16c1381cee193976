"""Scores that take gradients meet the same fault of oneDNN as training does: a process of its own,
which would die of it."""

from __future__ import annotations

import pytest

from ... import fresh

SCORES = """
import sys
import torch
from automl.search.scores import compute, scores_of
from automl.spaces.skeletons import skeleton

torch.set_num_threads(2)
if sys.argv[1] == "plain":
    compute._layout = lambda *_: torch.channels_last
images = torch.randn(15, 3, 64, 64, generator=torch.Generator().manual_seed(0))
for width in (0.125, 0.1875, 0.25):
    candidate = skeleton("resnet").candidate({"width": width, "depth": 0.3, "expansion": 1}, (3, 64, 64), 3)
    for _ in range(5):
        scores_of(candidate, images, torch.arange(15) % 3, names=["grad_norm", "synflow"])
"""


def run(how: str) -> int:
    return fresh.run(SCORES, how).returncode


def test_scores_survive_narrow_strided_convolutions() -> None:
    assert run("safe") == 0


def test_the_plain_convolutions_would_die() -> None:
    """The control."""
    if run("plain") == 0:
        pytest.skip("the installed torch does not die of it")
