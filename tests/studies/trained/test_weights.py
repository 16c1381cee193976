"""The network chosen is read back from its weights."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from automl.blocks import InputError
from automl.spaces import Candidate
from automl.spaces.skeletons import skeleton
from automl.studies import CandidateRow, Evaluation, Fidelity, Purpose, Study
from automl.studies.choosing.chosen import Best, best
from automl.studies.trained.artifacts import weights_folder
from automl.studies.trained.checkpoint import save
from automl.studies.trained.weights import load_trained

FIDELITY = Fidelity(epochs=3, size=32)


@pytest.fixture(scope="module")
def network() -> Candidate:
    return skeleton("resnet").candidate({"depth": 0.25, "width": 0.0625}, (1, 32, 32), 3)


@pytest.fixture
def searched(study: Study, network: Candidate, evaluation: Callable[..., Evaluation]) -> Study:
    trial, row = evaluation(candidate_id=network.id, fidelity=FIDELITY), row_of(network)
    study.record(trial, row, params={}, distributions={}, values=(trial.accuracy or 0.0, row.macs))
    return study


def row_of(network: Candidate) -> CandidateRow:
    cost = network.cost()
    return CandidateRow(
        id=network.id,
        spec=network.spec,
        macs=int(cost.macs),
        params=int(cost.params),
        activations=int(cost.activations),
    )


def write_weights(study: Study, network: Candidate, name: str, *, seed: int) -> torch.nn.Module:
    """Weights from `seed` in the study's folder, as a training writes them."""
    torch.manual_seed(seed)
    built = network.build()
    file = weights_folder(study.storage_url, study.spec.name) / name
    file.parent.mkdir(parents=True, exist_ok=True)
    save(file, {"candidate": network.spec, "weights": built.state_dict(), "size": 32, "seed": seed})
    return built.eval()


@pytest.fixture
def final(searched: Study, network: Candidate, evaluation: Callable[..., Evaluation]) -> Callable[..., None]:
    def add(seed: int, checkpoint: str | None, **changes: object) -> None:
        made = evaluation(
            candidate_id=network.id,
            purpose=Purpose.FINAL,
            seed=seed,
            checkpoint=checkpoint,
            **{"fidelity": FIDELITY, **changes},
        )
        searched.record(made, row_of(network), params={}, distributions={}, values=None)

    return add


def chosen(study: Study) -> Best:
    found = best(study)
    assert found is not None
    return found


def same_outputs(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    images = torch.randn(2, 1, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        return torch.equal(one(images), other(images))


def test_the_network_chosen_is_loaded_in_eval_mode_with_its_trained_weights(
    searched: Study, network: Candidate, final: Callable[..., None]
):
    trained = write_weights(searched, network, "one.pt", seed=1)
    final(1, "one.pt")
    loaded = chosen(searched).load()
    assert not any(module.training for module in loaded.modules())
    assert same_outputs(loaded, trained)
    other = write_weights(searched, network, "other.pt", seed=2)  # the control: other weights, other outputs
    assert not same_outputs(loaded, other)


def test_of_several_trainings_the_one_shown_is_loaded(searched: Study, network: Candidate, final: Callable[..., None]):
    for seed, accuracy in ((1, 0.8), (2, 0.9), (3, 0.7)):
        write_weights(searched, network, f"{seed}.pt", seed=seed)
        final(seed, f"{seed}.pt", accuracy=accuracy, curve=((3, accuracy),))
    found = chosen(searched)
    assert found.evaluation.seed == 2
    assert same_outputs(found.load(), write_weights(searched, network, "again.pt", seed=2))


def test_weights_of_a_training_at_another_size_are_taken_where_there_are_no_others(
    searched: Study, network: Candidate, final: Callable[..., None]
):
    trained = write_weights(searched, network, "large.pt", seed=4)
    final(4, "large.pt", fidelity=Fidelity(epochs=3, size=64))
    found = chosen(searched)
    assert found.evaluation.checkpoint is None
    assert same_outputs(found.load(), trained)


def test_without_weights_it_is_said_what_to_do(searched: Study):
    with pytest.raises(InputError, match=r"has no trained weights yet: train it with automl.train\(study\)"):
        chosen(searched).load()


def test_missing_weights_are_named_with_what_to_do(searched: Study, final: Callable[..., None]):
    final(1, "gone.pt")
    with pytest.raises(InputError, match=r"there is no file .*gone\.pt; keep the folder beside the database"):
        chosen(searched).load()


@pytest.mark.parametrize(
    "payload", [{"weights": {}}, {"candidate": "{}", "weights": {}}, {"candidate": "not JSON", "weights": {}}]
)
def test_a_file_that_holds_no_trained_network_is_refused(tmp_path: Path, payload: dict[str, object]):
    save(tmp_path / "w.pt", payload)
    with pytest.raises(InputError):
        load_trained(tmp_path / "w.pt")


def test_weights_of_another_network_are_refused_in_one_line(tmp_path: Path, network: Candidate):
    other = skeleton("resnet").candidate({"depth": 0.25, "width": 0.125}, (1, 32, 32), 3)
    save(tmp_path / "w.pt", {"candidate": network.spec, "weights": other.build().state_dict()})
    with pytest.raises(InputError, match="holds no trained network: Error") as refused:
        load_trained(tmp_path / "w.pt")
    assert len(str(refused.value).splitlines()) == 1


@pytest.mark.parametrize(
    "payload",
    [
        {"candidate": None, "weights": {}},
        {"candidate": [], "weights": {}},
        {"candidate": "[" * 5000, "weights": {}},
        {"weights": {}, "candidate": "3"},
    ],
)
def test_a_file_with_anything_in_the_place_of_a_network_is_refused(tmp_path: Path, payload: dict[str, object]):
    save(tmp_path / "w.pt", payload)
    with pytest.raises(InputError):
        load_trained(tmp_path / "w.pt")


@pytest.mark.parametrize("weights", [None, [], {"a": 3}, {"a": None}, {3: torch.zeros(2)}])
def test_anything_in_the_place_of_the_weights_is_refused(tmp_path: Path, network: Candidate, weights: object):
    save(tmp_path / "w.pt", {"candidate": network.spec, "weights": weights})
    with pytest.raises(InputError, match="holds no trained network"):
        load_trained(tmp_path / "w.pt")


def test_a_file_whose_text_names_a_huge_network_takes_no_memory_for_it(tmp_path: Path, monkeypatch):
    huge = skeleton("resnet").candidate({"depth": 2, "width": 100}, (3, 224, 224), 1000)
    claims = torch.zeros(1).expand(int(huge.cost().params))  # its shape claims what its memory lacks
    save(tmp_path / "w.pt", {"candidate": huge.spec, "weights": {"a": claims}})
    monkeypatch.setattr(Candidate, "build", lambda self: pytest.fail("it was built"))
    with pytest.raises(InputError, match=r"its network has [\d,]+ parameters, but the file holds 1 numbers"):
        load_trained(tmp_path / "w.pt")
