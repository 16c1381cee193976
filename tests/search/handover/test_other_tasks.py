"""From a table of several labels, or of numbers, to an exported file that prints them."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from automl.blocks import AutomlError, InputError
from automl.search.data import load
from automl.search.data.answers import Answers
from automl.search.handover.export import export
from automl.search.handover.longer_training import train
from automl.search.handover.study_data import study_data
from automl.search.training.measures import logits_of
from automl.search.training.pixels import Pixels
from automl.studies import Study
from automl.studies.choosing.finals import trainings
from automl.studies.export import check as checking
from automl.studies.export.original_units import in_units
from automl.studies.export.source_check import loaded
from automl.studies.trained.artifacts import weights_file
from automl.studies.trained.classifier_measures import kept_measures
from automl.studies.trained.weights import load_trained
from PIL import Image

from ..one_network import TINY, study_on

COUNT = 60


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    """Pictures that are more or less red, bright on the left or not; the table knows."""
    random = np.random.default_rng(0)
    lines = ["image,label,red,left"]
    (tmp_path / "photos").mkdir()
    for number in range(COUNT):
        red, left = int(random.integers(0, 200)), bool(random.integers(2))
        pixels = random.integers(0, 50, (24, 24, 3))
        pixels[..., 0] += red
        pixels[:, :12] += 50 * left
        Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(tmp_path / f"photos/{number:02}.png")
        labels = [name for name, there in (("red", red > 100), ("left", left)) if there]
        lines.append(f"photos/{number:02}.png,{';'.join(labels) + ';'},{1000 + 5 * red},{0.01 * left + 0.001 * number}")
    (tmp_path / "photos.csv").write_text("\n".join(lines))
    return tmp_path / "photos.csv"


CASES = {
    "labels": ({}, "mean-average-precision", ("left", "red")),
    "number": ({"targets": ("red",)}, "mae", ("red",)),
    "numbers": ({"targets": ("red", "left")}, "mae", ("red", "left")),
}


def outputs_of(study: Study) -> tuple[torch.Tensor, list[Path]]:
    """What the study's own weights give for its validation images, in units, and their files."""
    data, rows = study_data(study)
    answers = Answers.of(data, rows.train)
    pixels = Pixels(data.images, data.labels, rows.train, rows.validation, rows.test, "cpu", answers=answers)
    path = weights_file(study, trainings(study)[-1])
    assert path is not None
    network, kept = load_trained(path)
    outputs = logits_of(network, pixels.at("validation", 32)[0], mean=pixels.mean, std=pixels.std, amp=False).double()
    if "targets" in kept:
        mean, std = (torch.tensor(each, dtype=torch.float64) for each in kept["targets"])
        outputs = outputs * std + mean
    return outputs, [Path(data.files[row]) for row in rows.validation]


@pytest.mark.parametrize("case", ["labels", "numbers"])
def test_a_refit_is_exported_as_it_was_trained(tmp_path: Path, table: Path, case: str) -> None:
    """Numbers are standardised by those of all images that train."""
    options, metric, _ = CASES[case]
    study = study_on(tmp_path, table, TINY, **options)
    trained = train(study, epochs=2, threads=1, refit=True)
    checked = export(study, tmp_path / "found", formats=()).exported.checked
    assert checked is not None
    assert (checked.part, checked.identical, checked.metric) == ("test", True, metric)
    assert checked.value == pytest.approx(abs(trained.test_accuracy or 0.0), rel=1e-3)


@pytest.mark.parametrize("case", ["labels", pytest.param("number", marks=pytest.mark.exhaustive), "numbers"])
def test_what_is_exported_gives_what_was_trained(tmp_path: Path, table: Path, case: str) -> None:
    options, metric, names = CASES[case]
    study = study_on(tmp_path, table, TINY, **options)
    assert study.spec.metric == metric
    assert study.spec.data["classes"] == list(names)
    trained = train(study, epochs=2, threads=1, test=True)
    assert trained.metric == metric
    measures = kept_measures(study, trained)
    assert measures is not None
    assert [each.name for each in measures.parts["test"].classes] == list(names)
    made = export(study, tmp_path / "found", formats=())
    checked = made.exported.checked
    assert checked is not None
    assert (checked.identical, checked.metric) == (True, metric)
    assert checked.value == pytest.approx(checked.printed, rel=1e-3)
    expected, files = outputs_of(study)
    with loaded(tmp_path / "found" / "model.py") as module:
        network = module.load()
        with torch.inference_mode():
            got = torch.cat([network(module.preprocess(file)) for file in files]).double()
        assert torch.allclose(got, expected, rtol=1e-4, atol=1e-4 * float(expected.abs().max()))
        if case == "labels":
            assert names == module.LABELS
            found = module.label(network, files[0])
            assert {name: value for name, value in found} == pytest.approx(
                dict(zip(names, expected[0].sigmoid().tolist(), strict=True)), abs=1e-4
            )
        else:
            assert names == module.TARGETS
            assert module.predict(network, files[0]) == pytest.approx(
                dict(zip(names, expected[0].tolist(), strict=True)), rel=1e-3, abs=1e-3
            )
    kept = json.loads((tmp_path / "found" / "config.json").read_text())
    assert kept["task"] == ("multi-label" if case == "labels" else "regression")
    readme = (tmp_path / "found" / "README.md").read_text()
    assert "classify" not in readme
    assert "n image classifier" not in readme
    assert ("| label | images |" if case == "labels" else "| target | MAE |") in readme


