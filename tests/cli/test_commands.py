"""Commands that read or count, and the live view."""

import dataclasses
import io
import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from automl.cli.live import Redrawn, lines
from automl.search.course.events import Counts, Printing, Running, ended_text
from automl.search.course.job import Job
from automl.studies import CandidateRow, Evaluation, Fidelity, Purpose, State

from .conftest import SPACE


def test_help_states_the_convention(call):
    code, out, _ = call("--help")
    assert code == 0
    assert "One FLOP is one multiply-add" in " ".join(out.split())


@pytest.mark.parametrize(
    "command", ["search", "status", "front", "studies", "delete", "train", "export", "cost", "space", "doctor"]
)
def test_every_command_has_help(call, command: str):
    code, out, _ = call(command, "--help")
    assert code == 0
    assert len(out.split()) > 10


def test_a_space_is_described_in_words_and_in_json(call):
    code, out, _ = call("space", "describe", "efficientnet", "--budget", "400MFLOPs")
    assert code == 0
    assert "24,948 settings" in out
    code, out, _ = call("space", "describe", "efficientnet", "--budget", "400MFLOPs", "--json")
    found = json.loads(out)
    assert found["exact"]
    assert 0 < found["feasible"] < found["settings"] == 24948
    assert found["cheapest"]["macs"] < found["costliest"]["macs"]


def test_a_description_shows_with_what_a_search_begins(call):
    asked = ["space", "describe", "resnet-basic", "--image-size", "64"]
    _, out, _ = call(*asked, "--budget", "20MFLOPs")
    shown = [line for line in out.splitlines() if line.startswith("search begins with: ")]
    found = json.loads(call(*asked, "--budget", "20MFLOPs", "--json")[1])
    assert len(shown) == len(found["start"]) == 2
    assert all(10e6 < one["macs"] <= 20e6 for one in found["start"])
    assert all("MFLOPs" in line and "activation=silu" in line for line in shown)
    assert "begins" not in call(*asked)[1]  # without a budget there is no largest network


def test_samples_are_within_the_budget(call):
    code, out, _ = call("space", "sample", "efficientnet", "--budget", "300MFLOPs", "-n", "4", "--json")
    assert code == 0
    drawn = json.loads(out)
    assert len(drawn) == 4
    assert all(one["macs"] <= 300e6 for one in drawn)


def test_a_sampled_candidate_can_be_costed_from_its_file(call, tmp_path):
    _, out, _ = call("space", "sample", "efficientnet", "-n", "1", "--json")
    one = json.loads(out)[0]
    (tmp_path / "candidate.json").write_text(json.dumps(one["candidate"]))
    code, out, _ = call("cost", "candidate.json", "--json")
    assert code == 0
    assert (json.loads(out)["id"], json.loads(out)["macs"]) == (one["id"], one["macs"])
    (tmp_path / "broken.json").write_text("[1, 2")
    assert call("cost", "broken.json")[0] == 2
    (tmp_path / "other.json").write_text('{"layout": "resnet"}')
    code, _, err = call("cost", "other.json")
    assert code == 2
    assert "a candidate has the keys" in err


def test_a_published_network_is_costed_by_name(call):
    code, out, _ = call("cost", "resnet50", "--json")
    assert code == 0
    assert (json.loads(out)["params"], json.loads(out)["image"]) == (25_557_032, [3, 224, 224])
    code, out, _ = call("cost", "efficientnet_b0", "--image-size", "32", "--json")
    assert json.loads(out)["image"] == [3, 32, 32]
    code, _, err = call("cost", "resnet5")
    assert code == 2
    assert "did you mean 'resnet50'" in err


def test_a_space_file_is_checked(call, tmp_path: Path):
    (tmp_path / "tiny.yaml").write_text(SPACE + "constraints: [cardinality <= radix]\n")
    code, out, _ = call("space", "check", tmp_path / "tiny.yaml", "--json")
    assert code == 0
    assert json.loads(out)["excluded"] > 0


def evaluation(state: State = State.COMPLETE, reason: str | None = None) -> Evaluation:
    now = datetime.now(UTC)
    return Evaluation(
        candidate_id="ab" * 32,
        fidelity=Fidelity(epochs=8, size=32),
        seed=0,
        purpose=Purpose.SEARCH,
        state=state,
        settings={},
        curve=((1, 0.25), (2, 0.5)),
        accuracy=0.5,
        seconds=12.0,
        reason=reason,
        started=now,
        finished=now,
    )


