"""Has zero-cost scores of random candidates computed on the workers, as hints for the sampler.

They are computed before the sampler begins to choose, each in a fraction of a second. The sampler
weighs a score by how well it explains the accuracies (`automl.search.sampling.auxiliary`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ...spaces import Candidate
from ...studies import Fidelity, Purpose, Study
from ..proposing.proposer import Proposer
from .job import Job

COUNT = 64
"""Number of candidates that are scored."""
NOTE = "hints"
"""Note of the study that keeps the scores, so that they are not computed again."""


class Hinting:
    """Hands out candidates to be scored, and gives their scores to the sampler once all are in."""

    def __init__(
        self, study: Study, proposer: Proposer, names: Sequence[str], *, size: int, seed: int, smallest_map: int = 0
    ) -> None:
        """Begin with the scores that the study has noted.

        Args:
            study: where scores are noted.
            proposer: gives the candidates, and takes the scores.
            names: names of the scores.
            size: side in pixels of the images that are scored.
            seed: seed of the candidates and of the batch of images.
            smallest_map: see `Fidelity`.
        """
        self._study, self._proposer, self._names, self._size, self._seed = study, proposer, tuple(names), size, seed
        self._smallest_map = smallest_map
        self._live: dict[str, tuple[Mapping[str, Any], bool]] = {}
        self._rows: list[tuple[Mapping[str, Any], dict[str, float]]] = []
        kept = study.notes().get(NOTE)
        noted: list[Any] = list(kept) if isinstance(kept, list) else []
        known = [(row["settings"], row["scores"]) for row in noted if set(self._names) <= set(row["scores"])]
        self._waiting: list[tuple[Mapping[str, Any], Candidate]] = [] if known else proposer.some(COUNT, seed)
        if known:
            self._tell(known)

    def next(self, key: str) -> Job | None:
        """The next candidate for worker `key`; None if all have been handed out."""
        if not self._waiting:
            return None
        settings, candidate = self._waiting.pop()
        self._live[key] = settings, False
        fidelity = Fidelity(epochs=1, size=self._size, smallest_map=self._smallest_map)
        return Job(
            candidate=candidate.spec,
            params=int(candidate.cost().params),
            fidelity=fidelity,
            seed=self._seed,
            purpose=Purpose.SEARCH,
            scores=self._names,
        )

    def owns(self, key: str) -> bool:
        """Whether worker `key` computes a hint."""
        return key in self._live

    def scored(self, key: str, scores: Mapping[str, float]) -> None:
        """Note the scores that worker `key` has computed."""
        settings, _ = self._live[key]
        self._live[key] = settings, True
        self._rows.append((settings, dict(scores)))

    def done(self, key: str) -> bool:
        """Whether worker `key` has reported its scores."""
        return self._live[key][1]

    def ended(self, key: str) -> None:
        """End the job of worker `key`; after the last one, the scores go to the sampler."""
        del self._live[key]
        if not self._live and not self._waiting:
            rows = [{"settings": dict(settings), "scores": scores} for settings, scores in self._rows]
            self._study.note(NOTE, rows)  # type: ignore[arg-type]
            self._tell(self._rows)

    def forget(self) -> None:
        """Forget the jobs of a run that was interrupted."""
        self._live.clear()

    def _tell(self, rows: Sequence[tuple[Mapping[str, Any], Mapping[str, float]]]) -> None:
        for name in self._names:
            self._proposer.hint(name, [(settings, scores[name]) for settings, scores in rows if name in scores])
