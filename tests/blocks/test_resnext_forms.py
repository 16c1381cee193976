"""ResNeXt's three forms (arXiv:1611.05431, Figure 3) compute one function: outputs, gradients and
running statistics, in training and in evaluation.

In double precision, where a difference of functions cannot hide in rounding, nor rounding look like
one.
"""

from collections.abc import Mapping

import pytest
import torch
from automl.blocks import Attention, Bottleneck, Eca, InvalidBlock, Se, Shape, Sk
from automl.blocks.modules.forms import PathBottleneck, to_grouped, to_paths
from automl.blocks.residual import Form
from flop_counter import FlopCounter
from hypothesis import given, settings
from hypothesis import strategies as st

FORMS: tuple[Form, ...] = ("summed", "concatenated")
TOLERANCE = 1e-5

UNITS = st.builds(
    lambda cardinality, width, stride, channels, downsample, attention: Bottleneck(
        channels=channels,
        width=cardinality * width,
        stride=stride,
        cardinality=cardinality,
        downsample=downsample,
        attention=attention,
    ),
    cardinality=st.integers(1, 5),
    width=st.integers(1, 4),
    stride=st.integers(1, 2),
    channels=st.sampled_from([6, 8]),
    downsample=st.sampled_from(["conv", "avg"]),
    attention=st.sampled_from([None, Se(reduced=2), Eca(padding="circular")]),
)


def grouped(unit: Bottleneck, shape: Shape, seed: int = 0) -> torch.nn.Module:
    """Form (c) in double precision, with scales, shifts and running statistics that differ from
    channel to channel."""
    torch.manual_seed(seed)
    module = unit.build(shape).double()
    for inner in module.modules():
        if isinstance(inner, torch.nn.BatchNorm2d):
            inner.weight.data.uniform_(0.5, 1.5)
            inner.bias.data.uniform_(-0.5, 0.5)
            inner.running_mean.uniform_(-0.5, 0.5)
            inner.running_var.uniform_(0.5, 1.5)
    return module


def in_form(form: Form, unit: Bottleneck, shape: Shape, reference: torch.nn.Module) -> torch.nn.Module:
    module = unit.build(shape, form=form).double()
    module.load_state_dict(
        to_paths(reference.state_dict(), unit.cardinality, concatenated=form == "concatenated")
    )  # strict
    return module


def run(
    module: torch.nn.Module, shape: Shape, training: bool
) -> tuple[dict[str, torch.Tensor], dict[str, torch.Tensor]]:
    """Output and the input's gradient; gradients of the weights by name."""
    torch.manual_seed(1)
    x = torch.randn(3, shape.channels, shape.height, shape.width, dtype=torch.double, requires_grad=True)
    y = module.train(training)(x)
    (y * torch.randn_like(y)).sum().backward()
    assert x.grad is not None
    return {"output": y.detach(), "input": x.grad}, {
        name: p.grad for name, p in module.named_parameters() if p.grad is not None
    }


def furthest(one: Mapping[str, torch.Tensor], other: Mapping[str, torch.Tensor]) -> float:
    assert one.keys() == other.keys()
    return max((one[name] - other[name]).abs().max().item() for name in one)


