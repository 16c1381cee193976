"""What papers print of their networks' parameters and multiply-adds, each beside the same network
as a point of our skeletons and as timm's module.

Figures are strings, as printed: how many digits there are is part of the claim. A row names the
rule (`published_rules`) under which its figure is counted; `PLAIN` is our own convention, rounded
to the digits printed, and `UNEXPLAINED` says that none of the rules known gives the figure.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import timm
from automl.spaces import Candidate, architecture
from automl.spaces.scaling.paper_tables import EFFICIENTNETS, SCALED
from automl.spaces.skeletons import skeleton
from published_rules import MXNET, PLAIN, SENET, THOP, THOP_MOBILE, UNEXPLAINED, UNITS_OF_1024, WITHOUT_NORMS, Rule
from timm.layers import EcaModule
from timm.models.resnest import ResNestBottleneck
from timm.models.resnet import BasicBlock, Bottleneck, ResNet
from torch import nn

EFFICIENTNET = "EfficientNet (arXiv:1905.11946, Table 2)"
BASELINES = "Baselines of compound scaling (arXiv:1905.11946, Tables 3 and 7)"
RESNEXT = "ResNeXt (arXiv:1611.05431, Tables 1 and 3)"
SE = "SENet (arXiv:1709.01507, Table 2)"
ECA = "ECA-Net (arXiv:1910.03151, the authors' repository)"
RESNEST = "ResNeSt (arXiv:2004.08955, the authors' repository)"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One published network."""

    source: str
    """Where the figures are printed; rows of one source are counted in one way."""
    name: str
    """The network as its paper calls it."""
    params: str | None
    """Parameters as printed, with M; None where none are."""
    macs: str | None
    """Multiply-adds ("FLOPs") as printed, with M, G or B; None where none are."""
    candidate: Callable[[], Candidate]
    """The network as a point of a skeleton, at the size of the figures."""
    theirs: Callable[[], nn.Module] | None = None
    """timm's module of the same network."""
    params_rule: Rule = PLAIN
    """How the parameters were counted."""
    macs_rule: Rule = PLAIN
    """How the multiply-adds were counted."""


def _named(source: str, name: str, ours: str, params: str | None, macs: str | None, **more) -> Row:
    """A row whose network `architectures()` and timm have under the name `ours`, unless `theirs`
    says otherwise."""
    theirs = more.pop("theirs", (lambda: timm.create_model(ours)) if timm.is_model(ours) else None)
    return Row(
        source=source,
        name=name,
        params=params,
        macs=macs,
        candidate=lambda: architecture(ours).candidate(),
        theirs=theirs,
        **more,
    )


def _point(base: str, **settings) -> Callable[[], Candidate]:
    return lambda: skeleton(base).candidate(settings, (3, 224, 224), 1000)


def _efficientnets() -> list[Row]:
    return [
        _named(
            EFFICIENTNET,
            f"EfficientNet-B{index}",
            row.name,
            row.params,
            row.flops,
            params_rule=UNEXPLAINED if index == 2 else PLAIN,
            macs_rule=UNEXPLAINED if index in (1, 4, 5, 7) else PLAIN,
        )
        for index, row in enumerate(EFFICIENTNETS)
    ]


def _baselines() -> list[Row]:
    rows = [
        _named(BASELINES, paper, ours, None, macs)
        for paper, ours, macs in (
            ("MobileNetV1", "mobilenetv1_100", "0.6B"),
            ("MobileNetV2", "mobilenetv2_100", "0.3B"),
            ("ResNet-50", "resnet50", "4.1B"),
            ("EfficientNet-B0", "efficientnet_b0", "0.4B"),
        )
    ]
    names = {
        "mobilenetv1": "MobileNetV1",
        "mobilenetv2": "MobileNetV2",
        "resnet50": "ResNet-50",
        "efficientnet_b0": "EfficientNet-B0",
    }
    bases = {"resnet50": "resnet", "efficientnet_b0": "efficientnet"}
    unexplained = ["mobilenetv1 r=2", "mobilenetv1 d=1.4 w=1.2 r=1.3", "resnet50 d=4", "resnet50 w=2"]
    unexplained += [f"efficientnet_b0 {alone}" for alone in ("d=4", "w=2", "r=2")]
    for row in SCALED:
        if row.factors is not None:  # else the paper does not say what was scaled by how much
            scale = " ".join(f"{key[0]}={value:g}" for key, value in row.factors.items())
            rule = UNEXPLAINED if f"{row.baseline} {scale}" in unexplained else PLAIN
            point = _point(bases.get(row.baseline, row.baseline), **row.factors)
            rows.append(
                Row(
                    source=BASELINES,
                    name=f"{names[row.baseline]} {scale}",
                    params=None,
                    macs=row.flops,
                    candidate=point,
                    macs_rule=rule,
                )
            )
    return rows


