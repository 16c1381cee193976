"""`automl studies`, `status`, `front`, `delete`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .options import DEFAULT_STORAGE, Json, Storage, StudyName
from .output import believed_json, best_json, evaluation_json, measure, print_believed, print_front, print_json
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
    from ..studies import studies

    found = studies(storage)
    if json:
        print_json(
            [
                {
                    "name": s.name,
                    "created": s.created.isoformat(),
                    "space": s.space,
                    "budget": s.budget,
                    "cost": s.cost,
                    "data": s.data,
                    "counts": s.counts,
                    "accuracy": s.accuracy,
                    "measure": s.measure,
                    "metric": s.metric,
                }
                for s in found
            ]
        )
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
    from ..studies.integrity import check as find

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
    from ..studies.upgrade import upgrade as run

    done = run(storage)
    if json:
        return print_json(
            {"before": done.before, "after": done.after, "backup": None if done.backup is None else str(done.backup)}
        )
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
    from ..studies.measure import ACCURACY, SCORE, decimals, words

    if summary.accuracy is None:
        return "-"
    if summary.measure == ACCURACY:
        return f"{summary.accuracy:.4f}"
    digits = f"{summary.accuracy:.4g}" if summary.measure == SCORE else decimals(summary.accuracy)
    return f"{words(summary.measure)} {digits}"


def status(study: StudyName, storage: Storage = DEFAULT_STORAGE, json: Json = False) -> None:
    """Show the settings of a study, its progress, and its best network."""
    from ..spaces.metrics import metrics
    from ..studies import Study, masked
    from ..studies.chosen import best, confirmed_accuracies, trainings
    from ..studies.evidence import samplers, status_lines
    from ..studies.measure import SCORE, as_text
    from ..studies.reporting import evidence_of
    from ..studies.spec import strides_fitted

    found = Study.open(storage, study)
    shown = evidence_of(found)
    chosen, counts, notes, drivers = best(found), found.counts(), found.notes(), found.drivers()
    data: dict[str, Any] = {
        "study": found.spec.name,
        "measure": measure(found),
        "metric": found.spec.metric,
        "samplers": samplers(found),
        "storage": masked(storage),
        "created": found.created.isoformat(),
        "command": found.command,
        "space": found.spec.space["name"],
        "budget": found.spec.budget,
        "cost": found.spec.cost,
        "data": found.spec.data["name"],
        "settings": found.spec.settings,
        "counts": counts,
        "failures": list(shown.failures),
        "drivers": [one.to_dict() for one in drivers],
        "gate": notes.get("gate"),
        "best": best_json(chosen),
        "trainings": [
            {"number": number, **evaluation_json(each)} for number, each in enumerate(trainings(found), start=1)
        ],
        "versions": found.versions,
        "references": shown.references.to_dict(),
        "evidence": shown.short(),
        "measures": shown.measures and shown.measures.short(),
    }
    if json:
        print_json(data)
        return
    settings = found.spec.settings
    by = f", sampler {', '.join(data['samplers'])}" if data["samplers"] else ""
    print(
        f"{found.spec.name}: space {data['space']}, budget {data['budget'] or 'none'}, data {data['data']}{by}, since"
        f" {found.created:%Y-%m-%d %H:%M} UTC"
    )
    if {"epochs", "fraction", "image_size", "proxy_size", "seed"} <= set(
        settings
    ):  # what does not train has none of these
        how = (
            "trained"
            if measure(found) != SCORE
            else f"scored by {str(settings['evaluator']).partition(':')[2] or 'naswot'}, without training,"
        )
        trained = (
            f"{count(settings['epochs'], 'epoch')} on {settings['fraction']:.0%} of the images, "
            if how == "trained"
            else ""
        )
        size = pixels(found.spec.space["image"]) if "image" in found.spec.space else settings["image_size"]
        at = f"{settings['proxy_size']} px (times γ{strides_fitted(settings)})"
        print(f"counted at {size} px, {how} at {at}, {trained}seed {settings['seed']}")
    gate = notes.get("gate")
    refused = f", {gate['refused']} refused by the budget before training" if isinstance(gate, dict) else ""
    faults = f" ({shown.faults})" if shown.faults else ""
    print(
        f"{counts['complete']} done, {counts['pruned']} pruned, {counts['fail']} failed{faults},"
        f" {len(confirmed_accuracies(found))} confirmed{refused}"
    )
    if chosen is not None:
        reached = chosen.evaluation.test_accuracy
        tested = f", test {as_text(found.spec.metric, reached)}" if reached is not None else ""
        cost = f"{chosen.candidate.macs:,} MACs, {chosen.candidate.params:,} params"
        axis = found.spec.cost
        if axis not in ("macs", "params"):
            cost = f"{metrics.get(axis).exactly(chosen.candidate.cost(axis))}, {cost}"
        published = "" if chosen.reference is None else f", {chosen.reference} (a reference)"
        print(f"best: {chosen.candidate.id[:12]}{published}, {chosen}{tested}, {cost}")
    for line in status_lines(shown):
        print(line)
    if shown.measures is not None:
        print_measures(shown.measures)
    print_trainings(trainings(found))
    for one in drivers:
        print(f"held by {one}")
    print(f"go on: {found.command}")


def print_trainings(found: Sequence[Evaluation]) -> None:
    """The final trainings, numbered as `automl export --training` takes them."""
    from ..studies.measure import as_text

    rows = [
        [
            str(number),
            each.candidate_id[:12],
            str(each.fidelity.size),
            str(each.fidelity.epochs),
            str(each.seed),
            as_text(each.metric, each.accuracy),
            as_text(each.metric, each.test_accuracy),
            "confirming" if each.worker != "driver" else each.fidelity.recipe or "train",
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
    from ..studies import Study
    from ..studies.believed_front import believed_front, believed_points
    from ..studies.chosen import confirmed_accuracies

    found = Study.open(storage, study)
    by_belief = believed_front(found)
    if json:
        points = [one.point for one in by_belief] if believed else found.front()
        return print_json(believed_json(believed_points(found), points))
    name = found.spec.name
    if not believed:
        print_front(found.front(), confirmed_accuracies(found), f"front of {name}", measure(found))
    if by_belief:
        print_believed(by_belief, f"believed front of {name}")
    elif believed:
        print(f"{name} has noted no belief of its accuracies: continue the search to its end")


def delete(
    study: StudyName,
    storage: Storage = DEFAULT_STORAGE,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Delete a study from the database; trained weights stay where they are."""
    from ..studies import Study
    from ..studies import delete as remove
    from ..studies.artifacts import kept_at

    found = Study.open(storage, study)
    if not yes:
        typer.confirm(
            f"delete the study {found.spec.name!r} with {sum(found.counts().values())} evaluations?", abort=True
        )
    stays = " and ".join(kept_at(found))
    remove(storage, study)
    if json:
        print_json({"deleted": study})
    else:
        print(f"deleted {study}" + (f"; its trained weights stay in {stays}" if stays else ""))
