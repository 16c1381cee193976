"""`automl train` and `automl export`: the network chosen, trained and handed over."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import DEFAULT_STORAGE, DataDir, Json, Storage, StudyName
from .output import evaluation_json, print_json
from .searching import masked_command
from .text import command, in_shell

if TYPE_CHECKING:
    from ..search.handover.export import HandedOver

Candidate = Annotated[
    str | None,
    typer.Option("--candidate", help="Another network of the study: its id or the beginning of it. Without: the best."),
]
Data = Annotated[str | None, typer.Option(help="Where the study's data lie now, if they have moved.")]


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command("train")(train)
    app.command("export")(export)


def train(
    study: StudyName,
    candidate: Candidate = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Without: five times those of a trial.")] = None,
    size: Annotated[
        int | None,
        typer.Option(
            min=8, help="Input size in pixels. Without: the size it is deployed at, as far as the files hold it."
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Without: the next from which this training has not been done.")
    ] = None,
    test: Annotated[
        bool, typer.Option("--test", help="Measure it on the test data although it is not the network chosen.")
    ] = False,
    threads: Annotated[
        int | None,
        typer.Option(
            min=1, help="CPU threads; 1 gives the same bits each time. Without: as many as train fastest here."
        ),
    ] = None,
    data: Data = None,
    data_dir: DataDir = None,
    storage: Storage = DEFAULT_STORAGE,
    json: Json = False,
) -> None:
    """Train a network of a study on all its training images, keep its weights, and, if it is the
    one chosen, measure it on the test data.

    After Ctrl-C or a kill the same command goes on after the last epoch that ended.
    """
    from ..blocks.errors import Interrupted
    from ..search import train as run
    from ..studies import Study

    try:
        evaluation = run(
            Study.open(storage, study),
            candidate=candidate,
            epochs=epochs,
            size=size,
            seed=seed,
            test=test,
            threads=threads,
            data=data,
            data_dir=data_dir,
            said=lambda text: typer.echo(text, err=json),
        )
    except KeyboardInterrupt:
        raise Interrupted(
            f"interrupted; the epochs that ended are kept, go on with: {masked_command(sys.argv[1:], storage)}"
        ) from None
    if json:
        print_json(evaluation_json(evaluation))
        return
    tested = "" if evaluation.test_accuracy is None else f", test accuracy {evaluation.test_accuracy:.4f}"
    print(f"validation accuracy {evaluation.accuracy:.4f}{tested}")
    fidelity = evaluation.fidelity
    which = ["--size", fidelity.size, "--epochs", fidelity.epochs, "--seed", evaluation.seed]
    moved = [] if data is None else ["--data", data]
    print(
        "next:"
        f" {command('export', study, '--candidate', evaluation.candidate_id[:12], *map(str, which), *moved, '--out', 'found', storage=storage)}"
    )


def export(
    study: StudyName,
    out: Annotated[Path, typer.Option("--out", help="Folder to write; it must not exist.")],
    candidate: Candidate = None,
    training: Annotated[
        int | None,
        typer.Option(
            help=(
                "Number of a training in `automl status`. Without: the longest at the largest size, of several the"
                " last."
            )
        ),
    ] = None,
    size: Annotated[int | None, typer.Option(min=1, help="Only trainings at this input size in pixels.")] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Only trainings of so many epochs.")] = None,
    seed: Annotated[int | None, typer.Option(help="Only trainings from this seed.")] = None,
    onnx: Annotated[bool, typer.Option(help="Write model.onnx too (needs the extra automl[export]).")] = True,
    check: Annotated[
        bool, typer.Option(help="Run the exported file on the images that its accuracy was measured on.")
    ] = True,
    data: Data = None,
    data_dir: DataDir = None,
    storage: Storage = DEFAULT_STORAGE,
    json: Json = False,
) -> None:
    """Write a trained network as model.py, model.safetensors, config.json, model.onnx and
    README.md, and check that it does what was measured."""
    from ..search.handover.export import export as run
    from ..studies import Study

    made = run(
        Study.open(storage, study),
        out,
        candidate=candidate,
        training=training,
        size=size,
        epochs=epochs,
        seed=seed,
        onnx=onnx,
        check=check,
        data=data,
        data_dir=data_dir,
        said=lambda text: typer.echo(text, err=json),
    )
    if json:
        print_json(export_json(out, made))
        return
    exported = made.exported
    print(f"{out}: {', '.join(path.name for path in exported.files)}")
    print("not checked on real images" if exported.checked is None else f"checked: {exported.checked}")
    for name, reason in exported.left_out.items():
        print(f"left out: {name}: {reason}")
    beside = "./" if str(out).startswith("-") else ""  # else Python reads it as options
    print(f"next: {in_shell('python', f'{beside}{out}/model.py')}")


def export_json(out: Path, made: HandedOver) -> dict[str, Any]:
    """An export with stable keys."""
    exported = made.exported
    return {
        "folder": str(out),
        "files": [path.name for path in exported.files],
        "training": {"number": made.number, **evaluation_json(made.evaluation)},
        "checked": None if exported.checked is None else exported.checked.to_dict(),
        "left_out": dict(exported.left_out),
    }
