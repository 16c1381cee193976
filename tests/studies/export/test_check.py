"""An exported file is run on real images in a process of its own, and refused where it does not do
what was measured."""

from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from automl.blocks import AutomlError
from automl.search.training.accuracy import accuracy
from automl.studies.export import check as check_file
from automl.studies.export import export_network
from automl.studies.export.check import Sample
from automl.studies.tasks.preprocessing import Preprocessing, read_pixels
from PIL import Image

COUNT = 40
MEAN, STD = (0.25, 0.5, 0.75), (0.5, 0.25, 0.125)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Textures of several kinds of files and sizes, which filters tell apart."""
    folder = tmp_path_factory.mktemp("files")
    random = np.random.default_rng(0)
    kinds = ("png", "jpg", "webp", "bmp", "tif")
    found = []
    for number in range(COUNT):
        width, height = random.integers(24, 90, 2)
        noise = (random.integers(0, 100, (height, width, 3)) + random.integers(0, 156, 3)).astype(np.uint8)
        path = folder / f"{number:02}.{kinds[number % len(kinds)]}"
        Image.fromarray(noise).save(path)
        found.append(str(path))
    return found


def sample_of(candidate, weights, files: list[str], preprocessing: Preprocessing) -> Sample:
    """What training measured on the files: by the network's own reckoning 30 of 40 are right."""
    pixels = np.stack(
        [read_pixels(file, preprocessing.steps, 3, preprocessing.levels).transpose(2, 0, 1) for file in files]
    )
    network = candidate.build()
    network.load_state_dict(weights)
    network.eval()
    x = (torch.from_numpy(pixels) / 255 - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)
    with torch.no_grad():
        weights["fc.bias"] -= network(x).mean(0)  # else random weights name one class for all
        network.load_state_dict(weights)
        labels = network(x).argmax(1)
    assert len(labels.unique()) > 2
    labels[30:] = (labels[30:] + 1) % 10
    reached = accuracy(network, torch.from_numpy(pixels), labels, mean=MEAN, std=STD)
    assert reached == 0.75
    return Sample(part="test", sources=files, pixels=pixels, labels=labels.numpy(), accuracy=reached)


@pytest.fixture
def made(tiny, trained, facts, files: list[str]):
    """make(preprocessing): candidate, weights, facts and sample."""

    def make(preprocessing: Preprocessing):
        candidate = tiny("resnet")
        weights = trained(candidate)
        described = facts(candidate, preprocessing=preprocessing, mean=MEAN, std=STD)
        return candidate, weights, described, sample_of(candidate, weights, files, preprocessing)

    return make


@pytest.mark.parametrize(
    ("stored", "size", "fit"), [(32, 16, "crop"), (16, 24, "letterbox")], ids=["smaller", "larger"]
)
def test_an_exported_file_sees_the_pixels_of_training_and_reaches_its_accuracy(
    made, tmp_path: Path, stored: int, size: int, fit: str
) -> None:
    steps = Preprocessing.to(stored, size, channels=3, fit=fit)
    candidate, weights, facts, sample = made(steps)
    checked = export_network(
        tmp_path / "found", candidate=candidate, weights=weights, facts=facts, formats=(), sample=sample
    ).checked
    assert checked is not None
    assert (checked.identical, checked.count, checked.correct, checked.accuracy) == (True, COUNT, 30, 0.75)
    assert checked.timm_count == COUNT
    assert checked.timm_difference is not None
    assert checked.timm_difference > 0  # it crops after resizing
    config = json.loads((tmp_path / "found" / "config.json").read_text("utf-8"))
    assert config["checked"]["identical"] is True
    assert config["preprocessing"] == steps.to_dict()
    text = (tmp_path / "found" / "README.md").read_text("utf-8")
    assert "the pixels of training, to the bit; accuracy 0.7500" in text
    assert f"differs from `preprocess` by {checked.timm_difference:.2f} grey levels" in text


def test_pixels_that_are_no_files_are_checked_as_well_in_a_fresh_process(
    made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("automl.studies.export.check.subprocess", subprocess)  # not that of tests/conftest.py
    candidate, weights, facts, sample = made(Preprocessing.to(16, 16, channels=3))
    arrays = sample.pixels.transpose(0, 2, 3, 1)
    checked = export_network(
        tmp_path / "found",
        candidate=candidate,
        weights=weights,
        facts=facts,
        formats=(),
        sample=replace(sample, sources=arrays),
    ).checked
    assert (checked.identical, checked.correct) == (True, 30)
    assert checked.timm_difference == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize("steps", [((16, "bilinear"),), ((32, "bicubic"), (16, "bicubic"))])
def test_another_filter_or_another_step_is_refused_and_nothing_left(made, tmp_path: Path, steps) -> None:
    candidate, weights, facts, sample = made(Preprocessing.to(16, 16, channels=3))
    planted = replace(facts, preprocessing=replace(facts.preprocessing, steps=steps))
    with pytest.raises(AutomlError, match=r"must see what training saw, but .* other pixels than training"):
        export_network(
            tmp_path / "found", candidate=candidate, weights=weights, facts=planted, formats=(), sample=sample
        )
    assert list(tmp_path.iterdir()) == []


def test_an_accuracy_that_is_not_the_one_printed_is_refused(
    made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    candidate, weights, facts, sample = made(Preprocessing.to(16, 16, channels=3))
    answers: list[dict] = []
    run = check_file._answer

    def once(folder: Path, sample: Sample) -> dict:
        """The answer of the first run: the file and the images are the same each time."""
        answers.extend([] if answers else [run(folder, sample)])
        return answers[0]

    monkeypatch.setattr(check_file, "_answer", once)
    for printed in (0.725, 0.775, 1.0):
        with pytest.raises(
            AutomlError,
            match=rf"as accurate as what was trained, but .* accuracy 0.7500 \(30 right\), {printed:.4f} in training",
        ):
            export_network(
                tmp_path / "found",
                candidate=candidate,
                weights=weights,
                facts=facts,
                formats=(),
                sample=replace(sample, accuracy=printed),
            )


def test_other_normalisation_is_noticed_by_the_accuracy(made, tmp_path: Path) -> None:
    candidate, weights, facts, sample = made(Preprocessing.to(16, 16, channels=3))
    with pytest.raises(AutomlError, match="as accurate as what was trained"):
        export_network(
            tmp_path / "found",
            candidate=candidate,
            weights=weights,
            facts=replace(facts, std=(0.1, 2.0, 0.1)),
            formats=(),
            sample=sample,
        )


def test_where_training_cannot_be_repeated_to_the_bit_the_accuracy_is_said_and_nothing_refused(
    made, tmp_path: Path
) -> None:
    candidate, weights, facts, sample = made(Preprocessing.to(16, 16, channels=3))
    checked = export_network(
        tmp_path / "found",
        candidate=candidate,
        weights=weights,
        facts=facts,
        formats=(),
        sample=replace(sample, pixels=None, accuracy=0.8),
    ).checked
    assert checked.identical is None
    assert "accuracy 0.7500 (30 right), 0.8000 in training" in str(checked)


def test_a_file_that_has_gone_is_told(made, tmp_path: Path) -> None:
    candidate, weights, facts, sample = made(Preprocessing.to(16, 16, channels=3))
    gone = [*sample.sources[:-1], str(tmp_path / "gone.png")]
    with pytest.raises(AutomlError, match=r"cannot be run on the test images: .*gone\.png"):
        export_network(
            tmp_path / "found",
            candidate=candidate,
            weights=weights,
            facts=facts,
            formats=(),
            sample=replace(sample, sources=gone),
        )
