"""What a run takes over from earlier runs of its study."""

from __future__ import annotations

from collections.abc import Iterator

from ...studies import CandidateRow, Evaluation, Purpose, Study
from .clock import Clock
from .random_part import RandomPart
from .running import Key


def key_of(evaluation: Evaluation) -> Key:
    """What makes an evaluation unique in its study."""
    return evaluation.candidate_id, evaluation.fidelity.key, evaluation.seed


def replayed(study: Study, clock: Clock, random: RandomPart) -> Iterator[tuple[Evaluation, CandidateRow]]:
    """Yield what has ended in a study, with its network; `clock` learns the times of all trials and
    `random` their origins, those of paused ones included."""
    networks = study.candidates()
    for evaluation in study.evaluations():
        network = networks[evaluation.candidate_id]
        if evaluation.purpose is Purpose.SEARCH:
            random.note(evaluation.origin)
            if evaluation.curve:
                clock.timed(network, evaluation.fidelity, evaluation.seconds, begin=0, end=evaluation.curve[-1][0])
        yield evaluation, network
    for paused in study.paused():
        random.note(paused.origin)
        clock.timed(paused.candidate, paused.fidelity, paused.seconds, begin=0, end=paused.curve[-1][0])
