"""The command `automl verify`."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import DEFAULT_DB_PATIENCE, DEFAULT_STORAGE, DbPatience, Json, Storage, StudyName
from .output import CONVENTION, print_json
from .printed_tables import print_table
from .searching import masked_command
from .stopping import interruptible
from .text import command, duration, parse_duration

if TYPE_CHECKING:
    from ..search.verification.verifying import Verified


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("verify")(verify)


def verify(
    study: StudyName,
    epochs: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=100_000,
            help=(
                "Epochs of each training, on all training images. Default: those of an earlier call, or twice those of"
                " the final trainings of the search."
            ),
        ),
    ] = None,
    seeds: Annotated[int, typer.Option(min=1, max=10_000, help="Trainings of each network.")] = 5,
    references: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=100,
            help="Published networks that are compared, the best known first. Default: as in an earlier call, or 3.",
        ),
    ] = None,
    controls: Annotated[
        bool | None,
        typer.Option(
            help="Compare a random network of the space, and one scaled by the compound rule. Default: as in an"
            " earlier call, or yes."
        ),
    ] = None,
    time_: Annotated[
        str | None, typer.Option("--time", help="Wall time of this run: 10min, 2h. Default: until all is trained.")
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, max=10_000, help="Networks trained at once. Default: all GPUs, or all CPUs.")
    ] = None,
    gpus_per_trial: Annotated[
        float | None, typer.Option(help="GPUs of each worker; a fraction shares one. Default: 1 if there are any.")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Folder for certificate.md and certificate.json, besides the study's own folder."),
    ] = None,
    data: Annotated[str | None, typer.Option(help="Where the study's data are now, if they have moved.")] = None,
    data_dir: Annotated[str | None, typer.Option("--data-dir", help="Where torchvision's data sets lie.")] = None,
    address: Annotated[
        str | None, typer.Option(help="Ray cluster (auto, host:port). Default: a private Ray on this machine.")
    ] = None,
    join: Annotated[
        bool, typer.Option("--join", help="Run it beside the processes that run it already, with workers of its own.")
    ] = False,
    storage: Storage = DEFAULT_STORAGE,
    db_patience: DbPatience = DEFAULT_DB_PATIENCE,
    json: Json = False,
) -> None:
    """Train the network chosen beside published ones, all alike and from the same seeds, measure
    them on the test images, and write a certificate.

    Compared are the best references of the budget, a random network of the space, and one scaled by
    the compound rule. The same command again trains what is missing.
    """
    began = time.monotonic()
    from ..search.verification.verifying import verify as run
    from .live import view

    typed = masked_command(sys.argv[1:], storage)
    seconds = None if time_ is None else parse_duration(time_)
    patience = parse_duration(db_patience)
    with interruptible(typed, "finished trainings"), view(to_stderr=json) as listener:
        found = run(
            study,
            epochs=epochs,
            seeds=seeds,
            references=references,
            controls=controls,
            workers=workers,
            gpus_per_trial=gpus_per_trial,
            seconds=seconds,
            out=out,
            data=data,
            data_dir=data_dir,
            address=address,
            join=join,
            storage=storage,
            db_patience=patience,
            listener=listener,
            command=typed,
            began=began,
        )
    if json:
        print_json({"seconds": found.seconds, "files": list(map(str, found.files)), **found.verification.to_dict()})
    else:
        print_verified(found, storage)


def print_verified(found: Verified, storage: str) -> None:
    """The table of networks, the verdict, the files, and the next command."""
    from ..studies.evidence import verification_rows, verification_text
    from ..studies.evidence.verification_text import head

    shown = found.verification
    trained = sum(len(one.accuracies) for one in shown.networks)
    print(f"{trained} trainings of {shown.epochs} epochs; {duration(found.seconds)}")
    print_table(f"verification of {shown.study} ({CONVENTION})", head(shown), verification_rows(shown))
    for line in shown.left_out:
        print(line)
    print(f"verdict: {verification_text(shown)}")
    for file in found.files:
        print(f"written: {file}")
    if shown.left:
        print(f"{shown.left} trainings are missing: the same command continues")
    else:
        print(f"next: {command('export', shown.study, '--out', 'found', storage=storage)}    with the certificate")
