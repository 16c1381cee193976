"""All that a study shows for its result, gathered from its rows and notes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ..evaluation import CandidateRow, Purpose
from ..json_values import JSON
from ..measure import ACCURACY, SCORE, measure_of
from .baseline import Baseline, against_random
from .fidelities import Correlation, rank_correlations
from .rows import RANDOM, Row, rows
from .savings import Savings, savings
from .seeds import Seeds, seed_noise

if TYPE_CHECKING:
    from ..study import FrontPoint, Study


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """The network that the study hands over."""

    id: str
    """Of the candidate."""
    value: float | None
    """Validation accuracy that it was chosen by: the mean over its final trainings; or its score.
    """
    test: float | None
    """On the test data; None where it has not been tested."""
    confirmed: bool
    """Whether it was trained afresh after the search."""
    measure: str = ACCURACY
    """What `value` is: "accuracy", or "score" where it has not been trained."""

    def to_dict(self) -> dict[str, JSON]:
        """As plain JSON; `accuracy` is the value."""
        return {
            "id": self.id,
            "accuracy": self.value,
            "test_accuracy": self.test,
            "confirmed": self.confirmed,
            "measure": self.measure,
        }


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What a study found, and how far it is to be believed."""

    study: str
    """Its name."""
    facts: Mapping[str, str]
    """What a reader needs to repeat it."""
    measure: str
    """What is compared: "accuracy", or "score" for an evaluator that does not train."""
    is_grid: bool
    """Whether it is a grid of compound scaling, whose evidence is another."""
    front: tuple[FrontPoint, ...]
    """Cheapest first."""
    chosen: Chosen | None
    """None when nothing finished."""
    baseline: Baseline
    """The search beside random search."""
    rungs: tuple[Correlation, ...]
    """Accuracies at the rungs against those at the end."""
    surrogate: Mapping[str, JSON] | None
    """What the sampler noted of its model at the end of the search."""
    seeds: Seeds
    """Final trainings and their spread."""
    savings: Savings
    """Spent and avoided."""
    rows: tuple[Row, ...] = field(repr=False)
    """The search's evaluations."""
    candidates: Mapping[str, CandidateRow] = field(repr=False)
    """By id."""

    @property
    def seconds_random(self) -> float | None:
        """Seconds of training that a random network took on average."""
        random = [row.seconds for row in self.rows if row.origin == RANDOM]
        return math.fsum(random) / len(random) if random else None

    def short(self) -> dict[str, JSON]:
        """The figures of `automl status`, with the same keys whatever is known."""
        base = self.baseline
        return {
            "verdict": base.verdict,
            "reason": base.reason,
            "margin": base.margin,
            "margin_interval": list(base.margin_interval) if base.margin_interval else None,
            "rungs": [{"epoch": one.epoch, "n": one.n, "spearman": one.spearman} for one in self.rungs],
            "surrogate_rank_correlation": rank_correlation(self.surrogate),
            "seed_sd": self.seeds.noise.sd,
            "seed_df": self.seeds.noise.df,
            "told_from_second": self.seeds.told,
            "seconds_spent": self.savings.spent,
            "seconds_avoided_by_stopping": self.savings.seconds_avoided,
            "seconds_avoided_by_gate": self.savings.gate_seconds,
        }

    def to_dict(self) -> dict[str, JSON]:
        """As plain JSON with stable keys."""
        means = {one.id: one for one in self.seeds.networks}
        chosen = self.chosen
        return {
            "study": self.study,
            "facts": dict(self.facts),
            "measure": self.measure,
            "grid": self.is_grid,
            "best": None if chosen is None else chosen.to_dict(),
            "front": [
                {
                    "id": point.id,
                    "accuracy": point.accuracy,
                    "macs": point.macs,
                    "params": point.candidate.params,
                    "activations": point.candidate.activations,
                    "settings": dict(point.evaluation.settings),
                    "confirmed": means[point.id].to_dict() if point.id in means else None,
                }
                for point in self.front
            ],
            "random_baseline": self.baseline.to_dict(),
            "rungs": [one.to_dict() for one in self.rungs],
            "surrogate": None if self.surrogate is None else dict(self.surrogate),
            "seeds": self.seeds.to_dict(),
            "savings": self.savings.to_dict(),
        }


