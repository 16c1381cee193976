"""Space files: what they may hold, and what is said of those that may not."""

import numpy as np
import pytest
import torch
from automl.blocks import InputError
from automl.spaces import (
    Budget,
    Space,
    architecture,
    architectures,
    census,
    exclusions,
    load_space,
    parse_budget,
    require_feasible,
    shipped_spaces,
)
from automl.spaces.draws.bulk import costs, draw, enumerate_rows, settings
from automl.spaces.draws.distinct import drawing_of
from automl.spaces.values.parameters import in_words
from automl.spaces.values.yaml_source import read_yaml

IDS = {
    "efficientnet_b0": "0291f2170bf7",
    "resnet50": "eb01353bd962",
    "seresnext50_32x4d": "d5268d21c199",
    "resnest50d": "ee7789574b7e",
}
"""Identities that studies hold: an id changes only with its network."""
GOOD = """
name: small
skeleton: resnet
image: [3, 64, 64]
classes: 10
dimensions:
  width: {low: 0.25, high: 0.5, step: 0.125}
  attention: [none, eca]
  eca_kernel: {choices: [auto, 3, 5], when: {attention: eca}}
  expansion: {choices: [2, 4], each: stage}
  cardinality: 2
constraints:
  - width <= 0.45 or attention == 'none'
"""


def space(text: str = GOOD) -> Space:
    return Space.from_source(read_yaml(text, "small.yaml"))


@pytest.mark.parametrize("name", shipped_spaces())
def test_shipped_spaces_load_and_go_through_plain_data(name: str):
    loaded = load_space(name)
    assert Space.from_dict(loaded.to_dict()) == loaded


def test_the_baselines_are_points_of_the_shipped_spaces():
    b0 = load_space("efficientnet").candidate(
        {"resolution": 0.999, "expansion": 6, "kernel": "auto", "attention": "se", "depth": 1.0, "width": 1.0}
    )
    assert b0.cost().params == 5_288_548
    assert b0.image == (3, 224, 224)
    assert (
        load_space("resnext-attention").candidate({"resolution": 0.999, "cardinality": 32}).cost().params == 25_028_904
    )


def test_size_is_the_number_of_settings():
    small = space()
    rows = np.concatenate(list(enumerate_rows(small)))
    assert small.size == len(rows) == 3 * (1 + 3) * 2**4
    assert len({tuple(row) for row in rows}) == len(rows)


def test_enumerating_in_small_chunks_gives_the_same():
    small = space()
    assert np.array_equal(
        np.concatenate(list(enumerate_rows(small, chunk=7))), np.concatenate(list(enumerate_rows(small)))
    )


def test_conditions_hold_in_every_draw():
    small = space()
    for row in draw(small, 200, np.random.default_rng(0)):
        chosen = settings(small, row)
        assert ("eca_kernel" in chosen) == (chosen["attention"] == "eca")


def test_constraints_exclude_and_are_counted():
    small = space()
    found = census(small, parse_budget("1G"))
    assert found.exact
    assert found.valid == found.examined - 3 * 2**4  # width 0.5 with eca
    assert all(small.allows(settings(small, row)) for row in found.rows)


def test_the_census_of_a_small_space_is_exact():
    small = space()
    every = [
        small.candidate(settings(small, row)).cost()
        for row in np.concatenate(list(enumerate_rows(small)))
        if small.allows(settings(small, row))
    ]
    limit = sorted(cost.macs for cost in every)[len(every) // 3]
    found = census(small, parse_budget(str(limit)))
    assert found.feasible == sum(cost.macs <= limit for cost in every)
    assert (found.cheapest.cost.macs, found.costliest.cost.macs) == (
        min(c.macs for c in every),
        max(c.macs for c in every),
    )


def test_the_ends_of_a_large_space_are_found_by_descent(monkeypatch):
    small = space()
    exact = census(small, parse_budget("1G"))
    monkeypatch.setattr("automl.spaces.surveys.survey.ENUMERATE", 1)
    monkeypatch.setattr("automl.spaces.surveys.survey.SAMPLE", 40)
    sampled = census(small, parse_budget("1G"))
    assert not sampled.exact
    assert sampled.cheapest.cost.macs == exact.cheapest.cost.macs
    assert sampled.costliest.cost.macs == exact.costliest.cost.macs


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (
            {
                "skeleton": "resnet",
                "dimensions": {"cardinality": 7, "base_width": 64, "radix": [1, 2], "unit": "basic"},
            },
            "cardinality 1 and radix 0",
        ),
        ({"skeleton": "resnet", "dimensions": {"attention": "sk", "radix": 2}}, "radix must be 0"),
        ({"skeleton": "efficientnet", "image": [3, 16, 16]}, "as many pixels a side as the stride"),
        (
            {"skeleton": "plain", "dimensions": {"attention": "eca", "eca_padding": "circular", "eca_kernel": 1001}},
            "circular kernel must not be longer",
        ),
        ({"skeleton": "resnet", "dimensions": {"width": [0.5, 1.0]}, "constraints": ["width > 2"]}, "width > 2"),
    ],
)
def test_a_space_without_a_network_says_which_rule_excludes_them(data, rule: str):
    with pytest.raises(InputError, match=f"holds no network: none of .* settings .*{rule}"):
        census(Space.from_dict(data), Budget())


