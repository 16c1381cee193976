"""Docs cannot drift: every command shown exists with its options, what is cheap is run, every
Python block and space file is taken as it stands."""

import re
import shlex
from pathlib import Path

import pytest
import typer
from automl.blocks import Attention, block_class
from automl.cli.main import app, main

from . import fresh

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
CHEAP = ("space", "cost", "references")
LARGE = re.compile(r"space (describe|sample) resnext-attention")
"""Takes seconds to count; the same commands with smaller spaces are run by default."""


def cheap(text: str) -> bool:
    """Whether a command neither trains nor needs a study or a user's files."""
    words = text.split()
    return words[0] in CHEAP or "--dry-run" in words or (words[0] == "scale" and "--study" not in words)


def blocks(language: str) -> list[tuple[str, str]]:
    return [
        (path.name, text)
        for path in PAGES
        for text in re.findall(rf"```{language}\n(.*?)```", path.read_text(), re.DOTALL)
    ]


def commands() -> list[tuple[str, str]]:
    """(page, arguments) of every automl command in a console block."""
    found = []
    for page, text in blocks("console"):
        for line in text.splitlines():
            for part in line.split("#")[0].split("&&"):
                words = part.replace("uv run", "").strip()
                if words.startswith("automl "):
                    found.append((page, words.removeprefix("automl ")))
    return found


def test_there_are_commands_in_the_docs():
    assert len(commands()) >= 10


@pytest.mark.parametrize(("page", "text"), commands())
def test_a_command_shown_exists_with_its_options(page: str, text: str):
    command = typer.main.get_command(app)
    context = command.make_context("automl", shlex.split(text), resilient_parsing=False)
    name, sub, rest = command.resolve_command(context, [*context._protected_args, *context.args])
    while hasattr(sub, "resolve_command"):
        inner = sub.make_context(name, rest, parent=context)
        name, sub, rest = sub.resolve_command(inner, [*inner._protected_args, *inner.args])
    sub.make_context(name, rest, parent=context)


@pytest.mark.parametrize(
    ("page", "text"),
    [
        pytest.param(*one, marks=[pytest.mark.exhaustive] if LARGE.match(one[1]) else [])
        for one in commands()
        if cheap(one[1])
    ],
)
def test_a_cheap_command_shown_runs(page: str, text: str, capsys):
    assert main(shlex.split(text)) == 0
    assert capsys.readouterr().out


@pytest.mark.parametrize(("page", "text"), blocks("python"))
def test_a_python_block_compiles(page: str, text: str):
    compile(text, page, "exec")


def test_the_attention_block_of_the_docs_works():
    text = next(text for page, text in blocks("python") if page == "spaces.md" and "@register" in text)
    code = (
        text + "\nfrom automl.blocks import Shape\nfrom automl.spaces.skeletons import skeleton\n"
        "c = skeleton('resnet').candidate({'attention': 'gate', 'width': 0.25}, (3, 32, 32), 10)\n"
        "assert sum(p.numel() for p in c.build().parameters()) == c.cost().params\nprint(Gate.name)\n"
    )
    done = fresh.run(code)
    assert done.stdout.strip() == "gate", done.stderr
    assert block_class("eca", Attention).name == "eca"


def test_the_networks_in_timm_of_the_docs_are_what_is_said():
    text = next(text for _, text in blocks("python") if "automl_network" in text)
    done = fresh.run(text)
    assert done.stdout.strip() == re.findall(r"# (\[.*)", text)[0], done.stderr


def test_the_way_shown_to_timms_training_script_works(tmp_path: Path):
    from automl.spaces.skeletons import skeleton

    shown = re.findall(
        r'`python -c "(import automl.spaces, runpy;[^"]*)" IMAGES (--model [^`]*)`',
        (ROOT / "docs" / "spaces.md").read_text(),
    )
    [(code, arguments)] = shown
    script = (  # as timm's script reads its arguments
        "import argparse, timm, timm.utils\nparser ="
        " argparse.ArgumentParser()\nparser.add_argument('--model')\nparser.add_argument('--model-kwargs', nargs='*',"
        " default={}, action=timm.utils.ParseKwargs)\ngiven = parser.parse_args()\nprint(timm.create_model(given.model,"
        " pretrained=False, num_classes=3, bn_eps=None, **given.model_kwargs).num_classes)\n"
    )
    (tmp_path / "train.py").write_text(script)
    (tmp_path / "found.json").write_text(
        skeleton("resnet").candidate({"width": 0.125, "depth": 0.3}, (3, 32, 32), 10).spec
    )
    done = fresh.run(code, *shlex.split(arguments), folder=tmp_path)
    assert done.stdout.strip() == "3", done.stderr


def test_the_spaces_of_the_docs_load():
    import yaml
    from automl.spaces import Space

    for page, text in blocks("yaml"):
        if page == "spaces.md":
            data = yaml.safe_load(text)
            if not {"skeleton", "baseline", "union"} & set(data):  # a part of a space
                data = {"skeleton": "mobilenetv2", **(data if "stages" in data else {"dimensions": data})}
            space = Space.from_dict(data, page)
            assert space.base().cost().macs > 0


def test_every_dimension_of_every_skeleton_is_in_the_docs():
    from automl.spaces.skeletons import skeleton, skeletons

    page = (ROOT / "docs" / "spaces.md").read_text()
    for name in skeletons():
        for dimension in skeleton(name).dimensions():
            assert f"`{dimension}`" in page, (name, dimension)


def test_every_command_is_in_the_docs():
    page = (ROOT / "docs" / "commands.md").read_text()
    for name in typer.main.get_command(app).commands:
        assert f"automl {name}" in page


def test_the_readme_names_the_two_commands_of_set_up():
    text = (ROOT / "README.md").read_text()
    assert "python3 -m pip install -q uv && uv run automl search --budget 400MFLOPs" in text
    assert "uv run pytest" in text
    assert (ROOT / ".ci" / "run").read_text().splitlines()[-1] == "uv run pytest"