def difference(form: Form, unit: Bottleneck, shape: Shape, training: bool) -> float:
    """The largest difference of outputs, gradients and states after the pass between form (c) and
    another."""
    reference = grouped(unit, shape)
    module = in_form(form, unit, shape, reference)
    values, gradients = run(reference, shape, training)
    own_values, own_gradients = run(module, shape, training)
    mapped = to_paths(gradients, unit.cardinality, concatenated=form == "concatenated")
    states = to_paths(reference.state_dict(), unit.cardinality, concatenated=form == "concatenated")
    return max(furthest(values, own_values), furthest(mapped, own_gradients), furthest(states, module.state_dict()))


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("form", FORMS)
class TestForm:
    @settings(deadline=None, max_examples=10)
    @given(unit=UNITS, channels=st.sampled_from([6, 8]), size=st.sampled_from([(6, 6), (5, 7)]))
    def test_computes_what_the_grouped_convolution_does(
        self, form: Form, training: bool, unit: Bottleneck, channels: int, size: tuple[int, int]
    ):
        assert difference(form, unit, Shape(channels, *size), training) <= TOLERANCE

    def test_the_middle_layers_of_two_paths_exchanged_are_seen(self, form: Form, training: bool):
        unit, shape = Bottleneck(channels=8, width=6, cardinality=3), Shape(6, 6, 6)
        reference = grouped(unit, shape)
        module = in_form(form, unit, shape, reference)
        module.paths[0].conv2, module.paths[1].conv2 = module.paths[1].conv2, module.paths[0].conv2
        values, own_values = run(reference, shape, training)[0], run(module, shape, training)[0]
        assert furthest(values, own_values) > 100 * TOLERANCE

    def test_whole_paths_may_be_exchanged_only_where_they_are_summed(self, form: Form, training: bool):
        unit, shape = Bottleneck(channels=8, width=6, cardinality=3), Shape(6, 6, 6)
        reference = grouped(unit, shape)
        module = in_form(form, unit, shape, reference)
        module.paths[0], module.paths[1] = module.paths[1], module.paths[0]
        values, own_values = run(reference, shape, training)[0], run(module, shape, training)[0]
        assert (furthest(values, own_values) <= TOLERANCE) == (form == "summed")


@settings(deadline=None, max_examples=15)
@given(unit=UNITS, concatenated=st.booleans())
def test_weights_go_to_paths_and_back(unit: Bottleneck, concatenated: bool):
    state = grouped(unit, Shape(6, 4, 4)).state_dict()
    again = to_grouped(to_paths(state, unit.cardinality, concatenated=concatenated))
    assert again.keys() == state.keys()
    assert all(torch.equal(again[name], state[name]) for name in state)


def test_weights_of_paths_go_to_the_grouped_form_and_compute_the_same():
    unit, shape = Bottleneck(channels=16, width=8, cardinality=4, stride=2), Shape(6, 6, 6)
    for form in FORMS:
        module, reference = unit.build(shape, form=form).double(), unit.build(shape).double()
        reference.load_state_dict(to_grouped(module.state_dict()))
        assert furthest(run(reference, shape, True)[0], run(module, shape, True)[0]) <= TOLERANCE


@pytest.mark.parametrize("form", ["grouped", *FORMS])
def test_every_form_has_the_parameters_and_macs_of_the_description(form: Form):
    unit, shape = Bottleneck(channels=32, width=16, cardinality=4, stride=2, attention=Se(reduced=4)), Shape(24, 9, 8)
    with torch.device("meta"):
        module = unit.build(shape, form=form).eval()
    counter = FlopCounter()
    with counter, torch.no_grad():
        module(torch.empty(1, 24, 9, 8, device="meta"))
    cost = unit.cost(shape)
    assert (counter.get_total_flops() / 2, sum(p.numel() for p in module.parameters())) == (cost.macs, cost.params)


def test_the_forms_really_differ():
    unit, shape = Bottleneck(channels=32, width=16, cardinality=4), Shape(32, 8, 8)
    summed, concatenated = unit.build(shape, form="summed"), unit.build(shape, form="concatenated")
    assert isinstance(summed, PathBottleneck)
    assert [module.groups for module in summed.modules() if isinstance(module, torch.nn.Conv2d)] == [1] * 4 * 3
    assert summed.paths[3].conv3.weight.shape == (32, 4, 1, 1)
    assert concatenated.conv3.weight.shape == (32, 16, 1, 1)
    assert unit.build(shape).conv2.groups == 4


def attended(attention: Attention) -> Bottleneck:
    return Bottleneck(channels=32, width=16, attention=attention)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (
            lambda: Bottleneck(channels=8, width=8).build(Shape(8, 4, 4), form="b"),
            "form must be 'grouped', 'concatenated' or 'summed', but got form='b'",
        ),
        (
            lambda: Bottleneck(channels=8, width=8, radix=2).build(Shape(8, 4, 4), form="summed"),
            "separate paths need radix 0 and pool 'none'",
        ),
        (
            lambda: attended(Sk()).build(Shape(8, 4, 4), form="summed"),
            "form must be 'grouped', but got attention='sk', form='summed'",
        ),
    ],
)
def test_what_has_no_such_form_is_refused(make, says: str):
    with pytest.raises(InvalidBlock, match=says):
        make()
