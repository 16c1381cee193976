"""Only regular files are opened: a pipe or a device would be waited for, or never end."""

import os
import socket
from pathlib import Path

import pytest
from automl.blocks.regular_file import read_regular, require_regular


@pytest.fixture
def no_files(tmp_path: Path) -> Path:
    """A folder with one of everything that is no regular file."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "nowhere").symlink_to("missing")
    (tmp_path / "device").symlink_to("/dev/zero")
    (tmp_path / "folder").mkdir()
    here = os.open(tmp_path, os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as listener:  # the path may be too long for a socket's name
        listener.bind(f"/proc/self/fd/{here}/socket")
    os.close(here)
    return tmp_path


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("pipe", "it is a pipe, not a file"),
        ("socket", "it is a socket, not a file"),
        ("device", "it is a device, not a file"),
        ("folder", "it is a folder, not a file"),
        ("loop", "Too many levels of symbolic links"),
        ("nowhere", "No such file or directory"),
        ("x" * 300, "File name too long"),
        ("a\0b", "no file can have this name"),
        ("a\ud800b", "no file can have this name"),
    ],
)
def test_what_is_no_regular_file_is_refused_at_once(no_files: Path, name: str, says: str):
    with pytest.raises(OSError, match="a") as refused:
        read_regular(no_files / name)
    assert refused.value.strerror == says


def test_a_file_and_a_link_to_one_are_read(tmp_path: Path):
    (tmp_path / "file").write_bytes(b"abc")
    (tmp_path / "link").symlink_to("file")
    assert read_regular(tmp_path / "file") == read_regular(tmp_path / "link") == b"abc"
    assert require_regular(tmp_path / "link") == 3


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path):
    with (tmp_path / "large").open("wb") as file:
        file.truncate(2**40)  # takes no room on the disk
    with pytest.raises(OSError, match="at most 1,000 are read"):
        read_regular(tmp_path / "large", most=1000)
