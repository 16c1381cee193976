"""Compares the rules of scaling by training: the function behind `automl grid --multiples`.

A baseline is scaled to multiples of its cost by the compound rule and by each axis alone, and all
networks are trained alike. Sources: Tan & Le, EfficientNet, ICML 2019, arXiv:1905.11946, Table 3;
Han et al., TinyNet, NeurIPS 2020, arXiv:2010.14819, below the baseline.
"""

from __future__ import annotations

import json
import math
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..blocks import InputError
from ..blocks.documented import documented
from ..spaces.scaling.at_multiples import COMPOUND, RuleNetwork, at_multiples
from ..spaces.scaling.baseline import Baseline, in_letters
from ..spaces.scaling.family import PAPER
from ..studies.records.measure import words
from ..studies.writing.atomic_file import make_folder, refused, write_text
from ..studies.writing.json_values import JSON
from ..studies.writing.markdown_table import capital
from .course.events import Listener, Silent
from .course.outages import await_database
from .grid import base_of, images_up_to, plain
from .grid_options import GridOptions
from .grid_report import training_facts
from .listed_trainings import ListedTrainings, train_listed
from .proposing.listed import Listed
from .workers import cluster

if TYPE_CHECKING:
    from ..studies.scaling import RulesCompared, ScaledPoint

PARTS = ("baseline", "tolerance", "size_multiple")
"""The options that make a comparison this comparison, beside multiples and coefficients."""
UNUSED = ("phi", "target", "step", "rule", "points")
"""The options of a grid that a comparison of rules does not have."""


@documented
@dataclass(frozen=True, kw_only=True)
class RuleNetworks:
    """The networks of a comparison of rules."""

    baseline: Baseline
    """What is scaled."""
    coefficients: Mapping[str, float]
    """Axis -> coefficient at φ = 1 of the compound rule."""
    multiples: tuple[float, ...]
    """Multiples of the baseline's MACs."""
    tolerance: float
    """Relative deviation of cost that is allowed."""
    networks: tuple[RuleNetwork, ...]
    """The network of every rule at every multiple that is nearest to its cost."""

    @property
    def reached(self) -> tuple[RuleNetwork, ...]:
        """The networks within the tolerance, which are trained."""
        return tuple(one for one in self.networks if one.reached(self.tolerance))

    def to_dict(self) -> dict[str, Any]:
        """As plain JSON with stable keys."""
        return {
            "baseline": {"name": self.baseline.name, "macs": int(self.baseline.cost.macs)},
            "coefficients": dict(self.coefficients),
            "multiples": list(self.multiples),
            "tolerance": self.tolerance,
            "networks": [{**one.to_dict(), "reached": one.reached(self.tolerance)} for one in self.networks],
        }


@documented
@dataclass(frozen=True, kw_only=True)
class RulesResult:
    """The result of a comparison of rules."""

    networks: RuleNetworks
    """The networks of every rule."""
    trained: ListedTrainings
    """The study, and what is left to train."""
    compared: RulesCompared
    """Accuracies, differences and verdicts."""
    seconds: float
    """Wall time of this run."""

    def to_dict(self) -> dict[str, JSON]:
        """The comparison as plain JSON with stable keys."""
        return {
            "study": self.trained.study.spec.name,
            "facts": dict(self.facts()),
            "rules": self.networks.to_dict(),
            "comparison": self.compared.to_dict(),
            "left": self.trained.left,
        }

    def facts(self) -> Mapping[str, str]:
        """The settings, versions and hardware that are needed to repeat the comparison."""
        found = self.networks
        base = found.baseline
        return {
            "command": self.trained.study.command,
            "baseline": f"{Path(base.name).name}: {int(base.cost.macs):,} MACs, {int(base.cost.params):,} parameters",
            "compound rule": f"{in_letters(found.coefficients)} to the power of φ",
            "costs": (
                f"{', '.join(f'{one:g}' for one in found.multiples)} times the baseline's MACs, within"
                f" {found.tolerance:.3g}"
            ),
            **training_facts(self.trained),
        }

    def write(self, folder: Path) -> list[Path]:
        """Write rules.md, rules.json and rules.svg; files of the same names are replaced.

        Raises:
            InputError: the folder cannot be written.
            AutomlError: the disk refuses a file; earlier files stay as they were.
        """
        from ..studies.scaling import rules_figure, rules_markdown, save

        figures = [(f"{capital(words(self.compared.metric))} against cost for the rules of scaling", "rules.svg")]
        try:
            make_folder(folder)
            save(rules_figure(self.compared, f"Scaling {Path(self.networks.baseline.name).stem}"), folder / "rules.svg")
            write_text(folder / "rules.md", rules_markdown(self.compared, facts=self.facts(), figures=figures))
            write_text(folder / "rules.json", json.dumps(self.to_dict(), indent=2, allow_nan=False) + "\n")
        except OSError as error:
            raise refused("--out", error) from None
        return [folder / name for name in ("rules.md", "rules.json", "rules.svg")]


