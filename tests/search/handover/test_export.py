"""What is handed over is what was measured: real files of every kind, networks of every family,
stored sizes above, at and below the network's."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from automl.blocks import AutomlError, InputError
from automl.search.data import load
from automl.search.handover.export import HandedOver, export
from automl.search.handover.longer_training import train
from automl.studies import Evaluation, Purpose, State, Study
from automl.studies.export import source_check
from automl.studies.tasks.preprocessing import Preprocessing
from automl.studies.trained.classifier_measures import kept_measures
from PIL import Image

from ..one_network import TINY, pictures, study_on

FAMILIES = {
    "efficientnet": {"width": 0.25, "depth": 0.2, "attention": "se"},
    "mobilenetv2": {"width": 0.2, "depth": 0.2},
    "mobilenetv3": {"width": 0.25, "depth": 0.2},
    "resnet": {"width": 0.125, "depth": 0.3},
    "resnext": {
        "skeleton": "resnet",
        "width": 0.25,
        "depth": 0.3,
        "cardinality": 4,
        "attention": "eca",
        "eca_padding": "circular",
    },
    "resnest": {"skeleton": "resnet", "width": 0.25, "depth": 0.3, "radix": 2},
    "cbam": {"skeleton": "resnet", "width": 0.25, "depth": 0.3, "attention": "cbam"},
    "sknet": {"skeleton": "resnet", "width": 0.25, "depth": 0.3, "attention": "sk"},
}
KINDS = ("png", "jpg", "webp", "bmp", "gif", "tif", "jp2", "npz")
SIZES = (32, 24, 40, 32, 20, 32, 48, 28)
"""Network's sides, where images are stored at 32."""
OPTIONS = {"resnet": {"fit": "letterbox", "metric": "log-loss"}}
"""Further options of the search of a family."""


@pytest.fixture(autouse=True)
def one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def everything() -> list:
    """Each family with a kind of file and a size; those by default lie below, at and above the
    stored size."""
    default = ("mobilenetv2", "resnet", "cbam")
    return [
        pytest.param(*one, marks=[] if one[0] in default else [pytest.mark.exhaustive], id=one[0])
        for one in zip(FAMILIES, KINDS, SIZES, strict=True)
    ]


@pytest.mark.parametrize(("family", "kind", "size"), everything())
def test_an_export_does_on_real_files_what_was_measured(tmp_path: Path, family: str, kind: str, size: int) -> None:
    data = pictures(tmp_path, kind)
    study = study_on(tmp_path, data, {"skeleton": family, **FAMILIES[family]}, **OPTIONS.get(family, {}))
    trained = train(study, epochs=2, size=size, threads=1)
    made = export(study, tmp_path / "found", formats=())
    checked = made.exported.checked
    assert checked is not None
    assert checked.identical is True
    assert checked.part == "test"
    assert made.evaluation == trained
    config = json.loads((tmp_path / "found" / "config.json").read_text())
    assert config["preprocessing"]["steps"][-1][0] == size
    measures = kept_measures(study, trained)
    assert measures is not None
    tested = measures.parts["test"]
    assert checked.printed == pytest.approx(checked.accuracy, abs=1e-6)
    assert checked.accuracy == pytest.approx(tested.accuracy, abs=1e-6)
    assert config["accuracy"]["test"] == pytest.approx(
        tested.log_loss if "metric" in config else tested.accuracy, abs=1e-6
    )
    if family in OPTIONS:
        assert (config["metric"], config["preprocessing"]["steps"][0][1]) == ("log-loss", "letterbox")
        assert trained.test_accuracy == pytest.approx(-tested.log_loss, abs=1e-6)
    assert config["measures"] == measures.to_dict()
    page = (tmp_path / "found" / "README.md").read_text()
    assert f'(network(preprocess("image.png")) / {measures.temperature:.4g}).softmax(1)' in page
    first = measures.parts["test"].classes[0]
    assert f"| `{first.name}` | {first.images} | " in page


