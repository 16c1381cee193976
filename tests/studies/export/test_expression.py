"""Constructor calls read back from modules."""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
import pytest
import torch
from automl.blocks import InputError
from automl.blocks.modules.mobile import InvertedResidual
from automl.studies.export.expression import names, read
from automl.studies.export.printing import inline, pretty, quoted
from timm.layers import DropPath
from timm.layers.activations import GELU
from torch import nn


class Kept(nn.Module):
    """Keeps the convention; its arguments are of every kind."""

    def __init__(
        self,
        size: int,
        *,
        rate: float = 0.0,
        inner: nn.Module | None = None,
        layer: type[nn.Module] = nn.ReLU,
        more: dict | None = None,
    ) -> None:
        super().__init__()
        self.size, self.layer, self.more = size, layer, more
        self.inner = nn.Identity() if inner is None else inner
        self.rate = DropPath(rate)


class Own(nn.Conv2d):
    """A layer of torch's in all but its name."""


class Forgotten(nn.Module):
    def __init__(self, channels: int, groups: int = 1) -> None:
        super().__init__()
        self.channels = channels


class Replaced(nn.Module):
    def __init__(self, kernel: int) -> None:
        super().__init__()
        self.kernel = nn.Conv1d(1, 1, kernel)


class Many(nn.Module):
    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)


LAYERS = [
    nn.Conv2d(3, 8, 3),
    nn.Conv2d(4, 8, (3, 5), stride=2, padding=(1, 2), dilation=1, groups=2, bias=False, padding_mode="circular"),
    nn.Conv2d(4, 8, 3, padding="same"),
    nn.Conv1d(1, 1, 5, padding=2, bias=False),
    nn.ConvTranspose2d(4, 4, 2, stride=2, output_padding=1),
    nn.Linear(3, 4, bias=False),
    nn.BatchNorm2d(8, eps=1e-3, momentum=None),
    nn.BatchNorm2d(8, affine=False),
    nn.GroupNorm(2, 8),
    nn.LayerNorm((4, 4), bias=False),
    nn.MaxPool2d(3, 2, 1),
    nn.AvgPool2d(2, ceil_mode=True, count_include_pad=False),
    nn.AdaptiveAvgPool2d((None, 1)),
    nn.Dropout(0.25),
    nn.Hardswish(inplace=True),
    nn.PReLU(4),
    nn.LeakyReLU(0.2),
    nn.Softmax(1),
    nn.Flatten(),
    nn.Upsample(scale_factor=2.0),
    nn.Sequential(nn.ReLU(), nn.Sequential(nn.Identity())),
    nn.Sequential(OrderedDict(conv=nn.Conv2d(1, 2, 3), act=nn.SiLU())),
    nn.ModuleList([nn.ReLU(), nn.ReLU6()]),
    nn.ModuleDict({"a": nn.ReLU()}),
    GELU(inplace=True),
    DropPath(0.1),
    Own(4, 4, 1, bias=False),
]


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: type(layer).__name__)
def test_a_layer_of_torch_or_timm_is_made_again_by_the_call_read_back(layer: nn.Module) -> None:
    call = read(layer)
    space = {"nn": nn, **{name.text: name.value for name in names(call)}}
    for text in (inline(call), pretty(call)):
        assert repr(eval(text, space)) == repr(layer)  # what a layer says of itself names its arguments


def test_a_call_names_its_arguments_except_the_first_two_that_must_be_given() -> None:
    assert inline(read(nn.Conv2d(4, 8, 3, 1, 1, bias=False))) == "nn.Conv2d(4, 8, kernel_size=3, padding=1, bias=False)"
    unit = InvertedResidual(24, 40, 144, 5, 2, drop_path=0.25)
    assert inline(read(unit)) == "InvertedResidual(24, 40, expanded=144, kernel=5, stride=2, drop_path=0.25)"


def test_arguments_of_every_kind_are_read_back() -> None:
    kept = Kept(3, rate=0.5, inner=nn.ReLU(), layer=nn.SiLU, more={"a": (1, 2.0), "b": [None, True]})
    assert (
        inline(read(kept))
        == 'Kept(3, rate=0.5, inner=nn.ReLU(), layer=nn.SiLU, more={"a": (1, 2.0), "b": [None, True]})'
    )


def test_what_equals_its_default_is_left_out() -> None:
    assert inline(read(Kept(3))) == "Kept(3)"


def test_numbers_of_numpy_are_written_as_pythons_own() -> None:
    assert inline(read(Kept(np.int64(3), more={"x": np.float64(0.5)}))) == 'Kept(3, more={"x": 0.5})'  # type: ignore[arg-type]


def test_numbers_that_python_has_no_literal_for_are_written_as_calls() -> None:
    assert inline((float("inf"), 1)) == '(float("inf"), 1)'


@pytest.mark.parametrize(
    "text",
    ["plain", 'with "double"', "with 'single'", "both ' and \"", "back\\slash", "new\nline", "é", "\u2028", "\ud800"],
)
def test_a_string_is_written_so_that_python_reads_it_back(text: str) -> None:
    literal = quoted(text)
    assert eval(literal) == text
    assert "\n" not in literal


def test_an_argument_that_is_not_kept_is_named_with_its_class_and_the_convention() -> None:
    with pytest.raises(
        InputError,
        match=(
            r"Forgotten cannot be exported: its argument 'groups' is not kept .*under the argument's own"
            r" name.*self\.groups = groups"
        ),
    ):
        read(nn.Sequential(Forgotten(3)))


def test_a_module_kept_under_the_name_of_a_number_is_refused() -> None:
    with pytest.raises(InputError, match=r"Replaced cannot be exported: its argument 'kernel' is kept as a Conv1d"):
        read(Replaced(3))


def test_a_constructor_with_any_number_of_arguments_is_refused() -> None:
    with pytest.raises(InputError, match=r"Many cannot be exported: its constructor takes \*layers"):
        read(Many(nn.ReLU()))


def test_a_value_that_cannot_be_written_is_refused() -> None:
    with pytest.raises(InputError, match=r"Kept's argument 'more' cannot be exported: a Tensor cannot be written"):
        read(Kept(3, more={"x": torch.ones(2)}))
    with pytest.raises(InputError, match="a function cannot be written"):
        read(Kept(3, more={"x": lambda: None}))


def test_stages_stand_one_unit_a_line() -> None:
    stage = nn.Sequential(nn.ReLU(), nn.SiLU())
    assert pretty(read(stage), indent=4) == "nn.Sequential(\n        nn.ReLU(),\n        nn.SiLU(),\n    )"
