"""Unions: several spaces as one, with the networks, costs, census and draws of the members."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from automl.blocks import InputError, InvalidBlock
from automl.search.network_cost import cost as cost_of
from automl.spaces import Budget, Space, Union, census, feasible_values, load_space, parse_budget, union
from automl.spaces.draws import union_drawing
from automl.spaces.draws.bulk import deactivate, draw_values, enumerate_rows, examine, row_of, settings
from automl.spaces.draws.distinct import enumerated, feasible
from automl.spaces.draws.union_drawing import UnionDrawing
from automl.spaces.scaling.baseline import find_baseline
from automl.spaces.surveys import auto
from automl.spaces.surveys.auto import for_budget
from automl.spaces.surveys.census_lines import describe
from automl.spaces.values.parameters import in_words
from automl.spaces.values.yaml_source import read_yaml
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from scipy.stats import chisquare

RESIDUAL: dict[str, Any] = {
    "skeleton": "resnet",
    "image": [3, 32, 32],
    "classes": 10,
    "stages": [{"channels": 64}, {"channels": 128, "stride": 2}],
}
SMALL = {
    "name": "small",
    **RESIDUAL,
    "dimensions": {
        "width": [0.125, 0.13, 0.25, 0.5],
        "attention": ["none", "eca", "se"],
        "eca_kernel": {"choices": ["auto", 3], "when": {"attention": "eca"}},
        "resolution": [0.75, 1.0],
    },
    "constraints": ["width < 0.4 or attention == 'none'"],
}
LARGE = {
    "name": "large",
    **RESIDUAL,
    "dimensions": {
        "width": [0.25, 0.5, 0.75],
        "attention": ["none", "eca", "se"],
        "expansion": {"choices": [2, 4], "each": "stage", "only": [1]},
        "resolution": [0.75, 1.0],
    },
}
MOBILE = {
    "name": "mobile",
    "skeleton": "mobilenetv2",
    "stages": [{"channels": 16, "stride": 2}, {"channels": 24, "stride": 2}],
    "dimensions": {
        "repeats": {"choices": [1, 2], "each": "stage"},
        "kernel": {"choices": [3, 5], "each": "layer"},
        "width": [0.5, 1.0],
    },
}


def tiny() -> Union:
    found = Space.from_dict({"name": "tiny", "union": [SMALL, LARGE, MOBILE]})
    assert isinstance(found, Union)
    return found


TINY = tiny()


def every(space: Space) -> list[tuple[dict[str, Any], Any]]:
    """Settings and candidate of each setting that builds a network and is allowed, one by one."""
    found = []
    for row in np.concatenate(list(enumerate_rows(space))):
        chosen = settings(space, row)
        try:
            candidate = space.candidate(chosen)
        except InvalidBlock:
            continue
        if space.allows(chosen):
            found.append((chosen, candidate))
    return found


EVERY = every(TINY)
IDS = {candidate.id for _, candidate in EVERY}


class TestFiles:
    def test_a_union_goes_through_plain_data(self):
        again = Space.from_dict(TINY.to_dict())
        assert again == TINY
        assert again.to_dict() == TINY.to_dict()

    def test_names_files_and_spaces_are_members_and_may_be_named(self, tmp_path: Path):
        (tmp_path / "own.yaml").write_text("{skeleton: resnet, dimensions: {width: [0.5, 1.0]}}")
        (tmp_path / "union.yaml").write_text(
            "image: [3, 64, 64]\nunion:\n  - resnet18\n  - own.yaml\n  - {wide: own.yaml}\n"
            "  - {skeleton: mobilenetv2, dimensions: {width: [1.0, 2.0]}}\n"
        )
        found = load_space(tmp_path / "union.yaml")
        assert isinstance(found, Union)
        assert found.name == "union"
        assert [member.name for member in found.members] == ["resnet18", "own", "wide", "mobilenetv2"]
        assert {member.image for member in found.members} == {(3, 64, 64)}

    def test_names_with_commas_are_a_union(self):
        found = load_space("efficientnet,resnet18")
        assert isinstance(found, Union)
        assert (found.name, found.by_name["family"].values) == ("efficientnet,resnet18", ("efficientnet", "resnet18"))
        assert found.image == load_space("efficientnet").image

    def test_unions_in_unions_are_flat_and_a_union_of_one_is_that_space(self):
        nested = Space.from_dict({"union": [TINY.to_dict(), "resnet18"]})
        assert isinstance(nested, Union)
        assert [member.name for member in nested.members] == ["small", "large", "mobile", "resnet18"]
        assert Space.from_dict({"union": ["efficientnet"]}) == load_space("efficientnet")

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("union: [efficientnet, efficientnet]", "u.yaml:1: .*different names.* 'efficientnet' is given 2 times"),
            (
                "union: [efficientnet, efficientet]",
                "u.yaml:1: unknown space 'efficientet'; did you mean 'efficientnet'",
            ),
            ("union: []", "a list of names, files or spaces"),
            ("union: [3]", "holds names, files and spaces, but got 3"),
            ("union: [efficientnet]\ndimensions: {}", "u.yaml:2: unknown key of a union: 'dimensions'"),
            ("union: [{a b: efficientnet}, resnet18]", "letters, digits, _ and -, but got 'a b'"),
            ("union: [{mine: auto}]", "'mine' is given to a union"),
            ("union:\n  - efficientnet\n  - {skeleton: resnt}", "u.yaml:3: unknown skeleton 'resnt'"),
        ],
    )
    def test_an_error_names_file_line_and_the_nearest_right_name(self, text: str, message: str):
        with pytest.raises(InputError, match=message):
            Space.from_source(read_yaml(text, "u.yaml"))

    def test_a_union_that_contains_itself_is_refused(self, tmp_path: Path):
        (tmp_path / "u.yaml").write_text("union: [u.yaml, efficientnet]")
        with pytest.raises(InputError, match="must not contain itself"):
            load_space(tmp_path / "u.yaml")

    def test_all_members_are_adapted_together(self):
        adapted = TINY.adapted(classes=7, channels=1, image_size=48)
        assert {(one.image, one.classes) for one in (adapted, *adapted.members)} == {((1, 48, 48), 7)}


class TestFamilies:
    def test_candidates_are_those_of_the_members(self):
        for number, member in enumerate(TINY.members):
            for rows in enumerate_rows(member):
                for row, whole in zip(rows[::7], TINY.whole(number, rows[::7]), strict=True):
                    chosen, own = settings(TINY, whole), settings(member, row)
                    assert TINY.candidate(chosen).id == member.candidate(own).id
                    assert TINY.allows(chosen) == member.allows(own)

    def test_a_constraint_holds_within_its_family_only(self):
        assert not TINY.allows({"family": "small", "small.width": 0.5, "small.attention": "eca"})
        assert TINY.allows({"family": "large", "large.width": 0.5, "large.attention": "eca"})

    @examples(max_examples=30, deadline=None, derandomize=True)
    @given(st.integers(0, 2**32 - 1))
    def test_only_parameters_of_the_family_are_active(self, seed: int):
        rows = draw_values(TINY, 20, np.random.default_rng(seed))
        for row, raw in zip(deactivate(TINY, rows), rows, strict=True):
            chosen = settings(TINY, row)
            assert all(name == "family" or name.startswith(f"{chosen['family']}.") for name in chosen)
            walked: dict[str, Any] = {}
            for parameter, index in zip(TINY.parameters, raw, strict=True):
                if TINY.active(parameter, walked):
                    walked[parameter.name] = parameter.values[index]
            assert walked == chosen
            assert (row_of(TINY, chosen) == row).all()

    def test_settings_without_a_family_build_nothing(self):
        with pytest.raises(InvalidBlock, match=r"must name its family \(small, large, mobile\), but got None"):
            TINY.candidate({"small.width": 0.5})

    def test_settings_are_shown_without_the_name_of_the_family(self):
        assert in_words({"family": "a", "a.width": 1.0, "a.kernel.1": 3, "a.kernel.2": 5}) == (
            "family=a width=1.0 kernel=3/5"
        )


class TestCosts:
    def test_costs_of_many_equal_those_of_each(self):
        rows = np.concatenate(list(enumerate_rows(TINY)))
        rows = np.random.default_rng(0).permutation(rows)[:150]
        many, valid, _ = examine(TINY, rows)
        for index, row in enumerate(rows):
            chosen = settings(TINY, row)
            assert valid[index] == TINY.allows(chosen)
            if valid[index]:
                one = TINY.candidate(chosen).cost()
                assert (one.macs, one.params, one.activations, one.peak) == (
                    many.macs[index],
                    many.params[index],
                    many.activations[index],
                    many.peak[index],
                )

    def test_equal_networks_of_two_members_have_equal_fingerprints(self):
        rows = np.concatenate(list(enumerate_rows(TINY)))
        _, valid, keys = examine(TINY, rows)
        names: dict[bytes, str] = {}
        for row, key in zip(rows[valid], keys[valid], strict=True):
            identity = TINY.candidate(settings(TINY, row)).id
            assert names.setdefault(key.tobytes(), identity) == identity
        assert len(names) == len(set(names.values())) == len(IDS)

    def test_the_base_of_a_union_is_that_of_its_first_family(self):
        found = cost_of("resnet18,efficientnet")
        assert found.candidate == cost_of("resnet18").candidate
        assert found.free[0] == "family"

    def test_a_grid_of_a_union_is_refused_in_one_line(self, tmp_path: Path):
        (tmp_path / "u.yaml").write_text("union: [resnet18, resnet34]")
        for named in ("resnet18,resnet34", tmp_path / "u.yaml", TINY, "auto"):
            with pytest.raises(InputError, match=r"a baseline is one network, but .* leaves free: family") as error:
                find_baseline(named)
            assert "\n" not in str(error.value)


class TestCensus:
    limit = int(np.median([candidate.cost().macs for _, candidate in EVERY]))

    def test_the_census_equals_brute_force(self):
        found = census(TINY, parse_budget(str(self.limit)))
        macs = [candidate.cost().macs for _, candidate in EVERY]
        assert found.exact
        assert (found.valid, found.feasible) == (len(EVERY), sum(one <= self.limit for one in macs))
        assert (found.cheapest.cost.macs, found.costliest.cost.macs) == (min(macs), max(macs))
        assert found.size == TINY.size == sum(member.size for member in TINY.members)
        # equal networks of two members count once
        assert found.distinct == len(IDS) < sum(one.distinct or 0 for one in found.families.values())
        ids = [TINY.candidate(settings(TINY, row)).id for row in found.rows]
        assert sorted(ids) == sorted({one.id for _, one in EVERY if one.cost().macs <= self.limit})

    def test_values_within_a_budget_are_those_of_some_network(self):
        budget = parse_budget(str(self.limit))
        remaining = feasible_values(TINY, budget, census(TINY, budget))
        fitting = [chosen for chosen, one in EVERY if one.cost().macs <= self.limit]
        for parameter in TINY.parameters:
            seen = {chosen[parameter.name] for chosen in fitting if parameter.name in chosen}
            # of settings that build the same network one is kept
            assert set(remaining[parameter.name]) <= seen
            assert bool(remaining[parameter.name]) == bool(seen)

    def test_a_sampled_census_estimates_the_share(self, monkeypatch: pytest.MonkeyPatch):
        exact = census(TINY, parse_budget(str(self.limit)))
        monkeypatch.setattr("automl.spaces.surveys.survey.ENUMERATE", 40)
        monkeypatch.setattr("automl.spaces.surveys.survey.SAMPLE", 300)
        sampled = census(TINY, parse_budget(str(self.limit)))
        assert not sampled.exact
        assert sampled.distinct is None
        assert sampled.share == pytest.approx(exact.share, abs=0.08)
        assert (sampled.cheapest.cost.macs, sampled.costliest.cost.macs) == (
            exact.cheapest.cost.macs,
            exact.costliest.cost.macs,
        )

    def test_each_family_has_a_line(self):
        budget = parse_budget(str(self.limit))
        lines = describe(TINY, budget, census(TINY, budget))
        assert [line.split(":")[0].strip() for line in lines[1:4]] == ["small", "large", "mobile"]


def drawn(weights: list[float] | None = None) -> np.ndarray:
    """How often each network is drawn."""
    drawing, rng = UnionDrawing(TINY), np.random.default_rng(1)
    if weights:
        drawing.weights = np.array(weights)
    batches = [drawing.candidates(Budget(), 1200, rng) for _ in range(2)]
    names = np.concatenate([names for batch in batches for _, names in batch])
    found = np.unique(names, return_counts=True)[1]
    return np.concatenate([found, np.zeros(len(IDS) - len(found), int)])


class TestDraws:
    def test_draws_are_uniform_over_the_networks_of_all_members(self):
        counts = drawn()
        assert counts.mean() >= 5
        assert chisquare(counts).pvalue > 0.001

    def test_control_members_drawn_equally_often_would_be_noticed(self):
        assert chisquare(drawn([1 / 3, 1 / 3, 1 / 3])).pvalue < 1e-4

    def test_control_networks_of_two_members_drawn_twice_would_be_noticed(self, monkeypatch: pytest.MonkeyPatch):
        nothing = lambda self, other, rows, keys: np.zeros(len(rows), bool)  # noqa: E731
        monkeypatch.setattr(union_drawing._Holder, "holds", nothing)
        assert chisquare(drawn()).pvalue < 1e-4

    @pytest.mark.parametrize(("holder", "other"), [(0, 1), (1, 0), (0, 2)])
    def test_a_member_too_large_to_list_is_found_to_hold_the_same_networks(
        self, holder: int, other: int, monkeypatch: pytest.MonkeyPatch
    ):
        rows = np.concatenate([rows for rows in enumerate_rows(TINY) if rows[0, 0] == other])
        _, valid, keys = examine(TINY, rows)
        rows, keys, member = rows[valid][:, TINY.columns[other]], keys[valid], TINY.members[other]
        listed = union_drawing._Holder(TINY, holder).holds(member, rows, keys)
        monkeypatch.setattr(union_drawing, "ENUMERATE", 1)
        looked_for = union_drawing._Holder(TINY, holder).holds(member, rows, keys)
        assert looked_for.tolist() == listed.tolist()
        assert listed.any() == (other != 2)

    def test_walking_through_finds_each_network_once(self):
        rows, _ = enumerated(TINY, Budget())
        assert sorted(TINY.candidate(settings(TINY, row)).id for row in rows) == sorted(IDS)

    def test_a_large_union_is_drawn_from_until_nothing_is_left(self, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.setattr("automl.spaces.draws.distinct.ENUMERATE", 1)
        monkeypatch.setattr("automl.spaces.draws.distinct.DRAWS", 2000)
        monkeypatch.setattr("automl.spaces.draws.distinct.MAX_EMPTY_DRAWS", 3)
        budget = parse_budget(str(TestCensus.limit))
        rows = np.concatenate(list(feasible(TINY, budget, np.random.default_rng(0))))
        ids = [TINY.candidate(settings(TINY, row)).id for row in rows]
        assert sorted(ids) == sorted({one.id for _, one in EVERY if one.cost().macs <= TestCensus.limit})


class TestAuto:
    @pytest.mark.parametrize(
        ("size", "budget", "families", "reason"),
        [
            pytest.param(
                *(224, "400MFLOPs", ["resnet-basic", "efficientnet", "resnext-attention"], None),
                marks=pytest.mark.exhaustive,
            ),
            pytest.param(
                *(224, "20MFLOPs", ["resnet-basic", "efficientnet"], r"resnext-attention \(its cheapest network has"),
                marks=pytest.mark.exhaustive,
            ),
            pytest.param(
                *(32, "3MFLOPs", ["resnet-basic", "efficientnet"], r"resnext-attention \(less than 1% of it is within"),
                marks=pytest.mark.exhaustive,
            ),
        ],
    )
    def test_families_are_chosen_by_size_and_budget(
        self, size: int, budget: str, families: list[str], reason: str | None
    ):
        space = load_space("auto").adapted(image_size=size)
        found, lines = for_budget(space, parse_budget(budget))
        names = [one.name for one in found.members] if isinstance(found, Union) else [found.name]
        assert names == families
        assert lines[0].startswith("families searched: resnet-basic")
        if reason is None:
            assert (found.name, len(lines)) == ("auto", 1)
        else:
            assert re.search(reason, lines[1])

    def test_a_family_of_which_too_little_is_within_the_budget_is_left_out(self, monkeypatch: pytest.MonkeyPatch):
        budget = parse_budget(str(TestCensus.limit))
        shares = {member.name: auto.share(member, budget) for member in TINY.members}
        least = min(shares, key=lambda name: shares[name])
        assert 0 < shares[least] < min(share for name, share in shares.items() if name != least)
        monkeypatch.setattr(auto, "USEFUL", shares[least])
        assert for_budget(TINY, budget) == (TINY, [f"families searched: {', '.join(shares)}"])  # control
        monkeypatch.setattr(auto, "USEFUL", shares[least] + 0.01)
        found, lines = for_budget(TINY, budget)
        assert isinstance(found, Union)
        assert {member.name for member in found.members} == shares.keys() - {least}
        assert re.search(rf"^left out: {least} \(less than \d+% of it is within the budget\)$", lines[1])

    def test_without_a_family_within_the_budget_none_is_left_out(self):
        assert for_budget(TINY, parse_budget("1kFLOPs")) == (TINY, [])

    def test_without_a_budget_all_are_searched(self):
        assert for_budget(TINY, Budget()) == (TINY, [])

    def test_families_of_which_little_fits_are_kept_if_no_more_of_others_fits(self):
        cheapest = min(candidate.cost().macs for _, candidate in EVERY)
        assert for_budget(TINY, parse_budget(str(cheapest)))[0].name in ("small", "large", "mobile")


def test_a_union_needs_spaces_with_different_names():
    with pytest.raises(InputError, match=r"as in \{small-2: small\}"):
        union([TINY, TINY.members[0]], name="twice")
