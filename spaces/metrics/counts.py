"""The metrics that count: multiply-adds, parameters and activations (`automl.blocks.cost`)."""

from __future__ import annotations

from .amounts import prefixed
from .metric import CostMetric

MACS = CostMetric(
    "macs",
    lambda cost: cost.macs,
    unit="FLOPs",
    words="multiply-adds for one image; one FLOP is one multiply-add",
    heading="FLOPs",
    units=prefixed("FLOPs", "MACs", "", "FLOP", "MAC", "MAdds"),
)
PARAMS = CostMetric(
    "params",
    lambda cost: cost.params,
    unit="Params",
    words="trainable numbers",
    heading="params",
    units=prefixed("Params", "Param", "Parameters"),
)
ACTIVATIONS = CostMetric(
    "activations",
    lambda cost: cost.activations,
    unit="Acts",
    words="output elements of the convolutions and linear layers for one image",
    heading="activations",
    units=prefixed("Acts", "Activations"),
)
