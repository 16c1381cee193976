"""Searches over tables: the order of simulated events, the time they take, and what is recorded."""

import hashlib
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from automl.blocks import AutomlError, InputError
from automl.search import SearchOptions, search
from automl.search.course.clock import Clock
from automl.search.course.engine import Engine
from automl.search.course.events import Silent
from automl.search.course.limits import Limits, Trials
from automl.search.evaluators.table import Covered, SimulatedTime, run
from automl.search.proposing.proposer import Proposer
from automl.search.tables import Table, read_table
from automl.spaces import Space, census, parse_budget
from automl.studies import Fidelity, Purpose, State, Study, StudySpec

SPACE = {
    "name": "twelve",
    "skeleton": "efficientnet",
    "image": [1, 18, 18],
    "classes": 3,
    "dimensions": {"depth": 0.2, "width": [0.25, 0.5, 0.75], "expansion": [2, 3], "attention": ["none", "se"]},
}
KEYS = [f"{width}{expansion}{attention}" for width in range(3) for expansion in range(2) for attention in range(2)]
KEYED = list(enumerate(KEYS))
NAS_BENCH_MACRO = (
    Path(__file__).resolve().parents[4] / "shared" / "data" / "nas-bench-macro" / "nas-bench-macro_cifar10.json"
)


@pytest.fixture
def twelve() -> Space:
    return Space.from_dict(SPACE)


def written(folder: Path, rows: dict, name: str = "table.json") -> Path:
    (folder / name).write_text(json.dumps(rows))
    return folder / name


def flat(seeds: int = 3, **more) -> dict:
    """Twelve networks with an accuracy for each seed."""
    return {
        key: {"accuracy": [0.5 + index / 50 + seed / 1000 for seed in range(seeds)], **more}
        for index, key in enumerate(KEYS)
    }


def curved(epochs: int = 9, *, seeds: int = 3) -> dict:
    """Twelve networks that differ from the first epoch on."""
    return {
        key: {
            "curve": [
                [[epoch, 0.2 + index / 30 + epoch / 50 + seed / 1000] for epoch in range(1, epochs + 1)]
                for seed in range(seeds)
            ]
        }
        for index, key in enumerate(KEYS)
    }


class Seen:
    """A listener that keeps the times of reports and ends."""

    def __init__(self, clock: SimulatedTime) -> None:
        self._clock = clock
        self.reports: list[tuple[float, str, int]] = []
        self.ends: list[tuple[float, str]] = []

    def said(self, text: str) -> None: ...

    def phase(self, text: str) -> None: ...

    def reported(self, running, counts) -> None:
        self.reports.append((self._clock.now, running.id, running.curve[-1][0]))

    def ended(self, evaluation, macs, counts, best) -> None:
        self.ends.append((self._clock.now, evaluation.worker))

    def tick(self, running, counts, seconds_left) -> None: ...


def engine_for(
    folder: Path,
    space: Space,
    table: Table,
    clock: SimulatedTime,
    *,
    trials: int | None = None,
    seconds: float | None = None,
    **more,
) -> Engine:
    budget = parse_budget("1G")
    spec = StudySpec(name="s", space=space.to_dict(), budget=str(budget), data={"name": "table"}, settings={})
    study = Study.create_or_continue(f"sqlite:///{folder}/s.db", spec, command="automl search", versions={})
    known = [evaluation.candidate_id for evaluation in study.evaluations()]
    proposer = Proposer(
        space,
        budget,
        census(space, budget),
        sampler="random",
        seed=0,
        trials=12,
        history=study.optuna_trials(),
        known=known,
    )
    limits = Limits(trials=trials, seconds=seconds, finals=0)
    return Engine(
        study,
        Covered(proposer, table),
        trials=Trials(fidelity=lambda candidate: Fidelity(epochs=table.epochs, size=18), epochs=table.epochs, seed=0),
        limits=limits,
        clock=Clock(limits, now=clock, began=0.0),
        **more,
    )


def simulate(
    folder: Path,
    space: Space,
    rows: dict,
    *,
    workers: int,
    seconds: float | None = None,
    limit: float | None = None,
    **more,
) -> tuple[Engine, Seen, SimulatedTime]:
    clock = SimulatedTime()
    seen = Seen(clock)
    table = read_table(written(folder, rows), space)
    engine = engine_for(folder, space, table, clock, seconds=limit, **{"trials": 12, "listener": seen, **more})
    run(engine, table, workers=workers, clock=clock, seconds=seconds)
    return engine, seen, clock


