"""Scores of installed packages and scripts: how they are declared, named and found by workers."""

import importlib
import sys
from pathlib import Path

import pytest
import torch
from automl.blocks import InputError
from automl.blocks.registry import PluginWarning, Registry
from automl.search.scores import Score, network_scores, registry, score, score_names
from automl.search.scores.registry import scores
from automl.search.scores.sending import packed

from .conftest import Chain, made

MODULE = '''
from automl.search.scores import Score


def twice(subject):
    """Twice the subject."""
    return 2.0 * subject


thrice = Score(name="thrice", source="none", module="a_package_with_scores:times_three")


def times_three(subject):
    return 3.0 * subject
'''


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A package that declares scores, and a registry that has not looked for packages yet."""
    (tmp_path / "a_package_with_scores.py").write_text(MODULE)
    info = tmp_path / "a_package_with_scores-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: a-package-with-scores\nVersion: 1\n")

    def declare(**entries: str) -> Registry[Score]:
        lines = "".join(f"{name} = {value}\n" for name, value in entries.items())
        (info / "entry_points.txt").write_text(f"[automl.scores]\n{lines}")
        monkeypatch.syspath_prepend(str(tmp_path))
        importlib.invalidate_caches()
        fresh = Registry("score", "automl.scores", accept=registry._accepted, home=lambda each: each.home)
        fresh.known.update(scores.known)
        monkeypatch.setattr(registry, "scores", fresh)
        monkeypatch.setattr("automl.search.scores.sending.scores", fresh)
        return fresh

    yield declare
    sys.modules.pop("a_package_with_scores", None)


def test_functions_and_scores_of_a_package_are_found_by_name(installed):
    installed(twice="a_package_with_scores:twice", thrice="a_package_with_scores:thrice")
    assert score_names()[-2:] == ["thrice", "twice"]
    assert score("twice").of(4.0) == 8.0
    assert score("twice").source == "Twice the subject."
    assert score("thrice").of(4.0) == 12.0


def test_scores_of_a_package_are_not_sent_since_workers_find_them(installed):
    installed(twice="a_package_with_scores:twice")
    assert packed() == b""


def test_control_a_score_of_a_script_is_sent(installed):
    installed(twice="a_package_with_scores:twice").add("script", Score(name="script", source="none", function=abs))
    assert packed() != b""


def test_a_score_that_is_none_is_left_out_with_its_package_named(installed):
    installed(twice="a_package_with_scores:MISSING")
    with pytest.warns(PluginWarning, match="the score 'twice' of the package a-package-with-scores is left out"):
        assert "twice" not in score_names()
    with pytest.raises(InputError, match="a-package-with-scores is left out"):
        score("twice")


def test_a_score_is_declared_by_its_own_name(installed):
    installed(other="a_package_with_scores:thrice")
    with pytest.warns(PluginWarning, match="'thrice' is declared as 'other'"):
        score_names()


def test_the_score_of_the_docs_counts_large_convolutions(monkeypatch: pytest.MonkeyPatch):
    page = (Path(__file__).parents[3] / "docs" / "extending.md").read_text()
    text = next(text for text in page.split("```python\n")[1:] if "register(Score(" in text).partition("```")[0]
    assert text.count("\n") <= 40
    monkeypatch.setattr(scores, "known", dict(scores.known))
    exec(compile(text, "extending.md", "exec"), {"__name__": "extending"})
    images, labels = torch.zeros(2, 3, 8, 8), torch.zeros(2, dtype=torch.int64)
    assert network_scores(made(Chain), images, labels, names=["convs"]) == {"convs": 2.0}
