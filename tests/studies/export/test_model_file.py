"""model.py: a file that stands alone, reads well, and makes the very network."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch
from automl.blocks import Attention, InputError, names
from automl.search.training.pixels import Normalise
from automl.studies.export import export_network
from automl.studies.export.source_check import loaded
from PIL import Image

from ... import fresh

KINDS = [
    (skeleton, {"attention": attention})
    for skeleton in ("efficientnet", "resnet")
    for attention in ("none", *names(Attention))
]
KINDS += [
    ("resnet", {"attention": "eca", "eca_padding": "circular", "eca_kernel": 5}),
    ("resnet", {"radix": (1, 2, 4, 0), "cardinality": 2, "downsample": "avg", "pool": "last", "stem": "deep"}),
    ("resnet", {"unit": "basic", "attention": "se"}),
    ("efficientnet", {"activation": "gelu"}),
]

MINE = '''"""An attention of my own.

Source: nowhere.
"""

from dataclasses import dataclass

import torch.nn as nn
import torch.nn.functional as F
from automl.blocks import Attention, Cost, register
from torch import Tensor

FLOOR = 0.25
"""No gate closes further."""


def soft(x: Tensor) -> Tensor:
    return F.softplus(x).clamp(FLOOR)


@register("mine")
@dataclass(frozen=True)
class Mine(Attention):
    slope: float = 2.0

    def cost(self, shape):
        return Cost(shape.channels, shape.channels, shape.channels)

    def build(self, shape):
        return MyGate(shape.channels, slope=self.slope)


class MyGate(nn.Module):
    """Gate every channel by its mean."""

    def __init__(self, channels: int, slope: float = 1.0) -> None:
        super().__init__()
        self.channels, self.slope = channels, slope
        self.conv = nn.Conv2d(channels, channels, 1, groups=channels, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return x * soft(self.slope * self.conv(x.mean((2, 3), keepdim=True)))
'''


def export(out: Path, candidate, weights, facts) -> Path:
    export_network(out, candidate=candidate, weights=weights, facts=facts, formats=())
    return out / "model.py"


def logits(candidate, weights, images: torch.Tensor) -> torch.Tensor:
    network = candidate.build()
    network.load_state_dict(weights)
    with torch.inference_mode():
        return network.eval()(images)


def ruff(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sys.executable).with_name("ruff"), *arguments, "--isolated", "--line-length", "120"],
        capture_output=True,
        text=True,
        check=False,
    )


def alone(path: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run a file in a fresh interpreter, from elsewhere, in which nothing of automl can be
    imported."""
    argv = ["model.py", *map(str, arguments)]
    program = (
        f"import runpy, sys; sys.modules['automl'] = None; sys.argv = {argv!r}; runpy.run_path({str(path)!r},"
        " run_name='__main__')"
    )
    return fresh.run(program, folder=path.parents[1])


@pytest.fixture(scope="module")
def files(tmp_path_factory, tiny, trained, facts) -> dict[int, tuple[Path, Any, dict[str, torch.Tensor]]]:
    """A model.py of every kind, with its candidate and weights."""
    root = tmp_path_factory.mktemp("kinds")
    made = {}
    for number, (skeleton, settings) in enumerate(KINDS):
        candidate = tiny(skeleton, **settings)
        weights = trained(candidate)
        made[number] = export(root / str(number), candidate, weights, facts(candidate)), candidate, weights
    return made


@pytest.mark.parametrize(
    "number", range(len(KINDS)), ids=lambda number: "-".join(map(str, (KINDS[number][0], *KINDS[number][1].values())))
)
def test_every_attention_of_every_skeleton_comes_back_from_its_source(files, number: int) -> None:
    path, candidate, weights = files[number]
    images = torch.randn(2, candidate.image[0], 16, 16)
    with loaded(path) as module, torch.inference_mode():
        assert "automl" not in {name.partition(".")[0] for name in vars(module)}
        assert torch.equal(module.load()(images), logits(candidate, weights, images))


