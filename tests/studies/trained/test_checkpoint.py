"""Checkpoints: whole or not at all, and nothing but data."""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
import sys

import numpy as np
import pytest
import torch
from automl.blocks.errors import InputError
from automl.studies.store import Folder, StoreError
from automl.studies.trained.checkpoint import load, load_from, save, save_to

PAYLOAD = {
    "weights": {"a": torch.arange(6.0).view(2, 3)},
    "epoch": 3,
    "rates": [0.1, None, True],
    "betas": (0.9, 0.99),
    "name": "x",
}

KILLED = """
import os, signal, sys, torch
from automl.studies.trained import checkpoint
def killed(*args): os.kill(os.getpid(), signal.SIGKILL)
setattr(os, sys.argv[2], killed)
checkpoint.save(sys.argv[1], {"weights": torch.ones(1000), "epoch": 2})
"""


class Evil:
    def __init__(self, path: pathlib.Path) -> None:
        self.path = path

    def __reduce__(self):
        return pathlib.Path.touch, (self.path,)


def test_what_is_saved_is_read_back(tmp_path):
    save(tmp_path / "c.pt", PAYLOAD)
    back = load(tmp_path / "c.pt")
    assert torch.equal(back["weights"].pop("a"), PAYLOAD["weights"]["a"])
    assert back == {**PAYLOAD, "weights": {}}
    assert [path.name for path in tmp_path.iterdir()] == ["c.pt"]


@pytest.mark.skipif(os.name != "posix", reason="needs signals")
@pytest.mark.parametrize("instant", ["fsync", "replace"])
def test_a_kill_before_the_rename_leaves_the_old_file(tmp_path, instant):
    path = tmp_path / "c.pt"
    save(path, {"epoch": 1})
    killed = subprocess.run([sys.executable, "-c", KILLED, str(path), instant], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert load(path) == {"epoch": 1}
    (left,) = (p for p in tmp_path.iterdir() if p != path)  # the control: it had begun to write
    assert left.name.startswith(".c.pt.")
    assert left.name.endswith(".tmp")
    save(path, {"epoch": 2})
    assert load(path) == {"epoch": 2}


def test_a_failed_write_leaves_the_old_file_and_nothing_beside_it(tmp_path, monkeypatch):
    path = tmp_path / "c.pt"
    save(path, {"epoch": 1})

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        save(path, {"epoch": 2})
    assert load(path) == {"epoch": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_a_pickled_object_is_refused_and_not_run(tmp_path):
    path = tmp_path / "c.pt"
    torch.save({"weights": Evil(tmp_path / "ran")}, path)
    with pytest.raises(InputError, match="tensors and plain Python values only"):
        load(path)
    assert not (tmp_path / "ran").exists()
    torch.load(path, weights_only=False)  # the control: it is armed
    assert (tmp_path / "ran").exists()


@pytest.mark.parametrize("value", [np.float64(0.5), np.zeros(2), {1, 2}, object(), pathlib.PurePosixPath("x")])
def test_what_could_not_be_read_back_is_not_written(tmp_path, value):
    with pytest.raises(InputError, match=r"but got a \w+ at payload\['a'\]\[0\]"):
        save(tmp_path / "c.pt", {"a": [value]})
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_damaged_or_missing_is_said_in_one_line(tmp_path):
    path = tmp_path / "c.pt"
    save(path, PAYLOAD)
    whole = path.read_bytes()
    for content in (b"", b"no checkpoint", whole[:100], whole[: len(whole) // 2], whole[:-10]):
        path.write_bytes(content)
        with pytest.raises(InputError, match=r"c\.pt") as caught:
            load(path)
        assert "\n" not in str(caught.value)
    path.unlink()
    with pytest.raises(InputError, match=r"cannot read the checkpoint .*: No such file or directory"):
        load(path)
    torch.save([1], path)
    with pytest.raises(InputError, match=r"must hold a dict, but .* holds a list"):
        load(path)


def _hostile(tmp_path: pathlib.Path) -> dict[str, bytes]:
    """Files that are nearly a checkpoint: truncated, changed, or pickles of strange opcodes."""
    path = tmp_path / "whole.pt"
    save(path, PAYLOAD)
    whole = path.read_bytes()
    torch.save(PAYLOAD, path, _use_new_zipfile_serialization=False)
    old = path.read_bytes()
    path.unlink()
    magic = old[: old.index(b".") + 1]
    changed = {
        f"a changed byte at {at}": whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :]
        for at in range(64, len(whole), max(1, len(whole) // 40))
    }
    pickles = {
        f"pickle {text!r}": text
        for text in (b"0.", b"]0.", b"(.", b"e.", b"\x80\x02a.", b"h\x05.", b"j\xff\xff\xff\xff.", b"\x80\xff.", b"Q.")
    }
    return {
        **{f"{len(whole) * part // 20} bytes": whole[: len(whole) * part // 20] for part in range(20)},
        **{f"{len(old) * part // 20} bytes of the old format": old[: len(old) * part // 20] for part in range(20)},
        **changed,
        **pickles,
        **{f"{name} behind the magic number": magic + text for name, text in pickles.items()},
        "a zip of nothing": b"PK\x05\x06" + bytes(18),
        "a web page": b"<html></html>",
    }


def test_whatever_a_damaged_or_hostile_file_holds_is_said_in_one_line(tmp_path, recwarn):
    path = tmp_path / "c.pt"
    files = _hostile(tmp_path)
    said = []
    for content in files.values():
        path.write_bytes(content)
        try:
            load(path)  # a changed byte of a number is read as another number
        except InputError as error:
            said.append(str(error))
    assert len(files) > 80
    assert len(said) > len(files) // 2
    assert [text for text in said if len(text.splitlines()) != 1] == []
    assert not recwarn.list


def test_what_is_no_file_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.pt")
    (tmp_path / "loop.pt").symlink_to("loop.pt")
    for name, says in (("pipe", "it is a pipe, not a file"), ("loop", "Too many levels"), ("x" * 300, "too long")):
        with pytest.raises(InputError, match=f"cannot read the checkpoint .*{says}"):
            load(tmp_path / f"{name}.pt")


def test_what_the_disk_of_a_store_refuses_is_no_fault_of_the_checkpoint(tmp_path: pathlib.Path, monkeypatch):
    store = Folder(tmp_path)
    save_to(store, "a.pt", {"epoch": 1})
    assert load_from(store, "a.pt") == {"epoch": 1}
    with pytest.raises(InputError, match="No such file"):
        load_from(store, "b.pt")

    def stale(path) -> None:
        raise OSError(116, "Stale file handle", str(path))

    monkeypatch.setattr("automl.studies.store.folder_store.require_regular", stale)
    with pytest.raises(StoreError, match="Stale file handle"):
        load_from(store, "a.pt")
