"""Who has no token cannot use a private Ray."""

import subprocess
import sys

import pytest

OWNER = """
import subprocess, sys
from automl.search.workers import cluster

cluster.start(None, cpus=1, gpus=0)
import ray

@ray.remote
def work():
    return "worked"

assert ray.get(work.remote()) == "worked"
address = ray.get_runtime_context().gcs_address
for environment in ({}, {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "guessed" * 6}):
    done = subprocess.run(
        [sys.executable, "-c", sys.argv[1], address],
        env={"PATH": "/usr/bin", "HOME": "/nonexistent", **environment},
        capture_output=True,
        text=True,
        timeout=120,
    )
    print(done.returncode, "worked" in done.stdout)
assert ray.get(work.remote()) == "worked"  # its owner still can
"""
STRANGER = """
import sys, ray

ray.init(address=sys.argv[1], log_to_driver=False)
print(ray.get(ray.remote(lambda: "worked").remote()))
"""


@pytest.mark.exhaustive
def test_a_stranger_without_the_token_is_refused():
    done = subprocess.run([sys.executable, "-c", OWNER, STRANGER], capture_output=True, text=True, timeout=500)
    lines = done.stdout.split("\n")
    refused = [line for line in lines if line.endswith(("True", "False")) and line[:2].strip().lstrip("-").isdigit()]
    assert len(refused) == 2, done.stderr
    assert all(not line.startswith("0 ") and line.endswith("False") for line in refused)
