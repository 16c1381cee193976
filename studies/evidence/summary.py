"""Computes the evidence of a study: all statistics of its report."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ...spaces.metrics import DEFAULT_AXIS, Metric, metrics
from ..records.evaluation import CandidateRow, Purpose
from ..records.failures import failures, faults_text
from ..records.measure import ACCURACY, SCORE, as_shown, bounds, measure_of, shown, words
from ..records.spec import strides_fitted
from ..tasks.task import CLASSIFICATION, task_of, unit_in_words
from ..writing.json_values import JSON
from .certificate import Certificate, certificate
from .confirmed_networks import Seeds, seed_noise
from .random_baseline import Baseline, against_random
from .rung_correlations import Correlation, rank_correlations
from .savings import Savings, savings
from .search_rows import RANDOM, REFERENCE, Row, rows

if TYPE_CHECKING:
    from ..choosing.believed_front import BelievedPoint
    from ..study import FrontPoint, Study
    from ..trained.classifier_measures import TrainingMeasures


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """The network that the study has chosen."""

    id: str
    """Id of the candidate."""
    value: float | None
    """Value by which it was chosen: mean validation accuracy of its final trainings, validation
    accuracy in the search, or zero-cost score."""
    test: float | None
    """Accuracy on the test data; None if it has not been tested."""
    confirmed: bool
    """Whether it was trained again, from another seed, after the search."""
    measure: str = ACCURACY
    """Kind of `value`: the quality measure, or "score" if the network has not been trained."""
    reference: str | None = None
    """Name of the reference network that was chosen, in words; None if the search found it."""
    believed: BelievedPoint | None = None
    """What is believed of its accuracy at the fidelity of a trial, by which it was chosen; None if
    the study has noted no belief."""

    def to_dict(self, quality: str = ACCURACY) -> dict[str, JSON]:
        """The network as plain JSON; the key `accuracy` holds `value`, and `quality` is the
        quality measure of trainings."""
        return {
            "id": self.id,
            "accuracy": None if self.value is None else shown(self.measure, self.value),
            "test_accuracy": None if self.test is None else shown(quality, self.test),
            "confirmed": self.confirmed,
            "measure": self.measure,
            "reference": self.reference,
            "believed": None if self.believed is None else as_shown(self.believed.to_dict(), quality),
        }


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """The results of a study and the statistics that show how reliable they are."""

    study: str
    """Name of the study."""
    facts: Mapping[str, str]
    """Settings, versions and hardware that are needed to repeat the study."""
    measure: str
    """Quantity compared: the quality measure, or "score" for an evaluator that does not train."""
    is_grid: bool
    """Whether the study is a compound-scaling grid, which has a report of its own
    (`studies.scaling`)."""
    front: tuple[FrontPoint, ...]
    """Front of the study, cheapest network first."""
    chosen: Chosen | None
    """Network chosen; None if no evaluation is complete."""
    references: Certificate
    """Comparison with the best reference network."""
    baseline: Baseline
    """Comparison with random search at equal cost."""
    rungs: tuple[Correlation, ...]
    """Rank correlations of the accuracies at the rungs with those at full fidelity."""
    surrogate: Mapping[str, JSON] | None
    """Quality of the sampler's surrogate model, as noted at the end of the search; None if the
    sampler has none."""
    seeds: Seeds
    """Final trainings and their spread over seeds."""
    savings: Savings
    """Training time spent and saved."""
    rows: tuple[Row, ...] = field(repr=False)
    """Evaluations of the search."""
    candidates: Mapping[str, CandidateRow] = field(repr=False)
    """Candidates by id."""
    axis: str = DEFAULT_AXIS
    """Name of the cost metric of the front."""
    failures: tuple[JSON, ...] = ()
    """The evaluations that failed, each with what was at fault: see `failures`."""
    faults: str = ""
    """How many failed by which fault, in words."""
    pace: Mapping[str, JSON] | None = None
    """How well the times of trainings were expected: `device`, and the typical relative `error`;
    None if nothing was expected."""
    plan: Mapping[str, JSON] | None = None
    """What was planned from the time given; None for a search without such a plan."""
    quality: str = ACCURACY
    """The quality measure of trainings; larger is better in all values."""
    measures: TrainingMeasures | None = None
    """What was measured of the network chosen as a classifier; None if nothing was."""

    @property
    def metric(self) -> Metric:
        """The cost metric of the front."""
        return metrics.get(self.axis)

    @property
    def axes(self) -> list[str]:
        """The cost metrics that the report shows: that of the front, then MACs and parameters."""
        return list(dict.fromkeys([self.axis, "macs", "params"]))

    @property
    def seconds_random(self) -> float | None:
        """Mean seconds of training of a random network; None if there is none."""
        random = [row.seconds for row in self.rows if row.origin == RANDOM]
        return math.fsum(random) / len(random) if random else None

    def short(self) -> dict[str, JSON]:
        """The numbers that `automl status --json` shows; unknown values are null."""
        base = self.baseline
        interval = list(base.margin_interval) if base.margin_interval else None
        return {
            "verdict": base.verdict,
            "reason": base.reason,
            **as_shown({"margin": base.margin, "margin_interval": interval}, self.measure),
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
        """The evidence as plain JSON with stable keys."""
        means = {one.id: one for one in self.seeds.networks}
        chosen, quality = self.chosen, self.quality
        return {
            "study": self.study,
            "facts": dict(self.facts),
            "measure": self.measure,
            "metric": quality,
            "grid": self.is_grid,
            "best": None if chosen is None else chosen.to_dict(quality),
            "front": [
                {
                    "id": point.id,
                    "accuracy": shown(self.measure, point.accuracy),
                    **({} if self.axis == DEFAULT_AXIS else {"axis": self.axis, "cost": point.cost}),
                    "macs": point.macs,
                    "params": point.candidate.params,
                    "activations": point.candidate.activations,
                    "settings": dict(point.evaluation.settings),
                    "confirmed": as_shown(means[point.id].to_dict(), quality) if point.id in means else None,
                }
                for point in self.front
            ],
            "references": self.references.to_dict(),
            "random_baseline": as_shown(self.baseline.to_dict(), self.measure),
            "rungs": [one.to_dict() for one in self.rungs],
            "surrogate": None if self.surrogate is None else dict(self.surrogate),
            "seeds": as_shown(self.seeds.to_dict(), quality),
            "savings": self.savings.to_dict(),
            "failures": list(self.failures),
            "pace": None if self.pace is None else dict(self.pace),
            "plan": None if self.plan is None else dict(self.plan),
            "measures": None if self.measures is None else self.measures.short(),
        }


def evidence(study: Study, chosen: Chosen | None = None, measures: TrainingMeasures | None = None) -> Evidence:
    """Compute the evidence of `study`; `chosen` is the network it has chosen, if there is one, and
    `measures` what was measured of it as a classifier."""
    evaluations, notes, settings = study.evaluations(), study.notes(), study.spec.settings
    searched = rows(evaluations, study.paused())
    measure = measure_of(settings)
    noted, plan = notes.get("surrogate"), notes.get("plan")
    devices = sorted({each.device for each in evaluations})
    return Evidence(
        study=study.spec.name,
        facts=facts(study, devices),
        measure=measure,
        is_grid="grid" in notes or "grid" in settings,
        front=tuple(study.front()),
        chosen=chosen,
        references=certificate(study),
        baseline=against_random(searched, ceiling=bounds(measure)[1]),
        rungs=rank_correlations(searched),
        surrogate=noted if isinstance(noted, Mapping) else None,
        seeds=seed_noise(evaluations),
        savings=savings(searched, evaluations, notes.get("gate")),
        rows=tuple(searched),
        candidates=study.candidates(),
        axis=study.spec.cost,
        failures=tuple(failures(evaluations)),
        faults=faults_text(evaluations),
        pace=_pace(notes.get("pace")),
        plan=plan if isinstance(plan, Mapping) else None,
        quality=study.spec.metric,
        measures=measures,
    )


def _pace(noted: JSON) -> dict[str, JSON] | None:
    """What a search notes of the times of trainings, without the model itself."""
    return {key: noted.get(key) for key in ("device", "error")} if isinstance(noted, dict) else None


def rank_correlation(surrogate: Mapping[str, JSON] | None) -> float | None:
    """The cross-validated rank correlation in the note of a surrogate; None if it has none."""
    value = None if surrogate is None else surrogate.get("rank_correlation")
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def facts(study: Study, devices: list[str]) -> dict[str, str]:
    """The recorded settings that are needed to repeat a study; names of lines -> their texts."""
    settings, data, spec = study.spec.settings, study.spec.data, study.spec
    workers = {each.worker for each in study.evaluations(Purpose.SEARCH) if each.worker}
    recipe = settings.get("recipe")
    unit = unit_in_words(task_of(data), data.get("classes", ()))
    found = {
        "command": study.command,
        "space": str(spec.space.get("name", "")),
        "budget": spec.budget or "none",
        "cost axis": "" if spec.cost == DEFAULT_AXIS else f"{spec.cost} ({metrics.get(spec.cost).words})",
        "metric": "" if spec.metric == ACCURACY else ", ".join(filter(None, (words(spec.metric), unit))),
        "data": ", ".join(
            [
                str(data.get("name", "")),
                *([] if task_of(data) == CLASSIFICATION else [task_of(data)]),
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
    """The samplers of the study's runs, in the order of the runs.

    Older studies have no note of them: for these, the samplers that proposed its networks, without
    "random" unless it is the only one.
    """
    noted = study.notes().get("samplers")
    if isinstance(noted, list) and noted:
        return [str(name) for name in noted]
    found = list(dict.fromkeys(each.origin for each in study.evaluations(Purpose.SEARCH) if each.origin))
    found = [name for name in found if name != REFERENCE]
    return [name for name in found if name != RANDOM] or found


def _training(settings: Mapping[str, Any]) -> str:
    if measure_of(settings) == SCORE:
        return (
            f"none in the search; scored at {settings['proxy_size']} px times γ{strides_fitted(settings)}"
            if "proxy_size" in settings
            else "none in the search"
        )
    epochs = settings.get("epochs")
    parts = ["" if epochs is None else f"{epochs} epoch{'' if epochs == 1 else 's'}"]
    if "proxy_size" in settings:
        parts.append(f"at {settings['proxy_size']} px times γ{strides_fitted(settings)}")
    fraction = settings.get("fraction")
    parts.append(f"on {fraction:.0%} of the training images" if isinstance(fraction, float | int) else "")
    return " ".join(part for part in parts if part)
