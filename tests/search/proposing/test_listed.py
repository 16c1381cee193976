"""A list of networks and seeds: what is handed out, in which order, and what is not."""

from dataclasses import replace

from automl.search.proposing.listed import Listed, Points
from automl.spaces import Space
from automl.studies import State


def listed(space: Space) -> list[Listed]:
    found = [
        space.candidate(
            {**dict.fromkeys(["depth", "width"], 0.25), "expansion": 2, "kernel": kernel, "attention": "none"}
        )
        for kernel in (3, 5)
    ]
    return [
        Listed(candidate=each, cost=each.cost(), settings={}, stoppable=index > 0) for index, each in enumerate(found)
    ]


def handed_out(points: Points) -> list[tuple[str, int | None]]:
    found = []
    while (proposal := points.propose()) is not None:
        found.append((proposal.candidate.id, proposal.seed))
    return found


class Known:
    """What `Points` looks at in an evaluation."""

    def __init__(self, candidate_id: str, seed: int, state: State, *, cut: bool = False) -> None:
        self.candidate_id, self.seed, self.state, self.cut = candidate_id, seed, state, cut


def test_every_network_is_trained_from_the_first_seed_before_any_from_the_second(space: Space):
    first, second = networks = listed(space)
    points = Points(networks, seeds=[3, 4], distributions={})
    assert points.left == 4
    assert handed_out(points) == [(first.id, 3), (second.id, 3), (first.id, 4), (second.id, 4)]
    assert points.left == 0


def test_what_is_known_is_not_done_again(space: Space):
    first, second = networks = listed(space)
    points = Points(
        networks,
        seeds=[0, 1],
        distributions={},
        known=[Known(first.id, 0, State.COMPLETE), Known(second.id, 1, State.FAIL)],
    )
    assert points.left == 2
    assert handed_out(points) == [(second.id, 0), (first.id, 1)]


def test_a_network_that_was_stopped_has_no_further_seeds(space: Space):
    first, second = networks = listed(space)
    assert handed_out(Points(networks, seeds=[0, 1], distributions={}, known=[Known(second.id, 0, State.PRUNED)])) == [
        (first.id, 0),
        (first.id, 1),
    ]
    points = Points(networks, seeds=[0, 1], distributions={})
    points.propose()
    stopped = points.propose()
    assert stopped is not None
    points.pruned(stopped)
    assert handed_out(points) == [(first.id, 1)]


def test_what_the_clock_has_cut_says_nothing_of_the_other_seeds(space: Space):
    _, second = networks = listed(space)
    known = [Known(second.id, 0, State.PRUNED, cut=True)]
    assert (second.id, 1) in handed_out(Points(networks, seeds=[0, 1], distributions={}, known=known))


def test_a_failure_leaves_the_other_seeds(space: Space):
    first, second = networks = listed(space)
    points = Points(networks, seeds=[0, 1], distributions={})
    failed = points.propose()
    assert failed is not None
    points.failed(failed)
    assert handed_out(points) == [(second.id, 0), (first.id, 1), (second.id, 1)]


def test_only_what_may_be_stopped_is_stoppable(space: Space):
    networks = listed(space)
    points = Points([replace(networks[0], stoppable=False), networks[1]], seeds=[0], distributions={})
    assert [points.propose().stoppable, points.propose().stoppable] == [False, True]
