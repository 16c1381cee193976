"""What a generated file imports, and what it copies."""

import sysconfig
from pathlib import Path

import pytest
from automl.blocks import block
from automl.studies.export.imports import is_library


def test_an_installed_package_is_imported_unless_blocks_come_from_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "installed_one.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sysconfig, "get_path", lambda kind: str(tmp_path))
    assert is_library("installed_one")
    block.blocks.load()
    monkeypatch.setattr(block.blocks, "modules", {"installed_one"})
    assert not is_library("installed_one")
    assert not is_library("installed_one.inner")
