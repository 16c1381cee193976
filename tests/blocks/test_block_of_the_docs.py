"""The attention block of docs/extending.md passes the conformance tests."""

import importlib.util
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from automl.blocks import Attention, block, block_class

from .conformance import AttentionConformance

PAGE = (Path(__file__).parents[2] / "docs" / "extending.md").read_text()


CODE = [text for text in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if "(Attention)" in text]


@pytest.fixture(scope="module")
def gate(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Attention]:
    """The page's block, imported from a file; the registry is as before afterwards."""
    [code] = CODE
    path = tmp_path_factory.mktemp("docs") / "window_gate.py"
    path.write_text(code)
    spec = importlib.util.spec_from_file_location("window_gate", path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules["window_gate"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield block_class("window_gate", Attention)(window=5)  # type: ignore[call-arg]
    del block.blocks.known["window_gate"], sys.modules["window_gate"]


class TestBlockOfTheDocs(AttentionConformance):
    @pytest.fixture(autouse=True)
    def _block(self, gate: Attention) -> None:
        self.block = gate


def test_the_example_is_at_most_forty_lines():
    assert [len(code.splitlines()) <= 40 for code in CODE] == [True]