def evidence(study: Study, chosen: Chosen | None = None) -> Evidence:
    """What `study` shows; `chosen` is the network that it hands over, which only `search` can say."""
    evaluations, notes, settings = study.evaluations(), study.notes(), study.spec.settings
    searched = rows(evaluations, study.paused())
    measure = measure_of(settings)
    noted = notes.get("surrogate")
    devices = sorted({each.device for each in evaluations})
    return Evidence(
        study=study.spec.name,
        facts=facts(study, devices),
        measure=measure,
        is_grid="grid" in notes or "grid" in settings,
        front=tuple(study.front()),
        chosen=chosen,
        baseline=against_random(searched, ceiling=1.0 if measure == ACCURACY else math.inf),
        rungs=rank_correlations(searched),
        surrogate=noted if isinstance(noted, Mapping) else None,
        seeds=seed_noise(evaluations),
        savings=savings(searched, evaluations, notes.get("gate")),
        rows=tuple(searched),
        candidates=study.candidates(),
    )


def rank_correlation(surrogate: Mapping[str, JSON] | None) -> float | None:
    """The surrogate's, out of what it noted; None where there is none."""
    value = None if surrogate is None else surrogate.get("rank_correlation")
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def facts(study: Study, devices: list[str]) -> dict[str, str]:
    """What it takes to repeat a study, as far as it was kept."""
    settings, data, spec = study.spec.settings, study.spec.data, study.spec
    workers = {each.worker for each in study.evaluations(Purpose.SEARCH) if each.worker}
    recipe = settings.get("recipe")
    found = {
        "command": study.command,
        "space": str(spec.space.get("name", "")),
        "budget": spec.budget or "none",
        "data": ", ".join(
            [
                str(data.get("name", "")),
                *([f"{data['images']:,} images"] if isinstance(data.get("images"), int) else []),
            ]
        ),
        "training": _training(settings),
        "recipe": (
            ", ".join(f"{key} {value}" for key, value in recipe.items() if isinstance(value, int | float | str))
            if isinstance(recipe, dict)
            else ""
        ),
        "evaluator": str(settings.get("evaluator", "")),
        "sampler": ", ".join(
            [*samplers(study), *([f"objective {settings['objective']}"] if settings.get("objective") else [])]
        ),
        "seed": str(settings.get("seed", "")),
        "hardware": (
            f"{', '.join(devices)}; {len(workers)} worker process{'' if len(workers) == 1 else 'es'}" if devices else ""
        ),
        "versions": ", ".join(f"{name} {value}" for name, value in study.versions.items()),
        "created": f"{study.created:%Y-%m-%d %H:%M} UTC",
    }
    return {name: value for name, value in found.items() if value}


def samplers(study: Study) -> list[str]:
    """The samplers of the study's runs, in their order: as noted, or in older studies those that
    proposed its networks ("random" alone if nobody else did)."""
    noted = study.notes().get("samplers")
    if isinstance(noted, list) and noted:
        return [str(name) for name in noted]
    found = list(dict.fromkeys(each.origin for each in study.evaluations(Purpose.SEARCH) if each.origin))
    return [name for name in found if name != RANDOM] or found


def _training(settings: Mapping[str, Any]) -> str:
    if measure_of(settings) == SCORE:
        return (
            f"none in the search; scored at {settings['proxy_size']} px times γ"
            if "proxy_size" in settings
            else "none in the search"
        )
    epochs = settings.get("epochs")
    parts = ["" if epochs is None else f"{epochs} epoch{'' if epochs == 1 else 's'}"]
    parts.append(f"at {settings['proxy_size']} px times γ" if "proxy_size" in settings else "")
    fraction = settings.get("fraction")
    parts.append(f"on {fraction:.0%} of the training images" if isinstance(fraction, float | int) else "")
    return " ".join(part for part in parts if part)
