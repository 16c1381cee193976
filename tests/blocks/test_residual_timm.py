"""Residual units and their stems, spelled out as descriptions: whole networks equal to timm's, name
by name and number by number."""

from typing import Any

import pytest
import timm
import torch
from automl.blocks import Attention, Basic, Bottleneck, Cbam, Eca, PoolHead, ResNetStem, Se, Sk, Unit
from automl.blocks.modules.network import Network
from automl.spaces.candidates.candidate import Candidate, assemble, scaled
from flop_counter import FlopCounter
from timm.models.resnet import BasicBlock, ResNet
from timm.models.resnet import Bottleneck as TimmBottleneck
from timm.models.sknet import SelectiveKernelBasic

SIZE = 64
PLAIN, DEEP, TIERED = ResNetStem(), ResNetStem(deep=32), ResNetStem(deep=32, tiered=True)
SK_SPLIT = Sk(split=True, ratio=1 / 8, divisor=16)
SK_WHOLE = Sk(divisor=32)


def resnet(stem: ResNetStem, units: list[Unit], repeats: tuple[int, ...]) -> Candidate:
    stages = [
        scaled(unit, 1 if index == 0 else 2, count)
        for index, (unit, count) in enumerate(zip(units, repeats, strict=True))
    ]
    return assemble("resnet", (3, SIZE, SIZE), 1000, stem, stages, PoolHead())


def basic(
    repeats: tuple[int, ...], attention: Attention | None = None, stem: ResNetStem = PLAIN, **fields: Any
) -> Candidate:
    return resnet(
        stem, [Basic(channels=planes, attention=attention, **fields) for planes in (64, 128, 256, 512)], repeats
    )