def test_the_exported_file_prints_numbers_in_their_unit(
    tmp_path: Path, table: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    study = study_on(tmp_path, table, TINY, targets=("red",))
    train(study, epochs=6, threads=1)
    export(study, tmp_path / "found", formats=())
    photo = tmp_path / "photos" / "00.png"
    monkeypatch.setattr(sys, "argv", ["model.py", str(photo)])
    with loaded(tmp_path / "found" / "model.py") as module:
        module.main()
    first, second = capsys.readouterr().out.splitlines()
    assert first.endswith(" parameters, 1 target, 32x32 pixels")
    assert second.startswith(f"{photo}: red ")
    assert 500 < float(second.rpartition(" ")[2]) < 2500  # in the unit of the table


def test_control_an_export_of_other_weights_is_refused(
    tmp_path: Path, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = study_on(tmp_path, table, TINY, targets=("red", "left"))
    train(study, epochs=2, threads=1)

    def moved(weights: Any, candidate: Any, mean: list[float], std: list[float]) -> dict[str, torch.Tensor]:
        """Off by a deviation of the second number, which is a hundred-thousandth of the first."""
        return in_units(weights, candidate, [mean[0], mean[1] + std[1]], std)

    for other in (moved, lambda weights, *_: weights):
        monkeypatch.setattr("automl.search.handover.export.in_units", other)
        with pytest.raises(AutomlError, match=r"must be as good as what was trained, but .* MAE"):
            export(study, tmp_path / "found", formats=())
        assert not (tmp_path / "found").exists()
    assert checking.DRAWS > 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"metric": "accuracy"}, "--metric accuracy is for classification, but .* is for multi-label: mean-average"),
        ({"metric": "mae"}, "--metric mae is for regression"),
        (
            {"label_column": "none", "task": "multi-label"},
            "--metric mean-average-precision cannot be computed on the images that test: .* none of 20 has one",
        ),
        ({"targets": ("same",), "metric": "r2"}, "--metric r2 cannot be computed on the images that validate: R²"),
        ({"balance": "sampling"}, "balance must be none in multi-label"),
        ({"targets": ("red",), "balance": "weights"}, "balance must be none in regression"),
        ({"hints": ("grad_norm",)}, "the score grad_norm is computed from classes, but .* is for multi-label"),
        ({"evaluator": "zero-cost:grad_norm"}, "the score grad_norm is computed from classes"),
    ],
)
def test_what_does_not_fit_the_task_is_refused(tmp_path: Path, table: Path, options: dict, message: str) -> None:
    text = table.read_text().splitlines()
    parts = ["split,none,same"] + [f"{'test,;' if row >= 40 else 'train,a;b'},1" for row in range(COUNT)]
    table.write_text("\n".join(f"{line},{part}" for line, part in zip(text, parts, strict=True)))
    with pytest.raises(InputError, match=message):
        study_on(tmp_path, table, TINY, **options)


def test_named_recipes_drop_what_means_nothing_and_files_are_refused(tmp_path: Path, table: Path) -> None:
    study = study_on(tmp_path, table, TINY, targets=("red",))
    trained = train(study, epochs=1, threads=1, recipe="long")
    assert trained.fidelity.recipe == "long"
    assert train(study, epochs=1, threads=1, recipe="long", balance="none").fidelity.recipe == "long"
    (tmp_path / "own.yaml").write_text("mixup: 0.2\n")
    with pytest.raises(InputError, match=r"mixup must be 0\.0 in regression, since it mixes classes"):
        train(study, epochs=1, threads=1, recipe=str(tmp_path / "own.yaml"))


def test_a_study_of_an_earlier_version_keeps_its_classes(tmp_path: Path, table: Path) -> None:
    """It took a cell such as `left;red;` as one class."""
    study = study_on(tmp_path, table, TINY, task="classification")
    settled = study.spec.data
    settled.pop("reading", None)
    assert "task" not in settled
    assert load(str(table)).task == "multi-label"
    data, _ = study_data(study)
    assert (data.task, data.fingerprint) == ("classification", settled["fingerprint"])
