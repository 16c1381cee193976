"""Names that are no text, or too many for a line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from automl.blocks.errors import InputError
from automl.search.data import described, load, remarks, split
from automl.search.data.names import escaped, listed, shown

REMEDY = (
    r"a data set must be a path in UTF-8, but got '.*caf\\\\xe9.*'; rename it, or give a link to it that has such a"
    r" name"
)


def renamed(path: Path, name: bytes) -> Path:
    """The path under a name that need not be text; skips where the file system takes none."""
    target = os.path.join(os.fsencode(path.parent), name)
    try:
        os.rename(path, target)
    except OSError:
        pytest.skip("this file system takes no names that are not UTF-8")
    return Path(os.fsdecode(target))


class TestFolders:
    def test_a_path_that_is_no_text_is_refused_with_the_remedy_before_anything_is_read(
        self, tmp_path: Path, noise: Callable[..., list[Path]]
    ):
        for name in ("cat", "dog"):
            noise(tmp_path / "pets" / name)
        bad = renamed(tmp_path / "pets", b"caf\xe9")
        with pytest.raises(InputError, match=REMEDY):
            load(str(bad))
        (tmp_path / "link").symlink_to(bad)
        with pytest.raises(InputError, match=REMEDY):  # a study keeps the path without links
            load(str(tmp_path / "link"))

    def test_so_is_the_working_folder_as_a_dot(self, tmp_path: Path, noise: Callable[..., list[Path]]):
        noise(tmp_path / "pets" / "cat")
        bad = renamed(tmp_path / "pets", b"caf\xe9")
        program = (
            "from automl.search.data import load\ntry:\n    load('.')\nexcept Exception as error:\n   "
            " print(str(error))"
        )
        found = subprocess.run(
            [sys.executable, "-c", program], cwd=bad, capture_output=True, text=True, check=True
        ).stdout
        assert "must be a path in UTF-8" in found

    def test_names_that_are_not_there_and_no_text_are_refused_too(self):
        with pytest.raises(InputError, match=REMEDY):
            load("caf\udce9")

    def test_class_folders_and_files_inside_may_have_any_name_and_are_shown_escaped(
        self, tmp_path: Path, noise: Callable[..., list[Path]]
    ):
        for name in (b"caf\xe9", b"tea"):
            for number, path in enumerate(noise(tmp_path / name.decode("latin-1"))):
                renamed(path, b"\xff%d.png" % number)
            (tmp_path / name.decode("latin-1") / "notes.txt").write_text("")
            renamed(tmp_path / name.decode("latin-1") / "notes.txt", b"\xfe.txt")
            renamed(tmp_path / name.decode("latin-1"), name)
        data = load(str(tmp_path), size=8)
        assert data.classes == ("caf\\xe9", "tea")
        assert data.skipped == ("caf\\xe9/\\xfe.txt: no image", "tea/\\xfe.txt: no image")
        assert all(path.exists() for path in data.files)  # the true names, to be opened
        rows = split(data, seed=0)
        for text in (
            json.dumps([data.classes, data.skipped], ensure_ascii=False),
            *described(data),
            *remarks(data, rows),
        ):
            text.encode()
        assert len(data.fingerprint) == 64

    def test_line_breaks_in_names_do_not_break_lines(self, tmp_path: Path, noise: Callable[..., list[Path]]):
        for name in ("cat", "dog\nand\nfox"):
            noise(tmp_path / name, 2)
        data = load(str(tmp_path), size=8)
        assert data.classes == ("cat", "dog\nand\nfox")  # what the classes are is not changed
        assert described(data)[0] == "2 classes: cat, dog\\nand\\nfox"
        (tmp_path / "dog\nand\nfox" / "deeper\n").mkdir()
        (tmp_path / "dog\nand\nfox" / "deeper\n" / "x.png").write_bytes(b"")
        with pytest.raises(InputError) as caught:
            load(str(tmp_path), size=8)
        assert "\n" not in str(caught.value)


class TestText:
    def test_text_stays_as_it_is(self):
        for name in ("Müller", "漢字", "a b", "\\xe9", "x\u200dy"):
            assert shown(name) == escaped(name) == name

    def test_what_is_no_text_is_escaped(self):
        assert escaped("a\udce9b\ud800") == "a\\xe9b\\ud800"
        assert shown("a\tb\udcff") == "a\\tb\\xff"

    def test_lists_say_how_much_they_leave_out(self):
        names = [f"name {number}" for number in range(30)]
        assert listed(names[:3], 100) == "name 0, name 1, name 2"
        assert listed(names, 1000) == ", ".join(names[:12]) + ", … and 18 more"
        assert len(listed(names, 60)) <= 60
        assert len(listed(["x" * 500, "y"], 160)) <= 160
