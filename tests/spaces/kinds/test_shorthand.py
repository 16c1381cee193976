"""Compound scaling in one word, a baseline by its name: what they spell, that they go through plain
data, and what is said where they cannot be."""

import numpy as np
import pytest
from automl.blocks import InputError
from automl.spaces import Budget, Space, architecture, architectures, census
from automl.spaces.draws.bulk import costs, enumerate_rows, settings
from automl.spaces.neighbourhood import around, centres
from automl.spaces.values.yaml_source import read_yaml

SHORT = """
name: b0
baseline: efficientnet_b0
scaling: compound
"""
LONG = """
name: small
baseline: resnet18
image: [3, 64, 64]
classes: 10
scaling:
  target: 2
  tolerance: 0.05
  step: 0.05
  axes: [depth, width, resolution]
dimensions:
  attention: [none, eca]
constraints:
  - width <= 1.2
"""


def space(text: str) -> Space:
    return Space.from_source(read_yaml(text, "small.yaml"))


def every(space: Space) -> list[dict]:
    return [settings(space, row) for row in np.concatenate(list(enumerate_rows(space)))]


def test_three_lines_are_the_search_of_the_paper():
    b0 = space(SHORT)
    assert (b0.name, b0.image, b0.classes) == ("b0", (3, 224, 224), 1000)
    assert {
        parameter.name: (parameter.values[0], parameter.values[1], parameter.values[-1]) for parameter in b0.parameters
    } == {"depth": (1.0, 1.05, 2.0), "width": (1.0, 1.05, 1.4), "resolution": (1.0, 1.05, 1.4)}
    assert [constraint.text for constraint in b0.constraints] == [
        "depth * width**2 * resolution**2 <= 2.1",
        "depth * width**2 * resolution**2 >= 1.9",
    ]
    assert b0.allows({"depth": 1.2, "width": 1.1, "resolution": 1.15})  # the paper's own α, β, γ: 1.92
    allowed = [chosen for chosen in every(b0) if b0.allows(chosen)]
    assert allowed
    assert all(abs(one["depth"] * one["width"] ** 2 * one["resolution"] ** 2 / 2 - 1) <= 0.0500001 for one in allowed)
    assert (
        b0.candidate({"depth": 1.0, "width": 1.0, "resolution": 1.0}).id
        == architecture("efficientnet_b0").candidate().id
    )


def test_every_axis_alone_meets_the_target():
    b0 = space(SHORT)
    for axis, value in (("depth", 2.0), ("width", 1.4), ("resolution", 1.4)):
        assert b0.allows({"depth": 1.0, "width": 1.0, "resolution": 1.0, axis: value})


def test_the_mapping_form_has_the_same_defaults():
    for rule in ("{}", "{target: 2}", "{tolerance: 0.05, step: 0.05}", "{axes: [depth, width, resolution]}"):
        assert space(SHORT.replace("compound", rule)).to_dict() == space(SHORT).to_dict()


def test_scaling_goes_with_other_dimensions_constraints_and_a_candidate():
    small = space(LONG)
    assert {parameter.name for parameter in small.parameters} == {"depth", "width", "resolution", "attention", "unit"}
    assert small.constraints[0].text == "width <= 1.2"
    assert max(one["width"] for one in every(small) if small.allows(one)) == 1.2
    found = census(small, Budget())
    assert found.valid > found.distinct > 0
    candidate = architecture("resnet18").candidate(image_size=64)
    around_it = Space.from_dict({"candidate": candidate.to_dict(), "scaling": "compound"})
    rows = np.concatenate(list(enumerate_rows(around_it)))
    assert costs(around_it, rows)[1].tolist() == [around_it.allows(settings(around_it, row)) for row in rows]


def test_an_axis_left_out_is_not_scaled():
    flat = space(SHORT.replace("compound", "{target: 4, axes: [width]}"))
    assert {parameter.name for parameter in flat.parameters if len(parameter.values) > 1} == {"width"}
    assert [constraint.text for constraint in flat.constraints] == ["width**2 <= 4.2", "width**2 >= 3.8"]
    assert flat.by_name["width"].values[-1] == 2.0


def test_factors_multiply_what_a_network_or_the_file_fixes():
    b3 = space(SHORT.replace("b0\n", "b3\n") + "dimensions: {resolution: 0.5}\n")
    by_name = {parameter.name: parameter.values for parameter in b3.parameters}
    assert [by_name[axis][0] for axis in ("depth", "width", "resolution")] == [1.4, 1.2, 0.5]
    assert (by_name["depth"][1], by_name["width"][1], by_name["resolution"][1]) == (1.47, 1.26, 0.525)
    volume = 1.4 * 1.2**2 * 0.5**2
    assert b3.allows({"depth": 2.8, "width": 1.2, "resolution": 0.5})
    assert not b3.allows({"depth": 1.4, "width": 1.2, "resolution": 0.5})
    assert b3.constraints[0].text == f"depth * width**2 * resolution**2 <= {2.1 * volume:.10g}"


