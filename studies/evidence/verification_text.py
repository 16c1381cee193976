"""Formats the verification of a search in words: one line, lines for a terminal, and the two files
of a certificate."""

from __future__ import annotations

import json

from ..records.measure import ACCURACY, in_percent, mean_in_words, words
from ..writing.markdown_table import code, plain, sentence, table
from .margin import margin_text
from .verification import Verification, VerifiedNetwork

NEXT = "try more --time or --trials, another --space, or a network that `automl references` lists"
"""What to try after a search that has found nothing better than a reference."""
ROLES = {"own": "search", "reference": "reference", "random": "random draw", "compound": "compound scaling"}
"""Why a network is compared, in words."""


def head(found: Verification) -> list[str]:
    """The columns of the table of networks."""
    tested = f"test {words(found.measure)}"
    return ["network", "why", "candidate", "MACs", "params", tested, "the search's minus it (95 %)"]


def verification_text(found: Verification) -> str:
    """The verification in one line: the margin over the best reference, or why there is none."""
    if not found.references:
        return "- (no reference network could be compared)"
    if found.best is None:
        return "- (no seed has been trained with all networks yet)"
    measured = f"measured on {found.images:,} test images after {found.epochs} epochs"
    count = len(found.references)
    which = "the only reference" if count == 1 else f"the best of {count} references"
    if found.margin is None:
        return f"- (the search has found no network of its own, to be compared with {found.best.words})"
    points, _, rest = margin_text(found.margin, measure=found.measure).partition(", ")
    line = f"{points} over {found.best.words}, {which} ({rest})"
    verdict = found.margin.verdict
    if (chosen := found.reference_chosen) is not None:
        line = f"the network chosen is {chosen.words}, a reference; the best that the search itself has found: {line}"
    if verdict == "better":
        return f"{line}, {measured}"
    if verdict == "worse":
        return f"{line}, {measured}: the search has found no better network; {NEXT}"
    return f"{line}, {measured}: too close to tell; more --seeds or --epochs of `automl verify` can tell, or {NEXT}"


def verification_lines(found: Verification) -> list[str]:
    """The networks of a verification for a terminal, one line each, and what is missing."""
    networks = [
        f"{one.words} ({ROLES[one.role]}): {_accuracy(found, one)}, {one.macs:,} MACs{_failed(one)}"
        for one in found.networks
    ]
    return [*networks, *_remarks(found)]


def verification_rows(found: Verification) -> list[list[str]]:
    """The table of networks under `head`."""
    return [
        [
            one.words,
            ROLES[one.role] + (", chosen" if one.id == found.chosen else ""),
            one.id[:12],
            f"{one.macs:,}",
            f"{one.params:,}",
            _accuracy(found, one) + _failed(one),
            "" if one.margin is None else margin_text(one.margin, measure=found.measure).rpartition(", ")[0],
        ]
        for one in found.networks
    ]


def certificate_files(found: Verification) -> dict[str, str]:
    """The certificate: name of the file -> its text."""
    return {
        "certificate.md": certificate_markdown(found),
        "certificate.json": json.dumps(found.to_dict(), indent=2, allow_nan=False) + "\n",
    }


def certificate_markdown(found: Verification) -> str:
    """The certificate as a page in Markdown."""
    parts = [
        f"# {plain(found.study)}: the network found, beside what one would have taken",
        f"**{sentence(verification_text(found))}**",
        *verification_parts(found),
        table(["", ""], [[name, plain(value)] for name, value in found.facts.items()]),
    ]
    return "\n\n".join(parts) + "\n"


def verification_parts(found: Verification) -> list[str]:
    """The table of networks, what is missing, and how they were compared, in Markdown."""
    columns = [one[:1].upper() + one[1:] for one in head(found)]
    rows = [[*map(plain, row[:2]), f"`{row[2]}`", *map(plain, row[3:])] for row in verification_rows(found)]
    remarks = "\n".join(f"- {line}" for line in _remarks(found))
    several = "Accuracies" if found.measure == ACCURACY else f"Values of {words(found.measure)}"
    points = " in percentage points" if in_percent(found.measure) else ""
    method = METHOD.format(several=several, them=several[:1].lower() + several[1:], points=points)
    return [part for part in (table(columns, rows, left=3), remarks, method) if part]


METHOD = """All networks were trained alike: the same recipe, images, epochs and seeds. {several} are those on \
the test images, which had no part in the search, mean ± standard deviation over the seeds. Margins are mean \
differences{points}, paired by seed, with Student's 95 % interval from the variance between seeds of the networks \
compared. Of several references, each seed compares the one that the other seeds choose, so that the choice flatters \
nothing; that interval is wider, by the correction of Nadeau & Bengio (2003). The intervals hold the variation from \
one training to the next, not that of other test images. Choose no network by these {them}: after a choice they are \
biased."""


def _accuracy(found: Verification, one: VerifiedNetwork) -> str:
    mean = one.mean(found.seeds) if found.seeds else None
    return "-" if mean is None else mean_in_words(mean, one.std(found.seeds), len(found.seeds), found.measure)


def _failed(one: VerifiedNetwork) -> str:
    return f"; {len(one.failed)} failed ({next(iter(one.failed.values()))})" if one.failed else ""


def _remarks(found: Verification) -> list[str]:
    """What is missing, and what could not be compared."""
    left = f"{found.left} trainings are missing: {code(found.facts['again'])} continues" if found.left else ""
    several = found.margin is not None and found.margin.selection == "same seed"
    alone = "with one seed there is no interval, and the best reference is chosen by the training that is compared"
    return [line for line in (*found.left_out, left, alone if several else "") if line]
