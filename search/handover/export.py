"""Exports a trained network of a study: selects one of its trainings, and checks that the exported
file reproduces the accuracy that was measured."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...blocks.documented import documented
from ...spaces import Candidate
from ...spaces.candidates.fitted_strides import strides_in_words
from ...studies import Evaluation, Purpose, Study
from ...studies.export import DEFAULT_FORMATS, Exported, Facts, export_network
from ...studies.export.export_folder import require_new
from ...studies.export.exporter import exporters_for
from ...studies.export.original_units import in_units
from ...studies.records.measure import shown
from ...studies.storage_url import open_study
from ...studies.tasks.task import task_of
from ...studies.trained.artifacts import weights_file
from ...studies.trained.classifier_measures import kept_measures
from ..pretrained.kept import began
from .sample import measured_sample
from .selection import describe, done, others, selected, trial_in_words

REFIT = "on the validation images too"
"""What is said of the weights of a refit."""


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

    If several trainings fit, a refit is exported, else the one that saw most pixels (epochs x share
    of the images x size²); of several equal ones the last, or after a search alone the one whose
    accuracies were printed. If the longest is one of `train` and worse on the validation images
    than every training by which the search confirmed the network, the best of those is exported. A
    network that was never confirmed is exported with the weights of its trial, if the search has
    kept them, and is marked as such.

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
    number, chosen = selected(study, candidate, training, size=size, epochs=epochs, seed=seed)
    row = study.candidate(chosen.candidate_id)
    mark = trial_in_words(chosen) if number is None else REFIT if chosen.fidelity.refit else ""
    said(f"exporting {row.id[:12]}: {f'training {number}' if number is not None else mark}, {describe(chosen)}")
    for line in () if training is not None else others(study, chosen):
        said(line)
    path = weights_file(study, chosen)
    assert path is not None  # `selected` takes only trainings with weights
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
        accuracy=None if chosen.validated is None else shown(chosen.metric, chosen.validated),
        test_accuracy=None if chosen.test_accuracy is None else shown(chosen.metric, chosen.test_accuracy),
        epochs=done(chosen),
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


def _certificate(study: Study, candidate: str) -> dict[str, str] | None:
    """The files of the certificate if `candidate` is the network that the study has chosen and
    verified."""
    from ...studies.evidence import certificate_files, verification

    found = verification(study)
    about = found is not None and found.current and found.seeds and found.chosen == candidate
    return certificate_files(found) if found is not None and about else None
