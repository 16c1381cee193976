"""Whoever has no token cannot use a private Ray."""

import json
import subprocess
import sys

import pytest

OWNER = """
import json, os, subprocess, sys
from automl.search.workers import cluster

cluster.start(None, cpus=2, gpus=0)
import ray

address = ray.get_runtime_context().gcs_address
stranger = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}
found = {}
for name, environment in {
    "none": stranger,
    "guessed": {**stranger, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "guessed" * 6},
    "own": dict(os.environ),
}.items():
    try:
        done = subprocess.run(
            [sys.executable, "-c", sys.argv[1], address],
            env=environment,
            capture_output=True,
            text=True,
            timeout=120 if name == "own" else 30,
        )
        found[name] = "worked" in done.stdout
    except subprocess.TimeoutExpired:  # it tries again and again
        found[name] = False
print(json.dumps(found))
"""
"""Starts a private Ray, and lets others try it: without a token, with a wrong one, with the right
one."""
OTHER = """
import sys, ray

ray.init(address=sys.argv[1], log_to_driver=False)
print(ray.get(ray.remote(lambda: "worked").remote()))
"""


@pytest.mark.exhaustive
def test_a_stranger_without_the_token_is_refused():
    done = subprocess.run([sys.executable, "-c", OWNER, OTHER], capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found == {"none": False, "guessed": False, "own": True}  # the last one is the control
