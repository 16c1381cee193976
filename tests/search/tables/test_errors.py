"""What is wrong with a table is said with its file, its row, the rule, the value and what is
nearest."""

import re
from pathlib import Path

import pytest
from automl.blocks import InputError
from automl.search.tables import read_table
from automl.spaces import Space

JSON = [
    ('{"000": {"accuracy": ', "table.json:1: not JSON: "),
    ('{"000": {"accuracy": 0.5}, "000": {"accuracy": 0.6}}', "table.json: the key '000' is given twice"),
    ("3", "table.json: a table is a mapping from key to row, or a list of rows, but got int"),
    ("{}", "table.json: a table must have at least one row, but it has none"),
    ('{"000": 0.5}', "table.json: entry '000': a row is a mapping such as {'accuracy': 0.9}, but got 0.5"),
    ('[{"accuracy": 0.5}]', "table.json: row 1: every parameter that is free needs a value, but 'width' has none"),
    (
        '{"00": {"accuracy": 0.5}}',
        "table.json: entry '00': a key needs 3 digits, one for each of width, expansion, attention, but '00' has 2",
    ),
    (
        '{"030": {"accuracy": 0.5}}',
        "table.json: entry '030': the digit of expansion must be at most 1, but got 3 in '030'",
    ),
    (
        '{"small": {"accuracy": 0.5}}',
        "entry 'small': a row names its network by `settings`, by `id`, or by a key of 3 digits",
    ),
    (
        '{"000": {"acuracy": 0.5}}',
        "entry '000': a row needs an accuracy or a curve: unknown name 'acuracy'; did you mean 'accuracy'?",
    ),
    ('{"000": {"macs": 5}}', "entry '000': a row needs an accuracy or a curve, but has 'macs'"),
    ('{"000": {"accuracy": "high"}}', "entry '000': accuracy must be a number, but got 'high'"),
    ('{"000": {"accuracy": true}}', "entry '000': accuracy must be a number, but got True"),
    ('{"000": {"accuracy": NaN}}', "entry '000': accuracy must be a finite number, but got nan"),
    ('{"000": {"accuracy": []}}', "entry '000': accuracy must hold at least one number, but is empty"),
    (
        '{"000": {"accuracy": -0.1}}',
        "entry '000': an accuracy must lie between 0 and 1, or all of a table between 0 and 100 %, but got -0.1",
    ),
    (
        '{"000": {"accuracy": 101}}',
        "entry '000': an accuracy must lie between 0 and 1, or all of a table between 0 and 100 %, but got 101",
    ),
    ('{"000": {"accuracy": 0.5, "seconds": 0}}', "entry '000': seconds must be positive, but got 0"),
    (
        '{"000": {"accuracy": [0.5, 0.6], "seconds": [1]}}',
        "seconds must be one number, or one for each of the 2 seeds, but got 1",
    ),
    (
        '{"000": {"accuracy": 0.5, "macs": 1.5}}',
        "entry '000': macs must be a whole number, counted singly, but got 1.5",
    ),
    (
        '{"000": {"accuracy": 0.5, "params": 7}}',
        "entry '000': the parameters of a row must be those of its network, but the table has 7 and the network has ",
    ),
    (
        '{"000": [{"accuracy": 0.5}, {"accuracy": 0.5, "flops": 7}]}',
        "entry '000', row 2: the MACs of a row must be those of its network",
    ),
    (
        '{"000": {"curve": [0.1, 0.2]}}',
        "entry '000': a curve is [[epoch, accuracy], …], or one such list for each seed, but got [0.1, 0.2]",
    ),
    ('{"000": {"curve": [[1, 0.1], [1, 0.2]]}}', "entry '000': the epochs of a curve must rise, but got [1, 1]"),
    ('{"000": {"curve": [[0, 0.1]]}}', "entry '000': an epoch must be a whole number of at least 1, but got 0"),
    (
        '{"000": {"curve": [[3, 0.1]]}, "001": {"curve": [[4, 0.1]]}}',
        "entry '001': all curves of a table must end at the same epoch, but this one ends at 4",
    ),
    (
        '{"000": {"curve": [[3, 0.1]]}, "001": {"accuracy": 0.1}}',
        "entry '001': either all rows of a table have curves or none, but this one has none",
    ),
    (
        '{"x": {"settings": 3, "accuracy": 0.5}}',
        "entry 'x': settings must be a mapping from parameter to value, but got 3",
    ),
    (
        '{"x": {"settings": {"widht": 0.25}, "accuracy": 0.5}}',
        "entry 'x': unknown parameter 'widht'; did you mean 'width'?",
    ),
    ('{"x": {"settings": {"width": 0.3}, "accuracy": 0.5}}', "entry 'x': unknown value of width '0.3'"),
    (
        '{"x": {"settings": {"width": 0.25, "expansion": 2, "attention": "sse"}, "accuracy": 0.5}}',
        "unknown value of attention 'sse'; did you mean 'se'?",
    ),
    (
        '{"x": {"id": "12", "accuracy": 0.5}}',
        "entry 'x': an id is the candidate's SHA-256, 64 hexadecimal digits, but got '12'",
    ),
]
CSV = [
    ("", "t.csv: a table must have at least one row, but it has none"),
    ("width,width\n", "t.csv:1: every column needs a name of its own, but got 'width'"),
    (
        "width,expansion,attention,accuracy\n0.25,2,none\n",
        "t.csv:2: a row must have 4 cells as the header does, but got 3",
    ),
    (
        "width,expansion,attention,accuracy\n0.25,2,none,0.5\n0.25,4,none,0.5\n",
        "t.csv:3: unknown value of expansion '4' (known: 2, 3)",
    ),
    (
        "width,expnsion,attention,accuracy\n0.25,2,none,0.5\n",
        "t.csv:2: every parameter that is free needs a value, but 'expansion' has none; of 'expnsion' none",
    ),
    ("width,expansion,attention,accuracy\n0.25,2,none,good\n", "t.csv:2: accuracy must be a number, but got 'good'"),
    ('width,expansion,attention,accuracy\n0.25,2,none,"0.5\n', "not CSV"),
]


