"""The network finally chosen: which it is, training it at full fidelity, and its one look at the test data."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from statistics import stdev
from typing import TYPE_CHECKING, Any

from ..blocks import InputError
from ..spaces import Candidate
from ..studies import CandidateRow, Evaluation, Fidelity, Purpose, State, Study
from .confirming import FINAL_FACTOR, adequate, images, leaders
from .data import ImageData, Split, load, split
from .engine import weights_name
from .job import Job
from .plan import check_seed, proxy
from .training.recipe import Recipe

if TYPE_CHECKING:
    from .training.pixels import Pixels


LEADERS = 3
"""How many of the front, by accuracy, may become the network chosen."""


@dataclass(frozen=True, kw_only=True)
class Best:
    """The network a study has chosen."""

    candidate: CandidateRow
    """The network and its cost."""
    evaluation: Evaluation
    """What it was chosen by; of several final trainings the one whose weights are handed over, the most accurate on the validation data."""
    confirmed: bool
    """Whether it was trained afresh after the search, from another seed, so that it is not merely the luckiest of many."""
    accuracies: tuple[float, ...] = ()
    """Validation accuracies of its final trainings, by whose mean it was chosen."""

    @property
    def accuracy(self) -> float:
        """Mean validation accuracy of what it was chosen by."""
        return sum(self.accuracies) / len(self.accuracies) if self.accuracies else self.evaluation.accuracy or 0.0

    def __str__(self) -> str:
        """Its accuracy in words, with how it is known."""
        if not self.confirmed:
            return f"validation accuracy {self.accuracy:.4f} (not confirmed: one seed)"
        count = len(self.accuracies)
        spread = f" ± {stdev(self.accuracies):.4f}" if count > 1 else ""
        return f"validation accuracy {self.accuracy:.4f}{spread} (confirmed with {f'{count} other seeds' if count > 1 else 'another seed'})"


def best(study: Study) -> Best | None:
    """The network of the highest mean among the front's leaders, over their final trainings, or of the search where there are none; None without a trial.

    A final training counts that saw at least as many images as the trial did, and only trainings of one fidelity are compared: that which most leaders have, of
    several the longest. A grid of compound scaling has chosen by the mean over its seeds.
    """
    grid = study.notes().get("grid")
    if isinstance(grid, dict):
        return _of_grid(study, str(grid["id"]))
    found = {point.id: point for point in leaders(study.front(), LEADERS)}
    if not found:
        return None
    finals: dict[str, dict[str, list[Evaluation]]] = {}
    for final in study.evaluations(Purpose.FINAL, State.COMPLETE):
        if final.candidate_id in found and adequate(final, found[final.candidate_id]):
            finals.setdefault(Fidelity(epochs=final.fidelity.epochs, size=1, fraction=final.fidelity.fraction).key, {}).setdefault(
                final.candidate_id, []
            ).append(final)
    if finals:
        compared = max(finals.values(), key=lambda trained: (len(trained), max(images(each[0].fidelity) for each in trained.values())))
        chosen, trained = max(compared.items(), key=lambda item: (_mean(item[1]), -found[item[0]].macs))
        point = found[chosen]
        shown = max(trained, key=lambda final: (final.test_accuracy is not None, final.checkpoint is not None, final.accuracy or 0.0))
        others = [final for final in trained if final.seed != point.evaluation.seed]
        return Best(candidate=point.candidate, evaluation=shown, confirmed=bool(others), accuracies=tuple(final.accuracy or 0.0 for final in trained))
    top = next(iter(found.values()))
    return Best(candidate=top.candidate, evaluation=top.evaluation, confirmed=False)


def _mean(finals: Sequence[Evaluation]) -> float:
    return sum(final.accuracy or 0.0 for final in finals) / len(finals)


def _of_grid(study: Study, candidate_id: str) -> Best:
    """The network whose mean was highest, with its last final training, else its first in the grid."""
    trained = [each for each in study.evaluations(state=State.COMPLETE) if each.candidate_id == candidate_id]
    finals = [each for each in trained if each.purpose is Purpose.FINAL]
    seeds = {each.seed for each in trained if each.purpose is Purpose.SEARCH}
    return Best(candidate=study.candidates()[candidate_id], evaluation=finals[-1] if finals else trained[0], confirmed=len(seeds) > 1)


def best_json(storage: str, study: str, _: str = "best") -> str:
    """The network that a study has chosen, as canonical JSON: what `automl.spaces.find_candidate` asks for. Raises: InputError if there is none yet."""
    chosen = best(Study.open(storage, study))
    if chosen is None:
        raise InputError(f"the study {study!r} has no finished trial yet")
    return chosen.candidate.spec


def weights_folder(storage: str, study: str) -> Path:
    """Where a study's trained weights lie: beside an SQLite file, else in the current folder."""
    from sqlalchemy.engine import make_url

    url = make_url(storage)
    in_file = url.get_backend_name() == "sqlite" and url.database and url.database != ":memory:"
    database = Path(url.database) if in_file and url.database else Path("automl")
    return database.resolve().with_name(database.name + ".artifacts") / study


