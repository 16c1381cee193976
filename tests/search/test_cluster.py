"""Starting Ray from a script of the user's."""

import os
import subprocess
import sys


def test_a_script_that_has_imported_ray_before_can_start_a_search():
    script = (
        "from ray import tune\nfrom automl.search import cluster\ncluster.start(None, cpus=1)\n"
        "print(cluster.allot(workers=1, gpus_per_trial=None).workers)\ncluster.stop()\n"
    )
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "TUNE_"))}
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, env=environment)
    assert done.stdout.strip() == "1", done.stderr
