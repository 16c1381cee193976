"""A verification as a study, without Ray and, but for one test, without training: workers are
played by the test."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from automl.blocks import InputError
from automl.search.course.engine import Engine
from automl.search.course.events import Silent
from automl.search.verification.verification_plan import FIRST_SEED, default_epochs
from automl.search.verification.verifying import verify
from automl.search.workers import ray_tune
from automl.search.workers.job_runner import steps
from automl.search.workers.place import Place
from automl.studies import Purpose, Study, delete, studies
from automl.studies.choosing.chosen import best, best_json
from automl.studies.evidence import certificate, certificate_text
from automl.studies.quality import measure
from automl.studies.results.reporting import report
from automl.studies.trained.artifacts import weights_folder

from .conftest import EPOCHS, Searched, Workers

NETWORKS = 6


def planted(searched: Searched, accuracy: float) -> Callable[[str, int], float]:
    """References have this accuracy, and all others 0.7, but for a little from seed to seed."""
    ids = [one.id for one in searched.references]

    def of(key: str, seed: int) -> float:
        luck = (seed * 7 + int(key[:2], 16)) % 5 / 1000
        return (accuracy - ids.index(key) / 100 if key in ids else 0.7) + luck

    return of


def test_all_networks_are_trained_from_one_seed_before_the_next(searched: Searched, workers: Workers):
    found = verify(searched.study, seeds=3, epochs=4)
    assert [seed for _, seed in workers.pairs] == [FIRST_SEED + index for index in range(3) for _ in range(NETWORKS)]
    assert len(set(workers.pairs)) == 3 * NETWORKS
    assert {job.fidelity.epochs for job in workers.jobs} == {4}
    assert {job.fidelity.fraction for job in workers.jobs} == {1.0}
    assert (found.verification.left, found.verification.seeds) == (0, (1000, 1001, 1002))


@pytest.fixture
def three(search: Callable[..., Searched]) -> Searched:
    """A search that has tried three references, which are those compared."""
    return search(3)


def test_planted_bad_references_lose_and_the_words_say_by_how_much(three: Searched, workers: Workers):
    workers.accuracy = planted(three, 0.6)
    found = verify(three.study, epochs=2).verification
    margin = found.margin
    assert margin is not None
    assert margin.value == pytest.approx(0.1, abs=0.005)
    assert (margin.verdict, margin.n, margin.selection) == ("better", 5, "left out")
    text = certificate_text(certificate(three.study))
    assert text.startswith("+")
    assert f" points over {found.best.words if found.best else ''}, the best of 3 references (95 % +" in text
    assert text.endswith("5 seeds), measured on 22 test images after 2 epochs")


def test_planted_good_references_win_and_the_words_say_what_to_try(three: Searched, workers: Workers):
    workers.accuracy = planted(three, 0.8)
    found = verify(three.study, epochs=2).verification
    assert found.margin is not None
    assert found.margin.verdict == "worse"
    text = certificate_text(certificate(three.study))
    assert text.startswith("-")
    assert "the search has found no better network; try more --time or --trials" in text


@pytest.mark.parametrize(("task", "metric"), [("regression", "mae"), ("multi-label", "mean-average-precision")])
def test_the_certificate_of_another_task_is_about_its_measure(
    search: Callable[..., Searched], workers: Workers, task: str, metric: str
):
    searched, said = search(3, task=task), Said()
    by_accuracy = planted(searched, 0.6)
    workers.accuracy = lambda key, seed: by_accuracy(key, seed) - searched.lowered
    found = verify(searched.study, epochs=2, listener=said).verification
    assert {job.metric for job in workers.jobs} == {metric}
    assert len(workers.arrays["answers"].values) == 60  # workers train on labels or numbers, not on strata
    assert (found.measure, found.margin.verdict if found.margin else "") == (metric, "better")
    of = measure(metric).words
    assert any(f"values of {of} are those on" in line for line in said.lines)
    [page, data] = [file.read_text() for file in found_files(searched)]
    assert of in page
    assert "accurac" not in page.lower()
    shown = json.loads(data)
    assert shown["metric"] == metric
    assert shown["networks"][0]["mean"] == pytest.approx(10 - 0.7 if task == "regression" else 0.7, abs=0.01)
    assert (shown["margin"] < 0) == (task == "regression")  # an error that is smaller is better


class Said(Silent):
    """A listener that keeps what it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def said(self, line: str) -> None:
        self.lines.append(line)


def found_files(searched: Searched) -> list[Path]:
    folder = weights_folder(searched.storage, searched.study.spec.name)
    return [folder / name for name in ("certificate.md", "certificate.json")]


def test_equal_networks_are_too_close_to_tell(three: Searched, workers: Workers):
    workers.accuracy = planted(three, 0.7)
    assert "too close to tell; more --seeds or --epochs of `automl verify`" in certificate_text(
        certificate(verify(three.study, epochs=2).study)
    )