def test_what_excludes_settings_is_counted():
    tight = Space.from_dict(
        {
            "skeleton": "resnet",
            "image": [3, 40, 40],
            "dimensions": {"resolution": [0.3, 0.5, 1.0], "attention": ["sk", "se"], "radix": [0, 2]},
        }
    )
    found = census(tight, Budget())
    reasons = exclusions(tight, found.excluded)
    assert sum(reasons.values()) == found.examined - found.valid == len(found.excluded)
    assert [rule for rule in reasons if "pixels" in rule]
    assert [rule for rule in reasons if "radix must be 0" in rule]


def test_a_budget_that_nothing_fits_names_the_nearest():
    small = space()
    budget = parse_budget("1M")
    found = census(small, budget)
    with pytest.raises(InputError, match=f"the nearest has {found.cheapest.cost.macs:,} macs"):
        require_feasible(found, small, budget)


def test_a_setting_that_cannot_be_built_is_excluded_not_fatal():
    text = (
        "skeleton: efficientnet\nimage: [3, 32, 32]\ndimensions:\n  width: [0.25, 1.0]\n  attention: [eca]\n "
        " eca_kernel: [3, 33]\n  eca_padding: circular\n"
    )
    tight = Space.from_source(read_yaml(text, "tight.yaml"))
    rows = np.concatenate(list(enumerate_rows(tight)))
    cost, valid = costs(tight, rows)
    kernels = np.array([settings(tight, row)["eca_kernel"] for row in rows])
    assert (valid == (kernels == 3)).all()
    assert (cost.macs[~valid] == 0).all()


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        (
            "cardinality: 2",
            "cardnality: 2",
            "small.yaml:11: unknown dimension of the resnet skeleton: 'cardnality'; did you mean 'cardinality'",
        ),
        ("name: small", "nam: small", "small.yaml:2: unknown key 'nam'; did you mean 'name'"),
        ("skeleton: resnet", "skeleton: resnext", "small.yaml:3: unknown skeleton 'resnext'; did you mean 'resnet'"),
        ("[none, eca]", "[none, ecca]", "small.yaml:8: attention: unknown attention 'ecca'; did you mean 'eca'"),
        (
            "[auto, 3, 5]",
            "[auto, 4]",
            "small.yaml:9: eca_kernel: kernel_size must be odd and positive, but got kernel_size=4",
        ),
        (
            "step: 0.125",
            "stap: 0.125",
            "small.yaml:7: unknown key of the dimension 'width': 'stap'; did you mean 'step'",
        ),
        ("low: 0.25", "low: 0.75", r"small.yaml:7: width: low <= high must hold, but got \(low=0.75, high=0.5\)"),
        ("step: 0.125", "step: 0", r"step > 0 must hold, but got \(step=0\)"),
        ("low: 0.25", "low: -1", "width must be a number above 0 and at most 10,000, but got -1"),
        ("each: stage", "each: layr", "unknown value of `each`: 'layr'"),
        ("cardinality: 2", "depth: {choices: [1], each: stage}", "'depth' is one for the whole network"),
        ("cardinality: 2", "repeats: {choices: [1], each: layer}", "'repeats' is one for a whole stage"),
        (
            "each: stage}",
            "each: stage, only: [5]}",
            "small.yaml:10: `only` names stages from 1 to 4, each once, but got \\[5\\]",
        ),
        (
            "cardinality: 2",
            "cardinality: {choices: [2], only: [1]}",
            "`only` names stages, so it goes with each: stage or each: layer",
        ),
        (
            "cardinality: 2",
            "kind: {choices: {a: {cardinality: 2}, b: {cardnality: 2}}}",
            "small.yaml:11: unknown dimension .* 'cardnality'; did you mean 'cardinality'",
        ),
        (
            "cardinality: 2",
            "kind: {choices: {a: {cardinality: 0}}}",
            "small.yaml:11: cardinality: cardinality must be a whole number of at least 1",
        ),
        (
            "cardinality: 2",
            "kind: {choices: {a: {expansion: 2}}}",
            "small.yaml:11: 'expansion' is set by 'expansion' and by 'kind'",
        ),
        (
            "cardinality: 2",
            "cardinality: {choices: {a: {cardinality: 2}}}",
            "a bundle of dimensions needs a name of its own, but 'cardinality' is a dimension",
        ),
        (
            "classes: 10",
            "classes: 10\nstages: [{channels: 8, strid: 2}]",
            "small.yaml:6: unknown key of stage 1: 'strid'; did you mean 'stride'",
        ),
        ("classes: 10", "classes: 10\nstages: [{channels: 8}, {stride: 2}]", "small.yaml:6: stage 2 needs channels"),
        ("classes: 10", "classes: 10\nstages: []", "a network needs at least one stage"),
        ("classes: 10", "classes: 10\nstages: 3", "stages must be a list of mappings"),
        ("{attention: eca}", "{attentoin: eca}", "unknown dimension in `when`: 'attentoin'; did you mean 'attention'"),
        ("{attention: eca}", "{attention: se}", "unknown value of 'attention': 'se'"),
        ("{attention: eca}", "{eca_kernel: 3}", "the condition of 'eca_kernel' depends on itself"),
        (
            "width <= 0.45 or attention == 'none'",
            "widht <= 1",
            "small.yaml:13: unknown name in the constraint 'widht <= 1': 'widht'; did you mean 'width'",
        ),
        ("width <= 0.45 or attention == 'none'", "__import__('os').getcwd() == 1", "holds Call"),
        ("width <= 0.45 or attention == 'none'", "width.real > 1", "holds Attribute"),
        ("width <= 0.45 or attention == 'none'", "width +", "not a constraint"),
        ("width <= 0.45 or attention == 'none'", "width * 2", "compares two sides"),
        ("image: [3, 64, 64]", "image: [3, 64]", r"small.yaml:4: image must be \[channels, height, width\]"),
        ("classes: 10", "classes: 0", "small.yaml:5: classes must be a whole number of at least 1"),
        ("classes: 10", "classes: 10\nclasses: 11", "small.yaml:6: the key 'classes' is given twice"),
        ("cardinality: 2", "cardinality: [2, 2]", "choices must differ"),
        (
            "cardinality: 2",
            "cardinality: 0",
            "cardinality must be a whole number of at least 1 and at most 1,000,000, but got 0",
        ),
        ("cardinality: 2", "stem: deeep", "unknown stem 'deeep'; did you mean 'deep'"),
        ("cardinality: 2", "cardinality: [2", "not YAML"),
        (
            "cardinality: 2",
            "kernel: [3, 5]",
            "small.yaml:11: the resnet skeleton has no 'kernel'; it is a dimension of efficientnet, mobilenetv1",
        ),
    ],
)
def test_an_error_names_file_line_key_and_the_nearest(old: str, new: str, says: str):
    assert old in GOOD
    with pytest.raises(InputError, match=says) as caught:
        space(GOOD.replace(old, new))
    assert "\n" not in str(caught.value)


