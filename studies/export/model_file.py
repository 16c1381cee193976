"""Writes model.py: the network as one readable Python file."""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import wrap
from typing import Any

from ...blocks.modules.network import Network
from ...spaces import human
from ...spaces.candidates.candidate import Candidate
from ..records.measure import decimals, in_percent, words
from ..tasks.task import CLASSIFICATION, MULTI_LABEL, REGRESSION, counted, unit_in_words
from . import expression
from .facts import Facts, one_line
from .imports import render, requirements
from .printing import filled, pretty
from .source_text import Sources

DEFINED = ("CLASSES", "LABELS", "TARGETS", "SIZE", "STEPS", "LEVELS", "MEAN", "STD", "build")
"""Names that this file defines in model.py; everything else in model.py is copied."""
WITH_TIMM = ("torch", "timm", "torchvision", "safetensors", "numpy", "PIL")
"""Packages that are installed wherever timm is."""
CONVENTION = "1 FLOP = 1 multiply-add; convolutions and linear layers count"


@dataclass(frozen=True, kw_only=True)
class Use:
    """How an exported network is used, by what it gives."""

    names: str
    """The constant of model.py with the names of the outputs."""
    module: str
    """The module whose functions end model.py."""
    function: str
    """The function that a user calls with an image."""
    what: str
    """What the network is, after "A" and before the number of outputs."""
    verb: str
    """What it does with images."""
    returns: str
    """What the function returns."""
    activation: str = ""
    """What turns outputs into probabilities."""
    task: str

    def title(self, outputs: int) -> str:
        """What the network is, with its number of outputs."""
        return f"A {self.what} {counted(self.task, outputs)}"


USES = {
    use.task: use
    for use in (
        Use(
            task=CLASSIFICATION,
            names="CLASSES",
            module="usage_classes",
            function="classify",
            what="classifier of",
            verb="classify",
            returns="[(class, probability), ...]",
            activation=".softmax(1)",
        ),
        Use(
            task=MULTI_LABEL,
            names="LABELS",
            module="usage_labels",
            function="label",
            what="network that gives images any of",
            verb="label",
            returns="[(label, probability), ...], each for itself",
            activation=".sigmoid()",
        ),
        Use(
            task=REGRESSION,
            names="TARGETS",
            module="usage_numbers",
            function="predict",
            what="network that predicts",
            verb="measure",
            returns="{target: number in its unit}",
        ),
    )
}


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
    use = USES[facts.task]
    sources.add_ending(f"{__package__}.usage", "load", "preprocess", "run")
    sources.add_ending(f"{__package__}.{use.module}", use.function, "main")
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
    value = percent if in_percent(facts.metric) else decimals
    tested = "not tested" if facts.test_accuracy is None else f"{value(facts.test_accuracy)} on test data"
    validated = "" if facts.accuracy is None else f"{value(facts.accuracy)} on validation data, "
    unit = unit_in_words(facts.task, facts.classes)
    return f"{validated}{tested}{unit and f' ({unit})'}"


def _header(candidate: Candidate, facts: Facts, needs: list[str]) -> list[str]:
    use = USES[facts.task]
    title = f"{use.title(candidate.classes)}: a convolutional network found by automl, as one file."
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
        lines += wrap(f"{key:<9} {one_line(value)}", 100, subsequent_indent=" " * 10)
    return [
        *lines,
        "",
        "On the command line:",
        "",
        "    python model.py [IMAGE ...] [--weights FILE]",
        "",
        "From Python, in this folder:",
        "",
        f"    from model import {', '.join(sorted((use.function, 'load')))}",
        "",
        "    network = load()",
        f'    {use.function}(network, "image.png")',
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
            f"{USES[facts.task].names} = {classes}",
            f"SIZE = {facts.size}  # height and width in pixels of the images it was trained at",
            (
                f"STEPS = {filled(facts.preprocessing.steps)}  # each resize of {square} square: side in"
                " pixels, Pillow's filter"
            ),
            f"LEVELS = {facts.preprocessing.levels}  # black and white of grey of more than 8 bits; None: 0 and 65535",
            *(f"{name} = {filled(value)}" for name, value in numbers.items()),
        ]
    )
