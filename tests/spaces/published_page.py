"""docs/architectures.md, rendered from what is computed. Run this file to write it; a test compares
the two."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from pathlib import Path

import timm
from automl.spaces import architecture, architectures
from published import ROWS, Row
from published_rules import (
    MXNET,
    PLAIN,
    PLUS_ONE,
    SENET,
    THOP,
    THOP_MOBILE,
    TRIED,
    UNEXPLAINED,
    UNITS_OF_1024,
    WITHOUT_NORMS,
    Facts,
    Rule,
    Subject,
    observe,
    shown,
    value,
    without_memory,
)

PAGE = Path(__file__).resolve().parents[2] / "docs" / "architectures.md"
COMMAND = "uv run python tests/spaces/published_page.py"

HEAD = f"""# Published networks, and what is published of them

Written by `{COMMAND}`; `tests/spaces/test_published.py` compares it with what it computes. Neither numbers nor \
causes are edited by hand.

One FLOP is one multiply-add (MAC): convolutions and linear layers count, nothing else. *Ours* is exact, by \
arithmetic, and equal to PyTorch's counter to the
unit. *timm* is the number of timm's own module, at the same size and by the same counter: `=` where it equals ours \
to the unit, `–` where timm has no such
network. The difference is ours against the printed figure. *Counted as* says which way of counting gives the \
printed figure to its last digit, and what it
gives; nothing stands there where ours does, rounded.
"""


@cache
def subject(row: Row) -> Subject:
    """A row's network with its facts, computed once."""
    return Subject(row.candidate())


@cache
def theirs(row: Row) -> Facts | None:
    """The facts of timm's module, computed once."""
    if row.theirs is None:
        return None
    with without_memory():
        network = row.theirs()
    return observe(network, subject(row).candidate.image)


def figures(row: Row) -> list[tuple[str, str, Rule]]:
    """Quantity, printed figure and rule of everything a row prints."""
    kinds = (("params", row.params, row.params_rule), ("macs", row.macs, row.macs_rule))
    return [(quantity, printed, rule) for quantity, printed, rule in kinds if printed is not None]


def siblings(row: Row, quantity: str) -> list[tuple[Row, str]]:
    """All figures of a kind in a row's source."""
    return [
        (other, printed)
        for other in ROWS
        if other.source == row.source
        for kind, printed, _ in figures(other)
        if kind == quantity
    ]


