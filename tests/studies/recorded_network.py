"""Records networks in a study, as if a search had trained them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from automl.studies import CandidateRow, Evaluation, Fidelity, Purpose, State, Study


def record_network(
    study: Study,
    key: str,
    accuracy: float,
    macs: int = 1,
    *,
    trial: Fidelity,
    final: Fidelity | None = None,
    seed: int = 0,
    **more: Any,
) -> Evaluation:
    """A finished trial of the fidelity `trial`, or a final training of `final`; `more` are further
    fields of the evaluation."""
    now = datetime.now(UTC)
    fields: dict[str, Any] = {"settings": {}, "checkpoint": f"{key}.pt" if final else None, **more}
    evaluation = Evaluation(
        candidate_id=key,
        fidelity=final or trial,
        seed=seed,
        purpose=Purpose.FINAL if final else Purpose.SEARCH,
        state=State.COMPLETE,
        curve=((8, accuracy),),
        accuracy=accuracy,
        seconds=1.0,
        started=now,
        finished=now,
        **fields,
    )
    row = CandidateRow(id=key, spec=f'"{key}"', macs=macs, params=1, activations=1)
    return study.record(evaluation, row, params={}, distributions={}, values=None if final else (accuracy, macs))
