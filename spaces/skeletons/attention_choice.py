"""The attention block that settings name, and the dimensions that attention blocks add."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from ...blocks import Attention, block_class, names
from ..values.plain_values import is_auto


def options() -> list[str]:
    """List the dimensions that registered attention blocks add."""
    return [dimension for name in names(Attention) for dimension in block_class(name, Attention).dimensions]


def attention(local: Mapping[str, Any], **se: Any) -> Attention | None:
    """Return the attention block that `local` names, with its options; None for "none".

    `se` holds the fields of `Se` that the skeleton itself sets.
    """
    name = local["attention"]
    if name == "none":
        return None
    cls = block_class(name, Attention)
    fields = {
        field: local[dimension]
        for dimension, field in cls.dimensions.items()
        if local.get(dimension) is not None and not is_auto(local[dimension])
    }
    if name != "se" and "activation" in local and "activation" in {field.name for field in dataclasses.fields(cls)}:  # type: ignore[arg-type]
        fields["activation"] = local["activation"]  # an attention that replaces a convolution is activated like it
    return cls(**{**(se if name == "se" else {}), **fields})  # pyright: ignore[reportAbstractUsage]
