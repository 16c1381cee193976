"""What image sides and widths are multiples of: the dimensions `size_multiple` and `divisor` of
every skeleton."""

import numpy as np
import pytest
from automl.blocks import InputError
from automl.spaces import Candidate, Space, architecture, architectures
from automl.spaces.draws.bulk import METRICS, costs, enumerate_rows, settings
from automl.spaces.skeletons import skeleton, skeletons

IMAGE = (3, 64, 96)


def widths(candidate: Candidate) -> list[int]:
    return [block.out(shape).channels for _, block, shape, _ in candidate.walk()]


@pytest.mark.parametrize("name", skeletons())
class TestEverySkeleton:
    def test_image_sides_are_rounded_to_the_nearest_multiple_and_never_to_none(self, name: str):
        base = skeleton(name)
        sides = [
            base.candidate({"resolution": scale, "size_multiple": 32}, IMAGE, 10).image
            for scale in (0.2, 0.7, 1.0, 1.25, 1.3, 1.8)
        ]
        assert sides == [(3, 32, 32), (3, 32, 64), (3, 64, 96), (3, 64, 128), (3, 96, 128), (3, 128, 160)]

    def test_widths_are_multiples_of_the_divisor(self, name: str):
        base = skeleton(name)
        found = {
            divisor: widths(base.candidate({"width": 1.1, "divisor": divisor}, IMAGE, 10)) for divisor in (1, 8, 16)
        }
        assert all(width % 8 == 0 for width in found[8])
        assert all(width % 16 == 0 for width in found[16])
        assert any(width % 8 for width in found[1])
        # without rounding, stages are as wide as the coefficient says
        plain = widths(base.candidate({}, IMAGE, 10))
        assert all(
            abs(wide - 1.1 * width) <= 2 for wide, width in zip(found[1], plain, strict=True)
        )  # 4 times half a channel at the most

    def test_at_their_defaults_they_change_nothing(self, name: str):
        base = skeleton(name)
        assert (
            base.candidate({"width": 1.1, "divisor": 8, "size_multiple": 1}, IMAGE, 10).id
            == base.candidate({"width": 1.1}, IMAGE, 10).id
        )

    def test_costs_of_many_at_once_equal_those_of_each(self, name: str):
        dimensions = {"width": [0.33, 1.0], "resolution": [0.5, 0.9], "size_multiple": [1, 32], "divisor": [1, 8, 24]}
        space = Space.from_dict({"skeleton": name, "image": [3, 64, 64], "dimensions": dimensions})
        rows = np.concatenate(list(enumerate_rows(space)))
        cost, valid = costs(space, rows)
        assert valid.all()
        for index, row in enumerate(rows):
            one = space.candidate(settings(space, row)).cost()
            assert [getattr(cost, metric)[index] for metric in METRICS] == [getattr(one, metric) for metric in METRICS]

    @pytest.mark.parametrize("dimension", ["size_multiple", "divisor"])
    def test_they_are_whole_numbers_for_the_whole_network(self, name: str, dimension: str):
        with pytest.raises(InputError, match=f"{dimension} must be a whole number of at least 1"):
            Space.from_dict({"skeleton": name, "dimensions": {dimension: 0}})
        with pytest.raises(InputError, match="is one for the whole network"):
            Space.from_dict({"skeleton": name, "dimensions": {dimension: {"choices": [1], "each": "stage"}}})


def test_published_networks_are_the_same_with_the_defaults_written_out():
    for name in architectures():
        published = architecture(name)
        image = (3, published.size, published.size)
        same = skeleton(published.skeleton).candidate(
            {**published.settings, "divisor": 8, "size_multiple": 1}, image, 1000
        )
        assert same.id == published.candidate().id
