"""The commands `automl train` and `automl export`: train a network of a study and export it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import DEFAULT_DB_PATIENCE, DEFAULT_STORAGE, Cache, DataDir, DbPatience, Json, Storage, StudyName
from .output import print_json
from .searching import masked_command
from .stopping import interruptible
from .text import command, in_shell, names_in, parse_duration
from .training_bar import training_bar

if TYPE_CHECKING:
    from ..search.handover.export import HandedOver
    from ..studies import Evaluation, Study

Candidate = Annotated[
    str | None,
    typer.Option("--candidate", help="A network of the study: its id or the beginning of it. Default: the best."),
]
Data = Annotated[str | None, typer.Option(help="Where the study's data are now, if they have moved.")]


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command("train")(train)
    app.command("export")(export)


def train(
    study: StudyName,
    candidate: Candidate = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, max=100_000, help="Default: five times the epochs of a trial.")
    ] = None,
    size: Annotated[
        int | None,
        typer.Option(
            min=8,
            max=4096,
            help="Input size in pixels. Default: the deployment size, or the size of the images if smaller.",
        ),
    ] = None,
    seed: Annotated[
        int | None, typer.Option(help="Seed of the training. Default: the next one with which it has not been done.")
    ] = None,
    test: Annotated[
        bool, typer.Option("--test", help="Measure its accuracy on the test data even if it is not the network chosen.")
    ] = False,
    threads: Annotated[
        int | None,
        typer.Option(
            min=1,
            max=1024,
            help="CPU threads; 1 is reproducible to the bit. Default: the number that trains fastest here.",
        ),
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            metavar="NAME|FILE.yaml",
            help="How it is trained: search (the study's own recipe), long, transfer, or a YAML file of settings."
            " Default: search.",
        ),
    ] = None,
    balance: Annotated[
        str | None,
        typer.Option(
            help="For classes of unequal size: weights (class weights in the loss), sampling (images of all classes"
            " equally often) or none. Default: as the recipe says."
        ),
    ] = None,
    pretrained: Annotated[
        str | None,
        typer.Option(
            metavar="NAME[:FILE]",
            help="Begin from these weights, as in search, or from noise: none. Default: as the candidates of the study"
            " began.",
        ),
    ] = None,
    refit: Annotated[
        bool,
        typer.Option(
            "--refit", help="Train on the validation images too, once the choice is final. Only test images measure it."
        ),
    ] = False,
    gpus: Annotated[
        int | None, typer.Option(min=1, max=1024, help="GPUs that share each batch. Default: one device.")
    ] = None,
    data: Data = None,
    data_dir: DataDir = None,
    cache: Cache = None,
    storage: Storage = DEFAULT_STORAGE,
    db_patience: DbPatience = DEFAULT_DB_PATIENCE,
    json: Json = False,
) -> None:
    """Train a network of a study on all its training images and keep its weights. The network that
    the study chose is also measured on the test data. With --refit it is trained on the validation
    images too, and nothing but the test images measures it.

    After Ctrl-C or a kill the same command continues after the last finished epoch.
    """
    from ..search import train as run
    from ..search.handover.selection import better_of_search
    from ..studies import Study
    from ..studies.choosing.finals import trainings
    from ..studies.records.measure import as_text, words
    from ..studies.trained.classifier_measures import kept_measures
    from .printed_measures import print_measures

    patience, typed = parse_duration(db_patience), masked_command(sys.argv[1:], storage)
    with interruptible(typed, "finished epochs"), training_bar(to_stderr=json) as (said, told):
        evaluation = run(
            study,
            candidate=candidate,
            epochs=epochs,
            size=size,
            seed=seed,
            test=test,
            threads=threads,
            recipe=recipe,
            balance=balance,
            pretrained=pretrained,
            refit=refit,
            gpus=gpus,
            data=data,
            data_dir=data_dir,
            cache=cache,
            storage=storage,
            db_patience=patience,
            said=said,
            told=told,
        )
    opened = Study.open(storage, study)
    measures = kept_measures(opened, evaluation)
    if json:
        from ..studies.results.as_json import evaluation_json

        print_json({**evaluation_json(evaluation), "measures": measures and measures.to_dict()})
        return
    if measures is not None:
        print_measures(measures)
    metric = evaluation.metric
    parts = {"validation": evaluation.validated, "test": evaluation.test_accuracy}
    reached = [f"{part} {words(metric)} {as_text(metric, value)}" for part, value in parts.items() if value is not None]
    print(", ".join(reached))
    fidelity = evaluation.fidelity
    better = None if fidelity.refit else better_of_search(trainings(opened), evaluation)
    if better is not None:
        recipe = fidelity.recipe
        needs = f"; the recipe {recipe} may need more --epochs" if recipe else ""
        before = f"validation {words(metric)} {as_text(metric, better.accuracy)}"
        print(f"training {_number(opened, better)}, by the search, was better ({better.fidelity}: {before}){needs}")
    named = ["--training", str(_number(opened, better or evaluation))]
    moved = [] if data is None else ["--data", data]
    print(f"next: {command('export', study, *named, *moved, '--out', 'found', storage=storage)}")
    if better is None and not fidelity.refit and evaluation.test_accuracy is not None:
        print(f"      {typed} --refit    once more, on the validation images too")


def _number(study: Study, training: Evaluation) -> int:
    """The number by which `automl status` lists a training."""
    from ..studies.choosing.finals import numbered_trainings

    return numbered_trainings(study).index(training) + 1


def export(
    study: StudyName,
    out: Annotated[Path, typer.Option("--out", help="Folder to write; it must not exist.")],
    candidate: Candidate = None,
    training: Annotated[
        int | None,
        typer.Option(
            help=(
                "Number of a training in `automl status`. Default: a refit, else the longest at the largest size, of"
                " several the last; or that of the search if it is better on the validation images."
            )
        ),
    ] = None,
    size: Annotated[int | None, typer.Option(min=1, help="Only trainings at this input size in pixels.")] = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Only trainings of this number of epochs.")] = None,
    seed: Annotated[int | None, typer.Option(help="Only trainings with this seed.")] = None,
    format_: Annotated[
        str,
        typer.Option(
            "--format",
            help=(
                "Formats to write besides model.py, separated by commas: onnx (needs the extra automl[export]), those"
                " of installed packages, or none."
            ),
        ),
    ] = "onnx",
    onnx: Annotated[bool, typer.Option(help="--no-onnx leaves model.onnx out.")] = True,
    check: Annotated[
        bool, typer.Option(help="Run the exported model.py on the images on which its accuracy was measured.")
    ] = True,
    data: Data = None,
    data_dir: DataDir = None,
    storage: Storage = DEFAULT_STORAGE,
    json: Json = False,
) -> None:
    """Write a trained network as model.py, model.safetensors, config.json, README.md and further
    formats such as model.onnx, and check that model.py reproduces the measured accuracy."""
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
        formats=[name for name in names_in(format_) if onnx or name != "onnx"],
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
    from ..studies.results.as_json import evaluation_json

    exported = made.exported
    return {
        "folder": str(out),
        "files": [path.name for path in exported.files],
        "training": {"number": made.number, **evaluation_json(made.evaluation)},
        "checked": None if exported.checked is None else exported.checked.to_dict(),
        "left_out": dict(exported.left_out),
    }
