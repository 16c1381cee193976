"""The folder of an exported network: everything is made beside it and renamed at the end, so that
there is a whole one or none."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from ...blocks.documented import documented
from ...blocks.errors import AutomlError, InputError
from .facts import Facts

if TYPE_CHECKING:
    from torch import Tensor

    from ...blocks.modules.network import Network
    from ...spaces import Candidate
    from .check import Checked, Sample


@documented
@dataclass(frozen=True, kw_only=True)
class Exported:
    """A folder that has been written."""

    files: list[Path]
    """In it."""
    checked: Checked | None = None
    """What model.py did on real images; None where it was given none."""
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Files that were asked for and not written, each with the reason."""


def export_network(
    out: str | Path,
    *,
    candidate: Candidate,
    weights: Mapping[str, Tensor],
    facts: Facts,
    onnx: bool = True,
    sample: Sample | None = None,
) -> Exported:
    """Write the folder `out`: model.safetensors, config.json, model.py, model.onnx (unless `onnx`
    is False) and README.md; the files in this order.

    What model.py builds and what model.onnx computes is compared with the network before the folder
    gets its name; model.onnx is left out where it differs.

    Args:
        out: must not exist.
        candidate: the network.
        weights: its state dict, from any device.
        facts: what is known of it.
        onnx: whether model.onnx is wanted.
        sample: real images on which model.py must do what was measured in training.

    Raises:
        InputError: the folder exists or its parent does not, the weights or facts do not fit the
            network, a module of it breaks the export's convention, or a package is missing; nothing
            is written.
        AutomlError: the files do not reproduce the network or its accuracy on `sample`, or the disk
            refuses them; nothing is left behind.
    """
    out = Path(out)
    require_new(out)
    _check_facts(candidate, facts)
    if onnx:
        from .onnx_file import require_packages

        require_packages()
    network = _network(candidate, weights, facts)
    try:
        with renamed(out) as folder:
            names, checked, left_out = _write(folder, network, candidate, facts, onnx, sample)
    except OSError as error:
        raise AutomlError(f"the export to {out} failed: {error.strerror or error}") from error
    return Exported(files=[out / name for name in names], checked=checked, left_out=left_out)


def require_new(out: Path) -> None:
    """InputError unless `out` can be made."""
    if any("\udc80" <= letter <= "\udcff" for letter in str(out)):  # bytes that are no text: safetensors takes none
        raise InputError(
            "the output folder must have a name in UTF-8, but got"
            f" {str(out).encode('utf-8', 'backslashreplace').decode()}"
        )
    if os.path.lexists(out):
        raise InputError(f"the output folder must not exist, but {out} does")
    if not out.parent.is_dir():
        raise InputError(f"the output folder's parent must be a folder, but {out.parent} is none")


def _write(
    folder: Path, network: Network, candidate: Candidate, facts: Facts, onnx: bool, sample: Sample | None
) -> tuple[list[str], Checked | None, dict[str, str]]:
    from safetensors.torch import save

    from .check import check
    from .describe import config, readme
    from .model_file import model_file
    from .verify import verify

    image = (int(candidate.image[0]), facts.size, facts.size)
    # clones, as safetensors refuses tensors that share memory; written here, as its own files are
    # closed to other users
    contents = save(
        {name: tensor.clone().contiguous() for name, tensor in network.state_dict().items()}, {"format": "pt"}
    )
    (folder / "model.safetensors").write_bytes(contents)
    # a class named after a folder may hold bytes that are no text: JSON escapes them as Python does
    described = folder / "config.json"
    described.write_text(config(network, candidate, facts), "utf-8", "backslashreplace")
    source, needs = model_file(network, candidate, facts)
    (folder / "model.py").write_text(source, "utf-8")
    verify(folder / "model.py", network, image)
    checked = None if sample is None else check(folder, sample)
    described.write_text(config(network, candidate, facts, checked), "utf-8", "backslashreplace")
    left_out: dict[str, str] = {}
    if onnx:
        from .onnx_file import NoOnnx, write_onnx

        try:
            write_onnx(network, folder / "model.onnx", image)
        except NoOnnx as error:
            left_out["model.onnx"] = str(error)
            (folder / "model.onnx").unlink(missing_ok=True)
            onnx = False
    (folder / "README.md").write_text(
        readme(network, candidate, facts, needs, onnx=onnx, checked=checked, left_out=left_out), "utf-8"
    )
    return (
        ["model.safetensors", "config.json", "model.py", *(["model.onnx"] if onnx else []), "README.md"],
        checked,
        left_out,
    )


def _check_facts(candidate: Candidate, facts: Facts) -> None:
    channels = int(candidate.image[0])
    if channels not in (1, 3):
        raise InputError(f"an exported network takes images of 1 or 3 channels, but this one takes {channels}")
    if len(facts.mean) != channels:
        raise InputError(
            f"mean and std must have one number for each of the network's {channels} channels, but got"
            f" {len(facts.mean)}"
        )
    if len(facts.classes) != candidate.classes:
        raise InputError(
            f"classes must name each of the network's {candidate.classes} outputs, but got {len(facts.classes)} names"
        )


def _network(candidate: Candidate, weights: Mapping[str, Tensor], facts: Facts) -> Network:
    """The network with its weights on the CPU, in eval mode, described by the facts."""
    import torch

    from .describe import pretrained_cfg

    with torch.random.fork_rng(devices=[]):
        network = candidate.build()
    try:
        network.load_state_dict(dict(weights))
    except RuntimeError as error:
        raise InputError(
            f"the weights must be those of the candidate {candidate.id[:12]}, but {' '.join(str(error).split())[:300]}"
        ) from None
    if not all(bool(tensor.isfinite().all()) for tensor in network.state_dict().values()):
        raise InputError("the weights must be finite, but some are not")
    network.pretrained_cfg = network.default_cfg = pretrained_cfg(network, candidate, facts)
    return network.eval()


@contextmanager
def renamed(out: Path) -> Iterator[Path]:
    """A new folder beside `out` that gets its name at the end, or is removed if anything fails."""
    folder = out.with_name(f".{out.name}.{uuid4().hex[:8]}.partial")
    try:
        folder.mkdir()
        yield folder
        folder.rename(out)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
