"""Reads the weights of a trained network: from timm's hub, a file, or an exported folder."""

from __future__ import annotations

import hashlib
import logging
import socket
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit
from urllib.request import getproxies

import numpy as np
from numpy.typing import NDArray

from ...blocks.errors import AutomlError, InputError, first_line
from ...blocks.regular_file import require_regular
from ...spaces import Candidate
from ...spaces.architecture_names import find_architecture
from ...spaces.candidates.candidate_file import read_candidate

if TYPE_CHECKING:
    from torch import Tensor

    from ...blocks.modules.network import Network

ENDINGS = (".pt", ".pth", ".bin", ".safetensors")
"""Endings of files of weights."""
INSIDE = ("state_dict_ema", "model_ema", "state_dict", "model", "weights")
"""Keys under which training programs keep the weights in a file, the averaged ones first."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Source:
    """A trained network: plain data, which a worker can be sent."""

    name: str
    """Its name: of a published network, or the beginning of a candidate's id."""
    candidate: str
    """Canonical JSON of the network."""
    weights: Mapping[str, NDArray[np.float32]]
    """Its weights and statistics by their names in timm; those of the classifier may lack."""

    @property
    def fingerprint(self) -> str:
        """SHA-256 of names, shapes and values; the same whatever file held them."""
        digest = hashlib.sha256()
        for name, values in sorted(self.weights.items()):
            digest.update(f"{name}{list(values.shape)}".encode())
            digest.update(np.ascontiguousarray(values, np.float32).data)
        return digest.hexdigest()

    @property
    def identity(self) -> dict[str, Any]:
        """What a study keeps to know the source again."""
        return {"name": self.name, "fingerprint": self.fingerprint}

    def network(self) -> Network:
        """The network with its weights, on the CPU; without a classifier if its weights lack."""
        import torch

        from ...spaces.candidates.build import build

        candidate = Candidate.from_spec(self.candidate)
        with torch.device("meta"):
            network = build(candidate)
            if f"{network.classifier_name}.weight" not in self.weights:
                network.reset_classifier(0)
        state = {name: torch.tensor(values) for name, values in self.weights.items()}
        counts = {name: torch.tensor(0) for name in network.state_dict() if name.endswith("num_batches_tracked")}
        network.load_state_dict({**counts, **state}, assign=True)
        return network.eval()

    @classmethod
    def of(cls, name: str, candidate: Candidate, weights: Mapping[str, Tensor], where: str = "the weights") -> Source:
        """The source of a state dict.

        Raises:
            InputError: the weights are not those of the network, the classifier excepted.
        """
        kept = {key: value for key, value in weights.items() if not key.endswith("num_batches_tracked")}
        source = cls(
            name=name,
            candidate=candidate.spec,
            weights={key: value.detach().float().cpu().numpy() for key, value in kept.items()},
        )
        _check(source, where)
        return source


def read_source(text: str) -> Source:
    """The source that `--pretrained` names: NAME, NAME:FILE, or a folder written by `automl
    export`. The last one read is remembered while its file does not change.

    Raises:
        InputError: there is no such network or file, or the file holds other weights.
        AutomlError: timm's hub cannot be reached.
    """
    file = text.partition(":")[2]
    stamp = Path(file or text).expanduser()
    if (stamp / "model.safetensors").is_file():
        stamp = stamp / "model.safetensors"
    facts = stamp.stat() if (file or stamp.suffix) and stamp.is_file() else None
    return _read(text, None if facts is None else (facts.st_mtime_ns, facts.st_size))


@lru_cache(maxsize=1)
def _read(text: str, stamp: tuple[int, int] | None) -> Source:
    name, _, file = text.partition(":")
    folder = Path(text).expanduser()
    if (folder / "config.json").is_file():
        candidate = read_candidate(folder / "config.json")
        weights = _state(folder / "model.safetensors")
        return Source.of(candidate.id[:12], candidate, weights, str(folder))
    architecture = find_architecture(name)
    weights = _state(Path(file).expanduser()) if file else _from_hub(name)
    candidate = architecture.candidate()
    names = _shape(candidate)
    first, classifier = names["first"], names["classifier"]
    channels = weights[first].shape[1] if first in weights and weights[first].ndim == 4 else 3
    classes = len(weights[classifier]) if classifier in weights and weights[classifier].ndim == 2 else 1000
    candidate = architecture.candidate(classes=max(1, classes), channels=max(1, channels))
    return Source.of(name, candidate, weights, file or name)


