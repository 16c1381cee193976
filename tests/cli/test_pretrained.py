"""A search whose candidates begin from the weights of an exported network."""

import json
from pathlib import Path

import pytest
from automl.spaces import load_space
from safetensors.torch import save_file

from .conftest import SEARCH, called, with_images
from .worker_here import worker_here

pytestmark = pytest.mark.exhaustive
SECOND = [*SEARCH, "--study", "second", "--trials", "4", "--references", "none", "--json"]


def test_from_the_search_to_the_file_handed_over(tmp_path: Path):
    candidate = load_space(with_images(tmp_path) / "tiny.yaml").adapted(classes=3).base()
    (tmp_path / "found").mkdir()
    (tmp_path / "found" / "config.json").write_text(json.dumps({"candidate": candidate.to_dict()}))
    save_file(candidate.build().state_dict(), tmp_path / "found" / "model.safetensors")
    with worker_here():
        second = [*SECOND, "--pretrained", "found"]
        told = json.loads(called(*second, cwd=tmp_path).stdout)
        assert told["pretrained"]["families"] == {"tiny": 1.0}
        again = json.loads(called(*second, cwd=tmp_path).stdout)
        assert again["counts"]["done"] == told["counts"]["done"]
        other = called(*SECOND, cwd=tmp_path, check=False)
        assert other.code == 2
        assert "settings.pretrained" in other.stderr
    train = ["train", "second", "--epochs", "2", "--threads", "1", "--json"]
    for name, more, recipe in (("own", [], ""), ("noise", ["--pretrained", "none"], "search+noise")):
        trained = json.loads(called(*train, *more, cwd=tmp_path).stdout)
        assert trained["fidelity"].get("recipe", "") == recipe
        called("export", "second", "--out", name, "--epochs", 2, "--no-onnx", cwd=tmp_path)
        page = (tmp_path / name / "README.md").read_text()
        assert ("| Began from | the weights of " in page) == (name == "own")
