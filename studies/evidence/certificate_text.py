"""Formats the certificate of a search: its network beside the best reference network, in words."""

from __future__ import annotations

from .certificate import Certificate
from .margin import margin_text
from .numbers import Numbers
from .verification_text import NEXT, verification_lines, verification_text

OUTDATED = "a verification of an earlier choice does not count; `automl verify` verifies the present one"


def certificate_text(found: Certificate) -> str:
    """The certificate in one line: the margin, or why there is none; empty without references."""
    if found.verification is not None:
        return verification_text(found.verification)
    if not found.tried:
        return ""
    count = len(found.tried)
    if found.best is None:
        return f"- (no reference has been trained to the end, of {count} tried)"
    which = "the only reference" if count == 1 else f"the best of {count} references"
    if found.margin is None:
        return f"- (no network of the search has been trained to the end, to be compared with {found.best.words})"
    margin = margin_text(found.margin, confirmed=found.confirmed, measure=found.measure)
    if found.chosen:
        return (
            f"the best is {found.best.words}, a reference: the search has found no better one (its own best: {margin});"
            f" {NEXT}"
        )
    points, _, rest = margin.partition(", ")
    line = f"{points} over {found.best.words}, {which} ({rest})"
    if found.margin.verdict == "better":
        return line
    if found.margin.verdict == "worse":
        return f"{line}: the search has found no better network; {NEXT}"
    told = "`automl verify` or more --seeds" if found.confirmed else "`automl verify`, or --finals and more --time,"
    return f"{line}: too close to tell; {told} can tell, or {NEXT}"


def selection_text(found: Certificate) -> str:
    """How the network was chosen that is compared; empty if there was no choice, or no
    comparison."""
    if found.verification is not None:
        return ""
    selection = None if found.margin is None else found.margin.selection
    if selection == "same seed":
        return "the network was chosen by the same training that is compared here, which flatters it"
    if selection == "left out":
        return "on each seed the network is compared that the other seeds choose: the choice flatters nothing"
    return ""


def certificate_lines(found: Certificate) -> list[str]:
    """The certificate for a report: the margin, how the network was chosen, the networks of the
    verification, and each reference that the search has tried."""
    where = "" if found.verification is None else "in the search, "
    value = Numbers(found.measure).value
    tried = [
        f"{where}{one.words}: {value(one.accuracy)}, {one.macs:,} MACs, {one.state.lower()}" for one in found.tried
    ]
    verified = [] if found.verification is None else verification_lines(found.verification)
    outdated = OUTDATED if found.outdated else ""
    return [line for line in (certificate_text(found), selection_text(found), *verified, outdated, *tried) if line]
