"""A search that is killed and goes on proposes what it would have proposed anyway."""

from pathlib import Path

import pytest
from automl.search.proposing.earlier_trials import so_far
from automl.search.proposing.proposer import Proposer
from automl.search.proposing.samplers import samplers
from automl.spaces import Space, census, parse_budget

from ..conftest import SPACE
from ..course.played_workers import make, open_study, play

TRIALS = 30
STOPS = (1, 8, 13, 14, 22)
"""Numbers of ended trainings after which a run is killed."""


def candidates(folder: Path, space: Space, sampler: str, stops: tuple[int, ...]) -> list[str]:
    """The networks of a search by one worker that is killed whenever so many have ended."""
    folder.mkdir()
    for stop in (*stops, None):
        study, budget = open_study(folder, space), parse_budget("200k")
        proposer = Proposer(
            space, budget, census(space, budget), sampler=sampler, seed=0, trials=TRIALS, **so_far(study)
        )
        engine = make(folder, space, behind=lambda *_, made=proposer: made, trials=TRIALS, finals=0, workers=1)
        play(engine, workers=1, stop_after=stop)
    return [each.candidate_id for each in sorted(open_study(folder, space).evaluations(), key=lambda one: one.started)]


@pytest.fixture(scope="module")
def evolved(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The networks of an undisturbed search by evolution."""
    return candidates(tmp_path_factory.mktemp("evolved") / "undisturbed", Space.from_dict(SPACE), "evolution", ())


@pytest.mark.parametrize("sampler", ["random", "evolution", "predictor"])
def test_kills_change_no_candidate(tmp_path: Path, space: Space, evolved: list[str], sampler: str):
    undisturbed = evolved if sampler == "evolution" else candidates(tmp_path / "undisturbed", space, sampler, ())
    assert len(undisturbed) == TRIALS
    assert candidates(tmp_path / "killed", space, sampler, STOPS) == undisturbed


@pytest.mark.parametrize("sampler", ["evolution", "predictor"])
def test_control_a_seed_that_depends_on_the_runs_changes_them(
    tmp_path: Path, space: Space, evolved: list[str], monkeypatch: pytest.MonkeyPatch, sampler: str
):
    undisturbed = evolved if sampler == "evolution" else candidates(tmp_path / "undisturbed", space, sampler, ())
    monkeypatch.setitem(samplers.known[sampler].__dict__, "steady", False)
    assert candidates(tmp_path / "killed", space, sampler, STOPS) != undisturbed
