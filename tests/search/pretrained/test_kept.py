"""A study keeps from which weights its candidates begin, and goes on with no others."""

import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from automl.blocks import InputError
from automl.search.evaluators import find_evaluator
from automl.search.evaluators.registry import check_options
from automl.search.options import SearchOptions
from automl.search.plan import prepare
from automl.search.pretrained import kept
from automl.search.pretrained.begun import Begun
from automl.search.pretrained.kept import began, for_training, keep, source_of
from automl.search.pretrained.source_weights import read_source
from automl.spaces import Space
from automl.spaces.kinds.union import union
from automl.studies import Evaluation, Fidelity, Purpose, State, Study
from automl.studies.store import Store, StoreError
from automl.studies.trained.artifacts import store_of
from automl.studies.trained.checkpoint import save_to
from safetensors.torch import save_file

from ..conftest import write_images

BASIC = {"unit": "basic", "repeats": 1, "width": 0.125}
MOBILE = {"width": 0.125, "depth": 0.2}


def space(name: str, skeleton: str, settings: dict[str, Any]) -> Space:
    """A space of one network."""
    return Space.from_dict(
        {"name": name, "skeleton": skeleton, "image": [1, 32, 32], "classes": 3, "dimensions": settings}
    )


RESNET, MOBILENET = space("resnet", "resnet", BASIC), space("mobilenet", "mobilenetv2", MOBILE)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Two exported folders of one network, as `--pretrained` names them, and images."""
    root, candidate = tmp_path_factory.mktemp("weights"), RESNET.base()
    for name in ("one", "other"):
        folder = root / name
        folder.mkdir()
        (folder / "config.json").write_text(json.dumps({"candidate": candidate.to_dict()}))
        save_file(candidate.build().state_dict(), folder / "model.safetensors")
    write_images(root / "images.npz")
    return [str(root / name) for name in ("one", "other", "images.npz")]


def options(files: list[str], folder: Path, source: str | None) -> SearchOptions:
    return SearchOptions(
        space=RESNET, data=files[2], storage=f"sqlite:///{folder}/s.db", study="s", pretrained=source, proxy_size=16
    )


def test_a_study_goes_on_with_its_own_weights_and_keeps_a_copy(files: list[str], tmp_path: Path):
    plan = prepare(options(files, tmp_path, files[0]))
    study = Study.create_or_continue(f"sqlite:///{tmp_path}/s.db", plan.spec, command="", versions={})
    begun = Begun.of(files[0], plan.space)
    assert begun is not None
    begun.keep(study)
    assert study.notes()["pretrained"] == {**plan.spec.settings["pretrained"], "families": begun.shares}
    copy = source_of(study)
    assert copy is not None
    assert copy.identity == read_source(files[0]).identity
    for other in (files[1], None):
        with pytest.raises(InputError, match="pretrained"):
            Study.find(study.storage_url, prepare(options(files, tmp_path, other)).spec)
    noise = [prepare(options(files, tmp_path, asked)).spec.settings for asked in ("none", None)]
    assert noise[0] == noise[1]
    assert Begun.of("none", plan.space) is None
    moved = shutil.copytree(files[0], tmp_path / "moved")  # the control: the same weights elsewhere
    assert Study.find(study.storage_url, prepare(options(files, tmp_path, str(moved))).spec) is not None


def test_a_training_begins_as_the_study_unless_it_says_otherwise_and_tells_from_what(
    files: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    plan = prepare(options(files, tmp_path, files[0]))
    study = Study.create_or_continue(f"sqlite:///{tmp_path}/s.db", plan.spec, command="", versions={})
    own, other = read_source(files[0]), read_source(files[1])
    keep(study, own)
    candidate, now = plan.space.base(), datetime.now(UTC)
    trainings: list[Evaluation] = []

    def told(asked: str | None) -> tuple[str | None, str]:
        source, name = for_training(study, asked)
        training = Evaluation(
            candidate_id=candidate.id,
            fidelity=Fidelity(epochs=1, size=16, recipe=f"search{name}" if name else ""),
            seed=0,
            purpose=Purpose.FINAL,
            state=State.COMPLETE,
            settings={},
            curve=((1, 0.5),),
            accuracy=0.5,
            seconds=1.0,
            started=now,
            finished=now,
        )
        trainings.append(training)
        return source and source.fingerprint, began(study, training, candidate)

    words = f"the weights of {own.name} (SHA-256 {own.fingerprint[:16]}…): 100.0% of the parameters"
    assert told(None) == told(files[0]) == (own.fingerprint, words)
    assert told("none") == (None, "")
    found, words = told(files[1])
    assert found == other.fingerprint
    assert words.startswith(f"the weights of {own.name} (SHA-256 {other.fingerprint[:8]}…): 100.0%")

    save_to(store_of(study), f"pretrained-{own.fingerprint[:8]}.pt", {"weights": {}})
    with pytest.raises(InputError, match="is damaged: KeyError"):
        source_of(study)

    def away(study: Study) -> Store:
        raise StoreError("the bucket cannot be reached")

    monkeypatch.setattr(kept, "store_of", away)
    training = replace(trainings[0], fidelity=Fidelity(epochs=1, size=16))
    assert began(study, training, candidate) == f"the weights of {own.name} (SHA-256 {own.fingerprint[:16]}…)"


def test_a_search_says_what_each_family_has_and_refuses_weights_of_no_family(files: list[str], tmp_path: Path):
    begun = Begun.of(files[0], union([RESNET, MOBILENET], name="two"))
    assert begun is not None
    assert begun.shares["mobilenet"] < 0.01 < 0.99 < begun.shares["resnet"]
    assert "mobilenet begins from noise" in str(begun)
    with pytest.raises(InputError, match=r"nothing of .* has a counterpart"):
        Begun.of(files[0], MOBILENET)
    asked = replace(options(files, tmp_path, files[0]), evaluator="zero-cost")
    with pytest.raises(InputError, match="--pretrained begins trainings"):
        check_options(find_evaluator(asked.evaluator)[0], asked)
