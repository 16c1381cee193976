"""`automl verify` on a search that is over: real trainings, in this process in place of Ray's
workers, until the certificate lies in an exported folder."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from automl.search.workers import ray_tune

from .conftest import called, query
from .worker_here import worker_here

pytestmark = pytest.mark.xdist_group("exports")


@pytest.fixture(scope="module")
def verified(searched: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of the search, verified from two seeds."""
    place = tmp_path_factory.mktemp("verified") / "copy"
    shutil.copytree(searched, place, ignore=shutil.ignore_patterns("found*"))

    with worker_here():
        done = called("verify", "tiny", "--seeds", 2, "--epochs", 2, "--out", "certificate", cwd=place)
        (place / "verified.txt").write_text(done.stdout)
        yield place


def test_the_verdict_and_the_files_are_printed(verified: Path):
    text = (verified / "verified.txt").read_text()
    verdict = next(line for line in text.splitlines() if line.startswith("verdict: "))
    assert " points over " in verdict
    assert "2 seeds), measured on " in verdict
    for part in ("6 networks x 2 seeds", "the choice is final", ", chosen", "random draw"):
        assert part in text
    assert {path.name for path in (verified / "certificate").iterdir()} == {"certificate.md", "certificate.json"}
    assert "automl export tiny --out found    with the certificate" in text
    assert "Traceback" not in text


def test_the_same_command_again_trains_nothing(verified: Path, monkeypatch: pytest.MonkeyPatch):
    def refuse(*given: object) -> None:
        raise AssertionError("nothing is left to train")

    monkeypatch.setattr(ray_tune, "run", refuse)
    again = json.loads(called("verify", "tiny", "--seeds", 2, "--json", cwd=verified).stdout)
    assert (again["left"], again["epochs"], again["n"]) == (0, 2, 2)
    sql = "FROM automl_evaluations WHERE study_id = (SELECT id FROM automl_studies WHERE name = 'tiny-verify')"
    assert query(verified, f"SELECT count(*), count(DISTINCT candidate_id || seed) {sql}") == [(12, 12)]


def test_report_and_status_use_the_verification_and_say_so(verified: Path):
    found = json.loads(called("report", "tiny", "--json", cwd=verified).stdout)["references"]
    assert found["verification"]["measured_on"] == "test"
    assert (found["n"], found["confirmed"]) == (2, True)
    assert found["margin"] == found["verification"]["margin"]
    assert "test images after 2 epochs" in called("report", "tiny", cwd=verified).stdout
    assert "test images after 2 epochs" in called("status", "tiny", cwd=verified).stdout
    called("report", "tiny", "--out", "page", cwd=verified)
    assert "| random draw |" in (verified / "page" / "report.md").read_text()


def test_an_export_has_the_certificate(verified: Path):
    called("export", "tiny", "--out", "found", "--no-onnx", "--no-check", cwd=verified)
    names = {path.name for path in (verified / "found").iterdir()}
    assert {"certificate.md", "certificate.json"} < names
    assert (verified / "found" / "certificate.md").read_text() == (
        verified / "certificate" / "certificate.md"
    ).read_text()
    assert "`certificate.md` compares this network" in (verified / "found" / "README.md").read_text()


def test_an_export_of_another_network_has_none(verified: Path):
    chosen = json.loads(called("status", "tiny", "--json", cwd=verified).stdout)["best"]["id"]
    other = next(one for (one,) in query(verified, "SELECT candidate_id FROM automl_evaluations") if one != chosen)
    called("train", "tiny", "--candidate", other, "--epochs", 1, "--threads", 1, cwd=verified)
    called("export", "tiny", "--candidate", other, "--out", "other", "--no-onnx", "--no-check", cwd=verified)
    assert not (verified / "other" / "certificate.md").exists()


def test_a_verification_chooses_nothing(verified: Path):
    done = called("export", "tiny-verify", "--out", "no", cwd=verified, check=False)
    assert (done.code, len(done.stderr.strip().splitlines())) == (2, 1)
    assert "nothing is chosen by accuracies on test images" in done.stderr
    assert called("status", "tiny-verify", cwd=verified).stdout.count("best:") == 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nobody"], "unknown study 'nobody'"),
        (["tiny", "--seeds", "0"], "--seeds"),
        (["tiny", "--time", "soon"], "not a positive duration"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(searched: Path, arguments: list[str], says: str):
    done = called("verify", *arguments, cwd=searched, check=False)
    assert done.code == 2
    assert says in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
