"""A family of scaled networks as a folder: for each a JSON file that timm and `automl` read, and a
Python file that needs only torch and timm.

None of them is trained; the rates of dropout and stochastic depth are part of the files.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...blocks.errors import AutomlError
from ..writing.atomic_file import kind_of
from ..writing.markdown_table import plain
from .export_folder import renamed, require_new

if TYPE_CHECKING:
    from ...blocks.modules.network import Network
    from ...spaces import Candidate


@dataclass(frozen=True, kw_only=True)
class Relative:
    """One network of a family."""

    name: str
    """Name of its files, without ending."""
    candidate: Candidate
    """The candidate."""
    drop_rate: float
    """Rate of dropout before the classifier."""
    drop_path_rate: float
    """Rate of stochastic depth at the last unit."""
    scaling: Mapping[str, Any] = field(default_factory=dict)
    """How it was scaled from the baseline: plain JSON."""


def export_family(out: str | Path, title: str, relatives: Sequence[Relative]) -> list[Path]:
    """Write the folder `out`: NAME.json and NAME.py of every network, and README.md.

    Raises:
        InputError: the folder exists or its parent does not; nothing is written.
        AutomlError: a file does not build its network, or the disk refuses it; nothing is left
            behind.
    """
    out = Path(out)
    require_new(out)
    try:
        with renamed(out) as folder:
            names = [name for each in relatives for name in _write(folder, each)]
            (folder / "README.md").write_text(_readme(title, relatives), "utf-8")
    except OSError as error:
        raise kind_of(error)(f"the export to {out} failed: {error.strerror or error}") from error
    return [out / name for name in (*names, "README.md")]


def _write(folder: Path, relative: Relative) -> list[str]:
    from .architecture_file import architecture_file

    cost = relative.candidate.cost()
    data = {
        "id": relative.candidate.id,
        "candidate": relative.candidate.to_dict(),
        "drop_rate": relative.drop_rate,
        "drop_path_rate": relative.drop_path_rate,
        "cost": {
            "macs": int(cost.macs),
            "params": int(cost.params),
            "activations": int(cost.activations),
            "image": list(relative.candidate.image),
        },
        "scaling": dict(relative.scaling),
    }
    (folder / f"{relative.name}.json").write_text(json.dumps(data, indent=2, allow_nan=False) + "\n", "utf-8")
    network = _on_meta(relative)
    source = architecture_file(
        network,
        relative.candidate,
        f"{relative.name}: a convolutional network of {relative.candidate.classes} classes, untrained.",
    )
    (folder / f"{relative.name}.py").write_text(source, "utf-8")
    _verify(folder / f"{relative.name}.py", network)
    return [f"{relative.name}.json", f"{relative.name}.py"]


def _on_meta(relative: Relative) -> Network:
    import torch

    with torch.device("meta"):  # its weights are never asked for
        return relative.candidate.build(drop_rate=relative.drop_rate, drop_path_rate=relative.drop_path_rate)


def _verify(path: Path, network: Network) -> None:
    """Raise AutomlError unless the file builds the same modules with the same names and shapes of
    weights."""
    import torch

    from .source_check import loaded

    with loaded(path) as module, torch.device("meta"):
        rebuilt = module.build()
    ours, theirs = (
        {name: tuple(tensor.shape) for name, tensor in each.state_dict().items()} for each in (network, rebuilt)
    )
    if ours != theirs or str(network) != str(rebuilt):
        raise AutomlError(f"{path.name} does not rebuild the network")


def _readme(title: str, relatives: Sequence[Relative]) -> str:
    from ...spaces import human

    rows = []
    for each in relatives:
        cost, size = each.candidate.cost(), "x".join(map(str, each.candidate.image[1:]))
        rows.append(
            f"| {plain(each.name)} | {size} | {human(cost.macs)} | {human(cost.params)} | {each.drop_rate:.3g} |"
            f" {each.drop_path_rate:.3g} |"
        )
    first = relatives[0]
    return "\n".join(
        [
            f"# {plain(title)}",
            "",
            "Untrained networks. One FLOP is one multiply-add.",
            "",
            "| network | px | FLOPs | params | dropout | drop path |",
            "|---|---:|---:|---:|---:|---:|",
            *rows,
            "",
            "As a timm model, where automl is installed (`import automl.spaces`):",
            "",
            "```python",
            (
                f'timm.create_model("automl_network", candidate="{first.name}.json", drop_rate={first.drop_rate:.3g},'
                f" drop_path_rate={first.drop_path_rate:.3g})"
            ),
            "```",
            "",
            "With torch and timm alone:",
            "",
            "```python",
            f"from {first.name} import build",
            "",
            "network = build()",
            "```",
            "",
            f"`automl cost {first.name}.json` counts it, `automl grid --baseline {first.name}.json` scales it again.",
            "",
        ]
    )
