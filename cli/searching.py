"""`automl search`."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import typer

from .derived import Text, options_of
from .options import Json, Storage
from .output import CONVENTION, measure, print_front, print_json
from .stopping import interruptible
from .text import columns_in, command, duration, names_in, parse_duration, parse_references, quoted

if TYPE_CHECKING:
    from ..search import SearchResult
    from ..search.options import SearchOptions
    from ..studies.quality import Measure


def _options() -> type:
    from ..search.options import SearchOptions

    return SearchOptions


def _samplers() -> str:
    from ..search.proposing.samplers import DEFAULT_SAMPLER, sampler_names

    names = [f"{name} (the default)" if name == DEFAULT_SAMPLER else name for name in sampler_names()]
    return f"Proposes the candidates: {', '.join(names)}."


def _metrics() -> str:
    from ..spaces.metrics import DEFAULT_AXIS, metric_names

    return f"Cost axis of the front: {', '.join(metric_names())}. Default: {DEFAULT_AXIS}."


def measures_in_words() -> str:
    """The help of `--metric`: all quality measures that are registered."""
    from ..studies.quality import measures

    named = [f"{name}{_remark(one)}" for name, one in measures.parts().items()]
    default = "the study's, or accuracy, mean-average-precision or mae, by the task"
    return f"Quality measure by which networks are chosen: {', '.join(named)}. Default: {default}."


def _remark(one: Measure) -> str:
    of = {"multi-label": ["several labels"], "regression": ["numbers"]}.get(one.task, [])
    classes = [f"{one.classes} classes"] if one.classes is not None else []
    smaller = ["minimised"] if one.smaller_is_better else []
    said = [*of, *classes, *smaller]
    return f" ({', '.join(said)})" if said else ""


def _evaluators() -> str:
    from ..search.evaluators import evaluators

    ways = [f"{' or '.join(kind.forms)} ({kind.words})" for kind in evaluators.parts().values()]
    return f"How candidates are evaluated: {', '.join(ways)}. Default: train."


def _data() -> str:
    from ..search.data.source import source_words

    return f"The images: {source_words()}."


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("search")(search)


@options_of(
    _options,
    {
        "seconds": Text(parse=parse_duration, flag="--time"),
        "space": Text(parse=str, default="auto"),
        "data": Text(parse=str, default="digits", help=_data),
        "targets": Text(parse=columns_in),
        "sampler": Text(parse=str, help=_samplers),
        "evaluator": Text(parse=str, help=_evaluators),
        "cost": Text(parse=str, help=_metrics),
        "metric": Text(parse=str, help=measures_in_words),
        "hints": Text(parse=names_in, default="naswot"),
        "references": Text(parse=parse_references),
        "storage": Storage,
        "db_patience": Text(parse=parse_duration, default="10min"),
    },
)
def search(options: SearchOptions, json: Json = False) -> None:
    """Find the best network under a budget, and the front of accuracy and cost around it.

    The same command again continues the same study.
    """
    began = time.monotonic()
    from ..search import search as run
    from ..search.evaluators import find_evaluator
    from .live import view
    from .quiet import Quiet

    storage = options.storage
    typed = masked_command(sys.argv[1:], storage)
    with interruptible(typed), view(to_stderr=json) as listener:
        looks_up = not find_evaluator(options.evaluator)[0].reads_images
        result = run(options, listener=Quiet(listener) if looks_up else listener, command=typed, began=began)
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
    from ..studies.evidence import certificate
    from ..studies.records.failures import failures
    from ..studies.results.as_json import chosen_json, front_json
    from ..studies.trained.classifier_measures import kept_measures

    best = result.best
    counts = result.counts
    measures = None if best is None else kept_measures(result.study, best.evaluation)
    return {
        "study": result.study.spec.name,
        "measure": measure(result.study),
        "metric": result.study.spec.metric,
        "pretrained": result.study.notes().get("pretrained"),
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
        "failures": failures(result.study.evaluations()),
        "measures": measures and measures.short(),
        "best": chosen_json(best),
        "references": certificate(result.study).to_dict(),
        "front": front_json(result.front),
    }


def print_result(
    result: SearchResult, storage: str, *, trials: int | None = None, seconds: float | None = None
) -> None:
    """The front, the network chosen, and what to do next; `trials` and `seconds` are what was asked
    for."""
    from ..blocks.errors import AutomlError
    from ..spaces import human
    from ..studies.choosing.chosen import confirmed_accuracies
    from ..studies.evidence import certificate, certificate_text
    from ..studies.records.measure import SCORE, as_text, done_in_words, words
    from ..studies.trained.artifacts import named_by

    name, counts = result.study.spec.name, result.counts
    settings = result.study.spec.settings
    stopped = f", {counts.pruned} stopped early" if measure(result.study) != SCORE else ""
    ended = f"{counts.done} {done_in_words(settings)}{stopped}, {counts.failed} failed"
    looked_up = "" if result.simulated is None else f", for {duration(result.simulated)} of simulated time"
    print(f"\n{ended}, {counts.refused} refused by the budget before training; {duration(result.seconds)}{looked_up}")
    if result.best is None:
        raise AutomlError("no network was trained for an epoch: give more --time, or a smaller --proxy-size or budget")
    if result.front:
        print_front(result.front, confirmed_accuracies(result.study), f"front of {name}", measure(result.study))
    best = result.best
    metric, reached = best.evaluation.metric, best.evaluation.test_accuracy
    tested = f", test {words(metric)} {as_text(metric, reached)}" if reached is not None else ""
    published = "" if best.reference is None else f"{best.reference} (a reference), "
    print(
        f"best: {best.candidate.id[:12]}, {published}{human(best.candidate.macs)}FLOPs,"
        f" {human(best.candidate.params)} params, {best}{tested}; {CONVENTION}"
    )
    against = certificate(result.study)
    if against.tried:
        print(f"against references: {certificate_text(against)}")
    print("next:")
    named = "".join(f"{key}={quoted([value])} " for key, value in named_by(result.study).items())
    export, train, verify = (
        f"  {named}{command(*words, storage=storage)}    "
        for words in (("export", name, "--out", "found"), ("train", name), ("verify", name))
    )
    if best.weights is not None:
        trial = "" if best.confirmed else ", from one training of the search, not confirmed"
        print(f"{export}the network as model.py, safetensors and ONNX{trial}")
    if result.simulated is None:
        print(f"{train}train it longer")
    if against.tried:
        print(f"{verify}longer trainings from more seeds, on the test images")
    print(f"  {command('front', name, storage=storage)}    the front again; --json for programs")
    print(f"  {goes_on(result, trials=trials, seconds=seconds, references=len(against.tried))}")


def goes_on(result: SearchResult, *, trials: int | None, seconds: float | None, references: int = 0) -> str:
    """How to search on, by what ended this search: its trials, its time, or that there is nothing
    left; `references` is the number of trials that were none of the space."""
    counts = result.counts
    ended = counts.done + counts.pruned + counts.failed
    if result.exhausted or (result.census.exact and len(result.census.rows) <= ended - references):
        return "every network within the budget has been evaluated: a larger budget or another space has more"
    if seconds is not None and (trials is None or ended < trials):
        return f"the same command goes on searching, for another {duration(seconds)}"
    more = f"the same command with --trials {2 * max(ended, trials or 0, 1)} goes on searching"
    return more if seconds is None else f"{more}, for another {duration(seconds)} at most"