def test_the_files_are_clean_and_formatted_as_by_hand(files) -> None:
    folder = files[0][0].parents[1]
    found = ruff("check", folder, "--select", "E,F,I,UP,B")
    assert found.returncode == 0, found.stdout
    formatted = ruff("format", folder, "--diff")
    assert formatted.returncode == 0, formatted.stdout


def test_only_the_classes_the_network_uses_are_in_its_file(files) -> None:
    texts = {number: path.read_text("utf-8") for number, (path, _, _) in files.items()}
    none = next(
        number
        for number, (skeleton, settings) in enumerate(KINDS)
        if (skeleton, settings) == ("resnet", {"attention": "none"})
    )
    # its unit refers to the first two, without building them
    classes = ["SplitAttention", "BlurPool", "Bottleneck", "Network"]
    assert re.findall(r"^class (\w+)", texts[none], re.MULTILINE) == classes
    circular = next(text for number, text in texts.items() if KINDS[number][1].get("eca_padding"))
    assert 'se=EfficientChannelAttention(5, padding="circular")' in circular
    assert not re.search(r"^\s*(from|import) automl", "\n".join(texts.values()), re.MULTILINE)


def test_it_runs_and_classifies_where_automl_cannot_be_imported(files, tmp_path: Path) -> None:
    path, _, weights = files[1]
    picture = tmp_path / "noise.png"
    Image.effect_noise((20, 20), 60).save(picture)
    ran = alone(path, picture, picture)
    assert (ran.returncode, ran.stderr) == (0, "")
    count = sum(
        tensor.numel() for name, tensor in weights.items() if "running" not in name and "num_batches" not in name
    )
    assert ran.stdout.startswith(f"{count:,} parameters, 10 classes, 16x16 pixels\n")
    with loaded(path) as module:
        label, probability = module.classify(module.load(), picture)[0]
    assert ran.stdout.count(f"{picture}: {label} {probability:.1%}, ") == 2


def test_without_an_image_it_classifies_a_synthetic_one_always_alike(
    files, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["model.py"])
    with loaded(files[2][0]) as module:
        module.main()
        first = capsys.readouterr().out
        module.main()
    assert "\nsynthetic image: " in first
    assert capsys.readouterr().out == first


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["missing.png"], "missing.png cannot be read"),
        (["--weights", "missing"], "weights cannot be loaded"),
        (["--weights", __file__], "weights cannot be loaded"),
    ],
)
def test_a_wrong_file_is_told_in_one_line(
    files, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
):
    monkeypatch.setattr(sys, "argv", ["model.py", *arguments])
    with loaded(files[0][0]) as module, pytest.raises(SystemExit, match="2"):
        module.main()
    assert message in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize("channels", [1, 3])
def test_images_are_prepared_as_in_training(files, channels: int) -> None:
    path, _, _ = next(entry for entry in files.values() if entry[1].image[0] == channels)
    pixels = np.random.default_rng(0).integers(0, 256, (16, 16, channels), dtype=np.uint8)
    with loaded(path) as module:
        mean, std = module.MEAN, module.STD
        prepared = module.preprocess(Image.fromarray(pixels[..., 0] if channels == 1 else pixels))
    wanted = Normalise(mean, std, "cpu")(torch.from_numpy(pixels).permute(2, 0, 1)[None])
    torch.testing.assert_close(prepared, wanted)


