"""Writes model.py: the network as one readable Python file."""

from __future__ import annotations

from textwrap import wrap
from typing import Any

from ...blocks.modules.network import Network
from ...spaces import human
from ...spaces.candidate import Candidate
from ..measure import in_percent, words
from . import expression
from .facts import Facts, one_line
from .imports import render, requirements
from .printing import filled, pretty
from .source import Sources

DEFINED = ("CLASSES", "SIZE", "STEPS", "LEVELS", "MEAN", "STD", "build")
"""Names that this file defines in model.py; everything else in model.py is copied."""
WITH_TIMM = ("torch", "timm", "torchvision", "safetensors", "numpy", "PIL")
"""Packages that are installed wherever timm is."""
CONVENTION = "1 FLOP = 1 multiply-add; convolutions and linear layers count"


def model_file(network: Network, candidate: Candidate, facts: Facts) -> tuple[str, list[str]]:
    """The source of a file that builds `network` without this project, and the packages it needs.

    Raises:
        InputError: a module of the network cannot be written down; the convention it breaks is
            named.
    """
    made = expression.read(
        network,
        pretrained_cfg={**network.pretrained_cfg, "mean": expression.Name("MEAN"), "std": expression.Name("STD")},
    )
    sources = Sources(reserved=DEFINED)
    for name in expression.names(made):
        if name.value is not None:
            sources.add(name.value)
    sources.add_ending(f"{__package__}.usage", "load", "preprocess", "classify", "main")
    needs = ["torch", "timm", *(name for name in requirements(sources.imports.values()) if name not in WITH_TIMM)]
    head = [
        docstring(_header(candidate, facts, needs)),
        "from __future__ import annotations" if sources.postponed else "",
        render(sources.imports.values()),
        _constants(facts),
    ]
    build = (
        'def build() -> Network:\n    """The network with random weights."""\n    return'
        f" {pretty(made, indent=4, used=len('return '))}"
    )
    guard = 'if __name__ == "__main__":\n    main()\n'
    return "\n\n\n".join(["\n\n".join(filter(None, head)), sources.text(), build, sources.ending(), guard]), needs


def percent(share: float) -> str:
    """0.9731 → "97.31 %"."""
    return f"{100 * share:.2f} %"


def cost_in_words(candidate: Candidate) -> str:
    """MACs, parameters, activations, and the input they are counted at."""
    cost = candidate.cost()
    counts = f"{human(cost.macs)} MACs, {human(cost.params)} parameters, {human(cost.activations)} activations"
    return f"{counts} for an image of {'x'.join(map(str, candidate.image))}"


def quality_head(facts: Facts) -> str:
    """The quality measure with a capital letter."""
    name = words(facts.metric)
    return f"{name[:1].upper()}{name[1:]}"


def accuracy_in_words(facts: Facts) -> str:
    """The accuracies on validation and test data, in words."""
    value = percent if in_percent(facts.metric) else "{:.4f}".format
    tested = "not tested" if facts.test_accuracy is None else f"{value(facts.test_accuracy)} on test data"
    return f"{value(facts.accuracy)} on validation data, {tested}"


def _header(candidate: Candidate, facts: Facts, needs: list[str]) -> list[str]:
    title = f"A classifier of {candidate.classes} classes: a convolutional network found by automl, as one file."
    rows = {
        "Cost": f"{cost_in_words(candidate)} ({CONVENTION})",
        quality_head(facts): accuracy_in_words(facts),
        "Trained": (
            f"{facts.epochs} epochs on {facts.public_data} at {facts.size}x{facts.size} pixels, seed {facts.seed}"
            f"{facts.mark and '; '}{facts.mark}"
        ),
        "Origin": (
            f"study {facts.study}, candidate {candidate.id[:12]}; code copied from automl is under the Apache"
            " License 2.0"
        ),
        "Needs": ", ".join(needs),
    }
    lines = [title, ""]
    for key, value in rows.items():
        lines += wrap(f"{key:<10}{one_line(value)}", 100, subsequent_indent=" " * 10)
    return [
        *lines,
        "",
        "On the command line:",
        "",
        "    python model.py [IMAGE ...] [--weights FILE]",
        "",
        "From Python, in this folder:",
        "",
        "    from model import classify, load",
        "",
        "    network = load()",
        '    classify(network, "image.png")',
    ]


def docstring(lines: list[str]) -> str:
    """Lines as a docstring; characters that would end it or be read as an escape are escaped."""
    text = "\n".join(lines).replace("\\", "\\\\").replace('"""', '\\"\\"\\"')
    return f'"""{text}\n"""'


def _constants(facts: Facts) -> str:
    classes = filled(facts.classes)
    square = "a whole image on a black" if facts.preprocessing.letterbox else "an image's central"
    numbers: dict[str, Any] = {"MEAN": tuple(map(float, facts.mean)), "STD": tuple(map(float, facts.std))}
    return "\n".join(
        [
            f"CLASSES = {classes}",
            f"SIZE = {facts.size}  # height and width in pixels of the images it was trained at",
            (
                f"STEPS = {filled(facts.preprocessing.steps)}  # each resize of {square} square: side in"
                " pixels, Pillow's filter"
            ),
            f"LEVELS = {facts.preprocessing.levels}  # black and white of grey of more than 8 bits; None: 0 and 65535",
            *(f"{name} = {filled(value)}" for name, value in numbers.items()),
        ]
    )
