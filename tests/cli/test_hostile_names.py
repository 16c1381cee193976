"""Names that would steer a terminal, a browser or a path are shown as they are, and lead
nowhere."""

import json
import os
import sqlite3
from pathlib import Path

import pytest

from .test_generated_input import SEARCH, SPACE, TABLE

SCRIPT = "<script>alert(1)</script>"
STEERING = "\x1b[31m\x1b]0;x\x07"


@pytest.fixture
def study(call, tmp_path: Path) -> str:
    """The name of a study in whose database others have written names of their own."""
    name = f"{SCRIPT[:-9]}<!-- $x$ *b* `c`".replace("/", "")
    (tmp_path / "four.json").write_text(json.dumps(SPACE))
    (tmp_path / "table.json").write_text(json.dumps(TABLE))
    words = [name if word == "new" else word.replace("four.json", "four.yaml") for word in SEARCH]
    (tmp_path / "four.json").rename("four.yaml")
    code, _, err = call(*words)
    assert code == 0, err
    with sqlite3.connect(tmp_path / "automl.db") as database:
        for column in ("space", "data"):
            written = json.loads(database.execute(f"SELECT {column} FROM automl_studies").fetchone()[0])
            written["name"] = f"{SCRIPT}{STEERING}"
            database.execute(f"UPDATE automl_studies SET {column} = ?", [json.dumps(written)])
        database.execute("UPDATE automl_studies SET command = ?", [f"automl {SCRIPT} `{STEERING}"])
        database.execute("UPDATE automl_evaluations SET worker = ?, device = ?", [SCRIPT + STEERING] * 2)
        database.execute("UPDATE automl_evaluations SET settings = ?", [json.dumps({"width": SCRIPT + STEERING})])
        database.execute("UPDATE automl_evaluations SET checkpoint = ?", ["../../../../etc/passwd"])
    database.close()
    return name


def test_neither_terminal_nor_browser_obeys_a_name(call, study: str, tmp_path: Path):
    for words in (["status", study], ["front", study], ["studies"], ["report", study, "--out", "out"]):
        code, out, err = call(*words)
        assert (code, err) == (0, "")
        assert "\x1b" not in out
        assert "\x07" not in out
        assert r"\x1b[31m" in out or words[0] == "report"  # control: it was there
    page = (tmp_path / "out" / "report.md").read_text()
    assert "<script" not in page
    assert "&lt;script>alert(1)&lt;/script>" in page
    assert "<!--" not in page
    assert "<script" in json.loads((tmp_path / "out" / "report.json").read_text())["study"]  # data stay data
    for figure in ("front.svg", "progress.svg"):
        drawn = (tmp_path / "out" / figure).read_text()
        assert "<script" not in drawn
        assert "<!-- $x$" not in drawn


def test_a_path_in_a_row_leads_nowhere(call, study: str):
    code, _, err = call("export", study, "--out", "found")
    assert code == 2
    assert "etc/passwd" not in err
    assert not Path("found").exists()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["search", "--study", "a\x1b[31mb", "--data", "x.npz"], "--study must be a name without / and"),
        (["search", "--study", "漢" * 100, "--data", "x.npz"], "of at most 120 characters and 240 bytes"),
        (["search", "--study", "x" * 121, "--data", "x.npz"], "of at most 120 characters and 240 bytes"),
        (["search", "--space", "\x1b[31m.yaml"], r"cannot read the space file '\x1b[31m.yaml'"),
        (["search", "--space", "x" * 30_000], "unknown space 'xxx"),
        (["search", "--space", "x" * 300 + ".yaml"], "File name too long"),
        (["search", "--space", "pipe.yaml"], "it is a pipe, not a file"),
        (["search", "--space", "loop.yaml"], "Too many levels of symbolic links"),
        (["cost", "pipe.json"], "it is a pipe, not a file"),
        (["cost", "x" * 30_000], "xxx"),
        (["search", "--data", "pipe.npz"], "it is a pipe, not a file"),
        (["search", "--data", "x" * 300 + ".npz"], "no folder or file has that path either"),
        (["search", "--data", "~nobody-here"], "no folder or file has that path either"),
        (["search", "--data", "loop.npz"], "no folder or file has that path either"),
        (["search", "--evaluator", "table:pipe.json"], "it is a pipe, not a file"),
        (["search", "--epochs", "99999999"], "--epochs must be at most 100,000, but got 99999999"),
        (["search", "--workers", "99999999"], "--workers must be at most 10,000, but got 99999999"),
        (["search", "--proxy-size", "99999999"], "--proxy-size must be at most 4,096, but got 99999999"),
        (["search", "--table-seconds", "1e308"], "--table-seconds must be positive and at most 1e+09"),
        (["search", "--time", "9" * 400], "--time must be positive and at most 1e+09 s, but got inf s"),
        (["search", "--references", "9" * 5000], "--references must be a whole number or none, but got '999"),
        (
            ["space", "sample", "four.yaml", "--count", "99999999"],
            "Invalid value for '--count' / '-n': Input should be less than or equal to 10000",
        ),
        (["scale", "--baseline", "resnet50", "--export", "x" * 300], "File name too long"),
        (["studies", "--storage", "sqlite:///x.db?timeout=abc"], "could not convert string to float: 'abc'"),
        (["studies", "--storage", "sqlite:///pipe.json"], "it is a pipe, not a file"),
        (["status", "x" * 30_000, "--storage", "sqlite:///s.db"], "there is no database sqlite:///s.db"),
    ],
)
def test_what_no_file_or_study_can_be_is_refused_in_one_short_line(call, tmp_path: Path, words: list[str], says: str):
    for name in ("pipe.yaml", "pipe.json", "pipe.npz"):
        os.mkfifo(name)
    for name in ("loop.yaml", "loop.npz"):
        os.symlink(name, name)
    before = sorted(os.listdir())
    code, _, err = call(*words)
    assert code == 2
    assert says in err
    assert len(err.splitlines()) == 1
    assert len(err) <= 401
    assert "\x1b" not in err
    assert sorted(os.listdir()) == before


def test_a_pipe_and_a_link_to_itself_among_images_are_passed_over(call, tmp_path: Path):
    from automl.search.data import load
    from PIL import Image

    for folder in ("cat", "dog"):
        (tmp_path / "pets" / folder).mkdir(parents=True)
        Image.new("RGB", (8, 8), "red" if folder == "cat" else "blue").save(tmp_path / "pets" / folder / "a.png")
    os.mkfifo(tmp_path / "pets" / "cat" / "x.png")
    (tmp_path / "pets" / "dog" / "device.png").symlink_to("/dev/zero")
    found = load(str(tmp_path / "pets"), size=8)
    assert len(found.labels) == 2
    assert [text.partition(":")[0] for text in found.skipped] == ["cat/x.png", "dog/device.png"]
    (tmp_path / "pets" / "dog" / "loop.png").symlink_to("loop.png")
    from automl.blocks import InputError

    with pytest.raises(InputError, match="symbolic links"):
        load(str(tmp_path / "pets"), size=8)