def weights_file(study: Study, evaluation: Evaluation) -> Path | None:
    """The weights that an evaluation kept. Only the name is in the database, so that database and folder can be moved together."""
    return None if evaluation.checkpoint is None else weights_folder(study.storage_url, study.spec.name) / evaluation.checkpoint


def study_data(study: Study, *, data: str | None = None, data_dir: str | None = None, size: int | None = None) -> tuple[ImageData, Split]:
    """The data and split of a study, loaded again; at `size` pixels where that is more than the study kept and the files hold more.

    Raises:
        InputError: the data cannot be loaded, or are not those of the study.
    """
    if study.spec.settings.get("evaluator") == "table":
        raise InputError(f"only a study with data can train, but {study.spec.name!r} looked its networks up in {Path(str(study.spec.data['name'])).name}")
    kept = study.spec.data
    loaded = load(data or str(kept["name"]), size=int(kept["size"]), data_dir=data_dir)
    if loaded.fingerprint != kept["fingerprint"]:
        raise InputError(f"the data must be those of the study {study.spec.name!r}, but {data or kept['name']!r} have another fingerprint")
    rows = split(loaded, seed=int(kept["split"]["seed"]))
    if rows.to_dict() != kept["split"]:
        raise InputError(f"the split of the study {study.spec.name!r} cannot be made again by this version of automl")
    if size is not None and size > int(kept["size"]):
        loaded = load(data or str(kept["name"]), size=size, data_dir=data_dir)
    return loaded, rows


def train(
    study: Study,
    *,
    candidate: str | None = None,
    epochs: int | None = None,
    size: int | None = None,
    seed: int | None = None,
    test: bool = False,
    data: str | None = None,
    data_dir: str | None = None,
    said: Callable[[str], None] = lambda text: None,
) -> Evaluation:
    """Train a network of a study (the best without `candidate`) at full fidelity in this process and keep its weights.

    The network chosen is tested; another one only with `test`, since choosing among tested networks would spoil the test data.

    Raises:
        InputError: no such candidate, nothing to choose from, or this very training has been done.
        Diverged: the training left the finite numbers; recorded as FAIL first.
    """
    chosen = best(study)
    row = study.candidate(candidate) if candidate else _chosen(study)
    settings = study.spec.settings
    height = Candidate.from_dict(json.loads(row.spec)).image[1]
    searched = proxy(int(settings["proxy_size"]), height, int(settings["image_size"]))
    fidelity = Fidelity(epochs=epochs or FINAL_FACTOR * int(settings["epochs"]), size=size or searched)
    seed = int(settings["seed"]) + 1 if seed is None else seed
    check_seed("--seed", seed)
    for done in study.evaluations():
        if (done.candidate_id, done.fidelity.key, done.seed) == (row.id, fidelity.key, seed):
            raise InputError(f"candidate {row.id[:12]} has been trained for {fidelity} with seed {seed}; give another --epochs, --size or --seed")
    loaded, rows = study_data(study, data=data, data_dir=data_dir, size=fidelity.size)
    from .training.device import describe, pick_device
    from .training.pixels import Pixels

    device = pick_device()
    said(f"training {row.id[:12]} for {fidelity} on {describe(device)}, seed {seed}")
    pixels = Pixels(loaded.images, loaded.labels, rows.train, rows.validation, rows.test, device)
    path = weights_folder(study.storage_url, study.spec.name) / weights_name(row.id, fidelity, seed)
    job = Job(candidate=row.spec, params=row.params, fidelity=fidelity, seed=seed, purpose=Purpose.FINAL, checkpoint=str(path))
    return _run(study, row, job, pixels, said, tested=test or (chosen is not None and chosen.candidate.id == row.id))


def _chosen(study: Study) -> CandidateRow:
    chosen = best(study)
    if chosen is None:
        raise InputError(f"the study {study.spec.name!r} has no finished trial to choose from; continue the search first")
    return chosen.candidate