class TestTime:
    def test_one_worker_takes_the_sum(self, tmp_path: Path, twelve: Space):
        engine, seen, clock = simulate(tmp_path, twelve, flat(), workers=1, seconds=10)
        assert clock.now == 120
        assert [time for time, _ in seen.ends] == [10 * number for number in range(1, 13)]
        assert {evaluation.seconds for evaluation in engine.study.evaluations()} == {10.0}

    def test_three_workers_take_a_third_when_all_trainings_are_as_long(self, tmp_path: Path, twelve: Space):
        _, seen, clock = simulate(tmp_path, twelve, flat(), workers=3, seconds=10, trials=11)
        assert clock.now == 40
        assert [time for time, _ in seen.ends] == [10, 10, 10, 20, 20, 20, 30, 30, 30, 40, 40]
        assert [worker for _, worker in seen.ends] == [
            f"simulated:{number}" for number in (0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1)
        ]

    def test_whoever_is_free_takes_the_next_one(self, tmp_path: Path, twelve: Space):
        """Trainings of 1, 2, 3 … seconds in the order in which they are proposed, on three workers,
        played by hand."""
        first, _, _ = simulate(tmp_path, twelve, flat(), workers=1)
        order = [evaluation.candidate_id for evaluation in first.study.evaluations()]
        names = {
            twelve.candidate({"depth": 0.2, "width": w, "expansion": e, "attention": a}).id: f"{i}{j}{k}"
            for i, w in enumerate((0.25, 0.5, 0.75))
            for j, e in enumerate((2, 3))
            for k, a in enumerate(("none", "se"))
        }
        rows = {names[key]: {"accuracy": 0.5, "seconds": number + 1} for number, key in enumerate(order)}
        (tmp_path / "second").mkdir()
        _, seen, clock = simulate(tmp_path / "second", twelve, rows, workers=3, trials=7)
        # worker 0: 1, then 4 (until 5), then 7 (until 12); worker 1: 2, then 5 (until 7); worker 2:
        # 3, then 6 (until 9)
        assert seen.ends == [
            (1, "simulated:0"),
            (2, "simulated:1"),
            (3, "simulated:2"),
            (5, "simulated:0"),
            (7, "simulated:1"),
            (9, "simulated:2"),
            (12, "simulated:0"),
        ]
        assert clock.now == 12

    def test_a_training_is_divided_evenly_over_its_epochs(self, tmp_path: Path, twelve: Space):
        _, seen, clock = simulate(tmp_path, twelve, curved(4), workers=2, seconds=8, trials=2)
        assert [(time, epoch) for time, _, epoch in seen.reports] == [
            (2, 1),
            (2, 1),
            (4, 2),
            (4, 2),
            (6, 3),
            (6, 3),
            (8, 4),
            (8, 4),
        ]
        assert clock.now == 8

    def test_epochs_that_a_curve_lacks_take_their_time(self, tmp_path: Path, twelve: Space):
        rows = {key: {"curve": [[2, 0.3], [10, 0.5]]} for key in KEYS}
        engine, seen, _ = simulate(tmp_path, twelve, rows, workers=1, seconds=100, trials=1)
        assert [(time, epoch) for time, _, epoch in seen.reports] == [(20, 2), (100, 10)]
        assert engine.study.evaluations()[0].curve == ((2, 0.3), (10, 0.5))

    def test_the_tables_seconds_are_taken_unless_others_are_given(self, tmp_path: Path, twelve: Space):
        engine, _, clock = simulate(tmp_path, twelve, flat(seconds=5), workers=1)
        assert (clock.now, engine.study.evaluations()[0].seconds) == (60, 5)
        (tmp_path / "second").mkdir()
        assert simulate(tmp_path / "second", twelve, flat(seconds=5), workers=1, seconds=7)[2].now == 84

    def test_a_search_ends_when_its_simulated_time_is_over_and_keeps_nothing_half_done(
        self, tmp_path: Path, twelve: Space
    ):
        engine, _, clock = simulate(tmp_path, twelve, flat(), workers=2, seconds=10, limit=35, trials=None)
        assert clock.now <= 35
        assert engine.study.counts() == {"complete": 6, "pruned": 0, "fail": 0, "final": 0}