@pytest.mark.parametrize("name", centres())
def test_a_baseline_is_the_network_itself_and_what_is_stored_needs_no_name(name: str):
    own = Space.from_dict({"baseline": name})
    if name in architectures():
        chosen = {parameter.name: parameter.values[0] for parameter in own.parameters}
        assert own.candidate(chosen).id == architecture(name).candidate().id
    assert own.size == 1
    assert own.skeleton == Space.from_dict(around(name)).skeleton
    scaled = Space.from_dict({"baseline": name, "scaling": "compound"})
    stored = scaled.to_dict()
    assert not {"baseline", "scaling"} & set(stored)
    again = Space.from_dict(stored)
    assert (again.parameters, again.constraints, again.to_dict()) == (scaled.parameters, scaled.constraints, stored)


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (
            "baseline: resnet18",
            "baseline: resnet19",
            "small.yaml:3: unknown baseline 'resnet19'; did you mean 'resnet18'",
        ),
        (
            "baseline: resnet18",
            "skeleton: resnet\nbaseline: resnet18",
            "small.yaml:4: a space stands on one of .* but got skeleton and baseline",
        ),
        (
            "classes: 10",
            "classes: 10\nstages: [{channels: 8}]",
            "small.yaml:6: stages go with a skeleton; a baseline has its own",
        ),
        ("target: 2", "targt: 2", "small.yaml:7: unknown key of scaling: 'targt'; did you mean 'target'"),
        (
            "target: 2",
            "target: 1",
            "small.yaml:7: target of scaling must be a number above 1 and at most 10,000, but got 1",
        ),
        ("target: 2", "target: two", "small.yaml:7: target of scaling must be a number .* but got 'two'"),
        ("target: 2", "target: .inf", "small.yaml:7: target of scaling must be"),
        (
            "tolerance: 0.05",
            "tolerance: 1",
            "small.yaml:8: tolerance of scaling must be a number of at least 0 and below 1, but got 1",
        ),
        (
            "step: 0.05",
            "step: 0",
            "small.yaml:9: step of scaling must be a number above 0 and at most 10,000, but got 0",
        ),
        ("step: 0.05", "step: true", "small.yaml:9: step of scaling must be"),
        ("step: 0.05", "step: 1.0e-9", "small.yaml:6: depth: a range must have at most 1,000,000 values"),
        (
            "[depth, width, resolution]",
            "[depth, widht]",
            "small.yaml:10: unknown axis of scaling: 'widht'; did you mean 'width'",
        ),
        (
            "[depth, width, resolution]",
            "[]",
            "small.yaml:10: axes of scaling must be a list of some of depth, width, resolution, each once",
        ),
        ("[depth, width, resolution]", "[depth, depth]", "small.yaml:10: axes of scaling must be a list of some of"),
        ("[depth, width, resolution]", "depth", "small.yaml:10: axes of scaling must be a list of some of"),
        (
            "attention: [none, eca]",
            "depth: [1, 2]",
            r"small.yaml:12: scaling makes depth a dimension .* only be fixed to a number, but got \[1, 2\]",
        ),
        (
            "attention: [none, eca]",
            "width: {low: 1, high: 2, step: 1}",
            "small.yaml:12: scaling makes width a dimension",
        ),
        (
            "attention: [none, eca]",
            "width: wide",
            "small.yaml:12: width must be a number above 0 and at most 10,000, but got 'wide'",
        ),
        ("attention: [none, eca]", "size: {choices: {s: {depth: 1}}}", "small.yaml:.*'depth' is set by"),
        ("  - width <= 1.2", "  3", "small.yaml:13: constraints must be a list of texts, but got 3"),
        ("  - width <= 1.2", "  - widht <= 1.2", "small.yaml:14: unknown name in the constraint 'widht <= 1.2'"),
    ],
)
def test_an_error_names_file_line_key_and_the_nearest(old: str, new: str, says: str):
    assert old in LONG
    with pytest.raises(InputError, match=says) as caught:
        space(LONG.replace(old, new))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ("compond", "small.yaml:4: unknown scaling 'compond'; did you mean 'compound'"),
        ("2", "small.yaml:4: scaling is `compound`, or a mapping"),
        ("", "got None"),
    ],
)
def test_scaling_is_one_word_or_a_mapping(written: str, says: str):
    with pytest.raises(InputError, match=says):
        space(SHORT.replace("compound", written))
