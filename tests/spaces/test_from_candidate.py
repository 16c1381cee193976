"""The skeleton around one candidate: the candidate itself, its multiples as its own skeleton makes
them, and the same costs one by one as in arrays."""

from pathlib import Path

import numpy as np
import pytest
import yaml
from automl.blocks import Cost, InputError
from automl.spaces import Budget, Candidate, Space, architecture, architectures, census, load_space
from automl.spaces.draws.bulk import METRICS, enumerate_rows, examine, joined, settings
from automl.spaces.skeletons import skeleton
from automl.spaces.skeletons.from_candidate import skeleton_of

FACTORS = [(1.4, 1.0, 1.0), (1.0, 1.1, 1.0), (1.2, 1.35, 1.15), (1.0, 0.75, 1.0), (0.5, 0.5, 0.5)]
"""Depth, width, resolution."""
DERIVED = {
    "se": (
        "squeezed channels: multiplied here, there a part of the wider map, rounded to 8; and EfficientNet's follow a"
        " deeper unit's own input"
    ),
    "cbam": "hidden channels: multiplied and rounded here, there a part of the wider map, rounded again",
    "sk": "squeezed channels: multiplied here, there a part of the wider map, rounded to 8, 16 or 32",
    "eca": (
        "the window found by the formula stays here, there it is that of the wider or narrower map; one given by hand"
        " stays in both"
    ),
    "ecabam": "as eca",
}
"""Attention → why its number differs from what its skeleton derives anew from a scaled map."""
NEAR = {"macs": 0.001, "params": 0.02}
"""What that comes to, at most, as a part of the network: 0.05 % of the MACs (MobileNetV3) and 1.6 %
of the parameters (EfficientNet-B0)."""


def comparable() -> list[str]:
    """Published networks at depth 1 and width 1 of their skeletons."""
    return [
        name
        for name in architectures()
        if not {"width", "depth"} & {key for key, value in architecture(name).settings.items() if value != 1}
    ]


def attention_of(candidate: Candidate) -> str:
    return next(
        (block.attention.name for _, block, _, _ in candidate.walk() if getattr(block, "attention", None)), "none"
    )


def derived(name: str) -> bool:
    """Whether a network's attention has numbers that its skeleton derives from the map."""
    return attention_of(architecture(name).candidate()) in DERIVED and "eca_kernel" not in architecture(name).settings


def pair(name: str, depth: float, width: float, resolution: float) -> tuple[Candidate, Candidate]:
    """A network scaled as a candidate, and by its own skeleton."""
    published = architecture(name)
    factors = {"depth": depth, "width": width, "resolution": resolution}
    image = (3, published.size, published.size)
    return skeleton_of(published.candidate()).candidate(factors, image, 1000), skeleton(published.skeleton).candidate(
        {**published.settings, **factors}, image, 1000
    )


@pytest.mark.parametrize("name", architectures())
def test_at_depth_width_and_resolution_1_the_candidate_comes_back(name: str):
    candidate = architecture(name).candidate()
    for chosen in ({}, {"depth": 1.0, "width": 1, "resolution": 1.0, "size_multiple": 1}):
        assert skeleton_of(candidate).candidate(chosen, candidate.image, candidate.classes).id == candidate.id


def test_a_candidate_with_odd_widths_comes_back_too():
    candidate = skeleton("mobilenetv2").candidate(
        {"width": 0.77, "divisor": 1, "skip": ((False, True),)}, (3, 64, 64), 10
    )
    assert candidate.stem.out(candidate.input).channels % 8
    assert skeleton_of(candidate).candidate({}, candidate.image, 10).id == candidate.id


@pytest.mark.parametrize("name", [name for name in comparable() if not derived(name)])
def test_scaled_it_is_what_its_own_skeleton_makes_of_the_network(name: str):
    for factors in FACTORS:
        mine, own = pair(name, *factors)
        assert mine.id == own.id, factors


@pytest.mark.parametrize("name", [name for name in comparable() if derived(name)])
def test_where_an_attentions_number_is_derived_anew_that_alone_differs(name: str):
    for factors in FACTORS:
        mine, own = pair(name, *factors)
        assert bare(mine).id == bare(own).id, factors
        for metric, part in NEAR.items():
            assert getattr(mine.cost(), metric) == pytest.approx(getattr(own.cost(), metric), rel=part)