def test_every_published_network_is_a_point_of_the_space_around_it():
    for name in architectures():
        published, space = architecture(name), load_space(name)
        fixed = {parameter.name: parameter.values[0] for parameter in space.parameters if len(parameter.values) == 1}
        own = {
            key: value
            for key, value in published.settings.items()
            if key in ("depth", "width") and not isinstance(value, tuple)
        }
        assert space.candidate({**fixed, **own}).id == published.candidate().id, name
        assert all(len(space.by_name[scale].values) > 5 for scale in ("depth", "width", "resolution"))


def test_the_space_around_a_skeleton_goes_through_plain_data():
    space = load_space("mobilenetv3")
    assert (
        Space.from_dict(space.to_dict()).candidate({}).id
        == space.candidate({}).id
        == architecture("mobilenetv3_large_100").candidate().id
    )


def test_layers_of_a_stage_may_be_spelled_out():
    rows = [{"channels": 16, "stride": 2, "repeats": 3, "expansion": [3, 2]}]
    space = Space.from_dict({"skeleton": "mobilenetv2", "image": [3, 32, 32], "stages": rows})
    assert [unit.expansion for unit, count in space.candidate({}).stages[0] for _ in range(count)] == [3, 2, 2]
    with pytest.raises(InputError, match="expansion must be a number above 0 and at most 10,000, but got -1"):
        Space.from_dict({"skeleton": "mobilenetv2", "stages": [{"channels": 16, "expansion": [3, -1]}]})


def test_an_unknown_space_names_the_nearest():
    with pytest.raises(InputError, match="unknown space 'eficientnet'; did you mean 'efficientnet'"):
        load_space("eficientnet")


