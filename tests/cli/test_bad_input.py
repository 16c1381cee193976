"""What cannot be is refused in one line, with exit code 2, before anything is started or
written."""

from pathlib import Path

import numpy as np
import pytest


def write_images(path: Path) -> None:
    rng = np.random.default_rng(0)
    np.savez(path, x=rng.integers(0, 255, (60, 8, 8), dtype=np.uint8), y=np.arange(60) % 3)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--space", "eficientnet"], "unknown space 'eficientnet'; did you mean 'efficientnet'"),
        (["--space", "none.yaml"], "cannot read the space file 'none.yaml'"),
        (
            ["--space", "bad.yaml"],
            "bad.yaml:3: unknown dimension of the resnet skeleton: 'cardnality'; did you mean 'cardinality'",
        ),
        (["--space", "worse.yaml"], "worse.yaml:3: attention: unknown attention 'ecca'; did you mean 'eca'"),
        (["--sampler", "tpee"], "unknown sampler 'tpee'; did you mean 'tpe'"),
        (["--data", "nowhere"], "nowhere"),
        (["--data", "empty"], "empty"),
        (["--data", "digit"], "did you mean 'digits'"),
        (["--data", "text.npz"], "text.npz"),
        (["--budget", "0"], "a budget must be positive, but got '0'"),
        (["--budget", "10kFLOPs"], "is within the budget macs<=10000; the nearest has"),
        pytest.param(
            ["--budget", "10kFLOPs"],
            "no network of the space 'auto' is within the budget macs<=10000; the nearest has",
            marks=pytest.mark.exhaustive,  # by default in a smaller space, above
        ),
        (["--budget", "lots"], "not a budget: 'lots'"),
        (["--time", "-5min"], "not a positive duration: '-5min'"),
        (["--time", "0s"], "--time must be positive, but got '0s'"),
        (["--time", "soon"], "not a positive duration: 'soon'"),
        (["--trials", "0"], "--trials must be at least 1, but got 0"),
        (["--workers", "-1"], "--workers must be at least 1, but got -1"),
        (["--gpus-per-trial", "-0.5"], "--gpus-per-trial must be 0 or more, but got -0.5"),
        (["--image-size", "0"], "--image-size must be at least 8, but got 0"),
        (
            ["--image-size", "16", "--proxy-size", "32"],
            "--proxy-size must be at most the deployment size, but got 32 above 16",
        ),
        (["--storage", "sqlite:///missing/folder/a.db"], "missing"),
        (["--storage", "nosuch://host/db"], "nosuch"),
        (["--gpus-per-trial", "1"], "--gpus-per-trial must be at most the GPUs there are, but got 1 of 0"),
        (["--address", "127.0.0.1:1"], "no Ray cluster answers at '127.0.0.1:1'"),
        (["--seed", "5000000000"], "--seed must be at least 0 and below 2**31"),
        (["--study", "../elsewhere"], "--study must be a name without /"),
        (["--fraction", "0"], "--fraction must lie above 0"),
        (["--trials", "many"], "--trials"),
        (["--references", "all"], "--references must be a whole number or none, but got 'all'"),
        (["--bugdet", "400M"], "--bugdet"),
    ],
)
def test_a_search_that_cannot_be_is_refused_in_one_line(call, tmp_path: Path, arguments: list[str], says: str):
    (tmp_path / "bad.yaml").write_text("skeleton: resnet\ndimensions:\n  cardnality: [1, 2]\n")
    (tmp_path / "worse.yaml").write_text("skeleton: resnet\ndimensions:\n  attention: [none, ecca]\n")
    (tmp_path / "few.yaml").write_text("skeleton: resnet\ndimensions: {depth: 0.2, width: [0.125, 0.25]}\n")
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.npz").write_text("no archive")
    write_images(tmp_path / "images.npz")
    before = sorted(path.name for path in tmp_path.rglob("*"))
    data = [] if "--data" in arguments else ["--data", "images.npz"]
    space = [] if "--space" in arguments or "'auto'" in says else ["--space", "few.yaml"]  # 'auto' takes seconds
    none = [] if "--references" in arguments else ["--references", "none"]  # so do they
    code, out, err = call("search", *data, *space, *none, *arguments)
    assert code == 2, (out, err)
    assert says in err
    assert len(err.strip().splitlines()) == 1
    assert "secret" not in out + err
    assert sorted(path.name for path in tmp_path.rglob("*")) == before


@pytest.mark.parametrize(
    "command",
    [
        ["front", "s"],
        ["status", "s"],
        ["studies"],
        ["export", "s", "--out", "x"],
        ["train", "s"],
        ["delete", "s", "--yes"],
        ["cost", "s:best"],
    ],
)
def test_reading_without_a_database_creates_none(call, tmp_path: Path, command: list[str]):
    code, _, err = call(*command)
    assert code == 2
    assert "no database" in err
    assert list(tmp_path.iterdir()) == []


AWAY = "postgresql://me:secret@127.0.0.1:1/db"


@pytest.mark.parametrize(
    ("command", "waits"),
    [
        (["search", "--data", "images.npz"], True),
        (["grid", "--baseline", "resnet18", "--data", "images.npz"], True),
        (["verify", "s"], True),
        (["train", "s"], True),
        (["status", "s"], False),
        (["front", "s"], False),
        (["studies"], False),
    ],
)
def test_a_server_that_does_not_answer_is_waited_for_by_what_writes(call, command: list[str], waits: bool):
    patience = ["--db-patience", "0.3s"] if waits else []
    code, out, err = call(*command, "--storage", AWAY, *patience)
    assert code == 2, (out, err)
    assert err.startswith("error: cannot open postgresql://me:***@127.0.0.1:1/db: ")
    assert len(err.splitlines()) == 1
    assert out.count("waiting for the database") == int(waits)
    assert "secret" not in out + err


def test_a_traceback_is_shown_only_when_asked_for(call):
    from automl.blocks import InputError

    code, _, err = call("search", "--budget", "0")
    assert code == 2
    assert "Traceback" not in err
    with pytest.raises(InputError):
        call("search", "--budget", "0", "--debug")


def test_an_unknown_command_names_the_nearest(call):
    code, _, err = call("serch")
    assert code == 2
    assert "search" in err


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("10min", 600), ("1h30m", 5400), ("2h", 7200), ("45", 45), ("1.5h", 5400), ("1 h 5 min", 3900)],
)
def test_durations(text: str, seconds: float):
    from automl.cli.text import parse_duration

    assert parse_duration(text) == seconds
