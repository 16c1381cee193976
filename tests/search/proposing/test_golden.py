"""The proposals of automl's samplers for a seed are those of earlier versions.

Only samplers without linear algebra are compared: its last digits depend on the machine.
"""

import json
from pathlib import Path

import pytest
from automl.search.proposing.proposer import Proposer
from automl.spaces import Space, census, parse_budget

GOLDEN = Path(__file__).parent / "assets" / "proposals.json"
SAMPLERS = ("random", "grid", "evolution")
COUNT = 24


def proposed(space: Space, sampler: str, seed: int) -> list[str]:
    """The first ids, with accuracies that follow from the ids; every fifth proposal fails."""
    budget = parse_budget("1M")
    asks = Proposer(space, budget, census(space, budget), sampler=sampler, seed=seed, trials=40)
    ids = []
    for index in range(COUNT):
        proposal = asks.propose(random=index % 8 == 7)
        assert proposal is not None
        ids.append(proposal.candidate.id)
        if index % 5 == 4:
            asks.failed(proposal)
        else:
            asks.completed(proposal, int(proposal.candidate.id[:6], 16) / 16**6)
    return ids


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_the_proposals_of_a_seed_stay_the_same(space: Space, sampler: str):
    assert [one[:12] for one in proposed(space, sampler, 7)] == json.loads(GOLDEN.read_text())[sampler]


def test_control_another_seed_proposes_others(space: Space):
    golden = json.loads(GOLDEN.read_text())
    assert [one[:12] for one in proposed(space, "evolution", 8)] != golden["evolution"]
