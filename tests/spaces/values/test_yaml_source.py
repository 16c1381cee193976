"""YAML that would take for ever, or hold what no space holds, is refused with its line."""

from pathlib import Path

import pytest
from automl.blocks import InputError
from automl.spaces.values.yaml_source import DEEPEST, MOST_BYTES, MOST_VALUES, read_file, read_yaml

LAUGHS = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 10)
)
MERGES = "a0: &a0 {x: 1}\n" + "".join(f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 10)}]}}\n" for n in range(1, 10))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (LAUGHS, "a file must have at most 50,000 values, each repetition counted"),
        (MERGES, "a file must have at most 50,000 values, each repetition counted"),
        ("a: &a [*a]", "lists and mappings must be at most 100 deep"),
        ("a: &a {b: *a}", "lists and mappings must be at most 100 deep"),
        ("[" * (DEEPEST + 5) + "]" * (DEEPEST + 5), "lists and mappings must be at most 100 deep"),
        ("[" * 100_000, "s.yaml:1: lists and mappings must be at most 100 deep"),
        ("- " * 100_000, "s.yaml:1: lists and mappings must be at most 100 deep"),
        ("{a: " * 100_000, "s.yaml:1: lists and mappings must be at most 100 deep"),
        ("a: 1\nb: " + "9" * 5000, "s.yaml:2: a number must have at most 40 characters, but got"),
        ("a: 1\nb: 0x" + "f" * 50, "s.yaml:2: a number must have at most 40 characters, but got"),
        ("a: 1." + "9" * 50, "s.yaml:1: a number must have at most 40 characters, but got"),
        ('a: "\\e[31m"', r"s.yaml:1: a text must hold no control characters, but got '\x1b[31m'"),
        ('"a\\x07": 1', r"s.yaml:1: a text must hold no control characters, but got 'a\x07'"),
        ('"a\\0": 1', r"s.yaml:1: a text must hold no control characters, but got 'a\x00'"),
        ("a: \x1b[31m", "s.yaml: not YAML: special characters are not allowed"),
        ("? [a]\n: 1", "s.yaml:1: not YAML: a key must be a text or a number"),
        ("? {a: b}\n: 1", "s.yaml:1: not YAML: a key must be a text or a number"),
        ("a: !!bool perhaps", "s.yaml: not YAML: 'perhaps'"),
        ("a: !!int ''", "s.yaml: not YAML: "),
        ("a: !!timestamp soon", "s.yaml: not YAML: "),
        ("a: 2026-13-45", "s.yaml: not YAML: month must be in 1..12"),
        ("a: !!python/object/apply:os.system ['true']", "not YAML: could not determine a constructor"),
        ("a: 1\nb: 2\na: 3", "s.yaml:3: the key 'a' is given twice"),
        ("a: [1\nb", "not YAML: expected ',' or ']'"),
    ],
)
def test_what_is_no_plain_yaml_is_refused_with_its_line(text: str, says: str):
    with pytest.raises(InputError) as refused:
        read_yaml(text, "s.yaml")
    assert says in str(refused.value)


def test_the_same_value_may_be_written_once_and_repeated():
    found = read_yaml("a: &a [1, 2]\nb: *a\nc: {<<: {d: 1}}\ne: |\n  two\n  lines\n", "s.yaml")
    assert found.data == {"a": [1, 2], "b": [1, 2], "c": {"d": 1}, "e": "two\nlines\n"}
    assert (found.lines[("b",)], found.lines[("b", 1)]) == (2, 1)


def test_as_many_values_as_a_large_candidate_has_are_read():
    assert len(read_yaml("[" + "1," * 3000 + "]", "s.yaml").data) == 3000


def test_of_a_file_with_too_many_values_the_rest_is_not_parsed(monkeypatch):
    monkeypatch.setattr("automl.spaces.values.yaml_source.MOST_VALUES", 100)
    assert MOST_VALUES == 50_000
    with pytest.raises(InputError, match="at most 100 values"):
        read_yaml("[" + "1," * 2000 + "\n%", "s.yaml")  # what is no YAML comes later
    with pytest.raises(InputError, match="not YAML"):
        read_yaml("[" + "1," * 20 + "\n%", "s.yaml")  # control


def test_a_file_that_is_too_large_or_none_is_not_read(tmp_path: Path):
    import os

    with (tmp_path / "large.yaml").open("wb") as file:
        file.truncate(MOST_BYTES + 1)
    with pytest.raises(InputError, match="at most 2,000,000 are read"):
        read_file(tmp_path / "large.yaml")
    os.mkfifo(tmp_path / "pipe.yaml")
    with pytest.raises(InputError, match=r"cannot read the space file .*: it is a pipe, not a file"):
        read_file(tmp_path / "pipe.yaml")


def test_lines_may_end_as_on_other_systems(tmp_path: Path):
    (tmp_path / "s.yaml").write_bytes(b"a: 1\r\nb: |\r\n  x\r\n  y\r\n")
    assert read_file(tmp_path / "s.yaml").data == {"a": 1, "b": "x\ny\n"}
