"""Writes config.json and README.md: what is known of an exported network, for programs and for
people."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ...blocks.modules.network import Network
from ...spaces.candidates.candidate import Candidate
from ..records.measure import ACCURACY, words
from ..tasks.preprocessing import LETTERBOX
from ..tasks.task import CLASSIFICATION, MULTI_LABEL, REGRESSION, counted
from ..trained.measures_page import measures_section
from ..writing.markdown_table import plain
from .check import Checked
from .facts import Facts, one_line
from .model_file import CONVENTION, USES, accuracy_in_words, cost_in_words, quality_head

TITLES = {
    CLASSIFICATION: "An image classifier",
    MULTI_LABEL: "A network that labels images",
    REGRESSION: "A network that predicts numbers from images",
}
SHOWN = 20
"""Class names that README.md shows at most."""


def pretrained_cfg(network: Network, candidate: Candidate, facts: Facts) -> dict[str, Any]:
    """timm's description of how a network was trained: input, normalisation, where its first and
    last layers are."""
    reduction = int(network.feature_info[-1]["reduction"])
    pooled, last = -(-facts.size // reduction), facts.preprocessing.steps[-1][1]
    return {
        **network.pretrained_cfg,
        "num_classes": candidate.classes,
        "input_size": (candidate.image[0], facts.size, facts.size),
        "pool_size": (pooled, pooled),
        "crop_mode": "center",
        "crop_pct": 1.0,
        "interpolation": "bicubic" if last == LETTERBOX else last,
        "mean": tuple(map(float, facts.mean)),
        "std": tuple(map(float, facts.std)),
    }


def config(network: Network, candidate: Candidate, facts: Facts, checked: Checked | None = None) -> str:
    """config.json: timm's keys first, then ours."""
    cost = candidate.cost()
    data = {
        "architecture": network.pretrained_cfg["architecture"],
        "num_classes": candidate.classes,
        "num_features": network.num_features,
        "global_pool": str(network.global_pool.pool_type),
        "label_names": list(facts.classes),
        "pretrained_cfg": network.pretrained_cfg,
        "model_args": {"candidate": candidate.to_dict()},  # so that timm builds it again
        "id": candidate.id,
        "candidate": candidate.to_dict(),
        "cost": {
            "macs": int(cost.macs),
            "params": int(cost.params),
            "activations": int(cost.activations),
            "image": list(candidate.image),
            "convention": CONVENTION,
        },
        "accuracy": {"validation": facts.accuracy, "test": facts.test_accuracy},
        **({} if facts.metric == ACCURACY else {"metric": facts.metric}),
        **({} if facts.task == CLASSIFICATION else {"task": facts.task}),
        "preprocessing": facts.preprocessing.to_dict(),
        "checked": None if checked is None else checked.to_dict(),
        "training": {"size": facts.size, "epochs": facts.epochs, "seed": facts.seed, "data": facts.public_data},
        "study": facts.study,
        "budget": facts.budget,
        "command": facts.public_command,
        "settings": dict(facts.settings),
        "versions": dict(facts.versions),
        **({"begun": facts.begun} if facts.begun else {}),
        **({} if facts.measures is None else {"measures": facts.measures.to_dict()}),
    }
    return json.dumps(data, indent=2, ensure_ascii=False, default=_plain) + "\n"


def readme(
    network: Network,
    candidate: Candidate,
    facts: Facts,
    needs: list[str],
    *,
    usage: Sequence[str] = (),
    checked: Checked | None = None,
    left_out: Mapping[str, str] | None = None,
) -> str:
    """README.md: what the network is, costs and can do, and how to use it.

    Args:
        needs: the packages that model.py imports.
        usage: a paragraph for each exporter that wrote files.
        checked: what model.py did on real images.
        left_out: files that were asked for and not written, each with the reason.
    """
    size = facts.size
    classes = ", ".join(_code(name) for name in facts.classes[:SHOWN])
    use = USES[facts.task]
    more = f" and {len(facts.classes) - SHOWN} more (`{use.names}` in `model.py`)" if len(facts.classes) > SHOWN else ""
    rows = {
        "Cost": f"{cost_in_words(candidate)}; {CONVENTION}",
        "Budget": (
            f"{_code(facts.budget) if facts.budget else 'none'}, counted at {candidate.image[1]}x{candidate.image[2]}"
            " pixels"
        ),
        quality_head(facts): accuracy_in_words(facts),
        "Trained": (
            f"{facts.epochs} epochs on {_code(facts.public_data)} at {size}x{size} pixels, seed {facts.seed}"
            f"{facts.mark and '; '}{facts.mark}"
        ),
        "Began from": facts.begun,
        "Input": str(facts.preprocessing),
        "Checked": "not on real images" if checked is None else str(checked),
        "Found by": f"study {_code(facts.study)}, {_code(facts.public_command)}",
        "Candidate": _code(candidate.id),
        "Settings": plain(", ".join(f"{key} {value}" for key, value in facts.settings.items())),
        "Versions": ", ".join(f"{key} {value}" for key, value in facts.versions.items()),
    }
    table = "\n".join(f"| {key} | {_cell(value)} |" for key, value in rows.items() if value)
    text = f"""# {TITLES[facts.task]} found by automl

{counted(facts.task, len(facts.classes))}: {classes}{more}.

| | |
|---|---|
{table}

{_sizes(candidate, facts)}## Use it

`model.py` needs {" and ".join(needs)}, nothing else; see that everything is in place, or {use.verb} images:

```
python model.py
python model.py IMAGE ...
```

From Python, in this folder:

```python
from model import {", ".join(sorted((use.names, use.function, "load", "preprocess")))}

network = load()
{use.function}(network, "image.png")  # {use.returns}
network(preprocess("image.png")){use.activation}  # (1, {len(facts.classes)})
network.forward_features(preprocess("image.png"))  # the last map, (1, {network.num_features}, h, w)
network.reset_classifier(5)  # a new classifier, to fine-tune on classes of your own
```
"""
    text += """
With timm, where automl is installed, in the folder above this one:

```python
import timm
import automl.spaces  # makes the architecture known

timm.create_model("local-dir:FOLDER", pretrained=True)  # the name of this folder in place of FOLDER
```
"""
    text += "".join(f"\n{paragraph.strip()}\n" for paragraph in usage)
    for name, reason in (left_out or {}).items():
        text += f"\n`{name}` was left out: {plain(one_line(reason))}.\n"
    measured = "" if facts.measures is None else measures_section(facts.measures)
    return text + measured + _preprocessing(checked)


def _preprocessing(checked: Checked | None) -> str:
    return (
        "\n## Other ways to prepare images\n\nThe network was trained on images prepared by `preprocess` in"
        " `model.py`, from files; otherwise it sees other pixels, and may be less accurate."
        f" {'' if checked is None else checked.by_timm}".rstrip()
        + "\n"
    )


def _sizes(candidate: Candidate, facts: Facts) -> str:
    if tuple(candidate.image[1:]) == (facts.size, facts.size):
        return ""
    return (
        f"The {words(facts.metric)} was measured at {facts.size}x{facts.size} pixels. The cost is counted at"
        f" {candidate.image[1]}x{candidate.image[2]}, where the {words(facts.metric)} is not known.\n\n"
    )


def _code(text: object) -> str:
    """Text in backticks; a backtick in it becomes an apostrophe."""
    return f"`{one_line(text).replace('`', chr(39))}`"


def _cell(text: str) -> str:
    return one_line(text).replace("|", "\\|")


def _plain(value: Any) -> Any:
    """A NumPy number as a Python number; anything else as text."""
    return value.item() if hasattr(value, "item") else str(value)
