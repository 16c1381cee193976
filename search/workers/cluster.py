"""Starts and stops Ray: a private one on this machine, unless a cluster is named."""

from __future__ import annotations

import logging
import os
import socket
import stat
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ...blocks.errors import InputError, first_line
from ..course.stop_signals import kept_handlers, starting
from . import nodes, own_ray, ray_private, vital_watch, watched

if TYPE_CHECKING:
    from ..options import ClusterOptions

LONGEST = (103 if sys.platform == "darwin" else 107) - len(
    "/session_2026-01-31_23-59-59_999999_4194304/sockets/plasma_store"
)
"""Largest length of the path of Ray's folder, in bytes. Its sockets lie deeper by the text above,
and the operating system limits the path of a socket."""
SHORT = ("/tmp", "/var/tmp", "/dev/shm")
"""Folders for Ray's files if the folder for temporary files has too long a path."""
PRELOADED = ("automl.search.workers.worker", "automl.search.workers.job_runner")
"""Imported before a process is a worker: with torch and timm that takes 8 seconds of CPU time."""
DEVICES = ("nvidia*", "nvhost*", "nvmap", "kfd", "dxg")
"""Device files; Linux has at least one of them if PyTorch can use a GPU."""


@dataclass(frozen=True, kw_only=True)
class Resources:
    """The workers of a search, and what each of them gets."""

    workers: int
    """Number of workers."""
    cpus: float
    """CPUs of each worker."""
    gpus: float
    """GPUs of each worker; a fraction shares one."""
    total_gpus: float
    """GPUs of the cluster."""

    def __str__(self) -> str:
        if not self.gpus:
            return (
                f"{self.workers} workers on the CPU, one thread each (no GPU here)"
                if not self.total_gpus
                else f"{self.workers} workers on the CPU"
            )
        return f"{self.workers} workers, {self.gpus:g} GPU each of {self.total_gpus:g}"


def set_environment(*, local: bool) -> None:
    """Set the environment variables that Ray reads when it is imported, and quieten its loggers."""
    quiet = {
        "TUNE_DISABLE_AUTO_CALLBACK_LOGGERS": "1",  # tensorboardX imports torch: half a GB in the driver
        "TUNE_GLOBAL_CHECKPOINT_S": "86400",  # Tune's snapshot is never read: the database is the truth
        "TUNE_DISABLE_SIGINT_HANDLER": "1",  # Ctrl-C is ours
        "TUNE_RESULT_BUFFER_LENGTH": "0",
        "TUNE_WARN_THRESHOLD_S": "60",
        "RAY_AIR_NEW_OUTPUT": "0",
        "RAY_DEDUP_LOGS": "0",
        "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
        "RAY_DISABLE_FAILURE_SIGNAL_HANDLER": "1",  # in the driver it writes a stack for SIGTERM, and aborts
        "RAY_TRAIN_ENABLE_V2_MIGRATION_WARNINGS": "0",
    }
    if local:
        # under `uv run` Ray would re-create the environment for every worker: minutes, or for ever
        quiet["RAY_ENABLE_UV_RUN_RUNTIME_ENV"] = "0"
        # Ray's default of 15 starves workers beside any other busy process
        quiet["RAY_worker_niceness"] = "0"
        if "ray" not in sys.modules:  # it has read the variable: a user's script may import it before
            quiet["RAY_AUTH_MODE"] = "token"  # Ray's own default for a private cluster, said aloud so that Ray does not
    for name, value in quiet.items():
        os.environ.setdefault(name, value)
    for name in ("ray", "ray.tune", "ray.train", "ray.air"):
        logging.getLogger(name).setLevel(logging.CRITICAL)


def start(address: str | None, *, cpus: int | None = None, gpus: int | None = None, trains: bool = False) -> None:
    """Start a private Ray, or connect to the cluster at `address` ("auto", "host:port").

    `cpus` and `gpus` override what a private Ray counts on this machine. If it `trains`, its
    processes, one for each CPU, import at once what a worker needs to train.

    Raises:
        InputError: no cluster answers at `address`, or there is no folder for Ray's sockets.
    """
    set_environment(local=address is None)
    import ray

    ray_private.listen(everywhere=address is not None)
    quiet: dict[str, Any] = {"logging_level": logging.CRITICAL, "log_to_driver": False, "configure_logging": False}
    if address is None:
        _counted.update(cpus=cpus, gpus=gpus, trains=trains)
        preloaded = PRELOADED if trains else ()
        place, others = closed(folder()), ray.is_initialized()
        try:
            # Ray's own handler of SIGTERM ends the process
            with kept_handlers(), watched.watched(own_ray.raylet):
                # without an address it may join somebody's cluster
                quiet |= {"address": "local", "include_dashboard": False, "num_cpus": cpus, "num_gpus": gpus}
                ray_private.begin(place, preloaded=preloaded, **quiet)
        except BaseException:
            watched.end() if others else stop()  # a script's own Ray is left alone
            raise
        vital_watch.begin()
        return
    _require_answer(nodes.inside(address))
    try:
        with kept_handlers():
            ray.init(address=address, ignore_reinit_error=True, **quiet)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise InputError(f"no Ray cluster answers at {address!r}: {first_line(error)}") from None


def closed(place: str | None) -> str | None:
    """A folder for Ray's sessions beside `place` (None: beside Ray's usual one) in which nobody
    else can look: Ray opens its own folders to all. `place` where there can be none."""
    outer = Path(f"{os.path.abspath(place or ray_private.usual_folder())}-{os.getuid()}")
    inner = str(outer / "r")
    if len(os.fsencode(inner)) > LONGEST:
        return place
    try:
        outer.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = outer.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():  # another user was here before
            return place
        outer.chmod(0o700)
    except OSError:
        return place
    return inner