def test_the_weights_of_a_search_go_through_the_stored_size_and_say_so(tmp_path: Path) -> None:
    """A network that was trained below the stored size has two steps, and its export takes both."""
    from automl.search.course.job import Job
    from automl.search.handover.study_data import study_data
    from automl.search.training.accuracy import accuracy
    from automl.search.training.pixels import Pixels
    from automl.search.training.recipe import Recipe
    from automl.search.workers.job_runner import keep_weights, trainer_for
    from automl.studies import Fidelity
    from automl.studies.trained.artifacts import weights_folder

    study = study_on(tmp_path, pictures(tmp_path, "png"), TINY)
    [row] = study.candidates().values()
    loaded, rows = study_data(study)
    pixels = Pixels(loaded.images, loaded.labels, rows.train, rows.validation, rows.test, "cpu")
    fidelity = Fidelity(epochs=2, size=20)
    path = weights_folder(study.storage_url, "s") / "confirmed.pt"
    job = Job(
        candidate=row.spec,
        params=row.params,
        fidelity=fidelity,
        seed=1,
        purpose=Purpose.FINAL,
        store=str(path.parent),
        checkpoint=path.name,
    )
    trainer = trainer_for(job, pixels, Recipe.from_dict(study.spec.settings["recipe"]), "cpu")
    reached = [trainer.epoch().accuracy for _ in range(2)][-1]
    keep_weights(job, trainer, pixels)
    now = datetime.now(UTC)
    confirmed = Evaluation(
        candidate_id=row.id,
        fidelity=fidelity,
        seed=1,
        purpose=Purpose.FINAL,
        state=State.COMPLETE,
        settings={},
        curve=((2, reached),),
        accuracy=reached,
        seconds=1.0,
        worker="w:1",
        checkpoint=path.name,
        started=now,
        finished=now,
    )
    study.record(confirmed, row, params={}, distributions={}, values=None)
    images, labels = pixels.at("validation", 20)
    assert reached == accuracy(trainer.network_for_use(), images, labels, mean=pixels.mean, std=pixels.std)
    made = export(study, tmp_path / "found", formats=())
    config = json.loads((tmp_path / "found" / "config.json").read_text())
    assert config["preprocessing"]["steps"] == [[32, "bicubic"], [20, "bicubic"]]
    assert made.exported.checked is not None
    assert (made.exported.checked.part, made.exported.checked.identical) == ("validation", True)
    assert made.exported.checked.accuracy == pytest.approx(reached)