class TestWhatIsRecorded:
    def test_what_the_table_has_under_the_searches_seed(self, tmp_path: Path, twelve: Space):
        engine, _, _ = simulate(tmp_path, twelve, flat(), workers=2)
        table = read_table(tmp_path / "table.json", twelve)
        for evaluation in engine.study.evaluations():
            assert evaluation.curve == table.seen(evaluation.candidate_id, 0).curve
            assert evaluation.accuracy == evaluation.curve[-1][1]
            assert (evaluation.state, evaluation.device) == (State.COMPLETE, "table")
            assert (
                hashlib.sha256(engine.study.candidates()[evaluation.candidate_id].spec.encode()).hexdigest()
                == evaluation.candidate_id
            )

    def test_two_runs_are_equal_to_the_last_digit(self, tmp_path: Path, twelve: Space):
        found = []
        for name in ("a", "b"):
            (tmp_path / name).mkdir()
            engine, seen, _ = simulate(tmp_path / name, twelve, curved(), workers=3)
            found.append(
                (
                    seen.reports,
                    seen.ends,
                    [(e.candidate_id, e.state, e.curve, e.seconds) for e in engine.study.evaluations()],
                )
            )
        assert found[0] == found[1]

    def test_a_network_that_the_table_lacks_is_not_proposed(self, tmp_path: Path, twelve: Space):
        rows = {key: {"accuracy": 0.5} for key in KEYS[:5]}
        engine, _, clock = simulate(tmp_path, twelve, rows, workers=2, seconds=10, trials=12)
        assert engine.study.counts() == {"complete": 5, "pruned": 0, "fail": 0, "final": 0}
        assert engine.exhausted
        assert engine.counts.refused == 7
        assert clock.now == 30

    def test_without_that_it_would_fail(self, tmp_path: Path, twelve: Space):
        """The control: a proposer that is not held to the table."""
        clock = SimulatedTime()
        table = read_table(written(tmp_path, {key: {"accuracy": 0.5} for key in KEYS[:5]}), twelve)
        engine = engine_for(tmp_path, twelve, table, clock, trials=12)
        engine._proposer = engine._proposer._proposer
        run(engine, table, workers=1, clock=clock, seconds=10)
        assert engine.study.counts() == {"complete": 5, "pruned": 0, "fail": 7, "final": 0}
        assert {e.reason for e in engine.study.evaluations(state=State.FAIL)} == {
            "the table table.json does not have this network"
        }
        assert clock.now == 50

    def test_a_run_that_breaks_off_goes_on_with_what_is_missing(self, tmp_path: Path, twelve: Space):
        class Breaks(Seen):
            def ended(self, evaluation, macs, counts, best) -> None:
                super().ended(evaluation, macs, counts, best)
                if len(self.ends) == 5:
                    raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            simulate(tmp_path, twelve, flat(), workers=3, listener=Breaks(SimulatedTime()))
        study = Study.open(f"sqlite:///{tmp_path}/s.db", "s")
        before = study.evaluations()
        assert len(before) == 5
        engine, seen, _ = simulate(tmp_path, twelve, flat(), workers=3)
        after = engine.study.evaluations()
        assert after[:5] == before
        assert len({evaluation.candidate_id for evaluation in after}) == len(after) == 12
        assert len(seen.ends) == 7

    def test_nothing_but_failures_ends_the_search_and_says_why(self, tmp_path: Path, twelve: Space):
        clock = SimulatedTime()
        table = read_table(written(tmp_path, {"000": {"accuracy": 0.5}}), twelve)
        engine = engine_for(tmp_path, twelve, table, clock)
        engine._proposer = engine._proposer._proposer
        table.entries.clear()
        with pytest.raises(AutomlError, match="does not have this network"):
            run(engine, table, workers=1, clock=clock)


