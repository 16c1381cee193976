"""Compound scaling as a function: the family of a baseline for several φ, and each axis alone at
the same cost.

Source: Tan & Le, EfficientNet, ICML 2019, arXiv:1905.11946, section 3.3, step 2.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..blocks import InputError
from ..blocks.documented import documented
from ..blocks.errors import unknown
from ..spaces import Budget, Candidate, Space, parse_budget
from ..spaces.scaling.baseline import Baseline, find_baseline, in_letters
from ..spaces.scaling.family import PAPER, Alone, Member, alone, cost_dict, family, phi_for
from ..spaces.scaling.width import by_width, width_for
from ..studies.storage_url import storage_url
from .published_rows import PublishedRow, published_rows

if TYPE_CHECKING:
    from ..spaces.scaling.released import ReleasedNetwork

EACH = "each"
"""The `target_axis` that stands for every axis that is scaled."""
LARGEST = "largest"
"""The `width` that stands for the largest multiplier within the budget."""
PHIS = tuple(float(number) for number in range(8))
"""φ of a family where neither φ nor a budget is given."""


@documented
@dataclass(frozen=True, kw_only=True)
class ScaledAlone:
    """One axis scaled alone, beside the member of the family that costs as much by the rule."""

    member: Member
    """The member, at a φ other than 0."""
    alone: Alone
    """The axis scaled alone."""

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON with stable keys."""
        return {
            "phi": self.member.phi,
            "axis": self.alone.axis,
            "idealised": self.alone.idealised.to_dict(),
            "equal_cost": self.alone.equal.to_dict(),
        }