def _run(study: Study, row: CandidateRow, job: Job, pixels: Pixels, said: Callable[[str], None], *, tested: bool) -> Evaluation:
    from ..blocks.errors import AutomlError
    from .evaluate import keep_weights, trainer_for
    from .training.device import describe

    recipe = Recipe.from_dict(study.spec.settings["recipe"])
    started = datetime.now(UTC)
    curve: list[tuple[int, float]] = []
    seconds = 0.0

    path = Path(str(job.checkpoint))

    def evaluation(state: State, reason: str | None = None, test: float | None = None) -> Evaluation:
        return Evaluation(
            candidate_id=row.id, fidelity=job.fidelity, seed=job.seed, purpose=job.purpose, state=state, settings={}, curve=tuple(curve),
            accuracy=curve[-1][1] if curve else None, test_accuracy=test, seconds=seconds, worker="driver", device=describe(pixels.device), reason=reason,
            checkpoint=path.name if state is State.COMPLETE else None, started=started, finished=datetime.now(UTC),
        )  # fmt: skip

    try:
        trainer = trainer_for(job, pixels, recipe, pixels.device)
        while not trainer.finished:
            report = trainer.epoch()
            curve.append((report.epoch, report.accuracy))
            seconds += report.seconds
            said(f"epoch {report.epoch} of {job.fidelity.epochs}: validation accuracy {report.accuracy:.4f}, loss {report.loss:.3f}, {report.seconds:.1f} s")
    except AutomlError as error:
        study.record(evaluation(State.FAIL, str(error)), row, params={}, distributions={}, values=None)
        raise
    keep_weights(job, trainer, pixels)
    on_test = _accuracy(trainer.network_for_use(), pixels, job.fidelity.size) if tested else None
    return study.record(evaluation(State.COMPLETE, test=on_test), row, params={}, distributions={}, values=None)


def test(study: Study, chosen: Best, data: ImageData, rows: Split) -> Best:
    """The chosen network's accuracy on the test data, which is looked at for no other; kept with its evaluation."""
    evaluation = chosen.evaluation
    path = weights_file(study, evaluation)
    if path is None or evaluation.test_accuracy is not None:
        return chosen
    from .training.device import pick_device
    from .training.pixels import Pixels

    device = pick_device()
    pixels = Pixels(data.images, data.labels, rows.train, rows.validation, rows.test, device)
    network, _ = load_trained(path)
    tested = _accuracy(network.to(device), pixels, evaluation.fidelity.size)
    study.tested(evaluation, tested)
    return replace(chosen, evaluation=replace(evaluation, test_accuracy=tested))


def load_trained(path: Path) -> tuple[Any, dict[str, Any]]:
    """The network whose weights `keep_weights` wrote, in eval mode, and what was written with them.

    Raises:
        InputError: the file is missing or unreadable.
    """
    from .training.checkpoint import load as load_checkpoint

    kept = load_checkpoint(path)
    network = Candidate.from_dict(json.loads(kept["candidate"])).build()
    network.load_state_dict(kept["weights"])
    return network.eval(), kept


def _accuracy(network: Any, pixels: Pixels, size: int) -> float:
    from .training.evaluation import accuracy

    images, labels = pixels.at("test", size)
    return accuracy(network, images, labels, mean=pixels.mean, std=pixels.std)


def confirmed_accuracies(study: Study) -> dict[str, float]:
    """Validation accuracy of the final training of each network that had one; of several the mean."""
    found: dict[str, list[float]] = {}
    for evaluation in study.evaluations(Purpose.FINAL, State.COMPLETE):
        if evaluation.accuracy is not None:
            found.setdefault(evaluation.candidate_id, []).append(evaluation.accuracy)
    return {key: sum(values) / len(values) for key, values in found.items()}


def export(study: Study, out: Path, *, candidate: str | None = None, onnx: bool = True) -> list[Path]:
    """Write a trained network of a study (the best without `candidate`) to the folder `out`.

    Raises:
        InputError: the folder exists, or the network has no trained weights yet.
    """
    from ..studies.export import Facts, export_network
    from .run import versions

    row = study.candidate(candidate) if candidate else _chosen(study)
    trained = [e for e in study.evaluations(Purpose.FINAL, State.COMPLETE) if e.candidate_id == row.id and e.checkpoint is not None]
    if not trained:
        raise InputError(f"the network {row.id[:12]} has no trained weights yet: run `automl train` with --candidate {row.id[:12]} first")
    selected = best(study)
    chosen = selected.evaluation if candidate is None and selected and selected.evaluation in trained else max(trained, key=lambda e: e.accuracy or 0.0)
    path = weights_file(study, chosen)
    assert path is not None  # of one that is trained
    _, kept = load_trained(path)
    settings = next((e.settings for e in study.evaluations(Purpose.SEARCH) if e.candidate_id == row.id), {})
    facts = Facts(
        study=study.spec.name, command=study.command, data=Path(str(study.spec.data["name"])).name, classes=tuple(study.spec.data["classes"]),
        size=int(kept["size"]), mean=tuple(kept["mean"]), std=tuple(kept["std"]), accuracy=chosen.accuracy or 0.0,
        test_accuracy=chosen.test_accuracy, epochs=chosen.fidelity.epochs, seed=chosen.seed, budget=study.spec.budget, settings=settings, versions=versions(),
    )  # fmt: skip
    return export_network(out, candidate=Candidate.from_dict(json.loads(row.spec)), weights=kept["weights"], facts=facts, onnx=onnx)
