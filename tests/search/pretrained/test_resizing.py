"""Weights of grouped convolutions along channel maps, against a plain loop over dense weights."""

import torch
from automl.search.pretrained.axes import Axis
from automl.search.pretrained.channels import chosen
from automl.search.pretrained.resizing import about_centre, filters
from hypothesis import given, settings
from hypothesis import strategies as st


def dense(weight: torch.Tensor, groups: int) -> torch.Tensor:
    """The weight of the same convolution without groups."""
    outputs, own = weight.shape[:2]
    found = torch.zeros(outputs, own * groups, *weight.shape[2:])
    for output in range(outputs):
        start = output // (outputs // groups) * own
        found[output, start : start + own] = weight[output]
    return found


@settings(deadline=None, max_examples=20)
@given(
    st.sampled_from([1, 2, 4]),
    st.sampled_from([1, 2, 4]),
    st.sampled_from([4, 8, 12]),
    st.sampled_from([4, 8, 16]),
    st.integers(0, 2**16),
)
def test_filters_are_those_of_the_dense_convolution_shared_among_copies(
    source_groups: int, groups: int, have: int, want: int, seed: int
):
    random = torch.Generator().manual_seed(seed)
    source = torch.randn(have, have // source_groups, 3, 3, generator=random)
    current = torch.randn(want, want // groups, 3, 3, generator=random)
    outputs = torch.randint(-1, have, (want,), generator=random)
    inputs = torch.randint(-1, have, (want,), generator=random)
    found, carried = filters(source, source_groups, current, groups, outputs, inputs, noise=0.0, random=random)
    whole, own = dense(source, source_groups), want // groups
    for output in range(want):
        start = output // (want // groups) * own
        places = inputs[start : start + own].tolist()
        known = [
            place >= 0
            and outputs[output] >= 0
            and place // (have // source_groups) == outputs[output] // (have // source_groups)
            for place in places
        ]
        assert bool(carried[output]) == any(known)
        if not any(known):
            assert torch.equal(found[output], current[output])
            continue
        for column, place in enumerate(places):
            wanted = whole[outputs[output], place] / places.count(place) if known[column] else torch.zeros(3, 3)
            assert torch.allclose(found[output, column], wanted)


def test_windows_are_cropped_and_padded_about_their_centre():
    window = torch.arange(25.0).view(1, 1, 5, 5)
    assert torch.equal(about_centre(window, (3, 3)), window[..., 1:4, 1:4])
    padded = about_centre(window, (7, 7))
    assert torch.equal(padded[..., 1:6, 1:6], window)
    assert padded.sum() == window.sum()
    assert torch.equal(about_centre(torch.arange(3.0).view(1, 1, 3), (5,)), torch.tensor([[[0.0, 0, 1, 2, 0]]]))


def test_channels_are_chosen_by_importance_in_their_order_and_piece_by_piece():
    matter = torch.tensor([1.0, 9, 3, 7, 5, 2])
    assert chosen(matter, (6,), (3,)).tolist() == [1, 3, 4]
    assert chosen(matter, (6,), (8,)).tolist() == [0, 1, 2, 3, 4, 5, 1, 3]
    assert chosen(matter, (3, 3), (2, 2)).tolist() == [1, 2, 3, 4]  # two of each group; the control is above
    assert chosen(matter, (2, 2, 2), (3,)).tolist() == [1, 3, 4]  # groups that become one
    assert chosen(matter, (2, 4), (3, 1)).tolist() == [0, 1, 1, 3]


def test_an_axis_with_repeated_channels_finds_its_places_within_groups():
    axis = Axis.repeated("mid", 4, 2, groups=2)
    assert axis.channel_n.tolist() == [0, 1, 0, 1, 2, 3, 2, 3]
    assert axis.part_n.tolist() == [0, 0, 1, 1, 0, 0, 1, 1]
    once = Axis.whole("mid", 4)
    assert axis.places(once, torch.arange(4)).tolist() == [0, 1, 0, 1, 2, 3, 2, 3]
    share = Axis.share("mid", 2, 4)
    assert once.places(share, torch.arange(4)).tolist() == [-1, -1, 0, 1]