def _resnexts() -> list[Row]:
    def grouped(cardinality: int, width: int) -> Callable[[], nn.Module]:
        return lambda: ResNet(Bottleneck, [3, 4, 6, 3], cardinality=cardinality, base_width=width)

    rows = [_named(RESNEXT, "ResNeXt-50 1×64d (ResNet-50)", "resnet50", "25.5M", "4.1B", params_rule=WITHOUT_NORMS)]
    rows += [
        _named(RESNEXT, f"ResNeXt-50 {c}×{d}d", f"resnext50_{c}x{d}d", None, None, theirs=grouped(c, d))
        for c, d in ((2, 40), (4, 24), (8, 14))
    ]
    return [*rows, _named(RESNEXT, "ResNeXt-50 32×4d", "resnext50_32x4d", "25.0M", "4.2B", params_rule=WITHOUT_NORMS)]


def _senets() -> list[Row]:
    return [
        _named(SE, "ResNet-50", "resnet50", None, "3.86B", macs_rule=SENET),
        _named(SE, "SE-ResNet-50", "seresnet50", "28.1M", "3.87B", macs_rule=SENET),
    ]


def _ecanets() -> list[Row]:
    def attended(depth: int, kernels: tuple[int, ...]) -> Callable[[], nn.Module]:
        block, layers = {
            18: (BasicBlock, [2, 2, 2, 2]),
            34: (BasicBlock, [3, 4, 6, 3]),
            50: (Bottleneck, [3, 4, 6, 3]),
            101: (Bottleneck, [3, 4, 23, 3]),
        }[depth]
        of = {block.expansion * 64 * 2**stage: kernel for stage, kernel in enumerate(kernels)}
        # given channels, timm's module would ignore the kernel
        return lambda: ResNet(
            block, layers, block_args={"attn_layer": lambda channels, **_: EcaModule(kernel_size=of[channels])}
        )

    printed = (
        (18, (3, 5, 7, 7), "11.15M", "1.70G"),
        (34, (3, 3, 5, 7), "20.79M", "3.43G"),
        (50, (3, 5, 5, 7), "24.37M", "3.86G"),
        (101, (3, 3, 5, 7), "42.49M", "7.35G"),
    )
    rows = [
        _named(
            ECA,
            f"ECA-Net{depth} (k{''.join(map(str, kernels))})",
            f"ecanet{depth}",
            params,
            macs,
            theirs=attended(depth, kernels),
            params_rule=UNITS_OF_1024,
            macs_rule=THOP,
        )
        for depth, kernels, params, macs in printed
    ]
    mobile = _point("mobilenetv2", attention="eca", eca_kernel=(1, 1, 1, 1, 1, 3, 3))
    return [
        *rows,
        Row(
            source=ECA,
            name="ECA-MobileNetV2 (k13)",
            params="3.34M",
            macs="319.9M",
            candidate=mobile,
            params_rule=UNITS_OF_1024,
            macs_rule=THOP_MOBILE,
        ),
    ]


def _resnests() -> list[Row]:
    def split(radix: int, cardinality: int, width: int) -> Callable[[], nn.Module]:
        return lambda: ResNet(
            ResNestBottleneck,
            [3, 4, 6, 3],
            stem_type="deep",
            stem_width=32,
            avg_down=True,
            cardinality=cardinality,
            base_width=width,
            block_args={"radix": radix, "avd": True, "avd_first": True},
        )

    rows = [_named(RESNEST, "ResNeSt-50 2s1x64d", "resnest50d", "27.5M", "5.39G", macs_rule=MXNET)]
    for setting, params, macs in (
        ((1, 1, 64), "26.3M", "4.34G"),
        ((2, 1, 64), "27.5M", "4.34G"),
        ((4, 1, 64), "31.9M", "4.35G"),
        ((1, 2, 40), "25.9M", "4.38G"),
        ((2, 2, 40), "26.9M", "4.38G"),
        ((4, 2, 40), "30.4M", "4.41G"),
        ((1, 4, 24), "25.7M", "4.42G"),
    ):
        name = "{}s{}x{}d".format(*setting)
        rows.append(
            _named(
                RESNEST,
                f"ResNeSt-50-fast {name}",
                f"resnest50d_{name}",
                params,
                macs,
                theirs=split(*setting),
                params_rule=UNEXPLAINED if name == "1s1x64d" else PLAIN,
                macs_rule=UNEXPLAINED if name in ("2s1x64d", "4s2x40d") else MXNET,
            )
        )
    return rows


ROWS: list[Row] = [*_efficientnets(), *_baselines(), *_resnexts(), *_senets(), *_ecanets(), *_resnests()]