def _table(head: Iterable[str], rows: Iterable[Iterable[str]], left: int = 1) -> str:
    head = list(head)
    lines = [head, ["---" if index < left else "---:" for index in range(len(head))], *map(list, rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def _published(row: Row) -> list[str]:
    facts, other = subject(row).facts, theirs(row)
    cells, causes = [row.name], []
    for quantity in ("params", "macs"):
        printed = getattr(row, quantity)
        ours, beside = getattr(facts, quantity), getattr(other, quantity, None)
        same = "–" if beside is None else "=" if beside == ours else f"{beside:,}"
        cells += [printed or "–", f"{ours:,}", same, f"{ours / value(printed) - 1:+.2%}" if printed else "–"]
    for quantity, printed, rule in figures(row):
        label = "params" if quantity == "params" else "MACs"
        if rule is UNEXPLAINED:
            causes.append(f"{label}: **unexplained**")
        elif rule is not PLAIN:
            causes.append(f"{label}: {rule.name}, {rule.figure(subject(row), quantity, printed):.3f}")
    return [*cells, "; ".join(causes)]


def _tried(row: Row, quantity: str, printed: str) -> list[str]:
    cells = [f"{row.name}, {'params' if quantity == 'params' else 'MACs'}", printed]
    for rule in TRIED:
        figure = rule.figure(subject(row), quantity, printed)
        if figure is None:
            cells.append("")
            continue
        text = f"{figure:.3f}"
        if rule.gives(subject(row), quantity, printed):
            given = [rule.gives(subject(other), quantity, one) for other, one in siblings(row, quantity)]
            text = f"**{text}**, {sum(given)} of {len(given)}"
        cells.append(text)
    return cells


def _settings(settings) -> str:
    def text(item) -> str:
        return (
            "/".join(map(text, item))
            if isinstance(item, tuple)
            else f"{item:.4g}"
            if isinstance(item, float)
            else str(item)
        )

    return ", ".join(f"{key} {text(item)}" for key, item in settings.items()) or "baseline"


def _known() -> Iterable[list[str]]:
    for name in architectures():
        known = architecture(name)
        cost = known.candidate().cost()
        numbers = [str(known.size), f"{cost.params:,}", f"{cost.macs:,}"]
        yield [
            f"`{name}`",
            f"`{known.skeleton}`",
            _settings(known.settings),
            "yes" if timm.is_model(name) else "",
            *numbers,
        ]


def _exchanged() -> str:
    deep, wide = (next(row for row in ROWS if row.name == f"ResNet-50 {scale}") for scale in ("d=4", "w=2"))
    cells = [f"{subject(one).facts.macs / value(other.macs) - 1:+.1%}" for one, other in ((deep, wide), (wide, deep))]
    return (
        f"with the two figures exchanged the differences are {cells[0]} (d=4 against {wide.macs}) and {cells[1]} (w=2"
        f" against {deep.macs})."
    )


def _unexplained() -> str:
    left = [(row, quantity, printed) for row in ROWS for quantity, printed, rule in figures(row) if rule is UNEXPLAINED]
    b5, r2, split = (
        next(row for row in ROWS if row.name == name)
        for name in ("EfficientNet-B5", "EfficientNet-B0 r=2", "ResNeSt-50-fast 1s1x64d")
    )
    resnests = siblings(split, "macs")
    given = [sum(rule.gives(subject(row), "macs", printed) for row, printed in resnests) for rule in (MXNET, PLUS_ONE)]
    counted = [
        f"{MXNET.figure(subject(row), 'macs', printed):.3f} for {row.name} (printed {printed})"
        for row, kind, printed in left
        if kind == "macs" and row.source == split.source
    ]
    split_theirs = theirs(split)
    assert split_theirs is not None
    return f"""## What stays unexplained

{len(left)} of {sum(len(figures(row)) for row in ROWS)} printed figures. Each with what else was tried, in the unit \
printed. **Bold** is a way of counting that
gives the digits, with how many of its source's figures of that kind it gives: one that gives some and misses others \
is taken for a coincidence.

{_table(("figure", "printed", *(rule.name for rule in TRIED)), (_tried(*one) for one in left))}
- EfficientNet: no input side from {SIDES.start} to {SIDES.stop - 1} pixels gives B5 the {b5.macs} printed, so \
another resolution is not the cause. At twice
  its resolution B0 has four times its MACs at most, {4 * subject(b0()).facts.macs / 1e9:.2f}B, yet {r2.macs} is \
printed.
- ResNet-50 in Table 3: {_exchanged()}
- ResNeSt: the counter that its authors name gives {given[0]} of {len(resnests)} figures, and {", ".join(counted)}. \
It is believed because they name it:
  "{PLUS_ONE.name}" gives {given[1]} of {len(resnests)} too, though not the same. Of parameters, timm's own module \
at 1s1x64d has
  {split_theirs.params / 1e6:.2f}M as ours.

Not compared: the compound scaling of MobileNetV2 and ResNet-50 in Table 3, which is printed without its \
coefficients; Once-for-All, MnasNet and
NAS-Bench-Macro.
"""


def render() -> str:
    """The whole page."""
    parts = [HEAD]
    columns = ("network", "params", "ours", "timm", "difference", "MACs", "ours", "timm", "difference", "counted as")
    for source in dict.fromkeys(row.source for row in ROWS):
        parts.append(f"## {source}\n\n" + _table(columns, (_published(row) for row in ROWS if row.source == source)))
    parts.append(
        "## Ways of counting\n\n"
        + "".join(
            f"- **{r.name}**: {r.text}.\n" for r in (WITHOUT_NORMS, UNITS_OF_1024, SENET, THOP, THOP_MOBILE, MXNET)
        )
    )
    parts.append(_unexplained())
    parts.append(
        f"## Every named network\n\n{len(architectures())} networks that `automl cost NAME` counts, at the size of"
        " their figures. Settings are what differs from the skeleton's baseline (a/b/c: one value a stage).\n\n"
        + _table(("name", "skeleton", "settings", "in timm", "size", "params", "MACs"), _known(), left=4)
    )
    return "\n".join(parts)


SIDES = range(224, 601)
"""Input sides at which B5 is counted."""


def b0() -> Row:
    """EfficientNet-B0."""
    return next(row for row in ROWS if row.name == "EfficientNet-B0")


def b5_at_every_side() -> set[str]:
    """What B5's MACs would be printed as, at every side."""
    return {
        shown(architecture("efficientnet_b5").candidate(image_size=side).cost().macs / 1e9, "9.9B") for side in SIDES
    }


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
