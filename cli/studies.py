"""`automl studies`, `status`, `front`, `delete`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from .options import DEFAULT_STORAGE, Json, Storage, StudyName
from .output import print_believed, print_front, print_json
from .printed_measures import print_measures
from .printed_tables import pixels, print_table
from .text import count

if TYPE_CHECKING:
    from ..studies import Evaluation, StudySummary


def add_to(app: typer.Typer) -> None:
    """Register the commands."""
    group = typer.Typer(rich_markup_mode=None, invoke_without_command=True)
    group.callback()(list_studies)
    group.command("check")(check)
    group.command("upgrade")(upgrade)
    app.add_typer(group, name="studies")
    app.command("status")(status)
    app.command("front")(front)
    app.command("delete")(delete)


def list_studies(context: typer.Context, storage: Storage = DEFAULT_STORAGE, json: Json = False) -> None:
    """List the studies of a database."""
    if context.invoked_subcommand is not None:
        return
    from ..studies.upkeep.managing import list_studies as read

    found = read(storage)
    if json:
        print_json([one.to_dict() for one in found])
        return
    other = any(s.cost != "macs" for s in found)  # else the column would say the same in every row
    rows = [
        [
            s.name,
            s.space,
            s.budget or "none",
            *([_axis(s.cost)] if other else []),
            s.data,
            str(s.counts["complete"]),
            str(s.counts["pruned"]),
            best_in_words(s),
            f"{s.created:%Y-%m-%d %H:%M}",
        ]
        for s in found
    ]
    axis = ["cost axis"] if other else []
    columns = ["study", "space", "budget", *axis, "data", "done", "pruned", "best", "created (UTC)"]
    print_table("studies", columns, rows)


def check(
    storage: Storage = DEFAULT_STORAGE,
    repair: Annotated[bool, typer.Option("--repair", help="Put right what can be without loss.")] = False,
    json: Json = False,
) -> None:
    """Check that a database holds whole studies: each evaluation once, with its network, its curve
    and Optuna's trial. The exit code is 1 if something is wrong and has not been repaired."""
    from ..studies.upkeep.integrity import check as find

    found = find(storage, repair=repair)
    if json:
        print_json([one.to_dict() for one in found])
    else:
        for one in found:
            print(f"{one.study or 'the database'}: {one.text}{'; repaired' if one.repaired else ''}")
        wrong = count(len(found), "fault")
        print("all is well" if not found else f"{wrong}, {sum(one.repaired for one in found)} repaired")
    if not all(one.repaired for one in found):
        raise typer.Exit(1)


def upgrade(storage: Storage = DEFAULT_STORAGE, json: Json = False) -> None:
    """Bring the tables of a database that an earlier version made up to date, after a copy of an
    SQLite file has been made. Other commands do the same when they open it, without a copy."""
    from ..studies.upkeep.upgrade import upgrade as run

    done = run(storage)
    if json:
        return print_json(done.to_dict())
    if done.before == done.after:
        return print("nothing to do: " + ("there are no studies" if done.before is None else f"schema {done.after}"))
    copied = "" if done.backup is None else f"; as it was: {done.backup}"
    return print(f"upgraded from schema {done.before} to {done.after}{copied}")


def _axis(cost: str) -> str:
    """The head of a cost metric; its name if it is not registered here."""
    from ..spaces.metrics import metrics

    known = metrics.parts()
    return known[cost].head if cost in known else cost


def best_in_words(summary: StudySummary) -> str:
    """ "0.9123", "log loss 0.3121", or "score 14.28" where nothing was trained."""
    from ..studies.records.measure import ACCURACY, SCORE, decimals, words

    if summary.accuracy is None:
        return "-"
    if summary.measure == ACCURACY:
        return f"{summary.accuracy:.4f}"
    digits = f"{summary.accuracy:.4g}" if summary.measure == SCORE else decimals(summary.accuracy)
    return f"{words(summary.measure)} {digits}"


