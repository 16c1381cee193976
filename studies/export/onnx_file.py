"""model.onnx: the network for ONNX runtimes, compared with PyTorch before it is handed over."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import torch
from torch import nn

from .exporter import NotExported
from .source_check import BATCHES, random_images

OPSET = 20
"""What torch's exporter itself recommends: no version conversion after it, and runtimes of 2024
read it."""
TOLERANCE = 1e-3
"""Largest difference of a logit, relative to the largest logit where that is above 1:
normalisations are folded into convolutions, and where a network was trained on few images their
tiny variances magnify rounding."""
TIED = 1e-5
"""Largest difference, relative as in `TOLERANCE`, at which two logits count as tied: they may rank
differently, because the order of summation differs."""
INPUT, OUTPUT = "images", "logits"


class NoOnnx(NotExported):
    """The network has no ONNX form, or ONNX Runtime computes something else than PyTorch:
    model.onnx is left out."""


def write_onnx(network: nn.Module, path: Path, image: tuple[int, int, int]) -> None:
    """Write `network`, in eval mode, for batches of any size of images of shape `image`; weights
    inside, nothing about this machine.

    Raises:
        NoOnnx: torch cannot express the network in ONNX.
    """
    with _quiet(), torch.random.fork_rng(devices=[]):
        try:
            program = torch.onnx.export(
                network,
                (random_images(2, image),),
                dynamo=True,
                opset_version=OPSET,
                verbose=False,
                input_names=[INPUT],
                output_names=[OUTPUT],
                dynamic_shapes=({0: torch.export.Dim("batch", min=1, max=65536)},),
            )
            assert program is not None  # by dynamo=True
            _strip(program.model)
            program.save(str(path), external_data=False)
        except Exception as error:
            raise NoOnnx(
                f"model.onnx cannot be made ({type(error).__name__}: {str(error).strip().splitlines()[0][:200]})"
            ) from error


def check(network: nn.Module, path: Path, image: tuple[int, int, int]) -> None:
    """Compare the file at `path` with `network` on random images, in batches of one and of three:
    logits, relative to their scale, and the class they name.

    Raises:
        NoOnnx: says how far apart they are, and where.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # errors only
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    for count in BATCHES:
        images = random_images(count, image)
        with torch.inference_mode():
            wanted = network(images)
        got = torch.from_numpy(session.run([OUTPUT], {INPUT: images.numpy()})[0])
        if wanted.shape != got.shape:
            raise NoOnnx(
                f"{path.name} gives logits of shape {tuple(got.shape)} where PyTorch gives {tuple(wanted.shape)}"
            )
        difference, scale = float((wanted - got).abs().max()), max(1.0, float(wanted.abs().max()))
        if not difference <= TOLERANCE * scale:
            where = f"the largest logit is {scale:.3g}" if scale > 1 else "all logits are below 1"
            raise NoOnnx(
                f"{path.name} and PyTorch differ by {difference:.3g} on {count} random images, where {where};"
                f" {TOLERANCE:g} of it is allowed"
            )
        highest = wanted.topk(min(2, wanted.shape[1])).values
        decided = highest[:, 0] - highest[:, -1] > TIED * scale
        if other := int(((wanted.argmax(1) != got.argmax(1)) & decided).sum()):
            raise NoOnnx(f"{path.name} and PyTorch name another class for {other} of {count} random images")


def _strip(model: Any) -> None:
    """Take out what the exporter notes of the Python code: stack traces with the paths of this
    machine."""
    for graph in (model.graph, *model.functions.values()):
        graph.metadata_props.clear()
        for node in graph.all_nodes():
            node.metadata_props.clear()
            node.doc_string = None
            for value in (*node.outputs, *node.inputs):
                if value is not None:
                    value.metadata_props.clear()
    for value in (*model.graph.inputs, *model.graph.initializers.values()):
        value.metadata_props.clear()
    model.metadata_props.clear()


@contextmanager
def _quiet() -> Iterator[None]:
    """Suppress the progress, log lines and warnings of torch's exporter: the user can change
    nothing about them."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
