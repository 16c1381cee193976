"""Limits linear algebra to one thread.

The sampler's matrices are small, and next to busy workers several threads that wait for each other
take about a hundred times as long as one.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cache

from threadpoolctl import ThreadpoolController


@cache
def _controller() -> ThreadpoolController:
    return ThreadpoolController()


def one_thread() -> AbstractContextManager[object]:
    """Inside, BLAS uses one thread."""
    return _controller().limit(limits=1, user_api="blas")