@pytest.mark.parametrize("check", [False, pytest.param(True, marks=pytest.mark.exhaustive)])
def test_a_trial_of_the_search_is_tested_and_exported_and_marked_as_not_confirmed(
    tmp_path: Path, check: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from automl.search.course.job import Job
    from automl.search.handover import weights_loading
    from automl.search.handover.study_data import study_data
    from automl.search.training.accuracy import accuracy
    from automl.search.training.pixels import Pixels
    from automl.search.training.recipe import Recipe
    from automl.search.workers.job_runner import steps
    from automl.search.workers.place import Place
    from automl.studies import Fidelity
    from automl.studies.choosing.best_network import Best
    from automl.studies.records.evaluation import cut_reason
    from automl.studies.trained.artifacts import trial_weights, weights_folder

    study = study_on(tmp_path, pictures(tmp_path, "png"), TINY)
    [row] = study.candidates().values()
    with pytest.raises(InputError, match="has no trained weights yet"):
        export(study, tmp_path / "found", check=False)
    loaded, rows = study_data(study)
    pixels = Pixels(loaded.images, loaded.labels, rows.train, rows.validation, rows.test, "cpu")
    recipe = replace(Recipe.from_dict(study.spec.settings["recipe"]), low_size=0.5, rise=0.9)
    fidelity = Fidelity(epochs=3, size=32, fraction=0.5)
    job = Job(
        candidate=row.spec,
        params=row.params,
        fidelity=fidelity,
        seed=1,
        purpose=Purpose.SEARCH,
        store=str(weights_folder(study.storage_url, "s")),
        kept=trial_weights(row.id, 1),
    )
    place = Place(pixels=pixels, recipe=recipe, device=torch.device("cpu"))
    curve = tuple((report["epoch"], report["accuracy"]) for report in islice(steps(job, place), 2))
    now = datetime.now(UTC)
    trial = Evaluation(
        candidate_id=row.id,
        fidelity=fidelity,
        seed=1,
        purpose=Purpose.SEARCH,
        state=State.PRUNED,
        settings={},
        curve=curve,
        accuracy=curve[-1][1],
        reason=cut_reason(2),
        seconds=1.0,
        started=now,
        finished=now,
    )
    study.record(trial, row, params={}, distributions={}, values=None)
    seen: list[int] = []
    right: list[float] = []

    def watched(path: Path) -> tuple[torch.nn.Module, dict]:
        network, kept = load_trained(path)
        network.register_forward_hook(lambda module, args, out: seen.append(len(args[0])))
        at_size = pixels.at("test", int(kept["size"]))
        right.append(accuracy(network, *at_size, mean=pixels.mean, std=pixels.std))
        seen.clear()
        return network, kept

    load_trained = weights_loading.load_trained
    monkeypatch.setattr(weights_loading, "load_trained", watched)
    tested = weights_loading.test(
        study, Best(candidate=row, evaluation=trial, confirmed=False), loaded, rows
    ).evaluation
    assert [tested.test_accuracy] == right  # to the bit
    assert sum(seen) == len(rows.validation) + len(rows.test)  # each image once
    made = export(study, tmp_path / "found", formats=(), check=check)
    assert made.number is None
    assert made.evaluation.test_accuracy == tested.test_accuracy
    config = json.loads((tmp_path / "found" / "config.json").read_text())
    assert (config["training"]["epochs"], config["preprocessing"]["steps"][-1][0] < 32) == (2, True)
    mark = "from one training of the search on 50% of the training images, 2 of 3 epochs, not confirmed"
    assert mark in (tmp_path / "found" / "README.md").read_text()
    assert "not confirmed" in (tmp_path / "found" / "model.py").read_text()
    if made.exported.checked is not None:
        assert made.exported.checked.accuracy == pytest.approx(tested.test_accuracy)


def test_weights_of_an_earlier_version_are_exported_with_its_filter_and_the_accuracy_is_only_said(
    tmp_path: Path,
) -> None:
    from automl.studies.trained.artifacts import weights_file
    from automl.studies.trained.checkpoint import load as load_checkpoint
    from automl.studies.trained.checkpoint import save

    study = study_on(tmp_path, pictures(tmp_path, "png"), TINY)
    path = weights_file(study, train(study, epochs=1, size=32, threads=1))
    assert path is not None
    kept = load_checkpoint(path)
    del kept["preprocessing"]
    save(path, {**kept, "size": 20})
    made = export(study, tmp_path / "found", formats=())
    config = json.loads((tmp_path / "found" / "config.json").read_text())
    assert config["preprocessing"]["steps"] == [[32, "bicubic"], [20, "bilinear"]]
    assert made.exported.checked is not None
    assert made.exported.checked.identical is None


def test_data_that_are_gone_are_named_with_the_way_out(tmp_path: Path) -> None:
    data = pictures(tmp_path, "png")
    study = study_on(tmp_path, data, TINY)
    train(study, epochs=1, size=32, threads=1)
    data.rename(tmp_path / "moved")
    with pytest.raises(InputError, match="where nothing is now: give --data PATH"):
        export(study, tmp_path / "found", formats=())
    assert export(study, tmp_path / "found", formats=(), data=str(tmp_path / "moved")).exported.checked is not None


def test_other_pictures_than_those_of_the_study_are_refused(tmp_path: Path) -> None:
    study = study_on(tmp_path, pictures(tmp_path, "png"), TINY)
    train(study, epochs=1, size=32, threads=1)
    other = pictures(tmp_path / "other", "png", seed=1)
    with pytest.raises(InputError, match="are others: as many images of the same classes, but other pictures"):
        export(study, tmp_path / "found", formats=(), data=str(other))


def textures(folder: Path, *, count: int = 60) -> Path:
    """Two classes of fine textures, which only the right filter tells apart: noise in cells of 2
    pixels around 128, of amplitude 30 and 36."""
    random = np.random.default_rng(0)
    for label, amplitude in enumerate((30, 36)):
        place = folder / "textures" / f"class{label}"
        place.mkdir(parents=True)
        for number in range(count):
            cells = random.choice([-1.0, 1.0], (128, 128)).repeat(2, 0).repeat(2, 1)
            Image.fromarray((128 + amplitude * cells).astype(np.uint8)).save(place / f"{number:03}.png")
    return folder / "textures"


@pytest.fixture(scope="module")
def handed(tmp_path_factory: pytest.TempPathFactory) -> dict[int, tuple[Path, Evaluation, HandedOver, Study]]:
    folder = tmp_path_factory.mktemp("textures")
    torch.set_num_threads(1)
    data = textures(folder)
    space = {"skeleton": "resnet", "width": 0.125, "depth": 0.3}
    study = study_on(folder, data, space, size=64)
    found = {}
    for size in (64, 32):
        trained = train(study, epochs=12, size=size, threads=1)
        out = folder / f"found{size}"
        found[size] = out, trained, export(study, out, size=size, formats=()), study
    return found


class TestTextures:
    """Fine textures: with another filter than training's every second picture is called wrong."""

    @pytest.mark.parametrize("size", [64, 32])
    def test_the_exported_file_is_right_where_training_was(self, handed, size: int) -> None:
        _, trained, made, _ = handed[size]
        assert made.exported.checked.identical is True
        assert made.exported.checked.accuracy == pytest.approx(trained.test_accuracy)

    def test_training_learns_them_so_that_the_next_test_says_something(self, handed) -> None:
        assert handed[64][1].test_accuracy == 1.0

    def test_with_another_filter_they_would_all_be_one_class(self, handed) -> None:
        """The control: the filter of earlier versions, on the same weights and files."""
        out, _, _, study = handed[64]
        loaded = load(str(study.spec.data["name"]), size=64)
        with source_check.loaded(out / "model.py") as module:
            network = module.load()
            right = {}
            for name in ("bicubic", "bilinear"):
                module.STEPS = ((64, name),)
                with torch.inference_mode():
                    found = [int(network(module.preprocess(str(path))).argmax()) for path in loaded.files]
                right[name] = float((np.array(found) == loaded.labels).mean())
        assert right["bicubic"] > 0.95
        assert right["bilinear"] < 0.6

    def test_a_planted_filter_is_refused_by_the_export(
        self, handed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        _, _, _, study = handed[64]

        def planted(_: Study, kept: dict) -> tuple[Preprocessing, bool]:
            given = Preprocessing.from_dict(kept["preprocessing"])
            return Preprocessing(steps=((given.size, "bilinear"),), channels=given.channels), True

        with monkeypatch.context() as patch:
            patch.setattr("automl.search.handover.weights_loading.preprocessing_of", planted)
            with pytest.raises(AutomlError, match="must see what training saw"):
                export(study, tmp_path / "found", size=64, formats=())
        assert list(tmp_path.iterdir()) == []