def bare(candidate: Candidate) -> Candidate:
    """The same without what is derived from the map in its attention."""

    def without(value):
        if isinstance(value, dict):
            return {
                key: 3 if key in ("reduced", "kernel_size") and inner is not None else without(inner)
                for key, inner in value.items()
            }
        return [without(inner) for inner in value] if isinstance(value, list) else value

    return Candidate.from_dict(without(candidate.to_dict()))


def test_mobilenetv2s_features_are_never_below_1280_only_by_its_own_rule():
    half = architecture("mobilenetv2_050").candidate()
    mine = skeleton_of(architecture("mobilenetv2_100").candidate()).candidate({"width": 0.5}, half.image, 1000)
    assert (mine.features, half.features) == (640, 1280)
    assert mine.stages == half.stages


def test_a_deeper_stage_repeats_its_last_unit_and_a_shallower_one_loses_it():
    candidate = skeleton("mobilenetv3").candidate({}, (3, 224, 224), 1000)
    base = skeleton_of(candidate)
    deeper, shallower = (base.candidate({"depth": depth}, candidate.image, 1000) for depth in (2.0, 0.5))
    expansions = [
        [unit.expansion for unit, count in network.stages[3] for _ in range(count)]
        for network in (candidate, deeper, shallower)
    ]
    assert expansions == [[6, 2.5, 2.3, 2.3], [6, 2.5, 2.3, 2.3, 2.3, 2.3, 2.3, 2.3], [6, 2.5]]


def test_further_layers_of_one_strided_unit_keep_the_map():
    candidate = (
        skeleton("mobilenetv2")
        .with_stages(({"channels": 16, "stride": 2}, {"channels": 24, "stride": 2}))
        .candidate({}, (3, 64, 64), 10)
    )
    deeper = skeleton_of(candidate).candidate({"depth": 3}, candidate.image, 10)
    assert [[(unit.stride, count) for unit, count in stage] for stage in deeper.stages] == [
        [(2, 1), (1, 2)],
        [(2, 1), (1, 2)],
    ]


MIXED = [
    "efficientnet_b0",
    "mobilenetv3_large_100",
    "ecaresnet26t",
    "skresnext50_32x4d",
    "resnest50d_4s2x40d",
    "seinception9",
    "cbamresnet18",
    "vgg16_gap",
]


def scaled_space(name: str) -> Space:
    dimensions = {
        "depth": [0.4, 1.0, 1.3],
        "width": [0.25, 0.6, 1.0, 1.15],
        "resolution": {"low": 0.1, "high": 1.0, "step": 0.45},
        "size_multiple": [1, 32],
    }
    return Space.from_dict({"candidate": architecture(name).candidate().to_dict(), "dimensions": dimensions})


@pytest.mark.parametrize("name", MIXED)
def test_costs_and_names_of_many_at_once_equal_those_of_each(name: str):
    space = scaled_space(name)
    [rows] = enumerate_rows(space)
    cost, valid, keys = examine(space, rows)
    ids: dict[str, set[int]] = {}
    for index, row in enumerate(rows):
        try:
            one = space.candidate(settings(space, row))
            assert Cost(*(int(getattr(cost, metric)[index]) for metric in METRICS)) == one.cost()
            ids.setdefault(one.id, set()).add(int(joined(keys[index : index + 1])[0]))
            assert valid[index]
        except InputError:
            assert not valid[index]
    assert valid.sum() > 40
    assert all(len(found) == 1 for found in ids.values())
    assert len(set.union(*ids.values())) == len(ids) == census(space, Budget()).distinct


def test_a_wrong_width_of_one_unit_would_be_seen(monkeypatch: pytest.MonkeyPatch):
    from automl.blocks import Unit

    monkeypatch.setattr(Unit, "widened", lambda self, factor: self)
    mine, own = pair("resnet18", 1.0, 1.1, 1.0)
    assert mine.id != own.id


