"""Evaluates candidates by a zero-cost score on Ray workers; only chosen networks are trained.

A score ranks networks, it does not predict their accuracy; `docs/scores.md` shows how well. The
study stores the score as the accuracy.
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
from .training import Training, require_sendable


@dataclass(frozen=True, kw_only=True)
class ZeroCost(Training):
    """The evaluator `zero-cost`, or `zero-cost:SCORE`."""

    epochs: int
    """Epochs that a trial would be trained for."""

    @classmethod
    def prepared_with(cls, options: SearchOptions, name: str, began: float, gpus: int | None) -> ZeroCost:
        """The evaluator with its data loaded and sizes settled; `name` is that of the score.

        Raises:
            InputError: there is no such score, or something in the options cannot be.
        """
        chosen = score(name or DEFAULT).name
        require_sendable(options, [chosen])
        cluster.require_gpus(options.gpus_per_trial, address=options.address, gpus=gpus)
        plan = prepare(options, f"zero-cost:{chosen}")
        # an evaluation is one "epoch", so there is nothing to stop early
        short = replace(plan, epochs=1, fraction=1.0)
        return cls(options=options, plan=short, began=began, gpus=gpus, score=chosen, epochs=plan.epochs)

    def limits(self, options: SearchOptions) -> Limits:
        """The limits that the options give. Chosen networks are trained as after any search; an
        epoch takes longer than a score in proportion to the images."""
        scale = len(self.plan.split.train) / BATCH
        return replace(super().limits(options), factor=FINAL_FACTOR * self.epochs, epoch_scale=scale)

    def described(self, found: Census) -> list[str]:
        """Which score is computed, and how chosen networks are trained, in lines for the reader."""
        plan = self.plan
        return [
            *self.data_lines(),
            (
                f"nothing is trained in the search: candidates are scored by {self.score} on {BATCH} images at"
                f" {plan.sized}"
            ),
            (
                f"those chosen are trained for {FINAL_FACTOR * self.epochs} epochs on {len(plan.split.train):,} images"
                f" of {Path(plan.data.name).name}"
            ),
        ]
