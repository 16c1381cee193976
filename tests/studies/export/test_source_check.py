"""The comparison of a generated file with its network notices what it is there for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from automl.blocks.errors import AutomlError
from automl.studies.export import export_network, expression, source_check
from automl.studies.export.expression import Call


def dropping(argument: str, real: Callable[..., Any]) -> Callable[..., Any]:
    """`expression.read` that forgets an argument, given as "Class.name"."""
    cls, name = argument.split(".")

    def read(module: torch.nn.Module, **given: Any) -> Any:
        call = real(module, **given)
        if call.function.text != cls:
            return call
        return Call(call.function, call.args, tuple((key, value) for key, value in call.kwargs if key != name))

    return read


@pytest.mark.parametrize(
    ("argument", "settings", "complaint"),
    [
        (
            "EfficientChannelAttention.padding",
            {"attention": "eca", "eca_padding": "circular"},
            "outputs differ by up to",
        ),
        ("Bottleneck.stride", {}, "outputs differ by up to|outputs have shape"),
        ("Bottleneck.radix", {"radix": 2}, "weights missing|RuntimeError"),
        ("Bottleneck.cardinality", {"cardinality": 4}, "RuntimeError"),
        ("Bottleneck.se", {"attention": "se"}, "RuntimeError"),
    ],
)
@pytest.mark.parametrize("weights", ["trained", "fresh"])
def test_one_forgotten_argument_is_noticed(
    tiny,
    trained,
    facts,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    argument: str,
    settings: dict[str, Any],
    complaint: str,
    weights: str,
) -> None:
    candidate = tiny("resnet", **settings)
    monkeypatch.setattr(expression, "read", dropping(argument, expression.read))
    # in a fresh network every residual branch is scaled by zero: its outputs alone would not tell
    state = trained(candidate) if weights == "trained" else candidate.build().state_dict()
    with pytest.raises(AutomlError, match=f"model.py does not rebuild the network: .*({complaint})"):
        export_network(tmp_path / "found", candidate=candidate, weights=state, facts=facts(candidate), formats=())
    assert list(tmp_path.iterdir()) == []


def test_without_random_scales_a_fresh_network_would_hide_the_fault(
    tiny, facts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    candidate = tiny("resnet", attention="eca", eca_padding="circular")
    monkeypatch.setattr(expression, "read", dropping("EfficientChannelAttention.padding", expression.read))
    monkeypatch.setattr(
        source_check,
        "_stirred",
        lambda network: {name: tensor.clone() for name, tensor in network.state_dict().items()},
    )
    export_network(
        tmp_path / "found",
        candidate=candidate,
        weights=candidate.build().state_dict(),
        facts=facts(candidate),
        formats=(),
    )
    assert 'padding="circular"' not in (tmp_path / "found" / "model.py").read_text("utf-8")


def test_exporting_leaves_random_numbers_and_the_given_weights_alone(tiny, trained, facts, tmp_path: Path) -> None:
    candidate = tiny("efficientnet")
    weights = trained(candidate)
    before = {name: tensor.clone() for name, tensor in weights.items()}
    torch.manual_seed(5)
    wanted = torch.rand(3)
    torch.manual_seed(5)
    export_network(tmp_path / "found", candidate=candidate, weights=weights, facts=facts(candidate), formats=())
    assert torch.equal(torch.rand(3), wanted)
    assert all(torch.equal(weights[name], before[name]) for name in before)
