"""Writes a network's architecture as one Python file, without weights, classes or images."""

from __future__ import annotations

from ...blocks.modules.network import Network
from ...spaces.candidates.candidate import Candidate
from . import expression
from .imports import render, requirements
from .model_file import CONVENTION, WITH_TIMM, cost_in_words, docstring
from .printing import pretty
from .source_text import Sources


def architecture_file(network: Network, candidate: Candidate, title: str) -> str:
    """The source of a file whose `build()` makes `network`, with random weights, without this
    project.

    Raises:
        InputError: a module of the network cannot be written down; the convention it breaks is
            named.
    """
    made = expression.read(network, pretrained_cfg=network.pretrained_cfg)
    sources = Sources(reserved=("build",))
    for name in expression.names(made):
        if name.value is not None:
            sources.add(name.value)
    needs = ["torch", "timm", *(name for name in requirements(sources.imports.values()) if name not in WITH_TIMM)]
    head = [
        docstring(
            [
                title,
                "",
                f"Cost      {cost_in_words(candidate)} ({CONVENTION})",
                f"Origin    candidate {candidate.id[:12]}; code copied from automl is under the Apache License 2.0",
                f"Needs     {', '.join(needs)}",
            ]
        ),
        "from __future__ import annotations" if sources.postponed else "",
        render(sources.imports.values()),
    ]
    build = (
        'def build() -> Network:\n    """The network with random weights."""\n    return'
        f" {pretty(made, indent=4, used=len('return '))}"
    )
    return "\n\n\n".join(["\n\n".join(filter(None, head)), sources.text(), build]) + "\n"