def running() -> Running:
    job = Job(candidate="{}", params=1, fidelity=Fidelity(epochs=8, size=32), seed=0, purpose=Purpose.SEARCH)
    network = CandidateRow(id="cd" * 32, spec="{}", macs=2_000_000, params=1, activations=1)
    return Running(job=job, network=network, curve=[(3, 0.75)])


def test_an_end_is_one_line_with_what_matters():
    text = ended_text(evaluation(State.PRUNED, "beaten at the rung of 3 epochs"), 2_000_000)
    assert text.split() == [
        "pruned",
        "abababababab",
        "accuracy",
        "0.5000",
        "2MFLOPs",
        "2/8",
        "epochs",
        "12",
        "s",
        "(beaten",
        "at",
        "the",
        "rung",
        "of",
        "3",
        "epochs)",
    ]


def test_without_a_terminal_there_are_plain_lines(capsys):
    listener = lines()
    listener.phase("searching")
    listener.reported(running(), Counts(done=1, target=8))
    listener.reported(running(), Counts(done=1, target=8))  # too soon after the other: not said
    listener.ended(evaluation(), 2_000_000, Counts(), None)
    out = capsys.readouterr().out
    assert out.splitlines()[0] == "searching …"
    assert out.count("cdcdcdcdcdcd  accuracy 0.7500  3/8 epochs; 1/8 trials") == 1
    assert "\x1b" not in out


def test_from_python_the_same_lines_are_printed(capsys):
    listener = Printing(every=0)
    listener.said("space tiny: 72 settings")
    listener.reported(running(), Counts(done=1, target=8))
    listener.reported(running(), Counts(done=2, target=8))
    listener.ended(evaluation(), 2_000_000, Counts(), None)
    listener.tick([running()], Counts(), 3.0)
    said, first, second, ended = capsys.readouterr().out.splitlines()
    assert said == "space tiny: 72 settings"
    assert (first.partition(";")[0], second.partition(";")[0]) == (
        "running   cdcdcdcdcdcd  accuracy 0.7500  3/8 epochs",
    ) * 2
    assert ended == ended_text(evaluation(), 2_000_000)
    kept: list[str] = []
    Printing(kept.append).phase("searching")
    assert (kept, capsys.readouterr().out) == (["searching …"], "")


def test_a_score_is_called_that_and_nothing_is_said_to_be_trained():
    scored = dataclasses.replace(
        evaluation(), state=State.COMPLETE, accuracy=142.77, scores={"naswot": 142.77}, reason=None
    )
    assert ended_text(scored, 2_000_000) == "complete  abababababab  score 142.8  2MFLOPs  12 s"
    final = dataclasses.replace(scored, purpose=Purpose.FINAL, accuracy=0.5, scores={})
    assert "confirmed abababababab  accuracy 0.5000" in ended_text(
        final, 2_000_000
    )  # control: those chosen are trained


def test_on_a_terminal_running_counts_best_and_time_left_are_drawn():
    from rich.console import Console
    from rich.live import Live

    screen = io.StringIO()
    console = Console(file=screen, force_terminal=True, width=120)
    with Live(console=console, auto_refresh=False) as live:
        view = Redrawn(console, live)
        view.phase("searching")
        view.ended(evaluation(), 2_000_000, Counts(), (0.5, 2_000_000))
        view._drawn = 0.0
        view.tick([running()], Counts(done=3, pruned=2, failed=1, refused=7, target=32), 65.0)
        live.refresh()
    drawn = screen.getvalue()
    for part in (
        "cdcdcdcdcdcd",
        "0.7500",
        "3/8",
        "6/32 trials: 3 done, 2 pruned, 1 failed; 7 refused by the gate",
        "1 min 5 s left",
        "accuracy 0.5000 at 2MFLOPs",
    ):
        assert part in drawn


def test_doctor_starts_ray_only_when_asked(call, monkeypatch: pytest.MonkeyPatch):
    from automl.search.workers import cluster

    def start(*_, **__):
        raise RuntimeError("started\nin two lines")

    monkeypatch.setattr(cluster, "start", start)
    code, out, _ = call("doctor")
    assert (code, "Ray       not started; `automl doctor --ray` sees whether it can be" in out) == (0, True)
    _, out, _ = call("doctor", "--ray", "--json")
    assert json.loads(out)["ray"] == "does not start: started"  # control


def test_doctor_imports_no_torch_where_there_can_be_no_gpu(tmp_path):
    program = """
import sys
from automl.search.workers import cluster
from automl.cli.main import main

cluster.may_have_gpus = lambda: False
assert main(["doctor", "--json"]) == 0
print(sorted({"torch", "ray"} & set(sys.modules)), file=sys.stderr)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert (json.loads(done.stdout)["gpus"], done.stderr.strip()) == ([], "[]")
