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
from ..spaces.scaling.family import PAPER, Alone, Member, alone, cost_dict, family, member, phi_for, scaled
from ..spaces.scaling.paper_tables import SCALED, agrees
from ..studies.storage_url import storage_url

if TYPE_CHECKING:
    from ..spaces.scaling.released import ReleasedNetwork

EACH = "each"
"""The `target_axis` that stands for every axis that is scaled."""
PHIS = tuple(float(number) for number in range(8))
"""φ of a family where neither φ nor a budget is given."""


@documented
@dataclass(frozen=True, kw_only=True)
class ScaledAlone:
    """One axis scaled alone, beside the member of the family that costs as much by the rule."""

    member: Member
    """The member, at φ > 0."""
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
class PublishedRow:
    """What the paper prints of this baseline at four times its cost, beside the true cost."""

    scaled_by: str
    """Factors in words."""
    factors: dict[str, float]
    """Axis -> factor by which the baseline is scaled."""
    macs: int
    """True MACs of the network."""
    printed: str
    """FLOPs as printed, where one FLOP is one MAC."""
    agrees: bool
    """Whether the true MACs, rounded as printed, are those printed."""
    top1: float
    """ImageNet accuracy in percent, as printed."""
    remark: str
    """Why the figures differ, if they do and it is known."""

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON with stable keys."""
        return {
            "scaled_by": self.scaled_by,
            "factors": self.factors,
            "macs": self.macs,
            "printed": self.printed,
            "agrees": self.agrees,
            "top1": self.top1,
            "remark": self.remark,
        }


@documented
@dataclass(frozen=True, kw_only=True)
class ScaledFamily:
    """A baseline scaled with several φ."""

    baseline: Baseline
    """What is scaled."""
    coefficients: dict[str, float]
    """Axis -> coefficient at φ = 1."""
    source: str
    """Where the coefficients come from, in words."""
    members: list[Member]
    """The networks, in the order of φ."""
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
        if abs(self.target**one.phi - 4) > 1e-9 or not axes:
            return []
        found = []
        for row in SCALED:
            if row.baseline == self.baseline.name and (row.way in axes or len(axes) > 1):
                made = member(self.baseline, PAPER, 2.0) if row.factors is None else scaled(self.baseline, row.factors)
                by = ", ".join(f"{axis} {value:g}" for axis, value in made.factors.items())
                macs = int(made.cost.macs)
                found.append(
                    PublishedRow(
                        scaled_by=by if row.factors is not None else "φ = 2 (coefficients not printed)",
                        factors=made.factors,
                        macs=macs,
                        printed=row.flops,
                        agrees=agrees(macs, row.flops),
                        top1=row.top1,
                        remark=row.remark,
                    )
                )
        return found

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
            name = f"{stem}_phi{one.phi:g}".replace(".", "_")
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
        return export_family(out, f"{self.baseline.name} scaled by {in_letters(self.coefficients)}", relatives)


def scale(
    baseline: str | os.PathLike[str] | Candidate | Space | None = None,
    *,
    study: str | None = None,
    coefficients: Mapping[str, float] | None = None,
    phi: float | Sequence[float] | None = None,
    budget: Budget | str | Sequence[str] = (),
    target_axis: str | None = None,
    target: float = 2.0,
    size_multiple: int = 1,
    image_size: int | None = None,
    storage: str | None = None,
) -> ScaledFamily:
    """Scale a baseline in depth, width and resolution at once.

    Args:
        baseline: a published network, a YAML or JSON file, STUDY:best, a candidate, or a space that
            leaves nothing free; that of `study` if None.
        study: name of a study of `automl.grid`, whose best coefficients are taken.
        coefficients: axis -> value at φ = 1, such as {"depth": 1.2, "width": 1.1}; without these
            and without a study the paper's 1.2, 1.1, 1.15 for depth, width, resolution.
        phi: compound coefficients, which must rise; 0, 1, …, 7 if neither φ nor a budget is given.
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
    base, at_one, source = _asked(baseline, study, coefficients, storage_url(storage))
    base = base if image_size is None else base.resized(image_size)
    base = base if size_multiple == 1 else base.rounded_to(size_multiple)
    phis = _phis(base, at_one, phi, budget)
    members = family(base, at_one, phis)
    if target_axis not in (None, EACH, *base.own):
        raise unknown(f"axis of {base.name}:", str(target_axis), [*base.own, EACH])
    axes = [] if target_axis is None else list(at_one) if target_axis == EACH else [target_axis]
    apart = [
        ScaledAlone(member=one, alone=each)
        for one in members
        if one.phi > 0 and axes
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


def _phis(
    base: Baseline,
    at_one: Mapping[str, float],
    phi: float | Sequence[float] | None,
    budget: Budget | str | Sequence[str],
) -> Sequence[float]:
    if budget:
        bounds = budget if isinstance(budget, Budget) else parse_budget([budget] if isinstance(budget, str) else budget)
        return [phi_for(base, at_one, bounds)]
    if phi is None:
        return PHIS
    return [float(phi)] if isinstance(phi, int | float) else phi


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
