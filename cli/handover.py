"""`automl train` and `automl export`: the network chosen, trained and handed over."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from .options import DEFAULT_STORAGE, DataDir, Json, Storage, StudyName
from .output import evaluation_json, print_json
from .text import command

Candidate = Annotated[str | None, typer.Option("--candidate", help="Another network of the study: its id or the beginning of it. Without: the best.")]


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    app.command("train")(train)
    app.command("export")(export)


def train(
    study: StudyName,
    candidate: Candidate = None,
    epochs: Annotated[int | None, typer.Option(min=1, help="Without: twice those of a trial.")] = None,
    size: Annotated[int | None, typer.Option(min=8, help="Input size in pixels. Without: the size it was searched at.")] = None,
    seed: Annotated[int | None, typer.Option(help="Without: the study's plus one.")] = None,
    test: Annotated[bool, typer.Option("--test", help="Measure it on the test data although it is not the network chosen.")] = False,
    data: Annotated[str | None, typer.Option(help="Where the study's data lie now, if they have moved.")] = None,
    data_dir: DataDir = None,
    storage: Storage = DEFAULT_STORAGE,
    json: Json = False,
) -> None:
    """Train a network of a study at full fidelity, keep its weights, and, if it is the one chosen, measure it on the test data."""
    from ..search import train as run
    from ..studies import Study

    evaluation = run(
        Study.open(storage, study), candidate=candidate, epochs=epochs, size=size, seed=seed, test=test, data=data, data_dir=data_dir,
        said=lambda text: typer.echo(text, err=json),
    )  # fmt: skip
    if json:
        print_json(evaluation_json(evaluation))
    else:
        tested = "" if evaluation.test_accuracy is None else f", test accuracy {evaluation.test_accuracy:.4f}"
        print(f"validation accuracy {evaluation.accuracy:.4f}{tested}")
        print(f"next: {command('export', study, '--candidate', evaluation.candidate_id[:12], '--out', 'found', storage=storage)}")


def export(
    study: StudyName,
    out: Annotated[Path, typer.Option("--out", help="Folder to write; it must not exist.")],
    candidate: Candidate = None,
    onnx: Annotated[bool, typer.Option(help="Write model.onnx too (needs the extra automl[export]).")] = True,
    storage: Storage = DEFAULT_STORAGE,
    json: Json = False,
) -> None:
    """Write a trained network as model.py, model.safetensors, config.json, model.onnx and README.md."""
    from ..search.finals import export as run
    from ..studies import Study

    files = run(Study.open(storage, study), out, candidate=candidate, onnx=onnx)
    if json:
        print_json({"folder": str(out), "files": [path.name for path in files]})
    else:
        print(f"{out}: {', '.join(path.name for path in files)}")
        print(f"next: python {out}/model.py")
