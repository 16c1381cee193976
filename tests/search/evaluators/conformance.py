"""What every evaluator keeps to: a test class that the tests of an evaluator inherit."""

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any

import torch
from automl.search.course.job import Job
from automl.search.evaluators import EvaluatorKind, find_evaluator
from automl.search.evaluators.protocol import Evaluator
from automl.search.options import SearchOptions
from automl.search.plan import arrays
from automl.search.training.pixels import Pixels
from automl.search.workers.job_runner import steps
from automl.search.workers.place import Place
from automl.spaces import census
from automl.studies import Purpose


class EvaluatorConformance(ABC):
    """What a test class inherits and completes by the evaluator and a search with it."""

    @abstractmethod
    def kind(self) -> EvaluatorKind:
        """The evaluator."""

    @abstractmethod
    def options(self, folder: Path) -> SearchOptions:
        """A search of few trials that uses it."""

    def prepared(self, folder: Path) -> tuple[SearchOptions, Any]:
        options = self.options(folder)
        kind, argument = find_evaluator(options.evaluator)
        return options, kind.prepare(options, argument, 0.0, None)

    def test_it_is_found_by_the_forms_it_names(self):
        kind = self.kind()
        assert kind.forms
        assert kind.words
        assert all(find_evaluator(form)[0] is kind for form in kind.forms)

    def test_it_has_all_that_a_search_asks_for(self, tmp_path: Path):
        options, evaluator = self.prepared(tmp_path)
        assert isinstance(evaluator, Evaluator)
        limits = evaluator.limits(options)
        assert limits.trials is None or limits.trials > 0
        assert limits.seconds is None or limits.seconds > 0
        assert evaluator.now() >= evaluator.began
        found = census(evaluator.plan.space, evaluator.plan.budget, seed=0)
        lines = evaluator.described(found)
        assert lines
        assert all(line.strip() and "\n" not in line for line in lines)

    def test_its_studies_are_not_those_of_trainings(self, tmp_path: Path):
        _, evaluator = self.prepared(tmp_path)
        kept = evaluator.plan.spec.settings.get("evaluator", "train")
        assert str(kept).partition(":")[0] == self.kind().name

    def test_on_a_worker_it_reports_every_epoch_of_its_trials_and_the_last_as_done(self, tmp_path: Path):
        _, evaluator = self.prepared(tmp_path)
        if not self.kind().reads_images:
            return
        reports = [report for report in steps(*self.work(evaluator))]
        epochs = evaluator.plan.epochs
        assert [report["epoch"] for report in reports] == list(range(1, epochs + 1))
        assert [report["done"] for report in reports] == [False] * (epochs - 1) + [True]
        assert all(report["seconds"] >= 0 and report["accuracy"] == report["accuracy"] for report in reports)

    def work(self, evaluator: Any, *, start: int = 0) -> tuple[Job, Place, Any]:
        """What a worker gets for the first candidate of the space."""
        plan, data = evaluator.plan, arrays(evaluator.plan)
        candidate = plan.space.candidate({one.name: one.values[0] for one in plan.space.parameters})
        job = Job(
            candidate=candidate.spec,
            params=int(candidate.cost().params),
            fidelity=plan.fidelity(candidate),
            seed=0,
            purpose=Purpose.SEARCH,
            scores=() if evaluator.score is None else (evaluator.score,),
            start=start,
        )
        device = torch.device("cpu")
        pixels = Pixels(data["images"], data["labels"], data["train"], data["validation"], None, device, levels=None)
        return job, Place(pixels=pixels, recipe=plan.recipe, device=device), evaluator.evaluate
