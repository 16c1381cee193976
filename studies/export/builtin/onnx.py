"""The exporter "onnx": model.onnx, for ONNX Runtime and other runtimes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..exporter import Context

if TYPE_CHECKING:
    from ....blocks.modules.network import Network


class OnnxExporter:
    """Writes model.onnx with the weights inside, for batches of any size."""

    name = "onnx"
    files: tuple[str, ...] = ("model.onnx",)
    words = "the network for ONNX runtimes, compared with PyTorch on random images"
    requires: tuple[str, ...] = ("onnx", "onnxruntime", "onnxscript")
    install = "automl[export]"

    def write(self, network: Network, folder: Path, context: Context) -> None:
        """Write model.onnx.

        Raises:
            NotExported: torch cannot express the network in ONNX.
        """
        from ..onnx_file import write_onnx

        write_onnx(network, folder / "model.onnx", context.image)

    def check(self, network: Network, folder: Path, context: Context) -> None:
        """Compare ONNX Runtime's logits with PyTorch's on random images.

        Raises:
            NotExported: they differ.
        """
        from ..onnx_file import check

        check(network, folder / "model.onnx", context.image)

    def usage(self, context: Context) -> str:
        """How ONNX Runtime runs the file."""
        channels, height, width = context.image
        shapes = f"(batch, {channels}, {height}, {width}) -> (batch, {len(context.facts.classes)})"
        return f"""With ONNX Runtime:

```python
import onnxruntime
from model import preprocess

session = onnxruntime.InferenceSession("model.onnx")
session.run(["logits"], {{"images": preprocess("image.png").numpy()}})[0]  # {shapes}
```
"""
