"""What is written of the facts says nothing about the machine, and facts that cannot be are
refused."""

from __future__ import annotations

import subprocess
import sys

import pytest
from automl.blocks import InputError
from automl.studies.export.facts import one_line, portable


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("automl search --data /home/ada/cats", "automl search --data cats"),
        ("automl search --data=/home/ada/cats/", "automl search --data=cats"),
        ("automl search --data '/home/ada/all my/cats'", "automl search --data 'cats'"),
        ("automl search --data ~/cats --trials 3", "automl search --data cats --trials 3"),
        (r"automl search --data C:\Users\ada\cats", "automl search --data cats"),
        ("--storage sqlite:////var/lib/automl.db", "--storage sqlite:///automl.db"),
        ("--storage sqlite:///automl.db", "--storage sqlite:///automl.db"),
        ("--storage postgresql://ada:secret@db/automl", "--storage postgresql://ada:***@db/automl"),
        ("--data data/cats ../dogs ./mice hf:ada/birds 1/2", "--data data/cats ../dogs ./mice hf:ada/birds 1/2"),
        ("MACs / parameters", "MACs / parameters"),
    ],
)
def test_folders_of_this_machine_and_passwords_are_not_written(given: str, written: str) -> None:
    assert portable(given) == written


@pytest.mark.parametrize(
    ("given", "written"),
    [
        ("digits", "digits"),
        ("/home/ada/all cats", "all cats"),
        (r"C:\ada\cats", "cats"),
        ("~/cats", "cats"),
        ("data/cats", "data/cats"),
    ],
)
def test_of_a_path_to_data_only_the_last_part_is_written(facts, tiny, given: str, written: str) -> None:
    assert facts(tiny("resnet"), data=given).public_data == written


@pytest.mark.parametrize("changes", [{"std": (0.5, 0.0, 0.5)}, {"mean": (0.5,)}, {"epochs": -1}])
def test_impossible_facts_are_refused_with_their_values(facts, tiny, changes) -> None:
    with pytest.raises(InputError, match="must"):
        facts(tiny("resnet"), **changes)


def test_text_on_one_line_holds_nothing_that_breaks_lines() -> None:
    assert one_line("a\n\tb\u2028c  d") == "a b c d"


def test_importing_the_export_imports_no_torch() -> None:
    program = (
        "import sys, automl.studies.export; print(sorted({'torch', 'timm', 'onnx', 'sqlalchemy'} & set(sys.modules)))"
    )
    assert (
        subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip()
        == "[]"
    )