def test_a_run_that_was_cut_off_goes_on_and_trains_nothing_twice(searched: Searched, workers: Workers):
    workers.stop_after = 8
    partly = verify(searched.study, seeds=2, epochs=2).verification
    first = workers.pairs
    assert (partly.left, partly.seeds) == (2 * NETWORKS - 8, (FIRST_SEED,))  # the second seed is not fair yet
    done = {(one.id, seed) for one in partly.networks for seed in one.accuracies}
    workers.stop_after = None
    whole = verify(searched.study, seeds=2, epochs=2).verification
    assert whole.left == 0
    assert set(first) & set(workers.pairs) <= set(first) - done
    assert len(workers.pairs) == 2 * NETWORKS - 8
    verify(searched.study, seeds=2, epochs=2)
    assert workers.runs == 2  # nothing is left: no workers are started
    verify(searched.study, seeds=3, epochs=2)
    assert [seed for _, seed in workers.pairs] == NETWORKS * [FIRST_SEED + 2]


def test_a_training_that_the_time_cuts_off_is_trained_by_the_next_run(
    searched: Searched, workers: Workers, monkeypatch: pytest.MonkeyPatch
):
    def out_of_time(engine: Engine, *rest: object, **more: object) -> None:
        engine.next_job("w")
        engine.reported("w", 1, 0.5, 1.0)
        engine.finish()

    with monkeypatch.context() as patch:
        patch.setattr(ray_tune, "run", out_of_time)
        cut = verify(searched.study, seeds=1, epochs=3, seconds=60.0).verification
    assert (cut.left, cut.seeds) == (NETWORKS, ())
    assert verify(searched.study, seeds=1, epochs=3).verification.left == 0
    assert len(workers.pairs) == NETWORKS


def test_one_seed_has_no_interval(three: Searched, workers: Workers):
    workers.accuracy = planted(three, 0.6)
    found = verify(three.study, seeds=1, epochs=2).verification
    assert found.margin is not None
    assert found.margin.interval is None
    assert "(95 % -, 1 seed)" in certificate_text(certificate(three.study))
    assert json.loads(Path(verify(three.study, seeds=1, epochs=2).files[1]).read_text())["margin_interval"] is None


def test_a_study_without_references_is_verified(search: Callable[..., Searched], workers: Workers):
    searched = search(0)
    assert certificate_text(certificate(searched.study)) == ""
    found = verify(searched.study, seeds=2, epochs=2).verification
    assert len(found.references) == 3
    shown = certificate(searched.study)
    assert shown.verification is not None
    assert shown.best is not None
    assert (shown.best.state, shown.best.accuracy) == ("VERIFIED", None)
    assert "the best of 3 references" in certificate_text(shown)


def test_a_network_that_fails_is_not_compared_and_is_said(three: Searched, workers: Workers):
    bad = three.references[1].id
    workers.fails = lambda key, seed: "the loss is not finite" if (key, seed) == (bad, FIRST_SEED + 1) else None
    found = verify(three.study, seeds=3, epochs=2).verification
    assert (found.left, found.seeds) == (0, (1000, 1001, 1002))
    assert len(found.references) == 2
    assert "1 failed (the loss is not finite)" in (
        found_text := Path(verify(three.study, seeds=3, epochs=2).files[0]).read_text()
    )
    assert "the best of 2 references" in found_text


def test_nothing_of_the_search_counts_the_trainings_of_a_verification(searched: Searched, workers: Workers):
    study, storage = searched.study, searched.storage
    before = report(study).to_dict(), study.counts(), study.candidates(), best(study)
    verify(study, seeds=2, epochs=2)
    after = report(study).to_dict(), study.counts(), study.candidates(), best(study)
    assert before[1:] == after[1:]
    changed = {key for key in before[0] if before[0][key] != after[0][key]}
    assert changed == {"references"}
    assert [one.accuracy for one in studies(storage)] == [0.72, None]  # no accuracy on test images is shown as a best
    beside = Study.open(storage, "s-verify")
    assert best(beside) is None
    with pytest.raises(InputError, match="nothing is chosen by accuracies on test images: 's-verify' is the verific"):
        best_json(storage, "s-verify")
    with pytest.raises(InputError, match="is the verification of the study 's'"):
        verify(beside)


def test_a_study_is_deleted_with_its_verification(searched: Searched, workers: Workers):
    verify(searched.study, seeds=1, epochs=2)
    delete(searched.storage, "s")
    assert studies(searched.storage) == []