@pytest.mark.parametrize(("text", "message"), JSON)
def test_of_json(read, text: str, message: str):
    with pytest.raises(InputError, match=re.escape(message)):
        read(text)


@pytest.mark.parametrize(("text", "message"), CSV)
def test_of_csv(read, text: str, message: str):
    with pytest.raises(InputError, match=re.escape(message)):
        read(text, "t.csv")


def test_twice_the_cost_is_known_for_what_it_is(read, space: Space):
    cost = space.candidate({"depth": 0.2, "width": 0.25, "expansion": 2, "attention": "none"}).cost()
    with pytest.raises(InputError, match="twice as many: automl counts a multiply-add as one"):
        read({"000": {"accuracy": 0.5, "flops": 2 * cost.macs}})


def test_a_table_of_another_size_is_refused(read, space: Space):
    cost = space.candidate({"depth": 0.2, "width": 0.25, "expansion": 2, "attention": "none"}).cost()
    with pytest.raises(InputError, match="at 36x36 px; is it the space of this table, at its size"):
        read({"000": {"accuracy": 0.5, "macs": cost.macs}}, of=space.adapted(image_size=36))


def test_a_table_of_nothing_that_the_constraints_allow_is_refused(read, space: Space):
    with pytest.raises(InputError, match="constraints exclude all 1 rows"):
        read({"010": {"accuracy": 0.5}}, of=Space.from_dict({**space.to_dict(), "constraints": ["expansion <= 2"]}))


def test_a_missing_file_names_the_nearest(tmp_path: Path, space: Space):
    (tmp_path / "table.json").write_text("{}")
    with pytest.raises(
        InputError, match=r"cannot read the table .*tabel\.json': No such file or directory; did you mean 'table\.json'"
    ):
        read_table(tmp_path / "tabel.json", space)
    with pytest.raises(InputError, match=r"a table is a \.json or \.csv file"):
        read_table(tmp_path / "table.yaml", space)
    with pytest.raises(InputError, match="cannot read the table"):
        read_table(tmp_path / "nowhere" / "table.json", space)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path, space: Space):
    (tmp_path / "t.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match=r"t\.csv: a table must be UTF-8 text"):
        read_table(tmp_path / "t.csv", space)
