"""Tests run two at a time: linear algebra on one thread each, for threads that wait for each other take many times as long."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
