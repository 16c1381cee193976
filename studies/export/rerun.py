"""Runs an exported model.py on real images, in a process that knows nothing of this project:
`python -I rerun.py FOLDER ASKED.json ANSWER.npz`.

ASKED.json names image files, or an .npy of pixels (n, h, w, c). The answer holds the SHA-256 of the
pixels that `preprocess` saw of each image, and the logits; of the first images also the logits from
timm's own evaluation transform, made from config.json.
"""

from __future__ import annotations

import hashlib
import json
import runpy
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

BATCH = 64
"""Images in one batch."""


def main(folder: Path, asked: Path, answer: Path) -> None:
    """Read ASKED.json, run the exported file, write the answer."""
    sys.modules["automl"] = None  # pyright: ignore[reportArgumentType]  (as where it is not installed)
    wanted = json.loads(asked.read_text("utf-8"))
    model = runpy.run_path(str(folder / "model.py"), run_name="model")
    network: nn.Module = model["load"]()
    arrays = None if wanted["array"] is None else np.load(wanted["array"], mmap_mode="r")
    count = len(wanted["files"]) if arrays is None else len(arrays)

    def source(index: int) -> Any:
        if arrays is None:
            return wanted["files"][index]
        pixels = np.ascontiguousarray(arrays[index])
        if pixels.shape[2] not in (1, 3):
            return pixels
        return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels)

    def seen(index: int) -> NDArray[np.uint8]:
        return model["read_pixels"](source(index), model["STEPS"], len(model["MEAN"]), model["LEVELS"])

    digests = [hashlib.sha256(np.ascontiguousarray(seen(index)).data).hexdigest() for index in range(count)]
    logits = _logits(network, lambda index: model["preprocess"](source(index)), count)
    timm_logits, timm_difference = _by_timm(folder, model, network, source, seen, min(count, int(wanted["by_timm"])))
    np.savez(answer, digests=np.array(digests), logits=logits, timm_logits=timm_logits, timm_difference=timm_difference)


def _logits(network: nn.Module, prepared: Callable[[int], Tensor], count: int) -> NDArray[np.float32]:
    made = []
    with torch.inference_mode():
        for start in range(0, count, BATCH):
            made.append(
                network(torch.cat([prepared(index) for index in range(start, min(start + BATCH, count))])).numpy()
            )
    return np.concatenate(made) if made else np.zeros((0, 0), np.float32)


def _by_timm(
    folder: Path,
    model: dict[str, Any],
    network: nn.Module,
    source: Callable[[int], Any],
    seen: Callable[[int], NDArray[np.uint8]],
    count: int,
) -> tuple[NDArray[np.float32], float]:
    """Logits, and the mean difference of a pixel in grey levels, where images are prepared by timm
    as config.json says; NaN where timm cannot read them."""
    from timm.data import create_transform, resolve_data_config  # pyright: ignore[reportPrivateImportUsage]

    config = json.loads((folder / "config.json").read_text("utf-8"))
    channels = len(model["MEAN"])
    data = resolve_data_config({}, pretrained_cfg=config["pretrained_cfg"])
    transform: Any = create_transform(**data, is_training=False)
    mean, std = (torch.tensor(model[name]).view(-1, 1, 1) for name in ("MEAN", "STD"))
    differences: list[float] = []

    def prepared(index: int) -> Tensor:
        one = source(index)
        image = one if isinstance(one, Image.Image) else Image.open(one)
        x_chw = transform(image.convert("L" if channels == 1 else "RGB"))
        pixels_chw = torch.from_numpy(seen(index)).permute(2, 0, 1)
        differences.append(float(((x_chw * std + mean) * 255 - pixels_chw).abs().mean()))
        return x_chw.unsqueeze(0)

    try:
        logits = _logits(network, prepared, count)
    except Exception:  # whatever timm or Pillow raises: the difference is then that it cannot be read
        return np.zeros((0, 0), np.float32), float("nan")
    return logits, float(np.mean(differences)) if differences else float("nan")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
