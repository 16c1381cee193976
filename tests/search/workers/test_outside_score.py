"""A zero-cost score that a user's script defines, computed by real workers: Ray is started once, by
the script."""

import os
import subprocess
import sys
from pathlib import Path

from ..conftest import write_images

SCRIPT = """
from automl.search import SearchOptions, search
from automl.search.scores import Score, register

FACTOR = 2.0


def score(subject):
    return FACTOR * sum(parameter.numel() for parameter in subject.network.parameters())


if __name__ == "__main__":
    register(Score(name="size", source="none", module="__main__", gradients=False))
    options = SearchOptions(space="tiny.yaml", data="images.npz", evaluator="zero-cost:size", trials=3, finals=0, workers=1, study="s", sampler="random")
    result = search(options)
    assert result.counts.done == 3, result.study.evaluations()
    assert all(point.accuracy == 2.0 * point.candidate.params for point in result.front)
    assert all(dict(point.evaluation.scores) == {"size": point.accuracy} for point in result.front)
    print("good")
"""
SPACE = (
    "{name: tiny, skeleton: resnet, image: [1, 32, 32], dimensions: {depth: 0.2, width: [0.125, 0.25], attention:"
    " [none, se], repeats: 1}}"
)


def test_workers_compute_a_score_of_the_users_script(tmp_path: Path):
    write_images(tmp_path / "images.npz")
    (tmp_path / "tiny.yaml").write_text(SPACE)
    (tmp_path / "script.py").write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, timeout=300, env={**os.environ}
    )
    assert done.stdout.strip() == "good", done.stderr
