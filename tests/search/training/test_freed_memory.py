"""Memory that is freed between updates stays with the process. What other tests have left in the
heap of this one would decide instead, so each case has a process of its own."""

from __future__ import annotations

import subprocess
import sys

import pytest
from automl.search.training.freed_memory import keep_freed_memory

PAGES = 10_000
"""Of 4096 bytes: more than the 32 MiB that glibc by default keeps in the heap at most."""
PROGRAM = f"""
import ctypes, resource, sys
from automl.search.training.freed_memory import keep_freed_memory
if "keep" in sys.argv:
    assert keep_freed_memory()
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
def again():
    block = libc.malloc({PAGES} * 4096)
    ctypes.memset(block, 1, {PAGES} * 4096)
    libc.free(block)
again()
again()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(3):
    again()
print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) // 3)
"""


def faults(*words: str) -> int:
    """Pages that the system maps when a block is freed and asked for again."""
    if not keep_freed_memory():
        pytest.skip("the allocator is not glibc's")
    told = subprocess.run([sys.executable, "-c", PROGRAM, *words], capture_output=True, text=True, check=True)
    return int(told.stdout)


def test_a_block_that_is_freed_is_used_again():
    assert faults("keep") < PAGES / 100


def test_by_default_it_is_not():
    """The control."""
    assert faults() > PAGES / 2
