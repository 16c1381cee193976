"""Verifies a search: the function behind `automl verify`.

The network chosen, references and others are trained alike, longer than the search trained them,
and measured on the test images. The trainings are those of a study of their own, which is run as a
grid is: all networks from one seed before any from the next, and the same call again trains what is
missing.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...blocks import InputError
from ...blocks.documented import documented
from ...studies import Study
from ...studies.choosing.chosen import best, chosen_candidate, own_best
from ...studies.evidence import Verification, certificate_files, find_verification, verification
from ...studies.records.measure import ACCURACY, words
from ...studies.records.verification_study import NOTE
from ...studies.trained.artifacts import weights_folder
from ...studies.writing.atomic_file import make_folder, refused, write_text
from ..course.events import Listener, Silent
from ..course.outages import created, driven, find, opened, require_free
from ..handover.study_data import study_data
from ..option_checks import check_is_number
from ..options import DB_PATIENCE, ClusterOptions
from ..plan import arrays_of
from ..pretrained.kept import source_of
from ..workers import cluster
from .networks import REFERENCES, Compared, networks_to_compare
from .verification_plan import VerificationPlan, default_epochs, spec_of


@documented
@dataclass(frozen=True, kw_only=True)
class Verified:
    """What a verification found."""

    study: Study
    """The study that is verified."""
    verification: Verification
    """The networks with their accuracies, and the margin over the best reference."""
    files: tuple[Path, ...]
    """certificate.md and certificate.json, in the folder of the study's weights, and in the folder
    asked for."""
    seconds: float
    """Wall time of this run."""


def verify(
    study: Study | str,
    *,
    epochs: int | None = None,
    seeds: int = 5,
    references: int | None = None,
    controls: bool | None = None,
    workers: int | None = None,
    gpus_per_trial: float | None = None,
    seconds: float | None = None,
    out: str | Path | None = None,
    data: str | None = None,
    data_dir: str | None = None,
    address: str | None = None,
    join: bool = False,
    storage: str | None = None,
    db_patience: float = DB_PATIENCE,
    listener: Listener | None = None,
    command: str = "",
    began: float | None = None,
) -> Verified:
    """Train the network chosen beside published ones, all alike, and measure them on the test
    images; the same call again trains what is missing.

    Compared are the network chosen, the best references of the budget, and as controls a random
    network of the space within the budget and the base network of the space scaled by the compound
    rule.

    Args:
        study: the study, or its name.
        epochs: epochs of each training, on all training images; None: those of an earlier call, or
            twice those of the final trainings of the search.
        seeds: trainings of each network.
        references: number of references; None: as many as in an earlier call, or three. Of several,
            the certificate pays for choosing the best; one is that which the search knows as best.
        controls: whether the random network and the scaled one are compared; None: as in an earlier
            call, or they are.
        workers: networks trained at once; None: all GPUs, or all CPUs.
        gpus_per_trial: GPUs of each worker; None: 1 if there are any.
        seconds: wall time of this run; None: until all is trained.
        out: folder for certificate.md and certificate.json, beside the folder of the study's
            weights, where they are written too.
        data: where the study's data are now, if they have moved.
        data_dir: the folder of downloaded data sets.
        address: Ray cluster; None: a private Ray on this machine.
        join: run it beside the processes that run it already, with workers of its own.
        storage: database URL of a study given by name; AUTOML_STORAGE or sqlite:///automl.db if
            None.
        db_patience: seconds for which a database that is locked or out of reach is waited for.
        listener: is told of everything that happens; silent if None.
        command: the command as typed, kept with the verification.
        began: when the time given began to count (`time.monotonic`); now if None.

    Raises:
        InputError: there is no such study, it has chosen no network, or the data are not the
            study's; nothing has been started.
        KeyboardInterrupt: stopped by the user; finished trainings are in the database.
    """
    began = time.monotonic() if began is None else began
    listener = listener or Silent()
    counts = {"epochs": epochs, "seeds": seeds, "references": references, "workers": workers}
    for name, value in counts.items():
        if value is not None and value < 1:
            raise InputError(f"--{name} must be at least 1, but got {value}")
    check_is_number("--db-patience", db_patience)
    study = opened(study, storage, db_patience, listener.said)
    asked = ClusterOptions(
        seconds=seconds,
        workers=workers,
        gpus_per_trial=gpus_per_trial,
        address=address,
        join=join,
        storage=study.storage_url,
        db_patience=db_patience,
    )
    cluster.require_gpus(gpus_per_trial, address=address)
    chosen_candidate(study)  # raises the error if there is none
    earlier = _noted(study)
    length: int = epochs or (earlier or {}).get("epochs") or default_epochs(study)
    listener.phase(f"loading the images of {data or study.spec.data['name']}")
    images, rows = study_data(study, data=data, data_dir=data_dir)
    before = {"references": REFERENCES, "controls": True, **(earlier or {})}  # earlier versions do not note them
    which = {
        "references": before["references"] if references is None else references,
        "controls": before["controls"] if controls is None else controls,
    }
    same = earlier is not None and _of_this_choice(study, earlier)
    seen = {} if earlier is None else _seen(earlier)
    if earlier is not None and same and all(before[name] == which[name] for name in which):
        compared, left_out = [Compared.from_dict(one) for one in earlier["networks"]], list(earlier["left_out"])
    else:
        compared, left_out = networks_to_compare(study, **which)
        left_out += _dropped(seen, compared) if same else []
    plan = VerificationPlan(
        study=study, compared=compared, left_out=left_out, epochs=length, seeds=seeds, rows=rows, **which
    )
    note = {**plan.to_dict(), "seen": seen}
    _say(listener, plan)
    source = source_of(study)
    if source is not None:
        listener.said(f"all begin from {source.name} as far as they have counterparts, as in the search")
    spec = spec_of(study)
    found = find(spec, asked, listener)
    if found is None or plan.waiting(found).left:
        require_free(found, asked)
        listener.phase("starting the workers")
        with cluster.session(asked) as resources, ExitStack() as held:
            listener.phase(f"verifying with {resources}")
            found = created(spec, asked, listener, command=command)
            held.enter_context(driven(found, asked, listener))
            found.note(NOTE, note)
            engine = plan.engine(found, seconds=seconds, listener=listener, began=began)
            from ..workers.ray_tune import run

            taken = arrays_of(images, train=rows.train, measured=rows.test)
            run(engine, taken, spec.settings["recipe"], resources, source=source)
    found.note(NOTE, note)
    result = verification(study)
    assert result is not None  # its note has just been written
    return Verified(
        study=study, verification=result, files=_write(study, result, out), seconds=time.monotonic() - began
    )


def _noted(study: Study) -> dict[str, Any] | None:
    """What an earlier call has noted; None if there was none."""
    found = find_verification(study)
    note = None if found is None else found.notes().get(NOTE)
    return dict(note) if isinstance(note, Mapping) else None


def _of_this_choice(study: Study, earlier: Mapping[str, Any]) -> bool:
    """Whether an earlier call has verified the network that the study chooses now."""
    own = own_best(study)
    compared = next((one["id"] for one in earlier["networks"] if one["role"] == "own"), None)
    return earlier["chosen"] == chosen_candidate(study).id and compared == (None if own is None else own.id)


def _seen(earlier: Mapping[str, Any]) -> dict[str, str]:
    """Id of each network that an earlier call, or one before it, has compared -> its name."""
    return {**earlier.get("seen", {}), **{one["id"]: one["words"] for one in earlier["networks"]}}


def _dropped(seen: Mapping[str, str], compared: list[Compared]) -> list[str]:
    """What is said of networks that an earlier call has compared, and this one does not: leaving
    them out after their accuracies were seen is a choice."""
    kept = {one.id for one in compared}
    words = [words for network, words in seen.items() if network not in kept]
    return [f"an earlier call has compared {', '.join(words)} too"] if words else []


def _say(listener: Listener, plan: VerificationPlan) -> None:
    chosen = best(plan.study)
    if chosen is not None and not chosen.confirmed:
        listener.said("the network chosen has not been confirmed: a search with --finals chooses it more reliably")
    for one in plan.compared:
        listener.said(f"{one.role:9} {one.id[:12]}  {int(one.cost.macs):,} MACs  {one.words}")
    for line in plan.left_out:
        listener.said(line)
    fidelity = plan.fidelity(plan.compared[0].candidate)
    listener.said(
        f"{len(plan.compared)} networks x {plan.seeds} seeds, {fidelity}; the choice is final: {_several(plan.study)}"
        f" are those on the {len(plan.rows.test):,} test images"
    )


def _several(study: Study) -> str:
    """What is compared, in the plural."""
    metric = study.spec.metric
    return "accuracies" if metric == ACCURACY else f"values of {words(metric)}"


def _write(study: Study, result: Verification, out: str | Path | None) -> tuple[Path, ...]:
    """Write the certificate beside the weights of the study, and into `out`.

    Raises:
        InputError: a folder cannot be written.
        AutomlError: the disk refuses a file; earlier files stay as they were.
    """
    texts, files = certificate_files(result), []
    folders = [weights_folder(study.storage_url, study.spec.name), *([] if out is None else [Path(out)])]
    try:
        for folder in folders:
            make_folder(folder)
            for name, text in texts.items():
                write_text(folder / name, text)
                files.append(folder / name)
    except OSError as error:
        raise refused("the certificate", error) from None
    return tuple(files)
