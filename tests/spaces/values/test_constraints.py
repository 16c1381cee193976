"""Constraints are bounded in length, depth, numbers and texts, and are read and evaluated in
milliseconds, whatever they hold."""

import json

import numpy as np
import pytest
from automl.blocks import InputError
from automl.spaces import Space
from automl.spaces.values.constraints import DEEPEST, LONGEST, parse_constraint

NAMES = ["depth", "width", "attention", "repeats"]
VALUES = {"depth": 3, "width": 0.5, "attention": "eca", "repeats": 0}
MEMORY = 50 << 20
"""Bytes that no constraint needs."""

REFUSED = [
    ('"a" * 10**9 == attention', "a text in a constraint can only be compared"),
    ('10**9 * "a" == attention', "a text in a constraint can only be compared"),
    ('"%1000000000d" % 5 == attention', "a text in a constraint can only be compared"),
    ('attention + "x" == "ecax"', "a text in a constraint can only be compared"),
    ('-"a" == attention', "a text in a constraint can only be compared"),
    ('not "a"', "a text in a constraint can only be compared"),
    ('depth > 1 and "a"', "a text in a constraint can only be compared"),
    (" + ".join(["depth"] * 1500) + " > 1", "a constraint must have at most 2,000 characters, but got"),
    ("+".join(["1"] * 900) + ">depth", "a constraint must be at most 200 operations deep"),
    ("not " * 300 + "depth", "a constraint must be at most 200 operations deep"),
    ("depth > " + "1" * 1_000_000, "a constraint must have at most 2,000 characters"),
    ("depth > " + "9" * 1500, "a number in a constraint must be at most 1e+300"),
    ("depth > 1e999", "a number in a constraint must be at most 1e+300"),
    ("(" * 500 + "depth" + ")" * 500 + " > 1", "not a constraint"),
    ("-" * 1900 + "depth > 1", "constraint"),
    ("depth > 1\0", "not a constraint"),
    ("depth > 5j", "holds Constant"),
    ("depth > b'x'", "holds Constant"),
    ("depth > (lambda: 1)()", "holds Call"),
    ("depth > [1][0]", "holds Subscript"),
    ("f'{depth}' == attention", "holds JoinedStr"),
]
EXPLODING = [
    "((10**64)**64)**64 > depth",
    "(9**64)**64 > depth",
    "1e300 * 1e300 * depth // 1 > 1",
    "10**depth**64**64 > 1",
    "10**200 * 10**200 > depth",
    "(-1) ** width > 0",
    "2 ** -65 > depth",
    "10 ** 65 > depth",
    "attention * 1000000000 == 'x'",
    "attention % 5 == 'x'",
    "attention + attention == 'x'",
    "depth / repeats > 1",
    "depth // repeats > 1",
    "depth % repeats > 1",
    "repeats ** -1 > 1",
    "attention < depth",
    "1e300 ** 2.0 > depth",
]


@pytest.mark.parametrize(("text", "says"), REFUSED)
def test_what_is_beyond_the_bounds_is_refused_when_it_is_read(text: str, says: str):
    with pytest.raises(InputError) as refused:
        parse_constraint(text, NAMES)
    assert says in str(refused.value)


@pytest.mark.parametrize("text", EXPLODING)
def test_what_explodes_or_fails_is_said_when_it_is_evaluated(text: str):
    import tracemalloc

    constraint = parse_constraint(text, NAMES)
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match="cannot be evaluated with"):
            constraint.holds(VALUES)
        assert tracemalloc.get_traced_memory()[1] < MEMORY
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    "text", ["attention * 1000000000 == 'x'", "attention % 5 == 'x'", "((10**64)**64)**64 > depth"]
)
def test_so_is_it_for_many_candidates_at_once(text: str):
    constraint = parse_constraint(text, NAMES)
    with pytest.raises(InputError, match="cannot be evaluated"):
        constraint.holds({"attention": np.array(["eca", "se"], object), "depth": np.array([1, 2])})


@pytest.mark.parametrize(
    "text",
    [
        "depth * width**2 <= 2.2",
        "attention == 'eca' or 'se' != attention",
        "'a' < attention < 'z'",
        " + ".join(["depth"] * (DEEPEST - 2)) + " > 1",
        "10**64 > depth",
        "depth ** 64 < 1e300",
        "-depth < 0 and not repeats",
        r"attention != '\d'",
    ],
)
def test_what_is_within_the_bounds_holds_as_before(text: str):
    assert len(text) <= LONGEST
    assert parse_constraint(text, NAMES).holds(VALUES)


def test_a_range_whose_values_cannot_be_counted_is_refused():
    width = {"low": 0, "high": 1e308, "step": 1e-308}
    with pytest.raises(InputError, match="a range must have at most 1,000,000 values, but got 1,000,000,000,000,000,"):
        Space.from_dict({"skeleton": "resnet", "dimensions": {"width": width}})


def test_the_error_of_a_space_file_names_its_line(tmp_path):
    from automl.spaces import load_space

    (tmp_path / "s.yaml").write_text("skeleton: resnet\nconstraints:\n- 'depth > 1'\n- '\"a\" * 10**9 == attention'\n")
    with pytest.raises(InputError, match=r"s\.yaml:3: unknown name"):
        load_space(tmp_path / "s.yaml")
    data = {"skeleton": "resnet", "dimensions": {"depth": [1, 2]}, "constraints": ["((10**64)**64)**64 > depth"]}
    (tmp_path / "s.yaml").write_text(json.dumps(data))
    space = load_space(tmp_path / "s.yaml")
    assert isinstance(space, Space)
    with pytest.raises(InputError, match="a result must be at most 1e\\+300"):
        space.allows({"depth": 1})
