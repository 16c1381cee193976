"""Tables whose numbers, names or files are beyond what a study can hold are refused."""

import os
import re
from pathlib import Path

import pytest
from automl.blocks import InputError
from automl.search.tables import read_table
from automl.spaces import Space

MANY = "9" * 5000


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"000": {"accuracy": 0.5, "seconds": 1e308}}', "seconds must be at most 1e+09, but got 1e+308"),
        ('{"000": {"accuracy": 0.5, "seconds": [1000000001]}}', "seconds must be at most 1e+09, but got 1e+09"),
        ('{"000": {"accuracy": 0.5, "seconds": "1e308"}}', "seconds must be at most 1e+09, but got 1e+308"),
        ('{"000": {"curve": [[1000001, 0.5]]}}', "an epoch must be at most 1,000,000, but got 1000001"),
        (
            '{"000": {"curve": [["' + "x" * 9999 + '", 0.5]]}}',
            "an epoch must be a whole number of at least 1, but got 'xx",
        ),
        ('{"000": {"accuracy": 0.5, "macs": 1e300}}', "macs must be a whole number, counted singly, but got 1e+300"),
        ('{"000": {"accuracy": ' + MANY + "}}", "table.json: not JSON that can be read: Exceeds the limit"),
        ('{"000": {"accuracy": "' + MANY + '"}}', "accuracy must be a finite number, but got inf"),
        ("[" * 100_000, "table.json: not JSON that can be read: too deep"),
        ('{"000": {"accuracy.²": 0.5}}', "a row needs an accuracy or a curve"),
        ('{"000": {"accuracy.' + MANY + '": 0.5}}', "a row needs an accuracy or a curve"),
        ('{"' + MANY + '": {"accuracy": 0.5}}', "a key needs 3 digits, one for each of"),
        ('{"' + MANY + "-" + MANY + "-" + MANY + '": {"accuracy": 0.5}}', "the digit of width must be at most 2"),
        ('{"x": {"settings": {"width": [' + MANY[:200] + ']}, "accuracy": 0.5}}', "unknown value of width"),
        ('{"x": {"settings": {"width": {"a": NaN}}, "accuracy": 0.5}}', "unknown value of width"),
        ('{"000": {"accuracy": [[0.5]]}}', "accuracy must be a number, but got [0.5]"),
        ('{"000": {"accuracy": {"a": 1}}}', "accuracy must be a number, but got {'a': 1}"),
        ('{"000": {"curve": {"1": 0.5}}}', "a curve is [[epoch, accuracy], …]"),
    ],
)
def test_values(read, text: str, message: str):
    with pytest.raises(InputError, match=re.escape(message)):
        read(text)


def test_the_longest_training_is_read(read):
    table = read('{"000": {"accuracy": 0.5, "seconds": 1000000000}}')
    assert [entry.seconds for entry in table.entries.values()] == [(1e9,)]


@pytest.mark.parametrize("name", ["pipe.json", "loop.csv", "x" * 300 + ".json", "device.json", "~nobody-here/t.json"])
def test_what_is_no_file_is_refused_at_once(tmp_path: Path, space: Space, name: str, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.mkfifo("pipe.json")
    os.symlink("loop.csv", "loop.csv")
    os.symlink("/dev/zero", "device.json")
    with pytest.raises(InputError, match="cannot read the table"):
        read_table(name, space)
