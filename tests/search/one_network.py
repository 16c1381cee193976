"""A study whose search is over, of a single network that nobody has trained yet, on pictures made
for it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from automl.search import SearchOptions
from automl.search.plan import prepare
from automl.search.training.trainer import Trainer
from automl.spaces import Space
from automl.studies import CandidateRow, Evaluation, Purpose, State, Study
from PIL import Image

TINY = {"width": 0.125, "depth": 0.3}
"""A residual network of milliseconds."""


def pictures(folder: Path, kind: str, *, count: int = 40, seed: int = 0) -> Path:
    """Two classes of textures in files of `kind`, of many sizes, lying on their side, transparent
    and large ones among them."""
    random = np.random.default_rng(seed)
    root = folder / kind
    arrays, labels = [], []
    for number in range(count):
        label = number % 2
        width, height = (48, 40) if kind == "npz" else random.integers(24, 160, 2)
        noise = np.kron(
            random.integers(0, 256, (height // 2 + 1, width // 2 + 1, 3)), np.ones((1 + label, 1 + label, 1))
        )[:height, :width].astype(np.uint8)
        if kind == "npz":
            arrays.append(np.kron(noise, np.ones((1, 1, 1), np.uint8))[:20, :24])
            labels.append(label)
            continue
        place = root / "ab"[label]
        place.mkdir(parents=True, exist_ok=True)
        image = Image.fromarray(noise)
        extra = {}
        if kind == "jpg" and number % 3 == 0:
            exif = Image.Exif()
            exif[0x0112] = 6
            extra["exif"] = exif
        if kind == "png" and number % 3 == 0:
            image.putalpha(Image.fromarray(noise[..., 0]))
        image.save(place / f"{number:03}.{kind}", **extra)
    if kind == "npz":
        path = folder / "textures.npz"
        np.savez(path, x=np.stack(arrays), y=np.array(labels))
        return path
    return root


def study_on(folder: Path, data: Path, settings: dict, *, size: int = 32, **options) -> Study:
    """A study whose search is over: one network, trained by nobody yet."""
    skeleton = settings.get("skeleton", settings.get("name", "resnet"))
    dimensions = {key: value for key, value in settings.items() if key not in ("skeleton", "name")}
    space = Space.from_dict({"name": "one", "skeleton": skeleton, "image": [3, size, size], "dimensions": dimensions})
    plan = prepare(
        SearchOptions(
            data=str(data), space=space, proxy_size=size, storage=f"sqlite:///{folder}/s.db", study="s", **options
        )
    )
    study = Study.create_or_continue(
        f"sqlite:///{folder}/s.db", plan.spec, command=f"automl search --data {data}", versions={}
    )
    candidate = plan.space.candidate({parameter.name: parameter.values[0] for parameter in plan.space.parameters})
    cost = candidate.cost()
    row = CandidateRow(
        id=candidate.id,
        spec=candidate.spec,
        macs=int(cost.macs),
        params=int(cost.params),
        activations=int(cost.activations),
    )
    now = datetime.now(UTC)
    trial = Evaluation(
        candidate_id=row.id,
        fidelity=plan.fidelity(candidate),
        seed=0,
        purpose=Purpose.SEARCH,
        state=State.COMPLETE,
        settings={},
        curve=((1, 0.5),),
        accuracy=0.5,
        seconds=1.0,
        started=now,
        finished=now,
    )
    study.record(trial, row, params={}, distributions={}, values=(0.5, row.macs))
    return study


def interrupted_after(monkeypatch: pytest.MonkeyPatch, epochs: int) -> None:
    """Ctrl-C in the middle of the epoch after `epochs`."""
    usual = Trainer._update

    def update(self, *arguments):
        if self.done_epochs == epochs:
            raise KeyboardInterrupt
        return usual(self, *arguments)

    monkeypatch.setattr(Trainer, "_update", update)
