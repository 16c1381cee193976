"""Samplers by name: those of scripts and installed packages, and what a factory is called with."""

import importlib
import sys
from pathlib import Path
from typing import Any

import pytest
from automl.blocks import InputError
from automl.blocks.registry import PluginWarning, Registry
from automl.search.proposing import samplers as module
from automl.search.proposing.proposer import Proposer
from automl.search.proposing.sampler_kind import Asked, SamplerKind, kind_of
from automl.search.proposing.samplers import check_sampler, make_sampler, sampler_names, samplers
from automl.spaces import Space, census, parse_budget
from optuna.samplers import GridSampler, QMCSampler, RandomSampler


@pytest.fixture(autouse=True)
def _as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(samplers, "known", dict(samplers.known))


class TestFactories:
    def test_a_class_of_optuna_is_called_with_its_seed(self):
        samplers.add("qmc", QMCSampler)
        assert isinstance(make_sampler("qmc", seed=2**33 + 5, trials=9), QMCSampler)

    def test_a_function_is_called_with_what_it_names(self):
        got: dict[str, Any] = {}

        def mine(trials: int, objective: str, **more: Any) -> RandomSampler:
            got.update(trials=trials, objective=objective, more=more)
            return RandomSampler()

        samplers.add("mine", mine)
        make_sampler("mine", seed=1, trials=9, objective="front")
        assert got == {"trials": 9, "objective": "front", "more": {}}

    def test_attributes_of_a_factory_are_taken_over(self):
        class Mine(RandomSampler):
            """Draws at random.

            Slowly."""

            feasible = True
            patience = 3
            objectives = ("best",)

        kind = kind_of("mine", Mine)
        assert (kind.words, kind.feasible, kind.patience, kind.objectives) == ("Draws at random", True, 3, ("best",))
        assert kind.startup(100) == 0
        assert kind_of("other", RandomSampler).startup(100) == 10

    @pytest.mark.parametrize(
        ("part", "message"),
        [
            (GridSampler, "called with seed, trials, .*, but GridSampler needs 'search_space'"),
            (3, "the sampler 'x' must be a class or a function, but got int"),
        ],
    )
    def test_what_cannot_make_a_sampler_is_refused_when_it_is_registered(self, part: object, message: str):
        with pytest.raises(InputError, match=message):
            samplers.add("x", part)

    def test_what_makes_something_else_is_refused_when_it_is_made(self):
        with pytest.raises(InputError, match="must return an Optuna sampler, but got dict"):
            SamplerKind(words="none", factory=dict).make(Asked(seed=0, trials=1))  # type: ignore[arg-type]

    @pytest.mark.parametrize(("given", "message"), [({"patience": 0}, "patience"), ({"objectives": ()}, "objectives")])
    def test_impossible_capabilities_are_refused(self, given: dict[str, Any], message: str):
        with pytest.raises(InputError, match=f"a sampler's {message} must be"):
            SamplerKind(words="none", factory=None, **given)


class TestNames:
    def test_an_unknown_sampler_names_the_nearest(self):
        with pytest.raises(InputError, match="unknown sampler 'nsga'; did you mean 'nsga2'"):
            make_sampler("nsga", seed=0, trials=10)

    def test_one_of_a_script_is_in_names_and_errors(self):
        samplers.add("mine", RandomSampler)
        assert sampler_names()[-1] == "mine"
        with pytest.raises(InputError, match="did you mean 'mine'"):
            check_sampler("min")

    def test_a_name_is_given_once(self):
        with pytest.raises(InputError, match="the sampler name 'tpe' is taken"):
            samplers.add("tpe", RandomSampler)

    def test_a_sampler_is_used_only_for_what_it_looks_for(self):
        samplers.add("mine", SamplerKind(words="one", factory=RandomSampler, objectives=("best",)))
        check_sampler("mine", "best")
        with pytest.raises(InputError, match="the sampler mine must be used with --objective best, but got front"):
            check_sampler("mine", "front")


MODULE = '''
from optuna.samplers import RandomSampler


def shy(seed):
    """Draws at random, and takes hints."""
    return Shy(seed)


class Shy(RandomSampler):
    hints = []

    def hint(self, name, rows):
        self.hints.append((name, len(rows)))

    def quality(self, study):
        return {"n": len(study.trials)}
'''


class TestInstalled:
    @pytest.fixture
    def declared(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        """A package that declares samplers, and a registry that has not looked for packages yet."""
        (tmp_path / "a_package_with_samplers.py").write_text(MODULE)
        info = tmp_path / "a_package_with_samplers-1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: a-package-with-samplers\nVersion: 1\n")

        def declare(value: str) -> None:
            (info / "entry_points.txt").write_text(f"[automl.samplers]\nshy = {value}\n")
            monkeypatch.syspath_prepend(str(tmp_path))
            importlib.invalidate_caches()
            fresh = Registry("sampler", "automl.samplers", accept=kind_of, home=module._home)
            fresh.known.update(samplers.known)
            for place in (module, importlib.import_module("automl.search.proposing.proposer")):
                monkeypatch.setattr(place, "samplers", fresh)

        yield declare
        sys.modules.pop("a_package_with_samplers", None)

    def test_a_search_uses_it_with_all_it_can_do(self, declared, space: Space):
        declared("a_package_with_samplers:shy")
        budget = parse_budget("1M")
        asks = Proposer(space, budget, census(space, budget), sampler="shy", seed=0, trials=40)
        assert asks.takes_hints
        asks.hint("a", [({}, 1.0)])
        assert asks._sampler.hints == [("a", 1)]
        proposal = asks.propose()
        assert proposal is not None
        assert proposal.origin == "shy"
        assert asks.quality() == {"n": 1}

    def test_control_a_sampler_without_these_methods_is_not_asked(self, space: Space):
        budget = parse_budget("1M")
        asks = Proposer(space, budget, census(space, budget), sampler="tpe", seed=0, trials=40)
        asks.hint("a", [({}, 1.0)])
        assert not asks.takes_hints
        assert asks.quality() is None

    def test_one_that_cannot_be_loaded_is_left_out_with_its_package_named(self, declared):
        declared("a_package_with_samplers:MISSING")
        with pytest.warns(PluginWarning, match="the sampler 'shy' of the package a-package-with-samplers is left out"):
            assert "shy" not in sampler_names()


class TestTheDocs:
    def test_the_sampler_of_the_docs_proposes_the_cheaper_networks(self, space: Space):
        page = (Path(__file__).parents[3] / "docs" / "extending.md").read_text()
        text = page.partition("## A sampler\n")[2].partition("```python\n")[2].partition("```")[0]
        assert text.count("\n") <= 40
        exec(compile(text, "extending.md", "exec"), {"__name__": "extending"})
        budget = parse_budget("1M")
        costs = {}
        for name in ("thrifty", "random"):
            asks = Proposer(space, budget, census(space, budget), sampler=name, seed=0, trials=40)
            proposals = [asks.propose() for _ in range(12)]
            costs[name] = sum(one.cost.macs for one in proposals if one is not None)
        assert asks.refused == 0
        assert costs["thrifty"] < 0.8 * costs["random"]
