"""timm's own tests of its models, pointed at ours.

They are not part of the installed timm: its source distribution holds them. The one of the version
installed is downloaded, once, where a package index can be reached, and kept in pytest's cache;
elsewhere these tests are skipped, and `test_timm_protocol.py` stands for them. They are marked
`network`, and left out by default.
"""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import tarfile
import tempfile
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import timm
from automl.blocks.modules.network import Network
from automl.spaces import Candidate
from automl.spaces.candidates import build
from torch import nn

from .conftest import SMALL

FILE = f"timm-{timm.__version__}/tests/test_models.py"
PIP = [[sys.executable, "-m", "pip"], ["uv", "tool", "run", "--from", "pip", "pip"], ["pip"]]
"""Ways to call pip; this environment need not have it."""

TESTS: dict[str, tuple[Any, ...]] = {
    "test_model_forward": (1,),
    "test_model_backward": (2,),
    "test_model_default_cfgs": (1, "meta"),
    "test_reset_classifier_keeps_pool": (),
    "test_head_hidden_size": ({},),
    "test_model_forward_features": (1,),
    "test_features_only_grad_checkpointing_backward": (),
    "test_features_only_feature_cls_class": (),
    "test_model_forward_intermediates": (1,),
    "test_model_forward_intermediates_features": (1,),
    "test_prune_intermediate_layers_params_used": (),
    "test_prune_intermediate_layers_contract": (),
    "test_prune_intermediate_layers_last_feature": (True,),
    "test_prune_to_stem_feature": (),
    "test_forward_after_prune_intermediate_layers": (),
    "test_model_forward_torchscript": (1,),
    "test_model_forward_fx": (1,),
    "test_model_backward_fx": (2,),
    "test_model_forward_fx_torchscript": (1,),
}
"""timm's test -> its arguments after the model's name."""
EXCEPT = {
    (
        "test_forward_after_prune_intermediate_layers",
        "automl_small_split",
    ): "one image: split attention, in timm too, normalises pooled vectors over the batch",
    (
        "test_head_hidden_size",
        "automl_small_neck",
    ): "a pool that doubles the width: before a neck we refuse it by another exception than timm",
}
"""Why a test does not apply to a model."""

pytestmark = [
    pytest.mark.network,
    pytest.mark.filterwarnings(
        "ignore:.*torch.jit.*deprecated:FutureWarning", "ignore:.*torch.jit.*deprecated:DeprecationWarning"
    ),
]


def download(folder: Path) -> str:
    """Put timm's test file into `folder`; why not, where it cannot be had."""
    reason = "pip is not there"
    for pip in PIP:
        with tempfile.TemporaryDirectory() as place:
            options = [
                "--quiet",
                "--disable-pip-version-check",
                "--no-deps",
                "--no-binary",
                ":all:",
                "--retries",
                "0",
                "--timeout",
                "15",
                "--dest",
                place,
            ]
            try:
                done = subprocess.run(
                    [*pip, "download", *options, f"timm=={timm.__version__}"],
                    capture_output=True,
                    text=True,
                    timeout=180,
                )
            except (OSError, subprocess.TimeoutExpired) as error:
                reason = f"{type(error).__name__}"
                continue
            archives = list(Path(place).glob("timm-*.tar.gz"))
            if done.returncode == 0 and archives:
                with tarfile.open(archives[0]) as archive:
                    archive.extract(FILE, folder, filter="data")
                return ""
            if "No module named pip" not in done.stderr:
                reason = (done.stderr.strip().splitlines() or ["no message"])[-1]
    return reason


@pytest.fixture(scope="session")
def suite(request: pytest.FixtureRequest, small: dict[str, Candidate]) -> ModuleType:
    """timm's test_models.py as a module."""
    assert request.config.cache is not None
    folder = request.config.cache.mkdir("timm-tests")
    if not (folder / FILE).is_file():
        reason = download(folder)
        if reason:
            pytest.skip(f"timm's own tests are in its source distribution, which could not be downloaded: {reason}")
    spec = importlib.util.spec_from_file_location("timm_test_models", folder / FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    for mark in set(re.findall(r"pytest\.mark\.(\w+)", (folder / FILE).read_text("utf-8"))):
        request.config.addinivalue_line("markers", f"{mark}: one of timm's own")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", pytest.PytestUnknownMarkWarning)  # timm's marks are in timm's settings
        spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("model", SMALL)
@pytest.mark.parametrize("test", TESTS)
def test_timms_own(suite: ModuleType, test: str, model: str):
    if (test, model) in EXCEPT:
        pytest.skip(EXCEPT[test, model])
    getattr(suite, test)(model, *TESTS[test])


class TestFaultsAreNoticed:
    """A model with a planted fault does not pass."""

    MODEL = "automl_small_mobile"

    def fails(self, suite: ModuleType, test: str) -> None:
        with pytest.raises((AssertionError, RuntimeError, TypeError, AttributeError)):
            getattr(suite, test)(self.MODEL, *TESTS[test])

    @pytest.mark.parametrize(("key", "factor"), [("reduction", 2), ("num_chs", 2)])
    def test_a_wrong_level(self, suite: ModuleType, monkeypatch: pytest.MonkeyPatch, key: str, factor: int):
        right = build.feature_levels
        monkeypatch.setattr(
            build,
            "feature_levels",
            lambda candidate: [{**level, key: factor * level[key]} for level in right(candidate)],
        )
        self.fails(suite, "test_model_forward_features")

    def test_a_classifier_that_forgets_type_and_mode(self, suite: ModuleType, monkeypatch: pytest.MonkeyPatch):
        right = Network.reset_classifier

        def wrong(self: Network, num_classes: int, global_pool: str | None = None) -> None:
            right(self, num_classes, global_pool)
            if num_classes == 2:
                self.classifier = nn.Linear(self.head_hidden_size, num_classes)

        monkeypatch.setattr(Network, "reset_classifier", wrong)
        self.fails(suite, "test_model_default_cfgs")

    def test_a_parameter_that_nothing_uses(self, suite: ModuleType, monkeypatch: pytest.MonkeyPatch):
        right = Network.init_weights

        def wrong(self: Network) -> None:
            right(self)
            self.unused = nn.Linear(2, 2)

        monkeypatch.setattr(Network, "init_weights", wrong)
        self.fails(suite, "test_model_backward")

    def test_pruning_that_keeps_what_is_behind(self, suite: ModuleType, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr(Network, "_cut_after", lambda self, level: False)
        self.fails(suite, "test_prune_intermediate_layers_contract")