def restart() -> None:
    """Start the private Ray of this process anew, after one of its processes has died."""
    stop()
    start(None, **_counted)


_counted: dict[str, Any] = {}
"""How the private Ray of this process was started."""


def folder(short: Sequence[str] = SHORT) -> str | None:
    """Where a private Ray keeps its sockets and logs; None leaves it where Ray puts it, in `ray` in
    the folder for temporary files (RAY_TMPDIR or TMPDIR).

    Raises:
        InputError: the path is too long for sockets, and in none of the `short` folders can be
            written.
    """
    usual = ray_private.usual_folder()
    absolute = os.path.abspath(usual)  # Ray takes no other
    if len(os.fsencode(absolute)) <= LONGEST:
        return None if absolute == usual else absolute
    for name in ("ray", f"ray-{os.getuid()}"):  # the first may be another user's
        for place in short:
            path = Path(place, name)
            try:
                path.mkdir(parents=True, exist_ok=True)
                tempfile.TemporaryFile(dir=path).close()
            except OSError:
                continue
            return str(path)
    raise InputError(
        f"Ray's folder must have a path of at most {LONGEST} bytes, but {absolute!r} has {len(os.fsencode(absolute))},"
        f" and {', '.join(short)} cannot be written: set RAY_TMPDIR to a short folder that can be"
    )


def may_have_gpus(devices: Path = Path("/dev")) -> bool:
    """Whether it is worth the seconds that importing torch takes to look for GPUs: on Linux,
    whether there is a device of a driver that it can use."""
    return sys.platform != "linux" or any(next(devices.glob(pattern), None) for pattern in DEVICES)


def count_gpus() -> int:
    """The GPUs of this machine that PyTorch can use; imports torch where there may be some."""
    if not may_have_gpus():
        return 0
    import torch

    return torch.cuda.device_count()


def require_gpus(share: float | None, *, address: str | None = None, gpus: int | None = None) -> None:
    """Refuse at once what a private Ray could not give, before it takes seconds to start: `allot`
    would say the same.

    Args:
        share: GPUs for each worker; None and 0 ask for none.
        address: of a cluster: what it has is not known here.
        gpus: how many the private Ray is to count; without, those of this machine are counted.

    Raises:
        InputError: there are fewer.
    """
    if share and address is None:
        _require(share, count_gpus() if gpus is None else gpus)


def _require(share: float, total: float) -> None:
    if share > total:
        raise InputError(f"--gpus-per-trial must be at most the GPUs there are, but got {share:g} of {total:g}")


def _require_answer(address: str) -> None:
    """InputError unless something listens at `host:port`: Ray itself would try for minutes."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=5).close()
    except (OSError, OverflowError) as error:
        raise InputError(f"no Ray cluster answers at {address!r}: {error}") from None


def allot(*, workers: int | None, gpus_per_trial: float | None) -> Resources:
    """How many workers there are and what each gets, from what Ray has: without options every GPU
    is used, or every CPU where there is no GPU.

    Raises:
        InputError: more than there is, or a share no GPU can give.
    """
    import ray

    have = ray.cluster_resources()
    total_cpus, total_gpus = float(have.get("CPU", 1.0)), float(have.get("GPU", 0.0))
    if gpus_per_trial is not None and gpus_per_trial > 1 and gpus_per_trial != int(gpus_per_trial):
        raise InputError(f"--gpus-per-trial above 1 must be a whole number of GPUs, but got {gpus_per_trial:g}")
    gpus = gpus_per_trial if gpus_per_trial is not None else (1.0 if total_gpus >= 1 else 0.0)
    _require(gpus, total_gpus)
    by_cpu = max(1, int(total_cpus))
    room = min(by_cpu, _by_gpu(total_gpus, gpus)) if gpus else by_cpu
    if workers is not None and workers > room:
        raise InputError(
            f"--workers must be at most {room} with {total_cpus:g} CPUs and {total_gpus:g} GPUs at {gpus:g} GPU a"
            f" trial, but got {workers}"
        )
    return Resources(workers=workers or room, cpus=1.0, gpus=gpus, total_gpus=total_gpus)


def _by_gpu(total: float, share: float) -> int:
    """Workers that fit: a share below one must lie on one GPU, a larger one takes whole GPUs."""
    return int(total) * int(1 / share + 1e-9) if share < 1 else int(total / share + 1e-9)


def stop() -> None:
    """End this process's part in Ray, and all that a private Ray has started."""
    with vital_watch.while_stopping():
        if own_ray.dead_process() is not None:
            own_ray.kill()  # else Ray waits for it
        try:
            if "ray" in sys.modules:
                sys.modules["ray"].shutdown()
        finally:
            watched.end()


@contextmanager
def session(asked: ClusterOptions, *, gpus: int | None = None) -> Iterator[Resources]:
    """Start Ray, yield what the workers get, and stop Ray.

    `gpus` is the number of GPUs that a private Ray is to count; None looks.

    Raises:
        InputError: no cluster answers, or it has not what is asked for.
    """
    # a private Ray may count more CPUs than there are, so that as many workers as asked for fit
    cpus = asked.workers if asked.address is None and asked.workers else None
    with starting():
        start(asked.address, cpus=cpus, gpus=gpus, trains=not may_have_gpus())
    try:
        resources = allot(workers=asked.workers, gpus_per_trial=asked.gpus_per_trial)
        if asked.address is not None:
            nodes.require_alike()
        yield resources
    except KeyboardInterrupt:
        own_ray.kill()  # a signal to all processes of a job reaches Ray's too: they may be dying
        raise
    finally:
        stop()
