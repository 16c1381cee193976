"""`automl search`."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import DEFAULT_STORAGE, BudgetTexts, DataDir, DropSmallClasses, Json, Storage, Test, Validation
from .output import CONVENTION, best_json, front_json, measure, print_front, print_json
from .text import command, duration, parse_duration, quoted

if TYPE_CHECKING:
    from ..search import SearchResult


SAMPLERS = "Who proposes: predictor (the default), evolution, random, tpe, nsga2, gp or grid."


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("search")(search)


def search(
    budget: BudgetTexts = None,
    space: Annotated[
        str, typer.Option(help="A space that comes with automl (efficientnet, resnext-attention) or a YAML file.")
    ] = "efficientnet",
    data: Annotated[
        str,
        typer.Option(
            help="digits, fashion-mnist, cifar10, cifar100, a folder of class folders, an .npz file, hf:NAME."
        ),
    ] = "digits",
    data_dir: DataDir = None,
    download: Annotated[bool, typer.Option("--download", help="Download the data set where it is missing.")] = False,
    validation: Validation = None,
    test: Test = None,
    drop_small_classes: DropSmallClasses = 0,
    trials: Annotated[
        int | None,
        typer.Option(help="Trials in the study altogether. Without --trials and --time: 32, in 8 minutes at most."),
    ] = None,
    time_: Annotated[
        str | None, typer.Option("--time", help="Wall time, confirmation of the best included: 10min, 2h.")
    ] = None,
    sampler: Annotated[str | None, typer.Option(help=SAMPLERS)] = None,
    hints: Annotated[
        str,
        typer.Option(help="Zero-cost scores from which the predictor may learn, separated by commas; none for none."),
    ] = "naswot",
    objective: Annotated[
        str,
        typer.Option(
            help="What the sampler aims at: best (the most accurate within the budget) or front (all of the front)."
        ),
    ] = "best",
    evaluator: Annotated[
        str,
        typer.Option(
            help=(
                "How candidates are evaluated: train, table:FILE (looked up, in simulated time), zero-cost or"
                " zero-cost:SCORE (not trained)."
            )
        ),
    ] = "train",
    table_seconds: Annotated[
        float | None,
        typer.Option(help="Simulated seconds of a full training from a table. Without: the table's, or 60."),
    ] = None,
    warm_start: Annotated[
        list[str] | None,
        typer.Option(
            help="An earlier study of the same parameters in this database, to learn from; may be given several times."
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(help="Candidates trained at once. Without: all GPUs, or all CPUs; one, simulated, for a table."),
    ] = None,
    gpus_per_trial: Annotated[
        float | None, typer.Option(help="GPUs for each candidate; fractions share one. Without: 1 where there are any.")
    ] = None,
    storage: Storage = DEFAULT_STORAGE,
    study: Annotated[
        str | None, typer.Option(help="Name of the study. Without: made of space, data and budget.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of the split, the sampler and the trainings.")] = 0,
    address: Annotated[
        str | None, typer.Option(help="Ray cluster (auto, host:port). Without: a private Ray on this machine.")
    ] = None,
    image_size: Annotated[
        int | None, typer.Option(help="Deployment size in pixels at which the budget is counted. Without: the space's.")
    ] = None,
    proxy_size: Annotated[
        int | None, typer.Option(help="Size in pixels at which candidates are trained. Without: 32 to 64, by the data.")
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Epochs of full fidelity. Without: by the data.")] = None,
    fraction: Annotated[
        float | None, typer.Option(help="Share of the training images a trial sees in an epoch. Without: by the data.")
    ] = None,
    flip: Annotated[
        bool | None,
        typer.Option("--flip/--no-flip", help="Mirror images at random in training. Without: not for digits."),
    ] = None,
    finals: Annotated[
        int,
        typer.Option(help="Networks of the front that are trained again at the end, longer and from further seeds."),
    ] = 3,
    seeds: Annotated[int, typer.Option(help="Further seeds from which each of them is trained.")] = 2,
    json: Json = False,
) -> None:
    """Find the best network under a budget, and the front of accuracy and cost around it.

    The same command again continues the same study.
    """
    began = time.monotonic()
    from ..blocks.errors import Interrupted
    from ..search import DEFAULT_SAMPLER, SearchOptions
    from ..search import search as run
    from .live import view
    from .quiet import Quiet

    options = SearchOptions(
        budget=tuple(budget or ()),
        space=space,
        data=data,
        data_dir=data_dir,
        download=download,
        validation=validation,
        test=test,
        drop_small_classes=drop_small_classes,
        trials=trials,
        seconds=None if time_ is None else parse_duration(time_),
        sampler=sampler or DEFAULT_SAMPLER,
        workers=workers,
        gpus_per_trial=gpus_per_trial,
        storage=storage,
        study=study,
        seed=seed,
        address=address,
        image_size=image_size,
        proxy_size=proxy_size,
        epochs=epochs,
        fraction=fraction,
        flip=flip,
        finals=finals,
        seeds=seeds,
        objective=objective,  # pyright: ignore[reportArgumentType]
        hints=tuple(name.strip() for name in hints.split(",") if name.strip() != "none"),
        evaluator=evaluator,
        table_seconds=table_seconds,
        warm_start=tuple(warm_start or ()),
    )
    typed = masked_command(sys.argv[1:], storage)
    try:
        with view(to_stderr=json) as listener:
            looks_up = options.evaluated[0] == "table"
            result = run(options, listener=Quiet(listener) if looks_up else listener, command=typed, began=began)
    except KeyboardInterrupt:
        raise Interrupted(f"interrupted; what finished is kept, go on with: {typed}") from None
    if json:
        print_json(result_json(result))
    else:
        print_result(result, storage, trials=options.trials, seconds=options.seconds)


def masked_command(arguments: list[str], storage: str) -> str:
    """The command as typed, without the password of its storage URL."""
    from ..studies import masked

    return quoted(["automl", *(argument.replace(storage, masked(storage)) for argument in arguments)])


def result_json(result: SearchResult) -> dict[str, Any]:
    """A finished search with stable keys."""
    best = result.best
    counts = result.counts
    return {
        "study": result.study.spec.name,
        "measure": measure(result.study),
        "seconds": result.seconds,
        "simulated_seconds": result.simulated,
        "counts": {
            "done": counts.done,
            "pruned": counts.pruned,
            "failed": counts.failed,
            "refused": counts.refused,
            "duplicates": counts.duplicates,
            "finals": counts.finals,
        },
        "best": best_json(best),
        "front": front_json(result.front),
    }


def print_result(
    result: SearchResult, storage: str, *, trials: int | None = None, seconds: float | None = None
) -> None:
    """The front, the network chosen, and what to do next; `trials` and `seconds` are what was asked
    for."""
    from ..blocks.errors import AutomlError
    from ..spaces import human
    from ..studies.chosen import confirmed_accuracies
    from ..studies.measure import done_in_words

    name, counts = result.study.spec.name, result.counts
    settings = result.study.spec.settings
    stopped = f", {counts.pruned} stopped early" if measure(result.study) == "accuracy" else ""
    ended = f"{counts.done} {done_in_words(settings)}{stopped}, {counts.failed} failed"
    looked_up = "" if result.simulated is None else f", for {duration(result.simulated)} of simulated time"
    print(f"\n{ended}, {counts.refused} refused by the budget before training; {duration(result.seconds)}{looked_up}")
    if result.best is None:
        raise AutomlError("no trial finished: give more --time, or fewer --epochs")
    print_front(result.front, confirmed_accuracies(result.study), f"front of {name}", measure(result.study))
    best = result.best
    tested = f", test accuracy {best.evaluation.test_accuracy:.4f}" if best.evaluation.test_accuracy is not None else ""
    print(
        f"best: {best.candidate.id[:12]}, {human(best.candidate.macs)}FLOPs, {human(best.candidate.params)} params,"
        f" {best}{tested}; {CONVENTION}"
    )
    print("next:")
    if best.evaluation.checkpoint is not None:
        print(
            f"  {command('export', name, '--out', 'found', storage=storage)}    the network as model.py, safetensors"
            " and ONNX"
        )
    if result.simulated is None:
        print(f"  {command('train', name, storage=storage)}    train it longer")
    print(f"  {command('front', name, storage=storage)}    the front again; --json for programs")
    print(f"  {goes_on(result, trials=trials, seconds=seconds)}")


def goes_on(result: SearchResult, *, trials: int | None, seconds: float | None) -> str:
    """How to search on, by what ended this search: its trials, its time, or that there is nothing
    left."""
    counts = result.counts
    ended = counts.done + counts.pruned + counts.failed
    if result.exhausted or (result.census.exact and len(result.census.rows) <= ended):
        return "every network within the budget has been evaluated: a larger budget or another space has more"
    if seconds is not None and (trials is None or ended < trials):
        return f"the same command goes on searching, for another {duration(seconds)}"
    more = f"the same command with --trials {2 * max(ended, trials or 0, 1)} goes on searching"
    return more if seconds is None else f"{more}, for another {duration(seconds)} at most"
