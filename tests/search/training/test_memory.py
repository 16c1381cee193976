"""Memory that is freed between updates stays with the process."""

from __future__ import annotations

import ctypes
import resource
from collections.abc import Iterator

import pytest
import torch
from automl.search.training.memory import MMAP_MAX, TRIM_THRESHOLD, keep_freed_memory

PAGES = 10_000
"""Of 4096 bytes; glibc's default puts such a block outside of the heap."""


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    yield
    keep_freed_memory()  # as every training leaves it


def faults() -> int:
    """Pages that the system maps when a block is freed and asked for again."""
    for _ in range(2):
        torch.empty(PAGES * 1024).zero_()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(3):
        torch.empty(PAGES * 1024).zero_()
    return (resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) // 3


def test_a_block_that_is_freed_is_used_again():
    if not keep_freed_memory():
        pytest.skip("the allocator is not glibc's")
    assert faults() < PAGES / 100


def test_by_default_it_is_not():
    """The control."""
    if not keep_freed_memory():
        pytest.skip("the allocator is not glibc's")
    libc = ctypes.CDLL(None)
    assert libc.mallopt(MMAP_MAX, 65_536)
    assert libc.mallopt(TRIM_THRESHOLD, 128 * 1024)
    assert faults() > PAGES / 100