def test_a_verification_of_an_earlier_choice_does_not_count(searched: Searched, workers: Workers):
    verify(searched.study, seeds=2, epochs=2)
    assert certificate(searched.study).verification is not None
    searched.trial(searched.networks[0], 0.9, final=1)
    shown = certificate(searched.study)
    assert (shown.verification, shown.outdated) == (None, True)
    assert "a verification of an earlier choice does not count" in "\n".join(report(searched.study).lines)
    earlier = {one for one, _ in workers.pairs}
    again = verify(searched.study, seeds=2, epochs=2 * EPOCHS * 2).verification
    assert again.current
    assert again.own is not None
    assert again.own.id == searched.networks[0].id not in earlier


def test_the_certificate_is_written_beside_the_weights_and_where_asked(
    searched: Searched, workers: Workers, tmp_path: Path
):
    found = verify(searched.study, seeds=2, epochs=2, out=tmp_path / "out")
    beside = tmp_path / "s.db.artifacts" / "s"
    names = ("certificate.md", "certificate.json")
    assert list(found.files) == [folder / name for folder in (beside, tmp_path / "out") for name in names]
    page = (beside / "certificate.md").read_text()
    assert page == (tmp_path / "out" / "certificate.md").read_text()
    assert "# s: the network found" in page
    assert str(tmp_path) not in page
    data = json.loads((beside / "certificate.json").read_text())
    assert (data["measured_on"], data["left"], len(data["networks"])) == ("test", 0, NETWORKS)
    assert str(tmp_path) not in json.dumps(data)
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="the certificate cannot be written"):
        verify(searched.study, seeds=2, epochs=2, out=tmp_path / "file")


def test_the_best_reference_alone_is_compared_and_further_ones_are_added(searched: Searched, workers: Workers):
    first = verify(searched.study, seeds=2, epochs=2, references=1, controls=False).verification
    assert [one.role for one in first.networks] == ["own", "reference"]
    assert first.margin is not None
    assert "--references 1 --no-controls" in first.facts["again"]
    again = verify(searched.study, seeds=2, epochs=2).verification  # as in the earlier call
    assert (again.networks, workers.runs) == (first.networks, 1)
    whole = verify(searched.study, seeds=2, epochs=2, references=3, controls=True).verification
    assert (len(whole.networks), whole.left) == (NETWORKS, 0)
    assert len(workers.pairs) == 2 * (NETWORKS - 2)  # nothing is trained twice
    assert whole.networks[:2] == first.networks
    assert "--no-controls" not in whole.facts["again"]
    assert whole.left_out == ()
    narrow = verify(searched.study, seeds=2, epochs=2, references=2, controls=False).verification
    [said] = narrow.left_out  # whoever leaves networks out after he has seen their accuracies says so
    assert said.startswith("an earlier call has compared ")
    assert all(one.words in said for one in whole.networks[3:])
    assert not any(one.words in said for one in narrow.networks)
    one = verify(searched.study, seeds=2, epochs=2, references=1).verification
    assert all(other.words in one.left_out[0] for other in whole.networks[2:])  # those before the last call too


def test_epochs_are_twice_those_of_the_final_trainings(searched: Searched, workers: Workers):
    assert default_epochs(searched.study) == 4 * EPOCHS  # there are none
    searched.trial(searched.networks[2], 0.8, final=1)
    assert default_epochs(searched.study) == 2 * (2 * EPOCHS)
    verify(searched.study, epochs=5, seeds=1)
    assert {job.fidelity.epochs for job in workers.jobs} == {5}
    assert verify(searched.study, seeds=1).verification.epochs == 5  # those of the earlier call


@pytest.mark.parametrize("name", ["epochs", "seeds", "references", "workers"])
def test_what_cannot_be_is_refused(searched: Searched, workers: Workers, name: str):
    with pytest.raises(InputError, match=f"--{name} must be at least 1"):
        verify(searched.study, **{name: 0})
    assert workers.runs == 0


def test_networks_are_measured_on_the_test_images_and_not_on_those_that_chose(searched: Searched, workers: Workers):
    from automl.search.training.pixels import Pixels

    verify(searched.study, seeds=1, epochs=2)
    rows, arrays = searched.plan.split, workers.arrays
    assert np.array_equal(arrays["validation"], rows.test)
    assert not set(arrays["validation"]) & set(rows.validation)
    assert np.array_equal(arrays["train"], rows.train)
    pixels = Pixels(*(arrays[name] for name in ("images", "labels", "train", "validation")), None, "cpu")
    place = Place(pixels=pixels, recipe=searched.plan.recipe, device=torch.device("cpu"))
    trained = list(steps(workers.jobs[1], place))  # a reference, trained as a worker does it
    assert trained[-1]["done"]
    assert 0 <= trained[-1]["accuracy"] <= 1


def test_trainings_are_those_of_a_study_of_their_own(searched: Searched, workers: Workers):
    verify(searched.study, seeds=1, command="automl verify s")
    kept = Study.open(searched.storage, "s-verify")
    assert kept.command == "automl verify s"
    assert kept.spec.settings["verifies"] == "s"
    assert len(kept.evaluations(Purpose.SEARCH)) == NETWORKS
