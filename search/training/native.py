"""Compiles the training kernels in `kernels.c` for this machine's CPU, and loads them.

PyTorch has no kernels for normalisation and activation in one, and oneDNN none for some gradients
of depthwise convolutions; on one thread of a CPU, both take more of a training than its
convolutions. The kernels are compiled once, by the C compiler of the machine, and kept in the
user's cache folder. Without a compiler the training takes PyTorch's kernels.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import shutil
import subprocess
from ctypes import c_float, c_int, c_long, c_void_p
from functools import cache
from pathlib import Path

import torch
from filelock import FileLock, Timeout
from torch import Tensor

SOURCE = Path(__file__).with_name("kernels.c")
FLAGS = (
    # -O3 compiles for twice as long, and is no faster.
    *("-O2", "-ftree-vectorize", "-fvect-cost-model=dynamic", "-march=native", "-shared", "-fPIC"),
    # Sums may be reordered. NaN and infinity are kept: they tell that a training diverged.
    *("-fno-math-errno", "-fno-trapping-math", "-fassociative-math", "-fno-signed-zeros", "-freciprocal-math"),
)
SIGNATURES = {
    "norm_forward": [c_int, c_int, *[c_void_p] * 2, c_long, c_long, *[c_void_p] * 2, c_float, *[c_void_p] * 3],
    "norm_backward": [c_int, c_int, *[c_void_p] * 3, c_long, c_long, *[c_void_p] * 6],
    "depthwise_backward": [c_int, c_int, c_int, *[c_void_p] * 6],
}
SECONDS = 180
"""Time limit of the compiler."""
OFF = "AUTOML_PLAIN_KERNELS"
"""Environment variable; if set to anything but the empty text, PyTorch's kernels train."""


def kernels(device: torch.device) -> ctypes.CDLL | None:
    """The kernels for a training on `device` with torch's present number of threads.

    None if they are of no use: they serve one CPU thread.
    """
    if device.type != "cpu" or torch.get_num_threads() != 1 or os.environ.get(OFF):
        return None
    return _loaded()


def fast_bf16() -> bool:
    """Whether this CPU multiplies bf16 numbers by instructions of its own (AVX-512 BF16, AMX)."""
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def pointer(tensor: Tensor | None) -> int | None:
    """The address of a tensor's values, for a kernel; None for None."""
    return None if tensor is None else tensor.data_ptr()


@cache
def _loaded() -> ctypes.CDLL | None:
    try:
        library = ctypes.CDLL(str(_compiled()))
    except (OSError, subprocess.SubprocessError, Timeout):
        return None
    for name, kinds in SIGNATURES.items():
        getattr(library, name).argtypes = kinds
        getattr(library, name).restype = None
    return library


def _compiled() -> Path:
    """The compiled library, from the cache if it is there.

    Raises:
        OSError, SubprocessError: there is no compiler, it fails, or the file cannot be written.
    """
    compiler = os.environ.get("CC") or next(filter(None, map(shutil.which, ("gcc", "clang", "cc"))), None)
    if compiler is None:
        raise FileNotFoundError("a C compiler")
    key = hashlib.sha256(repr((SOURCE.read_text(), FLAGS, compiler, _cpu())).encode()).hexdigest()[:16]
    folder = Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache")) / "automl" / "kernels"
    library = folder / f"{key}.so"
    if library.exists():
        return library
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(library.with_suffix(".lock"), timeout=2 * SECONDS):  # one worker of a machine compiles
        if not library.exists():
            made = library.with_suffix(f".{os.getpid()}")
            command = [*compiler.split(), *FLAGS, "-o", str(made), str(SOURCE)]
            subprocess.run(command, check=True, capture_output=True, timeout=SECONDS)
            os.replace(made, library)
    return library


def _cpu() -> str:
    """What the compiler's choice of instructions depends on; a cache folder may serve many CPUs."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line for line in lines if line.startswith(("flags", "Features"))), platform.machine())