class TestSearch:
    """The whole of `automl search`, as a function."""

    def options(self, folder: Path, rows: dict, **more) -> SearchOptions:
        table = written(folder, rows)
        return SearchOptions(
            **{
                "space": Space.from_dict(SPACE),
                "evaluator": f"table:{table}",
                "storage": f"sqlite:///{folder}/s.db",
                "trials": 8,
                "sampler": "random",
                "study": "s",
                "workers": 2,
                "finals": 0,
                **more,
            }
        )

    def test_it_finds_the_front_and_continues(self, tmp_path: Path):
        result = search(self.options(tmp_path, flat()))
        assert result.counts.done == 8
        assert result.simulated == 4 * 60
        assert result.best is not None
        assert result.best.evaluation.checkpoint is None
        again = search(self.options(tmp_path, flat(), trials=12))
        assert again.counts.done == 12
        assert again.front[-1].accuracy == pytest.approx(max(point.accuracy for point in again.front))
        assert {evaluation.purpose for evaluation in again.study.evaluations()} == {Purpose.SEARCH}

    def test_a_run_with_nothing_to_do_removes_what_one_left_that_died_as_it_ended(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ):
        def holders() -> int:
            with closing(sqlite3.connect(tmp_path / "s.db")) as database:
                return database.execute("SELECT count(*) FROM automl_drivers").fetchone()[0]

        with monkeypatch.context() as patch:
            patch.setattr("automl.studies.database.driving.leave", lambda *_: None)
            search(self.options(tmp_path, flat()))
        assert holders() == 1
        search(self.options(tmp_path, flat()))
        assert holders() == 0

    @pytest.mark.parametrize(("seeds", "confirmed"), [(3, 2), (2, 1), (1, 0)])
    def test_the_best_are_confirmed_by_the_tables_other_seeds(self, tmp_path: Path, seeds: int, confirmed: int):
        found = search(self.options(tmp_path, flat(seeds), finals=2))
        finals = found.study.evaluations(Purpose.FINAL)
        assert {final.seed for final in finals} == set(range(1, confirmed + 1))
        assert {final.state for final in finals} <= {State.COMPLETE}
        assert found.best is not None
        assert found.best.confirmed == bool(confirmed)
        assert len(found.best.accuracies) == confirmed
        if confirmed:
            of_best = [final.accuracy for final in finals if final.candidate_id == found.best.candidate.id]
            assert sorted(found.best.accuracies) == sorted(of_best)
            assert set(of_best).isdisjoint(
                e.accuracy for e in found.study.evaluations(Purpose.SEARCH) if e.candidate_id == found.best.candidate.id
            )

    @pytest.mark.parametrize("ended", [9, 12, 15, 25])
    def test_final_trainings_that_break_off_go_on_with_what_is_missing(self, tmp_path: Path, ended: int):
        """The race of those that may be the best included."""
        close = {
            key: {"accuracy": [0.5 + (7 * index + 5 * seed) % 6 / 100 for seed in range(9)]} for index, key in KEYED
        }
        given = {"finals": 2, "seeds": 2, "workers": 1, "trials": 10}
        whole = search(self.options(tmp_path, close, **given, storage=f"sqlite:///{tmp_path}/whole.db")).study
        wanted = [one.key for one in whole.evaluations()]
        assert len(wanted) == 10 + 2 * 2 + 3 * 2 * 2  # trials, final trainings, race

        class Breaks(Silent):
            def ended(self, evaluation, macs, counts, best) -> None:
                if counts.done + counts.finals == ended:
                    raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            search(self.options(tmp_path, close, **given), listener=Breaks())
        study = search(self.options(tmp_path, close, **given)).study
        assert [one.key for one in study.evaluations()] == wanted
        search(self.options(tmp_path, close, **given))  # nothing is left
        assert [one.key for one in study.evaluations()] == wanted

    def test_the_budget_refuses_before_anything_is_looked_up(self, tmp_path: Path):
        everything = search(self.options(tmp_path, flat(), trials=12))
        macs = sorted(row.macs for row in everything.study.candidates().values())
        result = search(self.options(tmp_path, flat(), trials=12, budget=[f"{macs[5]}FLOPs"], study="within"))
        assert result.counts.done == sum(one <= macs[5] for one in macs)
        assert max(row.macs for row in result.study.candidates().values()) <= macs[5]

    def test_another_table_is_another_study(self, tmp_path: Path):
        search(self.options(tmp_path, flat()))
        with pytest.raises(InputError, match=r"is another search \(data\.fingerprint"):
            search(self.options(tmp_path, flat(seeds=2)))

    def test_the_study_says_that_it_is_of_a_table(self, tmp_path: Path):
        study = search(self.options(tmp_path, flat(), objective="front")).study
        assert study.spec.data["fingerprint"] == read_table(tmp_path / "table.json", Space.from_dict(SPACE)).fingerprint
        assert (study.spec.settings["evaluator"], study.spec.settings["objective"]) == ("table", "front")

    def test_too_little_of_the_space_is_refused_before_anything_is_written(self, tmp_path: Path):
        space = Space.from_dict(
            {**SPACE, "dimensions": {**SPACE["dimensions"], "width": {"low": 0.25, "high": 3.25, "step": 0.125}}}
        )
        with pytest.raises(
            InputError, match=r"at least 5% of the networks within the budget, but table\.json has 1\.\d%"
        ):
            search(self.options(tmp_path, {"000": {"accuracy": 0.5}}, space=space))
        assert not (tmp_path / "s.db").exists()

    @pytest.mark.parametrize(
        ("more", "message"),
        [
            ({"epochs": 3}, "--epochs is for trainings, but --evaluator table:"),
            ({"proxy_size": 16}, "--proxy-size is for trainings"),
            ({"address": "auto"}, "--address is for trainings"),
            ({"table_seconds": 0.0}, "--table-seconds must be positive and at most .*, but got 0"),
            ({"evaluator": "table:"}, "unknown --evaluator 'table:'; did you mean 'table:FILE'?"),
            ({"evaluator": "tabel:x.json"}, "unknown --evaluator 'tabel:x.json'"),
            ({"evaluator": "train:x"}, "unknown --evaluator 'train:x'; did you mean 'train'?"),
            ({"evaluator": "train", "table_seconds": 3.0}, "--table-seconds is for --evaluator table:FILE"),
            ({"objective": "frnt"}, "unknown --objective 'frnt'; did you mean 'front'?"),
        ],
    )
    def test_what_does_not_go_together_is_refused(self, tmp_path: Path, more: dict, message: str):
        with pytest.raises(InputError, match=message):
            search(self.options(tmp_path, flat(), **more))

    def test_an_earlier_study_of_the_same_parameters_is_learned_from(self, tmp_path: Path):
        search(self.options(tmp_path, flat(), study="earlier"))
        assert search(self.options(tmp_path, flat(), warm_start=["earlier"], sampler="predictor")).counts.done == 8

    def test_one_of_other_parameters_is_refused(self, tmp_path: Path):
        search(self.options(tmp_path, flat(), study="earlier"))
        other = Space.from_dict({**SPACE, "dimensions": {**SPACE["dimensions"], "expansion": [2, 4]}})
        with pytest.raises(
            InputError,
            match="must have the parameters of this search, but 'expansion' is 2, 3 in 'earlier' and 2, 4 here",
        ):
            search(self.options(tmp_path, flat(), space=other, warm_start=["earlier"]))
        with pytest.raises(InputError, match="did you mean 'earlier'"):
            search(self.options(tmp_path, flat(), warm_start=["earlyer"]))
        with pytest.raises(InputError, match="is this search's own"):
            search(self.options(tmp_path, flat(), study="earlier", warm_start=["earlier"]))


def test_nas_bench_macro_works_as_it_comes(tmp_path: Path):
    if not NAS_BENCH_MACRO.exists():
        pytest.skip("NAS-Bench-Macro's table is not beside this checkout (../shared/data/nas-bench-macro)")
    result = search(
        SearchOptions(
            space="nas-bench-macro",
            evaluator=f"table:{NAS_BENCH_MACRO}",
            budget=["60MFLOPs"],
            image_size=32,
            trials=100,
            workers=4,
            sampler="random",
            storage=f"sqlite:///{tmp_path}/s.db",
            table_seconds=3600.0,
            finals=0,
        )
    )
    assert (result.counts.done, result.counts.failed) == (100, 0)
    assert result.simulated == 25 * 3600
    assert max(point.macs for point in result.front) <= 60_000_000
    assert result.best is not None
    assert 0.9 < result.best.evaluation.accuracy < 0.94
