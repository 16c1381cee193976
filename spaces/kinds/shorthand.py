"""Expands the short forms of a space file: `baseline`, `candidate` as a file, and `scaling`.

Source of the scaling rule: Tan & Le, EfficientNet, ICML 2019, arXiv:1905.11946, equation 3:
α · β² · γ² ≈ 2 with α, β, γ ≥ 1.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...blocks import InputError
from ...blocks.errors import unknown
from ..architectures import architectures
from ..candidates.candidate import Candidate
from ..candidates.candidate_file import FILES, read_candidate
from ..neighbourhood import centres, network
from ..skeletons.value_rules import POSITIVE
from ..values.plain_values import is_number
from ..values.yaml_source import Source

STANDS_ON = ("skeleton", "candidate", "baseline")
"""Keys of a space file that name what the space is made of; a file has exactly one of them."""
POWERS = {"depth": 1, "width": 2, "resolution": 2}
"""Axis → the power with which it multiplies the MACs of a network."""
COMPOUND = {"target": 2.0, "tolerance": 0.05, "step": 0.05, "axes": list(POWERS)}
"""The values that `scaling: compound` stands for.

MACs are multiplied by `target`, within the relative `tolerance`, by factors in steps of `step`
along `axes`.
"""


def expanded(source: Source) -> Source:
    """Replace `baseline`, a candidate's file and `scaling` by what they stand for.

    `source.data` must be a mapping.

    Raises:
        InputError: an error in the file; the message gives file, line, key and the nearest known
            name.
    """
    stands_on = [key for key in STANDS_ON if key in source.data]
    if len(stands_on) > 1:
        raise source.error(
            (stands_on[1],),
            f"a space stands on one of skeleton, candidate and baseline, but got {' and '.join(stands_on)}",
        )
    if stands_on and stands_on[0] != "skeleton" and "stages" in source.data:
        raise source.error(("stages",), f"stages go with a skeleton; a {stands_on[0]} has its own")
    if not isinstance(source.data.get("dimensions") or {}, Mapping):
        raise source.error(("dimensions",), f"dimensions must be a mapping, but got {source.data['dimensions']!r}")
    for key, spell in (("baseline", _baseline), ("candidate", _candidate), ("scaling", _scaled)):
        if key in source.data:
            source = spell(source)
    return source


def _baseline(source: Source) -> Source:
    """Insert the published network or skeleton; what the file itself says takes precedence."""
    data = dict(source.data)
    name = str(data.pop("baseline"))
    if name not in centres():
        raise source.error(("baseline",), unknown("baseline", name, centres()))
    own = network(name)
    dimensions = {**own["dimensions"], **(data.get("dimensions") or {})}
    data = {**{key: value for key, value in own.items() if key != "name"}, **data, "dimensions": dimensions}
    return _from(source, data, "baseline", [("dimensions", key) for key in own["dimensions"]])


def _candidate(source: Source) -> Source:
    """Insert the data of the candidate, read from a file if a file is named."""
    written = source.data["candidate"]
    path = Path(source.name).parent / str(written)
    if not isinstance(written, Mapping) and not (isinstance(written, str) and path.suffix in FILES):
        hint = f"; a published network is a baseline: `baseline: {written}`" if written in architectures() else ""
        raise source.error(
            ("candidate",),
            f"candidate must be the data of a candidate or a file in JSON or YAML, but got {written!r}{hint}",
        )
    if isinstance(written, str) and not os.path.isfile(path):
        raise source.error(("candidate",), f"there is no file {str(path)!r}")
    try:
        found = (
            read_candidate(path) if isinstance(written, str) else Candidate.from_dict(written.get("candidate", written))
        )
    except InputError as error:
        raise source.error(("candidate",), error) from None
    own = {"image": list(found.image), "classes": found.classes}
    return _from(source, {**own, **source.data, "candidate": found.to_dict()}, "candidate", [])


def _scaled(source: Source) -> Source:
    """Replace `scaling` by one dimension for each axis and two constraints on the cost."""
    data = dict(source.data)
    rule = _rule(source, data.pop("scaling"))
    fixed, found = dict(data.get("dimensions") or {}), {}
    factors, volume = [], 1.0
    for axis in rule["axes"]:
        own, power = fixed.get(axis, 1.0), POWERS[axis]
        if isinstance(own, Mapping | list | tuple):
            raise source.error(
                ("dimensions", axis),
                f"scaling makes {axis} a dimension of the search, so it can only be fixed to a number, but got {own!r}",
            )
        try:
            POSITIVE.check(axis, own)
        except InputError as error:
            raise source.error(("dimensions", axis), error) from None
        high = own * rule["target"] ** (1 / power)
        found[axis] = {"low": float(own), "high": round(high, 10), "step": round(own * rule["step"], 10)}
        factors.append(axis if power == 1 else f"{axis}**{power}")
        volume *= own**power
    bounds = [
        (sign, rule["target"] * volume * (1 + part))
        for sign, part in (("<=", rule["tolerance"]), (">=", -rule["tolerance"]))
    ]
    constraints = data.get("constraints") or []
    if not isinstance(constraints, list | tuple):
        return replace(source, data=data)  # `Space.from_source` refuses it
    added = [f"{' * '.join(factors)} {sign} {bound:.10g}" for sign, bound in bounds]
    data |= {
        "dimensions": {**found, **{key: value for key, value in fixed.items() if key not in found}},
        "constraints": [*constraints, *added],
    }
    paths = [("constraints", len(constraints) + index) for index in range(len(added))]
    return _from(source, data, "scaling", [*(("dimensions", axis) for axis in found), *paths])


def _rule(source: Source, written: Any) -> dict[str, Any]:
    """Check the value of `scaling` and fill in the defaults."""
    if isinstance(written, str) and written != "compound":
        raise source.error(("scaling",), unknown("scaling", written, ["compound"]))
    if not isinstance(written, str | Mapping):
        raise source.error(
            ("scaling",),
            f"scaling is `compound`, or a mapping with the keys {', '.join(COMPOUND)}, but got {written!r}",
        )
    given = {} if isinstance(written, str) else written
    for key in given:
        if key not in COMPOUND:
            raise source.error(("scaling", key), unknown("key of scaling:", str(key), COMPOUND))
    rule = {**COMPOUND, **given}
    for key, text, holds in (
        ("target", "a number above 1 and at most 10,000", lambda value: 1 < value <= 1e4),
        ("tolerance", "a number of at least 0 and below 1", lambda value: 0 <= value < 1),
        ("step", "a number above 0 and at most 10,000", lambda value: 0 < value <= 1e4),
    ):
        if not is_number(rule[key]) or not holds(rule[key]):
            raise source.error(("scaling", key), f"{key} of scaling must be {text}, but got {rule[key]!r}")
    axes = rule["axes"]
    if not isinstance(axes, list | tuple) or not axes or len({str(axis) for axis in axes}) != len(axes):
        raise source.error(
            ("scaling", "axes"),
            f"axes of scaling must be a list of some of {', '.join(POWERS)}, each once, but got {axes!r}",
        )
    for axis in axes:
        if axis not in POWERS:
            raise source.error(("scaling", "axes"), unknown("axis of scaling:", str(axis), POWERS))
    return rule


def _from(source: Source, data: Mapping[str, Any], key: str, paths: list[tuple[str | int, ...]]) -> Source:
    """Return `source` with new `data`.

    Errors at `paths`, which came out of `key`, are shown at the line of `key`, unless they have a
    line of their own.
    """
    line = source.lines.get((key,))
    return replace(
        source, data=data, lines=source.lines if line is None else {**dict.fromkeys(paths, line), **source.lines}
    )