def bottleneck(
    repeats: tuple[int, ...],
    attention: Attention | None = None,
    stem: ResNetStem = PLAIN,
    base_width: int = 64,
    **fields: Any,
) -> Candidate:
    groups = fields.get("cardinality", 1)
    widths = [(4 * planes, planes * base_width // 64 * groups) for planes in (64, 128, 256, 512)]
    return resnet(
        stem,
        [Bottleneck(channels=channels, width=width, attention=attention, **fields) for channels, width in widths],
        repeats,
    )


def timm_resnet(block: type = TimmBottleneck, layers: tuple[int, ...] = (1, 1, 1, 1), **given: Any) -> torch.nn.Module:
    return ResNet(block, layers, **given)


ONE, EIGHTEEN, THIRTY_FOUR = (1, 1, 1, 1), (2, 2, 2, 2), (3, 4, 6, 3)
NETWORKS = {
    "skresnet18": (lambda: basic(EIGHTEEN, SK_SPLIT), lambda: timm.create_model("skresnet18")),
    "skresnet34": (lambda: basic(THIRTY_FOUR, SK_SPLIT), lambda: timm.create_model("skresnet34")),
    "skresnet50d": (
        lambda: bottleneck(THIRTY_FOUR, Sk(split=True), DEEP, downsample="avg"),
        lambda: timm.create_model("skresnet50d"),
    ),
    "skresnext50_32x4d": (
        lambda: bottleneck(THIRTY_FOUR, SK_WHOLE, base_width=4, cardinality=32),
        lambda: timm.create_model("skresnext50_32x4d"),
    ),
    "dense windows": (
        lambda: basic(ONE, Sk(dilated=False, branches=3)),
        lambda: timm_resnet(
            SelectiveKernelBasic,
            block_args={"sk_kwargs": {"split_input": False, "keep_3x3": False, "kernel_size": [3, 5, 7]}},
        ),
    ),
    "resnet50c": (lambda: bottleneck(THIRTY_FOUR, stem=DEEP), lambda: timm.create_model("resnet50c")),
    "resnet50s": (
        lambda: bottleneck(THIRTY_FOUR, stem=ResNetStem(channels=128, deep=64)),
        lambda: timm.create_model("resnet50s"),
    ),
    "resnet18d": (lambda: basic(EIGHTEEN, stem=DEEP, downsample="avg"), lambda: timm.create_model("resnet18d")),
    "resnet14t": (lambda: bottleneck(ONE, stem=TIERED, downsample="avg"), lambda: timm.create_model("resnet14t")),
    "ecaresnet26t": (
        lambda: bottleneck(EIGHTEEN, Eca(), TIERED, downsample="avg"),
        lambda: timm.create_model("ecaresnet26t"),
    ),
    "seresnext26t_32x4d": (
        lambda: bottleneck(EIGHTEEN, Se(), TIERED, base_width=4, cardinality=32, downsample="avg"),
        lambda: timm.create_model("seresnext26t_32x4d"),
    ),
    "cecaresnet": (
        lambda: bottleneck(ONE, Eca(padding="circular")),
        lambda: timm_resnet(block_args={"attn_layer": "ceca"}),
    ),
    "cecaresnet, basic": (
        lambda: basic(ONE, Eca(padding="circular")),
        lambda: timm_resnet(BasicBlock, block_args={"attn_layer": "ceca"}),
    ),
    "cbamresnet": (lambda: bottleneck(ONE, Cbam()), lambda: timm_resnet(block_args={"attn_layer": "cbam"})),
    "cbamresnet, basic": (
        lambda: basic(ONE, Cbam()),
        lambda: timm_resnet(BasicBlock, block_args={"attn_layer": "cbam"}),
    ),
}


@pytest.fixture(autouse=True)
def _seeded(monkeypatch: pytest.MonkeyPatch):
    torch.manual_seed(0)
    monkeypatch.setattr(Network, "init_weights", lambda self: None)


def stirred(network: torch.nn.Module) -> torch.nn.Module:
    """The network in evaluation, with running statistics and scales that differ from layer to
    layer, so that no layer can be passed over."""
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.weight.data.uniform_(0.5, 1.0)
            module.bias.data.uniform_(-0.1, 0.1)
            module.running_mean.uniform_(-0.1, 0.1)
            module.running_var.uniform_(0.8, 1.5)
    return network.eval()


def furthest(one: torch.nn.Module, other: torch.nn.Module) -> float:
    """The largest difference between two networks' logits."""
    x = torch.randn(1, 3, SIZE, SIZE)
    with torch.inference_mode():
        return (one(x) - other(x)).abs().max().item()


def counted(network: torch.nn.Module, image: tuple[int, int, int]) -> tuple[float, int, int]:
    """MACs by torch's counter, parameters of the module, output elements of its convolutions and
    linear layers."""
    elements = 0

    def add(module, inputs, output):
        nonlocal elements
        elements += output.numel()

    for module in network.modules():
        if isinstance(module, torch.nn.Conv1d | torch.nn.Conv2d | torch.nn.Linear):
            module.register_forward_hook(add)
    counter = FlopCounter()
    with counter, torch.no_grad():
        network(torch.empty(1, *image, device="meta"))
    return counter.get_total_flops() / 2, sum(p.numel() for p in network.parameters()), elements


@pytest.mark.parametrize("name", NETWORKS)
class TestNetworkOfTimm:
    def test_loads_timms_weights_and_computes_the_same_and_the_other_way_round(self, name: str):
        ours, theirs = NETWORKS[name][0]().build(), stirred(NETWORKS[name][1]())
        ours.load_state_dict(theirs.state_dict())  # strict
        assert furthest(ours.eval(), theirs) <= 1e-5
        theirs.load_state_dict(stirred(ours).state_dict())
        assert furthest(ours, theirs) <= 1e-5

    def test_costs_what_timms_network_is_counted_to_cost(self, name: str):
        with torch.device("meta"):
            theirs = NETWORKS[name][1]().eval()
        cost = NETWORKS[name][0]().cost()
        assert (cost.macs, cost.params, cost.activations) == counted(theirs, (3, SIZE, SIZE))


def test_a_layer_passed_over_would_be_seen():
    ours, theirs = basic(ONE).build(), stirred(timm_resnet(BasicBlock))
    ours.load_state_dict(theirs.state_dict())
    ours.layer3[0].bn2 = torch.nn.Identity()
    assert furthest(ours.eval(), theirs) > 1e-4


def test_the_units_of_resnet_and_of_sknet_do_not_load_each_other():
    with pytest.raises(RuntimeError, match="Missing key"):
        basic(EIGHTEEN).build().load_state_dict(timm.create_model("skresnet18").state_dict())
