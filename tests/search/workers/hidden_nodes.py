"""A Ray cluster on this machine whose further nodes do not see the driver's folder.

Their processes live in a mount namespace of their own, where the folder is empty: what is read or
written by a shared path would be noticed.
"""

from __future__ import annotations

import ctypes
import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from ray.cluster_utils import Cluster

NEW_NAMESPACE, PRIVATE = 0x00020000, (1 << 18) | (1 << 14)
"""CLONE_NEWNS; MS_PRIVATE | MS_REC."""


class HiddenNodes:
    """The nodes of a cluster that do not see `folder`; each has a temporary and a working folder,
    and a cache, of its own below `elsewhere`."""

    def __init__(self, cluster: Cluster, folder: Path, elsewhere: Path) -> None:
        self.cluster, self._folder, self._elsewhere = cluster, folder, elsewhere
        # a thread has a namespace of its own, which what it starts inherits
        self._thread = ThreadPoolExecutor(1)
        self._thread.submit(_hide, folder).result()
        self.count = 0

    def add(self, **env: str) -> Any:
        """Add a node with one CPU and these environment variables."""
        return self._thread.submit(self._add, env).result()

    def drain(self, node: Any, *, seconds: int) -> None:
        """Ask for no more work on a node, which is to end in some seconds."""
        from ray._raylet import GcsClient
        from ray.core.generated import autoscaler_pb2

        deadline = (time.time_ns() // 1_000_000) + 1000 * seconds
        reason = autoscaler_pb2.DrainNodeReason.Value("DRAIN_NODE_REASON_PREEMPTION")
        accepted, why = GcsClient(address=self.cluster.address).drain_node(node.node_id, reason, "tested", deadline)
        assert accepted, why

    def sees(self, path: Path) -> bool:
        """Whether the nodes see a path."""
        return self._thread.submit(path.exists).result()

    def _add(self, env: dict[str, str]) -> Any:
        self.count += 1
        own = self._elsewhere / f"node{self.count}"
        (own / "tmp").mkdir(parents=True)
        own_places = {"AUTOML_CACHE": str(own / "cache"), "TMPDIR": str(own / "tmp")}
        return self.cluster.add_node(num_cpus=1, env_vars={**own_places, **env})

    def end(self) -> None:
        """End the nodes' thread."""
        self._thread.shutdown()


def may_hide() -> bool:
    """Whether this user may have a namespace of its own."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(_unshared).result()


def _unshared() -> bool:
    return ctypes.CDLL(None, use_errno=True).unshare(NEW_NAMESPACE) == 0


def _hide(folder: Path) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(NEW_NAMESPACE) != 0:
        raise OSError(ctypes.get_errno(), "no namespace of its own")
    if libc.mount(b"none", b"/", None, PRIVATE, None) != 0:
        raise OSError(ctypes.get_errno(), "the namespace cannot be made private")
    if libc.mount(b"none", os.fsencode(folder), b"tmpfs", 0, b"size=1m") != 0:
        raise OSError(ctypes.get_errno(), "the folder cannot be hidden")
