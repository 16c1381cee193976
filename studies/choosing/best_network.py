"""The record of the network that a study has chosen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import stdev
from typing import TYPE_CHECKING

from ...blocks import InputError
from ...blocks.documented import documented
from ..records.candidate_row import CandidateRow
from ..records.evaluation import Evaluation, State
from ..records.measure import SCORE, as_text, decimals, measured, words

if TYPE_CHECKING:
    from torch import nn


@documented
@dataclass(frozen=True, kw_only=True)
class Best:
    """The network that a study has chosen."""

    candidate: CandidateRow
    """Network and its cost."""
    evaluation: Evaluation
    """Evaluation by which it was chosen; if there are several final trainings, the one whose
    weights are exported: the one with a test accuracy, then with weights, then the most accurate on
    the validation data."""
    confirmed: bool
    """Whether it was trained again after the search from another seed, which excludes that it was
    chosen for a lucky first training alone."""
    accuracies: tuple[float, ...] = ()
    """Validation accuracies of its final trainings, which decided the choice together with what the
    search had seen."""
    reference: str | None = None
    """Name of the reference network that was chosen, in words; None if the search found the
    network."""
    weights: Path | None = field(default=None, repr=False)
    """File of its trained weights: those of `evaluation`, otherwise of its last final training that
    kept any; None if no training did. Of weights at a URL it is the copy that `load` fetches."""
    fetch: Callable[[], object] | None = field(default=None, repr=False, compare=False)
    """Fetches weights that are at a URL, if there is no copy yet."""

    @property
    def unfinished(self) -> bool:
        """Whether its accuracy is that of a training which the search did not finish."""
        return self.evaluation.state is not State.COMPLETE

    def load(self) -> nn.Module:
        """The trained network in eval mode on the CPU: bchw images -> logits.

        Images must be prepared as in training; `automl.export` writes a folder that does so.

        Raises:
            InputError: no training has kept weights, or their file is missing or damaged; the
                message says what to do.
            StoreError: they are at a URL that cannot be reached.
            OSError: the copy of those at a URL cannot be written.
        """
        if self.weights is None:
            raise InputError(
                f"the network {self.candidate.id[:12]} has no trained weights yet: train it with automl.train(study) or"
                " `automl train STUDY`, then call automl.search.best(study).load()"
            )
        if self.fetch is not None:
            self.fetch()
        if not self.weights.is_file():
            raise InputError(
                f"the trained weights are missing: there is no file {self.weights}; keep the folder beside the"
                " database of the study, or train again with automl.train(study)"
            )
        from ..trained.weights import load_trained

        return load_trained(self.weights)[0]

    @property
    def accuracy(self) -> float:
        """Mean validation accuracy of its final trainings.

        Without final trainings it is the accuracy of `evaluation`, or its zero-cost score.
        """
        found = self.accuracies
        return sum(found) / len(found) if found else self.evaluation.accuracy or 0.0

    def __str__(self) -> str:
        """The accuracy as text, with its standard deviation and number of seeds."""
        measure = measured(self.evaluation)
        if measure == SCORE:
            return f"score {self.accuracy:.4f} (not trained)"
        reached = f"validation {words(measure)} {as_text(measure, self.accuracy)}"
        if not self.confirmed and self.unfinished:
            epoch, epochs = self.evaluation.curve[-1][0], self.evaluation.fidelity.epochs
            return f"{reached} (not finished: {epoch} of {epochs} epochs)"
        if not self.confirmed:
            return f"{reached} (not confirmed: one seed)"
        count = len(self.accuracies)
        spread = f" ± {decimals(stdev(self.accuracies))}" if count > 1 else ""
        return f"{reached}{spread} (confirmed with {f'{count} other seeds' if count > 1 else 'another seed'})"
