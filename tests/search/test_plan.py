"""What makes two commands the same study: what the images hold, not where they lie or what an
earlier version called it."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from automl.blocks import InputError
from automl.search import SearchOptions, search
from automl.search.plan import Plan, default_name, prepare
from automl.spaces import Space
from automl.studies import Study
from automl.studies.records.spec import differences

from .conftest import write_images


def plan(tmp_path: Path, data: Path, space: Space, **options: Any) -> Plan:
    return prepare(SearchOptions(data=str(data), space=space, storage=f"sqlite:///{tmp_path}/s.db", **options))


def test_a_renamed_file_a_link_and_a_moved_folder_are_the_same_data(tmp_path: Path, space: Space) -> None:
    first = plan(tmp_path, write_images(tmp_path / "images.npz"), space, study="s").spec
    (tmp_path / "link.npz").symlink_to(tmp_path / "images.npz")
    assert differences(first, plan(tmp_path, tmp_path / "link.npz", space, study="s").spec) == []
    (tmp_path / "sub").mkdir()
    os.rename(tmp_path / "images.npz", tmp_path / "sub" / "other.npz")
    assert differences(first, plan(tmp_path, tmp_path / "sub" / "other.npz", space, study="s").spec) == []
    other = plan(tmp_path, write_images(tmp_path / "images.npz", seed=1), space, study="s").spec
    assert "data.fingerprint" in [place for place, _, _ in differences(first, other)]


def test_the_image_size_is_part_of_the_default_name(tmp_path: Path, space: Space) -> None:
    data = write_images(tmp_path / "images.npz")
    assert plan(tmp_path, data, space, budget=["1MFLOPs"]).spec.name == "tiny-images-1MFLOPs"
    names = {plan(tmp_path, data, space, budget=["1MFLOPs"], image_size=size).spec.name for size in (12, 16)}
    assert names == {"tiny-images-1MFLOPs-12px", "tiny-images-1MFLOPs-16px"}


def test_a_study_that_an_earlier_version_named_otherwise_is_gone_on_with(tmp_path: Path, space: Space) -> None:
    data = write_images(tmp_path / "images.npz")
    now = plan(tmp_path, data, space, image_size=16)
    former = replace(now.spec, name=default_name(now.space, str(data), ()))
    Study.create_or_continue(f"sqlite:///{tmp_path}/s.db", former, command="", versions={})
    assert plan(tmp_path, data, space, image_size=16).spec.name == "tiny-images"
    assert plan(tmp_path, data, space, image_size=12).spec.name == "tiny-images-12px"  # another search: not that one


def test_the_metric_belongs_to_the_study_which_keeps_it_and_refuses_another(tmp_path: Path, space: Space) -> None:
    data, url = write_images(tmp_path / "images.npz"), f"sqlite:///{tmp_path}/s.db"
    assert "metric" not in plan(tmp_path, data, space).spec.settings  # as in studies of earlier versions
    spec = plan(tmp_path, data, space, study="s", metric="log-loss").spec
    assert spec.metric == "log-loss"
    study = Study.create_or_continue(url, spec, command="", versions={})
    again = plan(tmp_path, data, space, study="s")
    assert (again.spec.metric, differences(study.spec, again.spec)) == ("log-loss", [])
    other = plan(tmp_path, data, space, study="s", metric="accuracy").spec
    with pytest.raises(InputError, match=r"settings\.metric: log-loss in the database, accuracy now"):
        Study.find(url, other)


def test_what_a_metric_cannot_measure_is_refused(tmp_path: Path, space: Space) -> None:
    data = write_images(tmp_path / "images.npz")
    with pytest.raises(InputError, match=r"--metric auroc is for 2 classes, but .* has 3"):
        plan(tmp_path, data, space, metric="auroc")
    with pytest.raises(InputError, match="unknown metric 'logloss'; did you mean 'log-loss'"):
        plan(tmp_path, data, space, metric="logloss")


def test_networks_are_trained_with_the_balance_asked_for(tmp_path: Path, space: Space) -> None:
    data = write_images(tmp_path / "images.npz")
    assert plan(tmp_path, data, space, balance="sampling").recipe.balance == "sampling"
    assert differences(plan(tmp_path, data, space).spec, plan(tmp_path, data, space, balance="none").spec) == []
    with pytest.raises(InputError, match="unknown --balance 'weigths'; did you mean 'weights'"):
        plan(tmp_path, data, space, balance="weigths")


def test_the_study_keeps_how_its_images_are_prepared(tmp_path: Path, space: Space) -> None:
    kept = plan(tmp_path, write_images(tmp_path / "images.npz"), space).spec.data
    assert kept["preprocessing"] == {"steps": [[12, "bicubic"]], "channels": 1, "levels": None}
    assert kept["native"] == 12
    assert "reading" not in kept


def test_how_the_data_are_read_is_part_of_the_study(tmp_path: Path, space: Space) -> None:
    labels = np.array([0] * 20 + [1] * 20 + [2] * 20 + [3])
    np.savez(
        tmp_path / "images.npz", x=np.random.default_rng(0).integers(0, 256, (61, 12, 12), dtype=np.uint8), y=labels
    )
    with pytest.raises(InputError, match="--drop-small-classes"):
        plan(tmp_path, tmp_path / "images.npz", space)
    dropped = plan(tmp_path, tmp_path / "images.npz", space, drop_small_classes=3)
    assert dropped.spec.data["reading"] == {"drop_small_classes": 3}
    assert len(dropped.spec.data["classes"]) == 3


def test_a_table_has_no_images_to_choose_parts_of() -> None:
    with pytest.raises(InputError, match="are for images"):
        search(SearchOptions(evaluator="table:x.csv", validation="val"))


def test_a_study_keeps_the_fidelity_that_was_planned_whatever_time_it_is_given_later(
    tmp_path: Path, space: Space
) -> None:
    data = write_images(tmp_path / "images.npz")
    new = plan(tmp_path, data, space, seconds=60.0)
    assert new.plans
    planned = replace(new.spec, settings={**new.spec.settings, "epochs": 4, "fraction": 0.3})
    Study.create_or_continue(f"sqlite:///{tmp_path}/s.db", planned, command="", versions={})
    for more in ({"seconds": 60.0}, {"seconds": 900.0}, {"trials": 9}):
        again = plan(tmp_path, data, space, **more)
        assert (again.epochs, again.fraction, again.plans) == (4, 0.3, False)
        assert differences(planned, again.spec) == []
    other = plan(tmp_path, data, space, seconds=60.0, epochs=5)  # control: what is given explicitly is another search
    assert "settings.epochs" in [place for place, _, _ in differences(planned, other.spec)]


def test_trials_without_a_limit_of_time_have_the_usual_fidelity(tmp_path: Path, space: Space) -> None:
    data = write_images(tmp_path / "images.npz")
    fixed, timed = plan(tmp_path, data, space, trials=9), plan(tmp_path, data, space, seconds=60.0)
    assert (fixed.plans, timed.plans, plan(tmp_path, data, space).plans) == (False, True, True)
    assert (fixed.epochs, fixed.fraction) == (timed.epochs, timed.fraction) == (20, 1.0)