def test_images_of_any_kind_are_prepared(files, tmp_path: Path) -> None:
    grey, colour = (next(entry[0] for entry in files.values() if entry[1].image[0] == channels) for channels in (1, 3))
    clear = Image.new("RGBA", (30, 20), (0, 0, 0, 0))
    deep = Image.fromarray(np.full((20, 30), 65535, np.uint16))
    halves = Image.fromarray(np.repeat(np.array([[0, 255, 255, 0]], np.uint8), 8, 0).repeat(4, 1))
    for path, channels in ((grey, 1), (colour, 3)):
        with loaded(path) as module:
            white = (1 - torch.tensor(module.MEAN)) / torch.tensor(module.STD)
            for image in (
                clear,
                clear.convert("LA"),
                deep,
                Image.new("CMYK", (9, 9)),
                Image.new("P", (9, 9), 0).convert("1").point(lambda _: 1),
            ):
                prepared = module.preprocess(image)
                assert prepared.shape == (1, channels, 16, 16)
                torch.testing.assert_close(prepared[0, :, 3, 3], white)
            # 16 x 8 pixels, black at both ends: but for its edges, which the filter mixes, the
            # central square is white
            torch.testing.assert_close(module.preprocess(halves)[..., 2:-2].amin((0, 2, 3)), white)


def test_an_attention_of_the_users_own_comes_along_with_what_it_uses(
    user_file: Callable[..., ModuleType], tiny, trained, facts, tmp_path: Path
) -> None:
    user_file(MINE, "my_attention")
    candidate = tiny("resnet", attention="mine")
    weights = trained(candidate)
    path = export(tmp_path / "found", candidate, weights, facts(candidate))
    text = path.read_text("utf-8")
    for piece in (
        "# An attention of my own.",
        "FLOOR = 0.25",
        "def soft(x: Tensor)",
        "class MyGate(nn.Module)",
        "se=MyGate(32, slope=2.0)",
    ):
        assert piece in text
    assert "class Mine(" not in text
    assert ruff("check", path, "--select", "E,F,I").stdout == "All checks passed!\n"
    ran = alone(path)
    assert ran.returncode == 0, ran.stderr
    images = torch.randn(2, 3, 16, 16)
    with loaded(path) as module, torch.inference_mode():
        assert torch.equal(module.load()(images), logits(candidate, weights, images))


def test_an_attention_that_breaks_the_convention_is_refused_with_class_argument_and_rule(
    user_file: Callable[..., ModuleType], tiny, trained, facts, tmp_path: Path
) -> None:
    user_file(
        MINE.replace(
            "self.channels, self.slope = channels, slope", "self.channels, self.steepness = channels, slope"
        ).replace("self.slope * self", "self.steepness * self")
    )
    candidate = tiny("resnet", attention="mine")
    with pytest.raises(
        InputError,
        match=(
            r"MyGate cannot be exported: its argument 'slope' is not kept under that name; a module keeps every"
            r" .*self\.slope = slope"
        ),
    ):
        export(tmp_path / "found", candidate, trained(candidate), facts(candidate))
    assert not (tmp_path / "found").exists()


@pytest.mark.parametrize("name", ["load", "CLASSES", "Image"])
def test_a_name_that_the_file_needs_itself_must_be_given_up(
    user_file: Callable[..., ModuleType], tiny, trained, facts, tmp_path: Path, name: str
) -> None:
    user_file(MINE.replace("soft(", f"{name}("))
    candidate = tiny("resnet", attention="mine")
    with pytest.raises(InputError, match=f"two things called '{name}'"):
        export(tmp_path / "found", candidate, trained(candidate), facts(candidate))


def test_text_in_the_facts_cannot_become_code(tiny, trained, facts, tmp_path: Path) -> None:
    candidate = tiny("resnet")
    nasty = '"""\nraise SystemExit(1)\n"""'
    classes = (nasty, "\\", "'", '"', "\n", "\u2028", "\ud83d", "#", "{}", "%s")
    path = export(
        tmp_path / "found",
        candidate,
        trained(candidate),
        facts(candidate, study=nasty, data=nasty + "\\", classes=(*classes[:6], "é", *classes[7:])),
    )
    with loaded(path) as module:
        assert module.CLASSES[:6] == classes[:6]
    assert ruff("check", path, "--select", "E,F,I").returncode == 0