def test_a_space_of_a_candidate_goes_through_plain_data():
    candidate = architecture("resnet18").candidate(image_size=64, classes=7)
    space = Space.from_dict({"candidate": candidate.to_dict(), "dimensions": {"width": [0.5, 1.0]}})
    assert (space.image, space.classes) == ((3, 64, 64), 7)
    assert space.candidate({}).id == candidate.id
    again = Space.from_dict(space.to_dict())
    assert again.to_dict() == space.to_dict()
    assert again.candidate({"width": 0.5}).id == space.candidate({"width": 0.5}).id
    assert space.adapted(classes=3, channels=1, image_size=32).candidate({}).image == (1, 32, 32)


@pytest.mark.parametrize("suffix", ["json", "yaml"])
def test_a_candidate_is_read_from_a_file_beside_the_space_file(
    suffix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    candidate = architecture("resnet18").candidate(image_size=64)
    (tmp_path / f"found.{suffix}").write_text(candidate.spec if suffix == "json" else yaml.dump(candidate.to_dict()))
    (tmp_path / "wider.yaml").write_text(
        f"candidate: found.{suffix}\nimage: [3, 32, 32]\ndimensions: {{width: [1.0, 1.5]}}\n"
    )
    space = load_space(tmp_path / "wider.yaml")
    assert (space.name, space.image, space.classes) == ("wider", (3, 32, 32), 1000)
    (tmp_path / f"found.{suffix}").unlink()
    assert Space.from_dict(space.to_dict()).candidate({}).stages == candidate.stages


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            "skeleton: resnet\ncandidate: found.json\n",
            "x.yaml:2: a space stands on one of skeleton, candidate and baseline, but got skeleton and candidate",
        ),
        ("candidate: found.json\nbaseline: resnet18\n", "x.yaml:2: a space stands on one of .* candidate and baseline"),
        (
            "candidate: found.json\nstages: [{channels: 8}]\n",
            "x.yaml:2: stages go with a skeleton; a candidate has its own",
        ),
        ("candidate: none.json\n", "x.yaml:1: there is no file '.*none.json'"),
        (
            "candidate: resnet18\n",
            (
                "x.yaml:1: candidate must be .* but got 'resnet18'; a published network is a baseline: `baseline:"
                " resnet18`"
            ),
        ),
        ("candidate: 3\n", "x.yaml:1: candidate must be the data of a candidate or a file"),
        ("candidate: {layout: resnet}\n", "x.yaml:1: a candidate has the keys layout, image"),
        ("candidate: bad.json\n", "x.yaml:1: .*bad.json: a candidate has the keys"),
        (
            "candidate: found.json\ndimensions:\n  kernel: 3\n",
            "x.yaml:3: the given skeleton has no 'kernel'; it is a dimension of efficientnet",
        ),
        (
            "candidate: found.json\ndimensions:\n  widht: 3\n",
            "x.yaml:3: unknown dimension of the given skeleton: 'widht'; did you mean 'width'",
        ),
        ("candidate: found.json\ndimensions:\n  eca_kernel: 3\n", "x.yaml:3: the given skeleton has no 'eca_kernel'"),
        (
            "candidate: found.json\ndimensions:\n  width: {choices: [1], each: stage}\n",
            "x.yaml:3: 'width' is one for the whole network",
        ),
        ("candidate: found.json\ndimensions: 3\n", "x.yaml:2: dimensions must be a mapping, but got 3"),
        ("name: nothing\n", "x.yaml: a space needs a skeleton .* or a candidate or a baseline in its place"),
    ],
)
def test_an_error_names_file_line_key_and_the_nearest(text: str, says: str, tmp_path: Path):
    (tmp_path / "found.json").write_text(architecture("resnet18").candidate().spec)
    (tmp_path / "bad.json").write_text("{}")
    (tmp_path / "x.yaml").write_text(text)
    with pytest.raises(InputError, match=says) as caught:
        load_space(tmp_path / "x.yaml")
    assert "\n" not in str(caught.value)


def test_rows_of_a_space_of_a_candidate_are_numbers():
    [rows] = enumerate_rows(scaled_space("resnet18"))
    assert rows.dtype == np.int32
    assert len(rows) == 3 * 4 * 3 * 2
