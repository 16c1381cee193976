"""What was at fault in failures is shown where failures are."""

from __future__ import annotations

from collections.abc import Callable

from automl.studies import State, Study
from automl.studies.evidence import evidence, report_lines
from automl.studies.records.failures import failures, faults_text


def test_each_failure_has_its_fault_in_json_and_their_numbers_are_in_the_report(
    study: Study, record: Callable[..., object]
) -> None:
    record(study, 0)
    for number, fault in enumerate(("machine", "candidate", "machine", None), start=1):
        record(study, number, state=State.FAIL, accuracy=None, curve=(), reason=f"reason {number}", fault=fault)
    found = evidence(study)
    listed = found.to_dict()["failures"]
    assert listed == failures(study.evaluations())
    assert isinstance(listed, list)
    assert listed[0] == {"id": f"{1:064x}", "seed": 0, "purpose": "search", "fault": "machine", "reason": "reason 1"}
    assert [one["fault"] for one in listed] == ["machine", "candidate", "machine", None]  # type: ignore[index, call-overload]
    assert any("at fault in what failed: 2 machine, 1 candidate, 1 unknown" in line for line in report_lines(found))


def test_control_without_failures_nothing_is_said(study: Study, record: Callable[..., object]) -> None:
    record(study, 0)
    assert failures(study.evaluations()) == []
    assert faults_text(study.evaluations()) == ""
    assert not any("at fault" in line for line in report_lines(evidence(study)))
