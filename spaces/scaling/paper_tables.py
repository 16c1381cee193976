"""Tables of the EfficientNet paper: the released networks, and other baselines after scaling.

Source: Tan & Le, EfficientNet, ICML 2019, arXiv:1905.11946, Tables 2, 3 and 7; widths, depths,
sizes and dropout of B0 to B7 are those of the authors' released code. A FLOP there is a
multiply-add. Figures are strings: how many digits there are is part of the claim.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..architectures import Architecture, architecture

_SCALES = {"k": 1e3, "M": 1e6, "G": 1e9, "B": 1e9}


@dataclass(frozen=True, kw_only=True)
class Released:
    """One of the released EfficientNets."""

    name: str
    """Name of the network in `architectures()`."""
    dropout: float
    """Dropout rate before the classifier."""
    params: str
    """Parameters, as printed."""
    flops: str
    """Multiply-adds, as printed."""
    top1: float
    """ImageNet accuracy in percent, as printed."""

    @property
    def architecture(self) -> Architecture:
        """The published network, with its width, depth and input size."""
        return architecture(self.name)


EFFICIENTNETS = tuple(
    Released(name=f"efficientnet_b{index}", dropout=dropout, params=params, flops=flops, top1=top1)
    for index, (dropout, params, flops, top1) in enumerate(
        [
            (0.2, "5.3M", "0.39B", 77.1),
            (0.2, "7.8M", "0.70B", 79.1),
            (0.3, "9.2M", "1.0B", 80.1),
            (0.3, "12M", "1.8B", 81.6),
            (0.4, "19M", "4.2B", 82.9),
            (0.4, "30M", "9.9B", 83.6),
            (0.5, "43M", "19B", 84.0),
            (0.5, "66M", "37B", 84.3),
        ]
    )
)
"""B0 to B7 (Table 2)."""


@dataclass(frozen=True, kw_only=True)
class Scaled:
    """A baseline scaled along one axis or along all three."""

    baseline: str
    """Name of the baseline in `architectures()` or `skeletons()`."""
    factors: dict[str, float] | None
    """Axis → coefficient, where it is not 1; None if the paper does not print them."""
    flops: str
    """Multiply-adds, as printed."""
    top1: float
    """ImageNet accuracy in percent, as printed."""
    remark: str = ""
    """Remark on a printed cost that the network does not have; empty if there is none."""

    @property
    def way(self) -> str:
        """The axis scaled alone, or "compound"."""
        return next(iter(self.factors)) if self.factors is not None and len(self.factors) == 1 else "compound"


_EXCHANGED = "within 1 % if the figures of depth and width are exchanged"
_COMPOUND = {"depth": 1.4, "width": 1.2, "resolution": 1.3}
SCALED = (
    Scaled(baseline="mobilenetv1", factors={"width": 2.0}, flops="2.2B", top1=74.2),
    Scaled(
        baseline="mobilenetv1",
        factors={"resolution": 2.0},
        flops="2.2B",
        top1=72.7,
        remark="cut off after the digit, it would be 2.2B",
    ),
    Scaled(baseline="mobilenetv1", factors=_COMPOUND, flops="2.3B", top1=75.6),
    Scaled(baseline="mobilenetv2", factors={"depth": 4.0}, flops="1.2B", top1=76.8),
    Scaled(baseline="mobilenetv2", factors={"width": 2.0}, flops="1.1B", top1=76.4),
    Scaled(baseline="mobilenetv2", factors={"resolution": 2.0}, flops="1.2B", top1=74.8),
    Scaled(baseline="mobilenetv2", factors=None, flops="1.3B", top1=77.4, remark="met with --size-multiple 32"),
    Scaled(baseline="resnet50", factors={"depth": 4.0}, flops="16.2B", top1=78.1, remark=_EXCHANGED),
    Scaled(baseline="resnet50", factors={"width": 2.0}, flops="14.7B", top1=77.7, remark=_EXCHANGED),
    Scaled(baseline="resnet50", factors={"resolution": 2.0}, flops="16.4B", top1=77.5),
    Scaled(baseline="resnet50", factors=None, flops="16.7B", top1=78.8),
    Scaled(baseline="efficientnet_b0", factors={"depth": 4.0}, flops="1.8B", top1=79.0),
    Scaled(baseline="efficientnet_b0", factors={"width": 2.0}, flops="1.8B", top1=78.9),
    Scaled(baseline="efficientnet_b0", factors={"resolution": 2.0}, flops="1.9B", top1=79.1),
    Scaled(baseline="efficientnet_b0", factors=_COMPOUND, flops="1.8B", top1=81.1),
)
"""Tables 3 and 7: about four times the baseline's cost each."""


def agrees(value: float, printed: str) -> bool:
    """Whether `value`, rounded to the digits printed, is the printed number."""
    number, scale = printed[:-1], _SCALES[printed[-1]]
    digits = len(number.partition(".")[2])
    return f"{value / scale:.{digits}f}" == number
