"""Writes the folder of an exported network. All files are written to a folder of a temporary name,
which is renamed at the end: after a failure no part of it remains."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

from ...blocks.documented import documented
from ...blocks.errors import AutomlError, InputError
from ..writing.atomic_file import kind_of, sync_folder, sync_tree
from ..writing.utf8 import is_text
from .exporter import DEFAULT_FORMATS, Context, Exporter, NotExported, exporters_for
from .facts import Facts

if TYPE_CHECKING:
    from torch import Tensor

    from ...blocks.modules.network import Network
    from ...spaces import Candidate
    from .check import Checked, Sample


VERIFIED = (
    "`certificate.md` compares this network with published ones of the same budget, trained alike and measured on the"
    " test images; `certificate.json` is the same for programs."
)
"""The paragraph of README.md on the certificate."""


@documented
@dataclass(frozen=True, kw_only=True)
class Exported:
    """A folder that has been written."""

    files: list[Path]
    """The files in it, in the order in which they were written."""
    checked: Checked | None = None
    """What model.py did on real images; None if it was given none."""
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Files that were asked for and not written, each with the reason."""


def export_network(
    out: str | Path,
    *,
    candidate: Candidate,
    weights: Mapping[str, Tensor],
    facts: Facts,
    formats: Sequence[str] = DEFAULT_FORMATS,
    sample: Sample | None = None,
    certificate: Mapping[str, str] | None = None,
) -> Exported:
    """Write the folder `out`: model.safetensors, config.json, model.py, the files of the exporters
    named in `formats`, those of the certificate, and README.md, in this order.

    What model.py builds is compared with the network, and each exporter checks its own files,
    before the folder gets its name. Files that differ from the network are left out.

    Args:
        out: must not exist.
        candidate: the network.
        weights: its state dict, from any device.
        facts: how it was trained and how accurate it is.
        formats: names of exporters; () writes none of their files.
        sample: real images on which model.py must reproduce what was measured in training.
        certificate: the files of `CERTIFICATE` with their texts; None if the network has not been
            verified.

    Raises:
        InputError: the folder exists or its parent does not, the weights or facts do not fit the
            network, a module of it breaks the export's convention, there is no exporter of a name,
            or one needs a package that is missing; nothing is written.
        AutomlError: the files do not reproduce the network or its accuracy on `sample`, or the disk
            refuses them; nothing is left behind.
    """
    out = Path(out)
    require_new(out)
    _check_facts(candidate, facts)
    chosen = exporters_for(formats)
    network = _network(candidate, weights, facts)
    try:
        with renamed(out) as folder:
            names, checked, left_out = _write(
                folder, network, Context(candidate=candidate, facts=facts), chosen, sample, certificate or {}
            )
    except OSError as error:
        raise kind_of(error)(f"the export to {out} failed: {error.strerror or error}") from error
    return Exported(files=[out / name for name in names], checked=checked, left_out=left_out)


def require_new(out: Path) -> None:
    """Raise InputError unless the folder `out` can be made."""
    if not is_text(str(out)):  # safetensors refuses such a path
        raise InputError(
            "the output folder must have a name in UTF-8, but got"
            f" {str(out).encode('utf-8', 'backslashreplace').decode()}"
        )
    try:
        os.lstat(out)
    except (FileNotFoundError, NotADirectoryError):
        pass
    except (OSError, ValueError) as error:  # a name that no folder can have
        raise InputError(f"the output folder cannot be {str(out)!r}: {getattr(error, 'strerror', error)}") from None
    else:
        raise InputError(f"the output folder must not exist, but {out} does")
    if not os.path.isdir(out.parent):
        raise InputError(f"the output folder's parent must be a folder, but {out.parent} is none")


def _write(
    folder: Path,
    network: Network,
    context: Context,
    chosen: Sequence[Exporter],
    sample: Sample | None,
    certificate: Mapping[str, str],
) -> tuple[list[str], Checked | None, dict[str, str]]:
    from safetensors.torch import save

    from .check import check
    from .describe import config, readme
    from .model_file import model_file
    from .source_check import verify

    candidate, facts = context.candidate, context.facts
    # clones, since safetensors refuses tensors that share memory; written here, since files that
    # safetensors writes cannot be read by other users
    contents = save(
        {name: tensor.clone().contiguous() for name, tensor in network.state_dict().items()}, {"format": "pt"}
    )
    (folder / "model.safetensors").write_bytes(contents)
    # the name of a class may hold bytes that are not UTF-8, since it may come from a folder
    described = folder / "config.json"
    described.write_text(config(network, candidate, facts), "utf-8", "backslashreplace")
    source, needs = model_file(network, candidate, facts)
    (folder / "model.py").write_text(source, "utf-8")
    verify(folder / "model.py", network, context.image)
    checked = None if sample is None else check(folder, sample)
    described.write_text(config(network, candidate, facts, checked), "utf-8", "backslashreplace")
    written, left_out = _further_files(folder, network, context, chosen)
    for name, page in certificate.items():
        (folder / name).write_text(page, "utf-8", "backslashreplace")
    usage = [*(exporter.usage(context) for exporter in written), *([VERIFIED] if certificate else [])]
    text = readme(network, candidate, facts, needs, usage=usage, checked=checked, left_out=left_out)
    (folder / "README.md").write_text(text, "utf-8")
    further = [file for exporter in written for file in exporter.files]
    names = ["model.safetensors", "config.json", "model.py", *further, *certificate, "README.md"]
    return names, checked, left_out


def _further_files(
    folder: Path, network: Network, context: Context, chosen: Sequence[Exporter]
) -> tuple[list[Exporter], dict[str, str]]:
    """The exporters that wrote their files, and each file that was left out, with the reason."""
    written: list[Exporter] = []
    left_out: dict[str, str] = {}
    for exporter in chosen:
        try:
            exporter.write(network, folder, context)
            exporter.check(network, folder, context)
            for file in exporter.files:
                if not (folder / file).exists():
                    raise AutomlError(f"the exporter {exporter.name} must write {file}, but did not")
        except NotExported as error:
            left_out |= dict.fromkeys(exporter.files, str(error))
            for file in exporter.files:
                _remove(folder / file)
        else:
            written.append(exporter)
    return written, left_out


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _check_facts(candidate: Candidate, facts: Facts) -> None:
    channels = int(candidate.image[0])
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
    """The network with its weights, on the CPU and in eval mode; `pretrained_cfg` comes from the
    facts."""
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
    """A new folder beside `out` that is synced and gets its name at the end, or is removed if
    anything fails."""
    folder = out.with_name(f".{out.name[:40]}.{uuid4().hex[:8]}.partial")
    try:
        folder.mkdir()
        yield folder
        sync_tree(folder)
        folder.rename(out)
        sync_folder(out.parent)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
