"""Exports a trained network of a study: selects one of its trainings, and checks that the exported
file reproduces the accuracy that was measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...blocks import InputError
from ...blocks.documented import documented
from ...spaces import Candidate
from ...spaces.candidates.fitted_strides import strides_in_words
from ...studies import Evaluation, Purpose, State, Study
from ...studies.choosing.chosen import best, trainings
from ...studies.choosing.chosen import chosen_candidate as chosen_of
from ...studies.export import DEFAULT_FORMATS, Exported, Facts, export_network
from ...studies.export.export_folder import require_new
from ...studies.export.exporter import exporters_for
from ...studies.export.original_units import in_units
from ...studies.records.measure import as_text, shown, words
from ...studies.storage_url import open_study
from ...studies.tasks.task import task_of
from ...studies.trained.artifacts import weights_file, weights_place
from ...studies.trained.classifier_measures import kept_measures
from ..pretrained.kept import began
from .sample import measured_sample


@documented
@dataclass(frozen=True, kw_only=True)
class HandedOver:
    """An exported folder, and the training whose weights it holds."""

    number: int | None
    """The number of the training in `automl status`; None for a trial of the search."""
    evaluation: Evaluation
    """The training."""
    exported: Exported
    """The folder that was written."""


def export(
    study: Study | str,
    out: str | Path,
    *,
    candidate: str | None = None,
    training: int | None = None,
    size: int | None = None,
    epochs: int | None = None,
    seed: int | None = None,
    formats: Sequence[str] = DEFAULT_FORMATS,
    check: bool = True,
    data: str | None = None,
    data_dir: str | None = None,
    storage: str | None = None,
    said: Callable[[str], None] = lambda text: None,
) -> HandedOver:
    """Write a trained network of a study to the folder `out`, and run what was written on the
    study's own images.

    Args:
        study: the study, or its name.
        out: the folder to write; it must not exist.
        candidate: the network's id, or the beginning of it; None: the network chosen.
        training: the number of a final training in `automl status`, from 1.
        size: only trainings at this input size in pixels.
        epochs: only trainings of this number of epochs.
        seed: only trainings with this seed.
        formats: names of exporters, whose files are written besides the usual ones.
        check: whether model.py is run on the images on which its accuracy was measured.
        data: where the study's data are now, if they have moved.
        data_dir: the folder of downloaded data sets.
        storage: database URL of a study given by name; AUTOML_STORAGE or sqlite:///automl.db if
            None.
        said: called with each line of progress.

    If several trainings fit, the one that saw most pixels (epochs x share of the images x size²) is
    exported; of several equal ones the last, or after a search alone the one whose accuracies were
    printed. A network that was never confirmed is exported with the weights of its trial, if the
    search has kept them, and is marked as such.

    Raises:
        InputError: the folder exists, there is no such training or exporter, or the data are not
            found (not needed with `check=False`).
        AutomlError: the exported file does not reproduce the accuracy; nothing is left behind.
    """
    from ...studies.records.versions import versions
    from ...studies.trained.weights import load_trained
    from .weights_loading import preprocessing_of

    out = Path(out)
    require_new(out)
    study = open_study(study, storage)
    exporters_for(formats)  # refuses an unknown one before anything is loaded
    number, chosen = _selected(study, candidate, training, size=size, epochs=epochs, seed=seed)
    row = study.candidate(chosen.candidate_id)
    mark = "" if number is not None else trial_in_words(chosen)
    said(f"exporting {row.id[:12]}: {mark or f'training {number}'}, {describe(chosen)}")
    better = max(
        (one for one in enumerate(trainings(study), start=1) if one[1].candidate_id == row.id),
        key=lambda one: one[1].accuracy or 0.0,
        default=(number, chosen),
    )
    if (better[1].accuracy or 0.0) > (chosen.accuracy or 0.0):
        said(
            f"training {better[0]} of it reached a {'lower' if shown(chosen.metric, 1) < 0 else 'higher'} validation"
            f" {words(chosen.metric)}, {as_text(chosen.metric, better[1].accuracy)}: --training {better[0]} exports"
            " that one"
        )
    path = weights_file(study, chosen)
    assert path is not None  # `_selected` takes only trainings with weights
    _, kept = load_trained(path)
    preprocessing, exact = preprocessing_of(study, kept)
    sample = None
    if check:
        said(f"running the exported file on the images of {data or study.spec.data['name']}")
        sample = measured_sample(study, chosen, preprocessing, exact=exact, data=data, data_dir=data_dir)
    facts = Facts(
        study=study.spec.name,
        command=study.command,
        data=Path(str(study.spec.data["name"])).name,
        classes=tuple(study.spec.data["classes"]),
        preprocessing=preprocessing,
        mean=tuple(kept["mean"]),
        std=tuple(kept["std"]),
        accuracy=shown(chosen.metric, chosen.accuracy or 0.0),
        test_accuracy=None if chosen.test_accuracy is None else shown(chosen.metric, chosen.test_accuracy),
        epochs=_done(chosen),
        seed=chosen.seed,
        mark=mark,
        budget=study.spec.budget,
        settings=next((e.settings for e in study.evaluations(Purpose.SEARCH) if e.candidate_id == row.id), {}),
        versions=versions(),
        measures=kept_measures(study, chosen),
        metric=chosen.metric,
        task=task_of(study.spec.data),
        begun=began(study, chosen, Candidate.from_spec(row.spec)),
    )
    trained = Candidate.from_spec(kept["candidate"])
    if trained.id != row.id:
        said(
            f"it was trained with strides fitted to {chosen.fidelity.size} px: the exported network has them, and its"
            f" cost is counted at that size ({strides_in_words(trained)})"
        )
    weights = kept["weights"] if "targets" not in kept else in_units(kept["weights"], trained, *kept["targets"])
    exported = export_network(
        out,
        candidate=trained,
        weights=weights,
        facts=facts,
        formats=formats,
        sample=sample,
        certificate=_certificate(study, row.id),
    )
    return HandedOver(number=number, evaluation=chosen, exported=exported)


def describe(training: Evaluation) -> str:
    """A training in one line: size, epochs, seed, accuracies."""
    fidelity = training.fidelity
    metric = training.metric
    tested = (
        "" if training.test_accuracy is None else f", test {words(metric)} {as_text(metric, training.test_accuracy)}"
    )
    return (
        f"{fidelity.size} px, {_done(training)} epochs, seed {training.seed}: validation {words(metric)}"
        f" {as_text(metric, training.accuracy)}{tested}"
    )


def trial_in_words(trial: Evaluation) -> str:
    """What weights are that come from a trial of the search."""
    part = "all" if trial.fidelity.fraction == 1 else f"{trial.fidelity.fraction:.0%} of the"
    length = "" if trial.state is State.COMPLETE else f"{_done(trial)} of {trial.fidelity.epochs} epochs, "
    return f"from one training of the search on {part} training images, {length}not confirmed"


def _done(training: Evaluation) -> int:
    """Epochs that a training has had."""
    return training.fidelity.epochs if training.state is State.COMPLETE else training.curve[-1][0]


def _certificate(study: Study, candidate: str) -> dict[str, str] | None:
    """The files of the certificate if `candidate` is the network that the study has chosen and
    verified."""
    from ...studies.evidence import certificate_files, verification

    found = verification(study)
    about = found is not None and found.current and found.seeds and found.chosen == candidate
    return certificate_files(found) if found is not None and about else None


def _selected(
    study: Study, candidate: str | None, training: int | None, *, size: int | None, epochs: int | None, seed: int | None
) -> tuple[int | None, Evaluation]:
    """The training that is exported, and its number; None for a trial of the search."""
    numbered: list[tuple[int | None, Evaluation]] = list(enumerate(trainings(study), start=1))
    if training is not None:
        if not 1 <= training <= len(numbered):
            raise InputError(
                f"--training must be a number from 1 to {len(numbered)} (`automl status` lists them), but got"
                f" {training}"
            )
        numbered = numbered[training - 1 : training]
        row = study.candidate(candidate or numbered[0][1].candidate_id)
    else:
        row = study.candidate(candidate) if candidate else chosen_of(study)
    own = [(number, each) for number, each in numbered if each.candidate_id == row.id and each.checkpoint is not None]
    if not own and training is None:
        trials = [each for each in study.evaluations(Purpose.SEARCH) if each.candidate_id == row.id]
        own = [(None, each) for each in trials if weights_place(study, each) is not None]
    if not own:
        raise InputError(
            f"the network {row.id[:12]} has no trained weights yet: run `automl train` with --candidate {row.id[:12]}"
            " first"
        )
    asked = {"--size": size, "--epochs": epochs, "--seed": seed}
    fitting = [
        (number, each)
        for number, each in own
        if size in (None, each.fidelity.size) and epochs in (None, each.fidelity.epochs) and seed in (None, each.seed)
    ]
    if not fitting:
        wanted = ", ".join(f"{name} {value}" for name, value in asked.items() if value is not None)
        there = "; ".join(f"{number or 'trial'}: {each.fidelity}, seed {each.seed}" for number, each in own[:8])
        raise InputError(f"no training of {row.id[:12]} has {wanted}; there are {there}")
    amount = max(_amount(each) for _, each in fitting)
    largest = [one for one in fitting if _amount(one[1]) == amount]
    by_hand = [
        one for one in largest if one[1].worker == "driver"
    ]  # trained by `automl train`, not by a worker that confirmed it
    if by_hand:
        return by_hand[-1]
    shown = best(study)
    return next((one for one in largest if shown is not None and one[1] == shown.evaluation), largest[-1])


def _amount(training: Evaluation) -> float:
    """Pixels that a training saw, divided by the number of images."""
    fidelity = training.fidelity
    return fidelity.epochs * fidelity.fraction * fidelity.size**2
