"""A zero-cost score and a quality measure that a user's script defines, computed by real workers of
the script, which has imported Ray before."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ..conftest import write_images

SCRIPT = """
from ray import tune  # before automl could set its environment

from automl.search import SearchOptions, search
from automl.search.scores import Score, register
from automl.studies.quality import Measure, measures

FACTOR = 2.0


def score(subject):
    return FACTOR * sum(parameter.numel() for parameter in subject.network.parameters())


class Constant(Measure):
    name = "constant"
    words = "constant of a script"

    def of(self, logits_nk, labels_n):
        return FACTOR / 4


if __name__ == "__main__":
    measures.add("constant", Constant)
    register(Score(name="size", source="none", module="__main__", gradients=False))
    counts = {"trials": 3, "finals": 0, "workers": 1}
    data = {"space": "tiny.yaml", "data": "images.npz"}
    options = SearchOptions(**data, **counts, evaluator="zero-cost:size", study="s", sampler="random")
    result = search(options)
    assert result.counts.done == 3, result.study.evaluations()
    assert all(point.accuracy == 2.0 * point.candidate.params for point in result.front)
    assert all(dict(point.evaluation.scores) == {"size": point.accuracy} for point in result.front)
    options = SearchOptions(**data, **{**counts, "trials": 1}, epochs=1, metric="constant", study="t", sampler="random")
    result = search(options)
    assert [point.accuracy for point in result.front] == [0.5], result.study.evaluations()
    print("good")
"""
SPACE = (
    "{name: tiny, skeleton: resnet, image: [1, 32, 32], dimensions: {depth: 0.2, width: [0.125, 0.25], attention:"
    " [none, se], repeats: 1}}"
)


@pytest.mark.exhaustive  # a package's score on real workers is in tests/test_extending.py
@pytest.mark.xdist_group("ray if exhaustive")
def test_workers_compute_a_score_and_a_measure_of_a_users_script_that_has_imported_ray_before(tmp_path: Path):
    write_images(tmp_path / "images.npz")
    (tmp_path / "tiny.yaml").write_text(SPACE)
    (tmp_path / "script.py").write_text(SCRIPT)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "TUNE_"))}
    command = [sys.executable, "script.py"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=600, env=environment)
    assert done.stdout.strip() == "good", done.stderr
