"""Looks reference networks up by name.

Eight come with automl. A package declares others in the group of entry points `automl.references`;
a script registers one with `register`. They are scaled by the process that asks for them, so
workers need none.
"""

from __future__ import annotations

from ...blocks import InputError
from ...blocks.registry import Registry
from ..architectures import architecture
from .reference import Reference

_PUBLISHED = {
    "efficientnet_b0": "Tan & Le, EfficientNet, ICML 2019, arXiv:1905.11946",
    "mnasnet_100": "Tan et al., MnasNet, CVPR 2019, arXiv:1807.11626",
    "mobilenetv2_100": "Sandler et al., MobileNetV2, CVPR 2018, arXiv:1801.04381",
    "mobilenetv3_large_100": "Howard et al., MobileNetV3, ICCV 2019, arXiv:1905.02244",
    "resnest14d": "Zhang et al., ResNeSt, arXiv:2004.08955",
    "resnet18": "He et al., ResNet, CVPR 2016, arXiv:1512.03385",
    "resnet50": "He et al., ResNet, CVPR 2016, arXiv:1512.03385",
    "resnext50_32x4d": "Xie et al., ResNeXt, CVPR 2017, arXiv:1611.05431",
}
"""Name in `architectures()` → source."""


def _accepted(name: str, part: object) -> Reference:
    """`part`, if it is a reference network that can be built."""
    if not isinstance(part, Reference):
        raise InputError(f"the reference network {name!r} must be a Reference, but got {part!r}")
    if part.name != name:
        raise InputError(
            f"a reference network must be registered by its own name, but {part.name!r} is declared as {name!r}"
        )
    _ = part.baseline().network  # raises the error if it cannot be built
    return part


reference_networks: Registry[Reference] = Registry("reference network", "automl.references", accept=_accepted)
"""All reference networks by name."""


def register(reference: Reference) -> Reference:
    """Register `reference` by its name.

    Raises:
        InputError: its name is taken, or it cannot be built.
    """
    return reference_networks.add(reference.name, reference)


for _name, _source in _PUBLISHED.items():
    register(Reference(name=_name, network=architecture(_name), source=_source))