def test_a_missing_or_unreadable_file_is_said(tmp_path):
    with pytest.raises(InputError, match="cannot read the space file"):
        load_space(tmp_path / "none.yaml")
    (tmp_path / "bytes.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="not YAML"):
        load_space(tmp_path / "bytes.yaml")


def test_a_space_takes_the_datas_classes_and_channels_and_another_size():
    adapted = space().adapted(classes=3, channels=1, image_size=32)
    assert (adapted.image, adapted.classes) == ((1, 32, 32), 3)
    assert adapted.candidate({"width": 0.25}).build()(torch.zeros(2, 1, 32, 32)).shape == (2, 3)


def test_basic_units_refuse_cardinality():
    with pytest.raises(InputError, match="a basic unit has cardinality 1 and radix 0"):
        space().skeleton.candidate({"unit": "basic", "cardinality": 2}, (3, 64, 64), 10)


def test_settings_of_stages_and_layers_are_shown_in_rows():
    chosen = {"width": 1.0, "kernel.1.1": 3, "kernel.1.2": 5, "kernel.2.1": 3, "repeats.1": 2, "repeats.2": 1}
    assert in_words(chosen) == "width=1.0 kernel=3,5/3 repeats=2/1"


def test_layers_come_after_a_conditional_number_of_them():
    dimensions = {
        "head": ["conv", "pool"],
        "repeats": {"choices": [1, 3], "each": "stage", "when": {"head": "conv"}},
        "kernel": {"choices": [3, 5], "each": "layer"},
    }
    space = Space.from_dict(
        {
            "skeleton": "mobilenetv2",
            "image": [3, 32, 32],
            "stages": [{"channels": 16, "repeats": 2}],
            "dimensions": dimensions,
        }
    )
    rows = np.concatenate(list(enumerate_rows(space)))
    assert space.size == len(rows) == (2 + 8) + 4
    for row in rows:
        chosen = settings(space, row)
        assert sum(name.startswith("kernel") for name in chosen) == {None: 2, 1: 1, 3: 3}[chosen.get("repeats.1")]


def test_a_constraint_counts_true_as_one():
    dimensions = {"skip": {"choices": [True, False], "each": "layer"}}
    data = {
        "skeleton": "plain",
        "image": [3, 32, 32],
        "stages": [{"channels": 16, "repeats": 3}],
        "dimensions": dimensions,
    }
    space = Space.from_dict({**data, "constraints": ["skip.1.1 + skip.1.2 + skip.1.3 <= 1"]})
    rows = np.concatenate(list(enumerate_rows(space)))
    assert costs(space, rows)[1].tolist() == [space.allows(settings(space, row)) for row in rows]
    assert costs(space, rows)[1].sum() == 4


@pytest.mark.parametrize("constraint", ["6 / radix <= 3", "9 ** 9 ** 9 > 1", "2 ** radix ** 100 > 1"])
def test_a_constraint_that_cannot_be_evaluated_is_one_line(constraint: str):
    space = Space.from_dict({"skeleton": "resnet", "dimensions": {"radix": [0, 1, 2]}, "constraints": [constraint]})
    with pytest.raises(InputError, match="cannot be evaluated"):
        census(space, Budget())


@pytest.mark.parametrize(
    "dimensions",
    [
        {"se_ratio": "1/16"},
        {"sk_split": ["no"]},
        {"depth": 1e7},
        {"width": float("inf")},
        {"cardinality": 10**30},
        {"sk_dilated": [[1]]},
        {"radix": None},
    ],
)
def test_a_value_of_another_kind_is_refused(dimensions):
    with pytest.raises(InputError):
        Space.from_dict({"skeleton": "resnet", "dimensions": dimensions})


def test_more_than_64_fixed_parameters_are_walked_through():
    stages = [{"channels": 64, "repeats": 70}]
    space = Space.from_dict(
        {"skeleton": "resnet", "stages": stages, "dimensions": {"attention": {"choices": ["se"], "each": "layer"}}}
    )
    assert census(space, Budget()).distinct == space.size == 1


def test_many_layers_with_conditions_are_counted_and_drawn():
    attention = {"choices": ["none", "se", "eca"], "each": "layer"}
    kernel = {"choices": [3, 5, 7], "each": "layer", "when": {"attention": "eca"}}
    space = Space.from_dict(
        {"skeleton": "resnet", "dimensions": {"depth": [0.5, 1.0], "attention": attention, "eca_kernel": kernel}}
    )
    assert space.size == 5 ** (2 + 2 + 3 + 2) + 5 ** (3 + 4 + 6 + 3)
    fixed = Space.from_dict({"skeleton": "resnet", "dimensions": {"attention": attention, "eca_kernel": kernel}})
    assert len(drawing_of(fixed).rows(5000, np.random.default_rng(0))) == 5000


@pytest.mark.parametrize(("name", "identity"), IDS.items())
def test_ids_stay_what_they_were(name: str, identity: str):
    assert architecture(name).candidate().id.startswith(identity)