def _shape(candidate: Candidate) -> dict[str, str]:
    """Names of the weights that tell the channels of the images and the number of classes."""
    import torch

    with torch.device("meta"):
        network = candidate.build()
    cfg = network.pretrained_cfg
    return {"first": f"{cfg['first_conv']}.weight", "classifier": f"{cfg['classifier']}.weight"}


def _from_hub(name: str) -> Mapping[str, Tensor]:
    """The weights that timm's hub has of a network.

    Raises:
        InputError: timm has none.
        AutomlError: the hub cannot be reached.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # timm warns about its own modules
        import timm

        if not timm.is_model(name) or not timm.models.is_model_pretrained(name):
            raise InputError(f"timm has no trained weights of {name!r}: give a file, as --pretrained {name}:FILE")
        away = False
        try:
            with _hub_or_cache() as away:
                return timm.create_model(name, pretrained=True).state_dict()
        except Exception as error:  # whatever the libraries between here and the hub raise
            reason = "no network" if away else first_line(error).strip()
            raise AutomlError(
                f"the weights of {name} cannot be fetched from timm's hub ({reason[:160]}): give a file, as"
                f" --pretrained {name}:FILE"
            ) from None


@contextmanager
def _hub_or_cache() -> Iterator[bool]:
    """Yields whether the name of the hub's host cannot be resolved. What was fetched before is then
    found without the hub, whose library would try again and again for a minute."""
    from huggingface_hub import constants

    host, logger = urlsplit(constants.ENDPOINT).hostname, logging.getLogger("huggingface_hub")
    offline, level = constants.HF_HUB_OFFLINE, logger.level
    away = False
    if not getproxies():  # a proxy resolves names itself
        try:
            socket.getaddrinfo(host, None)
        except OSError:
            away = True
    try:
        logger.setLevel(logging.ERROR)
        constants.HF_HUB_OFFLINE = offline or away  # pyright: ignore[reportConstantRedefinition]
        yield away
    finally:
        constants.HF_HUB_OFFLINE = offline  # pyright: ignore[reportConstantRedefinition]
        logger.setLevel(level)


def _state(path: Path) -> Mapping[str, Tensor]:
    """The state dict in a file, without the prefixes of wrappers.

    Raises:
        InputError: the file cannot be read, or holds no weights.
    """
    from timm.models import clean_state_dict
    from torch import Tensor

    from ...studies.trained.checkpoint import load

    if path.suffix not in ENDINGS:
        raise InputError(f"a file of weights must end with {', '.join(ENDINGS)}, but got {str(path)!r}")
    found: Mapping[str, Any] = _safetensors(path) if path.suffix == ".safetensors" else load(path)
    found = next((found[key] for key in INSIDE if isinstance(found.get(key), Mapping)), found)
    weights = {str(key): value for key, value in found.items() if isinstance(value, Tensor)}
    if not weights:
        raise InputError(f"a file of weights must hold a state dict, but {path} holds no tensors")
    return clean_state_dict(weights)


def _safetensors(path: Path) -> Mapping[str, Tensor]:
    from safetensors.torch import load_file

    try:
        require_regular(path)
        return load_file(path)
    except OSError as error:
        raise InputError(f"cannot read the weights {path}: {error.strerror or error}") from None
    except InputError:
        raise
    except Exception as error:  # the errors of a library written in another language
        reason = first_line(error)
        raise InputError(f"cannot read the weights {path}: {reason}") from None


def _check(source: Source, where: str) -> None:
    """Check that a source has the weights of its network, the classifier excepted, and no others.

    Raises:
        InputError: it has not; the message names the first difference.
    """
    import torch

    with torch.device("meta"):
        network = Candidate.from_spec(source.candidate).build()
    head = f"{network.classifier_name}."
    wanted = {
        name: tuple(value.shape)
        for name, value in network.state_dict().items()
        if not name.endswith("num_batches_tracked")
    }
    for name in dict.fromkeys([*wanted, *source.weights]):
        if name.startswith(head) and not any(key.startswith(head) for key in source.weights):
            continue
        own = source.weights[name].shape if name in source.weights else None
        if own != wanted.get(name):
            held, needed = (None if shape is None else list(shape) for shape in (own, wanted.get(name)))
            raise InputError(
                f"the weights must be those of {source.name}, but in {where} the shape of {name!r} is {held or 'none'},"
                f" and in the network {needed or 'none'}"
            )