@documented
@dataclass(frozen=True, kw_only=True)
class ScaledFamily:
    """A baseline scaled with several φ, or with several width multipliers."""

    baseline: Baseline
    """What is scaled."""
    coefficients: dict[str, float]
    """Axis -> coefficient at φ = 1; empty for width multipliers."""
    source: str
    """Where the coefficients come from, in words."""
    members: list[Member]
    """The networks, in the order of φ or of the width."""
    alone: list[ScaledAlone]
    """Each axis asked for, scaled alone; empty unless `target_axis` is given."""
    target: float
    """Multiple of the baseline's MACs at φ = 1 that an axis alone is scaled to."""

    def alone_beside(self, one: Member) -> list[Alone]:
        """The axes scaled alone beside one member."""
        return [each.alone for each in self.alone if each.member is one]

    def published(self, one: Member) -> list[PublishedRow]:
        """What the paper prints of this baseline, if `one` has four times its cost; else none."""
        axes = {each.axis for each in self.alone_beside(one)}
        if one.phi is None or abs(self.target**one.phi - 4) > 1e-9 or not axes:
            return []
        return published_rows(self.baseline, axes)

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON with stable keys."""
        return {
            "baseline": {"name": self.baseline.name, **cost_dict(self.baseline.cost)},
            "coefficients": self.coefficients,
            "source": self.source,
            "members": [one.to_dict() for one in self.members],
            "alone": [each.to_dict() for each in self.alone],
            "published": [row.to_dict() for one in self.members for row in self.published(one)],
        }

    def export(self, out: str | Path) -> list[Path]:
        """Write each network as a JSON file and a Python file into the new folder `out`, untrained.

        Raises:
            InputError: the folder exists, or its parent does not; nothing is written.
        """
        from ..studies.export import Relative, export_family

        stem = "".join(letter if letter.isalnum() else "_" for letter in Path(self.baseline.name).stem)
        relatives = []
        for one in self.members:
            name = f"{stem}_{one.label}".replace("-", "minus").replace(".", "_")
            scaling = {
                "of": self.baseline.name,
                "coefficients": dict(self.coefficients),
                "phi": one.phi,
                "factors": one.factors,
                "factor": one.factor,
            }
            relatives.append(
                Relative(
                    name=name if name[0].isalpha() else f"network_{name}",
                    candidate=one.candidate,
                    drop_rate=one.dropout,
                    drop_path_rate=one.drop_path,
                    scaling=scaling,
                )
            )
        by = in_letters(self.coefficients) or "width multipliers"
        return export_family(out, f"{self.baseline.name} scaled by {by}", relatives)


def scale(
    baseline: str | os.PathLike[str] | Candidate | Space | None = None,
    *,
    study: str | None = None,
    coefficients: Mapping[str, float] | None = None,
    phi: float | Sequence[float] | None = None,
    width: float | Sequence[float] | str | None = None,
    budget: Budget | str | Sequence[str] = (),
    target_axis: str | None = None,
    target: float = 2.0,
    size_multiple: int = 1,
    image_size: int | None = None,
    storage: str | None = None,
) -> ScaledFamily:
    """Scale a baseline in depth, width and resolution at once, or in width alone.

    Args:
        baseline: a published network, a YAML or JSON file, STUDY:best, a candidate, or a space that
            leaves nothing free; that of `study` if None.
        study: name of a study of `automl.grid`, whose best coefficients are taken.
        coefficients: axis -> value at φ = 1, such as {"depth": 1.2, "width": 1.1}; without these
            and without a study the paper's 1.2, 1.1, 1.15 for depth, width, resolution.
        phi: compound coefficients, which must rise; 0, 1, …, 7 if neither φ nor a budget is given.
            A negative one gives a network smaller than the baseline.
        width: width multipliers in the place of coefficients and φ, as the MobileNets have them; or
            "largest", the largest within the budget.
        budget: bounds on cost such as "4GFLOPs"; the largest φ within them is taken.
        target_axis: an axis that is also scaled alone at the same cost, or "each" for all of them.
        target: multiple of the baseline's MACs at φ = 1 that an axis alone is scaled to.
        size_multiple: input sizes are rounded to a multiple of it.
        image_size: input size in pixels at φ = 0; the baseline's if None.
        storage: database URL; AUTOML_STORAGE or sqlite:///automl.db if None.

    Raises:
        InputError: something asked for is contradictory, unknown or cannot be built.
    """
    if phi is not None and budget:
        raise InputError("--phi and --budget exclude each other: a budget is solved for φ")
    if baseline is None and study is None:
        raise InputError(
            "what is to be scaled? Give --baseline (resnet50, a file, STUDY:best) or --study (of automl grid)"
        )
    if coefficients is not None and study is not None:
        raise InputError("coefficients come from one place: --alpha, --beta, --gamma, or --coefficients, or --study")
    if width is not None and any(given is not None for given in (phi, coefficients, study, target_axis)):
        raise InputError("--width scales the width alone: it takes no coefficients, φ, study or --target-axis")
    base, at_one, source = _asked(baseline, study, coefficients, storage_url(storage))
    base = base if image_size is None else base.resized(image_size)
    base = base if size_multiple == 1 else base.rounded_to(size_multiple)
    if width is not None:
        members = by_width(base, _widths(base, width, _bounds(budget)))
        return ScaledFamily(baseline=base, coefficients={}, source="width", members=members, alone=[], target=target)
    phis = _phis(base, at_one, phi, _bounds(budget))
    members = family(base, at_one, phis)
    if target_axis not in (None, EACH, *base.own):
        raise unknown(f"axis of {base.name}:", str(target_axis), [*base.own, EACH])
    axes = [] if target_axis is None else list(at_one) if target_axis == EACH else [target_axis]
    apart = [
        ScaledAlone(member=one, alone=each)
        for one in members
        if one.phi and axes
        for each in alone(base, axes, one.phi, target=target)
    ]
    return ScaledFamily(baseline=base, coefficients=at_one, source=source, members=members, alone=apart, target=target)


def _asked(
    baseline: str | os.PathLike[str] | Candidate | Space | None,
    study: str | None,
    coefficients: Mapping[str, float] | None,
    storage: str,
) -> tuple[Baseline, dict[str, float], str]:
    """The baseline, its coefficients at φ = 1, and where they come from."""
    base = None if baseline is None else find_baseline(baseline, storage=storage)
    if study is not None:
        from .grid import best_of

        found, at_one = best_of(study, storage)
        return base or found, at_one, f"the best of study {study}"
    assert base is not None  # `scale` has checked that one of the two is given
    if coefficients is not None:
        return base, dict(coefficients), "given"
    return base, dict(PAPER), "the paper's for EfficientNet-B0; `automl grid` finds this baseline's own"


def _bounds(budget: Budget | str | Sequence[str]) -> Budget | None:
    """The budget as bounds; None if there is none."""
    if not budget:
        return None
    return budget if isinstance(budget, Budget) else parse_budget(budget)


def _phis(
    base: Baseline, at_one: Mapping[str, float], phi: float | Sequence[float] | None, budget: Budget | None
) -> Sequence[float]:
    if budget is not None:
        return [phi_for(base, at_one, budget)]
    if phi is None:
        return PHIS
    return [float(phi)] if isinstance(phi, int | float) else phi


def _widths(base: Baseline, width: float | Sequence[float] | str, budget: Budget | None) -> Sequence[float]:
    if isinstance(width, str):
        if width != LARGEST or budget is None:
            raise InputError(f"--width must be numbers like 0.5,1.4, or {LARGEST} with a --budget, but got {width!r}")
        return [width_for(base, budget)]
    if budget is not None:
        raise InputError(f"--width and --budget exclude each other, unless the width is {LARGEST}")
    return [float(width)] if isinstance(width, int | float) else width


def export_released(out: str | Path, networks: Sequence[ReleasedNetwork]) -> list[Path]:
    """Write the released EfficientNets as JSON and Python files into the new folder `out`.

    Raises:
        InputError: the folder exists, or its parent does not; nothing is written.
    """
    from ..studies.export import Relative, export_family

    relatives = [
        Relative(
            name=one.released.name,
            candidate=one.candidate,
            drop_rate=one.released.dropout,
            drop_path_rate=one.drop_path,
            scaling={"released": True},
        )
        for one in networks
    ]
    return export_family(out, "EfficientNet-B0 to B7 as released", relatives)
