"""While Ray waits for a port of its processes, Python goes on."""

from __future__ import annotations

import pytest
from automl.search.workers import ray_private
from ray._private import node


def test_ray_waits_in_steps_until_the_port_is_there_or_the_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def whole(*_: object, timeout_ms: int) -> int:
        asked.append(timeout_ms)
        if len(asked) < 3:
            raise RuntimeError("Timed out")
        return 6379

    monkeypatch.setattr(node, "wait_for_persisted_port", whole)
    with ray_private.short_waits():
        assert node.wait_for_persisted_port("folder", "id", "name", timeout_ms=30_000) == 6379
        assert asked == [ray_private.STEP_MS] * 3
        asked.clear()
        with pytest.raises(RuntimeError, match="Timed out"):
            node.wait_for_persisted_port("folder", "id", "name", timeout_ms=0)
    assert node.wait_for_persisted_port is whole
    assert asked == [0]