def rule_networks(
    options: GridOptions,
    multiples: Sequence[float],
    coefficients: Mapping[str, float] | None = None,
    baseline: Baseline | None = None,
) -> RuleNetworks:
    """Return the networks of every rule for the classes of the baseline; needs no data.

    `coefficients` are those of the compound rule at φ = 1; None takes the paper's.

    Raises:
        InputError: as `at_multiples`, or an option of the grid is given that a comparison of rules
            does not have.
    """
    for name in UNUSED:
        if getattr(options, name) != getattr(GridOptions, name):
            raise InputError(f"--multiples compares rules of scaling at given costs: it takes no --{name}")
    if not 0 < options.tolerance <= 1:
        raise InputError(f"--tolerance must be above 0 and at most 1, but got {options.tolerance:g}")
    at_one = dict(PAPER if coefficients is None else coefficients)
    base = baseline or base_of(options)
    networks = at_multiples(base, at_one, multiples)
    return RuleNetworks(
        baseline=base,
        coefficients=at_one,
        multiples=tuple(multiples),
        tolerance=options.tolerance,
        networks=tuple(networks),
    )


def compare_scaling_rules(
    options: GridOptions,
    multiples: Sequence[float],
    coefficients: Mapping[str, float] | None = None,
    *,
    listener: Listener | None = None,
    command: str = "",
    began: float | None = None,
) -> RulesResult:
    """Train the networks of every rule and the baseline from every seed, none of them stopped
    early; the same call again trains what is missing.

    Args:
        options: baseline, data, seeds, workers and the tolerance of costs.
        multiples: multiples of the baseline's MACs in rising order, such as 0.5, 2 and 4; 1 is the
            baseline, which is always trained.
        coefficients: axis -> coefficient at φ = 1 of the compound rule; None takes the paper's.
        listener: is told what happens.
        command: the command that is kept with a new study.
        began: when the run began, by `time.monotonic`.

    Raises:
        InputError: an option is not valid, or no rule reaches a multiple; nothing has been started
            or written.
        KeyboardInterrupt: stopped by the user; finished trainings are in the database.
    """
    began = time.monotonic() if began is None else began
    listener = listener or Silent()
    cluster.require_gpus(options.gpus_per_trial, address=options.address)
    await_database(options.storage, options.db_patience, listener.said)
    baseline = base_of(options)
    rule_networks(options, multiples, coefficients, baseline)  # errors come before the data are read
    asked = options.for_search(_name(options, baseline, multiples))
    data = images_up_to(asked, math.sqrt(max(1.0, *multiples) * (1 + options.tolerance)))
    found = rule_networks(
        options, multiples, coefficients, baseline.adapted(classes=len(data.classes), channels=data.channels)
    )
    if not found.reached:
        raise InputError(
            f"no rule has a network within {found.tolerance:.3g} of a multiple of the cost: allow a larger --tolerance"
        )
    axes = list(found.coefficients)
    space = found.baseline.table(
        {axis: sorted({1.0, *(one.factors[axis] for one in found.reached)}) for axis in axes}
    ).space
    trained = train_listed(
        options,
        _listed(found),
        asked=asked,
        space=space,
        data=data,
        settings={
            **{name: plain(getattr(options, name)) for name in PARTS},
            "multiples": list(found.multiples),
            "coefficients": dict(found.coefficients),
        },
        controls="the baseline, and each rule at each cost",
        listener=listener or Silent(),
        command=command,
        began=began,
    )
    compared = _compared(found, trained)
    return RulesResult(networks=found, trained=trained, compared=compared, seconds=time.monotonic() - began)


def _listed(found: RuleNetworks) -> list[Listed]:
    base = found.baseline
    own = {parameter.name: parameter.values[0] for parameter in base.at_one.parameters}
    networks = {base.network.id: Listed(candidate=base.network, cost=base.cost, stoppable=False, settings=own)}
    for one in found.reached:
        scaled = {axis: base.value(axis, factor) for axis, factor in one.factors.items()}
        listed = Listed(candidate=one.candidate, cost=one.cost, stoppable=False, settings={**own, **scaled})
        networks.setdefault(one.candidate.id, listed)  # two rules may lead to one network
    return list(networks.values())


def _compared(found: RuleNetworks, trained: ListedTrainings) -> RulesCompared:
    from ..studies.scaling import BASELINE, AtMultiple, ScaledPoint, compare_rules

    complete, _ = trained.accuracies()

    def point(one: RuleNetwork) -> ScaledPoint:
        return ScaledPoint(
            id=one.candidate.id,
            coefficients=one.factors,
            control=None if one.rule == COMPOUND else one.rule,
            macs=int(one.cost.macs),
            params=int(one.cost.params),
            factor=one.factor,
            accuracies=complete.get(one.candidate.id, {}),
            stopped={},
            metric=trained.study.spec.metric,
        )

    base = found.baseline
    unscaled = ScaledPoint(
        id=base.network.id,
        coefficients=dict.fromkeys(found.coefficients, 1.0),
        control=BASELINE,
        macs=int(base.cost.macs),
        params=int(base.cost.params),
        factor=1.0,
        accuracies=complete.get(base.network.id, {}),
        stopped={},
        metric=trained.study.spec.metric,
    )
    groups = [
        AtMultiple(
            multiple=multiple,
            points=tuple(point(one) for one in found.reached if one.multiple == multiple),
            unreached={
                one.rule: one.factor
                for one in found.networks
                if one.multiple == multiple and not one.reached(found.tolerance)
            },
        )
        for multiple in found.multiples
        if multiple != 1
    ]
    return compare_rules(unscaled, groups)


def _name(options: GridOptions, baseline: Baseline, multiples: Sequence[float]) -> str:
    costs = "-".join(f"{multiple:g}" for multiple in multiples)
    parts = ["rules", Path(baseline.name).stem, f"{costs}x", Path(options.data).stem]
    return re.sub(r"[^A-Za-z0-9.]+", "-", "-".join(parts)).strip("-")