def status(study: StudyName, storage: Storage = DEFAULT_STORAGE, json: Json = False) -> None:
    """Show the settings of a study, its progress, and its best network."""
    from ..spaces.metrics import metrics
    from ..studies.evidence import status_lines
    from ..studies.records.measure import SCORE, as_text
    from ..studies.records.spec import strides_fitted
    from ..studies.results.status import status as read

    found = read(study, storage=storage)
    if json:
        print_json(found.to_dict())
        return
    spec, shown, chosen, counts, gate = found.spec, found.evidence, found.best, found.counts, found.gate
    settings = spec.settings
    by = f", sampler {', '.join(found.samplers)}" if found.samplers else ""
    print(
        f"{spec.name}: space {spec.space['name']}, budget {spec.budget or 'none'}, data {spec.data['name']}{by}, since"
        f" {found.created:%Y-%m-%d %H:%M} UTC"
    )
    if {"epochs", "fraction", "image_size", "proxy_size", "seed"} <= set(
        settings
    ):  # what does not train has none of these
        how = (
            "trained"
            if found.measure != SCORE
            else f"scored by {str(settings['evaluator']).partition(':')[2] or 'naswot'}, without training,"
        )
        trained = (
            f"{count(settings['epochs'], 'epoch')} on {settings['fraction']:.0%} of the images, "
            if how == "trained"
            else ""
        )
        size = pixels(spec.space["image"]) if "image" in spec.space else settings["image_size"]
        at = f"{settings['proxy_size']} px (times γ{strides_fitted(settings)})"
        print(f"counted at {size} px, {how} at {at}, {trained}seed {settings['seed']}")
    refused = f", {gate['refused']} refused by the budget before training" if isinstance(gate, dict) else ""
    faults = f" ({shown.faults})" if shown.faults else ""
    print(
        f"{counts['complete']} done, {counts['pruned']} pruned, {counts['fail']} failed{faults},"
        f" {found.confirmed} confirmed{refused}"
    )
    if chosen is not None:
        reached = chosen.evaluation.test_accuracy
        tested = f", test {as_text(spec.metric, reached)}" if reached is not None else ""
        cost = f"{chosen.candidate.macs:,} MACs, {chosen.candidate.params:,} params"
        axis = spec.cost
        if axis not in ("macs", "params"):
            cost = f"{metrics.get(axis).exactly(chosen.candidate.cost(axis))}, {cost}"
        published = "" if chosen.reference is None else f", {chosen.reference} (a reference)"
        print(f"best: {chosen.candidate.id[:12]}{published}, {chosen}{tested}, {cost}")
    for line in status_lines(shown):
        print(line)
    if shown.measures is not None:
        print_measures(shown.measures)
    print_trainings(found.trainings)
    for one in found.drivers:
        print(f"held by {one}")
    print(f"go on: {found.command}")


def print_trainings(found: Sequence[Evaluation]) -> None:
    """The final trainings, numbered as `automl export --training` takes them."""
    from ..studies.records.measure import as_text

    rows = [
        [
            str(number),
            each.candidate_id[:12],
            str(each.fidelity.size),
            str(each.fidelity.epochs),
            str(each.seed),
            as_text(each.metric, each.validated),
            as_text(each.metric, each.test_accuracy),
            _made_by(each),
            f"{each.finished:%Y-%m-%d %H:%M}",
        ]
        for number, each in enumerate(found, start=1)
    ]
    if rows:
        print_table(
            "final trainings",
            ["training", "candidate", "px", "epochs", "seed", "validation", "test", "by", "ended (UTC)"],
            rows,
        )


def _made_by(training: Evaluation) -> str:
    """What made a final training: a search that confirms a network, or `automl train`, and how."""
    from ..studies.records.evaluation import DRIVER

    if training.worker != DRIVER:
        return "confirming"
    how = "refit" if training.fidelity.refit else "", training.fidelity.recipe
    return ", ".join(filter(None, how)) or "train"


def front(
    study: StudyName,
    storage: Storage = DEFAULT_STORAGE,
    believed: Annotated[
        bool, typer.Option("--believed", help="Show the front of the believed accuracies alone.")
    ] = False,
    json: Json = False,
) -> None:
    """Show the networks that no other network beats in both accuracy and cost, cheapest first: by
    the accuracies observed, and by those believed, where lucky trainings count for less."""
    from ..studies.results.status import study_front

    found = study_front(study, storage=storage)
    if json:
        print_json(found.to_list(believed=believed))
        return
    if not believed:
        print_front(found.observed, found.confirmed, f"front of {found.study}", found.measure)
    if found.believed:
        print_believed(found.believed, f"believed front of {found.study}")
    elif believed:
        print(f"{found.study} has noted no belief of its accuracies: continue the search to its end")


def delete(
    study: StudyName,
    storage: Storage = DEFAULT_STORAGE,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Delete a study from the database; trained weights stay where they are."""
    from ..studies import Study
    from ..studies.upkeep.managing import delete_study

    found = Study.open(storage, study)
    if not yes:
        typer.confirm(
            f"delete the study {found.spec.name!r} with {sum(found.counts().values())} evaluations?", abort=True
        )
    done = delete_study(found)
    if json:
        print_json(done.to_dict())
        return
    stays = " and ".join(done.weights)
    print(f"deleted {done.study}" + (f"; its trained weights stay in {stays}" if stays else ""))
