"""Candidates are evaluated by a zero-cost score, without training, in the same workers; only the
networks chosen are trained.

A score says something of the order of networks, nothing of their accuracy: `docs/scores.md` shows
how much. What the study calls accuracy is the score here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from ...spaces import Census
from ..course.confirmation import FINAL_FACTOR
from ..course.limits import Limits
from ..options import SearchOptions
from ..plan import prepare
from ..scores import BATCH, DEFAULT, score
from ..workers import cluster
from .training import Trained, require_sendable


@dataclass(frozen=True, kw_only=True)
class Scored(Trained):
    """The evaluator called `zero-cost`, or `zero-cost:NAME`."""

    epochs: int
    """Of what would be a trial's training."""

    @classmethod
    def named(cls, options: SearchOptions, name: str, began: float, gpus: int | None) -> Scored:
        """With data loaded and sizes settled. Raises: InputError, also if there is no such score."""
        chosen = score(name or DEFAULT).name
        require_sendable(options, [chosen])
        cluster.require_gpus(options.gpus_per_trial, address=options.address, gpus=gpus)
        plan = prepare(options)
        spec = replace(plan.spec, settings={**plan.spec.settings, "evaluator": f"zero-cost:{chosen}"})
        # an evaluation is one "epoch", so that there is nothing to be stopped early
        return cls(
            options=options,
            plan=replace(plan, epochs=1, fraction=1.0, spec=spec),
            began=began,
            gpus=gpus,
            score=chosen,
            epochs=plan.epochs,
        )

    def limits(self, options: SearchOptions) -> Limits:
        """Those chosen are trained as after any search; an epoch of that takes longer than a score
        by as much as it sees more images."""
        scale = len(self.plan.split.train) / BATCH
        return replace(super().limits(options), factor=FINAL_FACTOR * self.epochs, epoch_scale=scale)

    def described(self, found: Census) -> list[str]:
        """What is computed of the candidates, and what is trained."""
        plan = self.plan
        return [
            *self.data_lines(),
            (
                f"nothing is trained in the search: candidates are scored by {self.score} on {BATCH} images at"
                f" {plan.proxy_size} px (times γ)"
            ),
            (
                f"those chosen are trained for {FINAL_FACTOR * self.epochs} epochs on {len(plan.split.train):,} images"
                f" of {Path(plan.data.name).name}"
            ),
        ]
