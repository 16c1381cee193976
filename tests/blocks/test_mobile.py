"""Mobile networks as candidates: timm's to the parameter and to the bit; and the units' own
rules."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import timm
import torch
from automl.blocks import (
    Attention,
    ConvHead,
    ConvStem,
    Cost,
    EfficientHead,
    InvalidBlock,
    MBConv,
    PoolHead,
    Projection,
    Se,
    Separable,
    Shape,
    Unit,
    from_dict,
    to_dict,
)
from automl.blocks.modules.mobile import InvertedResidual, SeparableConv
from automl.spaces.candidates.candidate import Candidate, assemble, scaled

SIZE = 64
GATE = Se(ratio=0.25, divisor=8, floor=0.9, gate="hard_sigmoid", layout="efficientnet")
TABLE = Path(__file__).resolve().parents[3] / "shared" / "data" / "nas-bench-macro" / "nas-bench-macro_cifar10.json"


def mbconvs(table: list[tuple[int, int, int, int, int]], activation: str) -> list[list[tuple[Unit, int]]]:
    """Stages from rows of channels, stride, kernel, expansion, repeats; expansion 1 makes the
    separable form."""
    return [scaled(MBConv(channels=c, kernel=k, expansion=e, activation=activation), s, n) for c, s, k, e, n in table]


def mobilenetv1() -> Candidate:
    rows = [(64, 1, 1), (128, 2, 2), (256, 2, 2), (512, 2, 6), (1024, 2, 2)]
    stages = [scaled(Separable(channels=c, activation="relu6", projection="activated"), s, n) for c, s, n in rows]
    return assemble("efficientnet", (3, SIZE, SIZE), 1000, ConvStem(activation="relu6"), stages, PoolHead())


def mobilenetv2() -> Candidate:
    rows = [
        (16, 1, 3, 1, 1),
        (24, 2, 3, 6, 2),
        (32, 2, 3, 6, 3),
        (64, 2, 3, 6, 4),
        (96, 1, 3, 6, 3),
        (160, 2, 3, 6, 3),
        (320, 1, 3, 6, 1),
    ]
    return assemble(
        "efficientnet",
        (3, SIZE, SIZE),
        1000,
        ConvStem(activation="relu6"),
        mbconvs(rows, "relu6"),
        ConvHead(activation="relu6"),
    )


def mnasnet() -> Candidate:
    rows = [
        (16, 1, 3, 1, 1),
        (24, 2, 3, 3, 3),
        (40, 2, 5, 3, 3),
        (80, 2, 5, 6, 3),
        (96, 1, 3, 6, 2),
        (192, 2, 5, 6, 4),
        (320, 1, 3, 6, 1),
    ]
    return assemble(
        "efficientnet",
        (3, SIZE, SIZE),
        1000,
        ConvStem(activation="relu"),
        mbconvs(rows, "relu"),
        ConvHead(activation="relu"),
    )


def mobilenetv3(gate: Attention = GATE, head: EfficientHead | None = None) -> Candidate:
    def stage(
        channels: int, stride: int, kernel: int, expansions: list[float], attention: Attention | None, activation: str
    ) -> list[tuple[Unit, int]]:
        unit = MBConv(channels=channels, kernel=kernel, attention=attention, activation=activation)
        return [
            (replace(unit, stride=1 if index else stride, expansion=expansion), 1)
            for index, expansion in enumerate(expansions)
        ]

    stages = [
        stage(16, 1, 3, [1], None, "relu"),
        stage(24, 2, 3, [4, 3], None, "relu"),
        stage(40, 2, 5, [3, 3, 3], gate, "relu"),
        stage(80, 2, 3, [6, 2.5, 2.3, 2.3], None, "hard_swish"),
        stage(112, 1, 3, [6, 6], gate, "hard_swish"),
        stage(160, 2, 5, [6, 6, 6], gate, "hard_swish"),
        [(Projection(channels=960, activation="hard_swish"), 1)],
    ]
    return assemble(
        "efficientnet",
        (3, SIZE, SIZE),
        1000,
        ConvStem(channels=16, activation="hard_swish"),
        stages,
        head or EfficientHead(),
    )


NETWORKS = {
    "mobilenetv1_100": mobilenetv1,
    "mobilenetv2_100": mobilenetv2,
    "mnasnet_100": mnasnet,
    "mobilenetv3_large_100": mobilenetv3,
}


def difference(ours: torch.nn.Module, theirs: torch.nn.Module) -> float:
    """How far the outputs are apart, over the largest, when `ours` takes the weights and the
    statistics, made random, of `theirs`."""
    torch.manual_seed(0)
    for name, values in theirs.state_dict().items():
        if name.endswith("running_mean"):
            values.uniform_(-0.2, 0.2)
        elif name.endswith("running_var"):
            values.uniform_(0.5, 1.5)
    ours.load_state_dict(theirs.state_dict())  # strict
    x = torch.randn(2, 3, SIZE, SIZE)
    with torch.inference_mode():
        expected = theirs.eval()(x)
        assert expected.std() > 0.01 * expected.abs().max()  # not all died
        return ((ours.eval()(x) - expected).abs().max() / expected.abs().max()).item()


@pytest.mark.parametrize("name", NETWORKS)
class TestPublishedNetworks:
    def test_it_loads_timms_weights_and_computes_the_same(self, name: str):
        assert difference(NETWORKS[name]().build(), timm.create_model(name)) <= 1e-5

    def test_it_costs_what_timms_network_counts(self, name: str, counted):
        cost = NETWORKS[name]().cost()
        assert (cost.macs, cost.params, cost.activations) == counted(timm.create_model(name), (3, SIZE, SIZE))

    def test_it_has_timms_widths_of_features(self, name: str):
        ours, theirs = NETWORKS[name]().build(), timm.create_model(name)
        assert (ours.num_features, ours.head_hidden_size) == (theirs.num_features, theirs.head_hidden_size)
        x = torch.randn(2, 3, SIZE, SIZE)
        assert ours.forward_features(x).shape == theirs.forward_features(x).shape
        assert ours.forward_head(ours.forward_features(x), pre_logits=True).shape == (2, theirs.head_hidden_size)

    def test_it_is_itself_again_after_json(self, name: str):
        candidate = NETWORKS[name]()
        assert Candidate.from_dict(json.loads(candidate.spec)).id == candidate.id


@pytest.mark.parametrize("wrong", [{"gate": "sigmoid"}, {"activation": "silu"}])
def test_another_gate_or_activation_would_be_seen(wrong: dict[str, str]):
    assert difference(mobilenetv3(replace(GATE, **wrong)).build(), timm.create_model("mobilenetv3_large_100")) > 1e-5


def test_a_gate_rounded_below_90_per_cent_does_not_load():
    with pytest.raises(RuntimeError, match="size mismatch"):
        difference(mobilenetv3(replace(GATE, floor=0.0)).build(), timm.create_model("mobilenetv3_large_100"))


class TestOnceForAll:
    """The last stage of its MobileNetV3: as MobileNetV3's, without the bias."""

    def test_its_head_has_no_bias(self):
        ours, theirs = mobilenetv3(head=EfficientHead(bias=False)), mobilenetv3()
        assert theirs.cost().params - ours.cost().params == 1280
        assert ours.build().state_dict().keys() ^ theirs.build().state_dict().keys() == {"conv_head.bias"}


class TestNeck:
    """What stands between the global pool and the classifier."""

    def test_the_classifier_can_be_reset(self):
        network = mobilenetv3().build().eval()
        x = torch.randn(1, 3, SIZE, SIZE)
        network.reset_classifier(7)
        assert network(x).shape == (1, 7)
        network.reset_classifier(0)
        assert network(x).shape == (1, 1280)
        network.reset_classifier(0, "")
        assert network(x).shape == (1, 1280, 2, 2)

    def test_a_pool_of_another_width_is_refused(self):
        network = mobilenetv3().build()
        with pytest.raises(ValueError, match="made for 960 pooled features, but global_pool='catavgmax' gives 2 times"):
            network.reset_classifier(10, "catavgmax")
        assert (network.num_classes, network.global_pool.pool_type) == (1000, "avg")


def macro(code: str, activation: str | None = None) -> Candidate:
    """NAS-Bench-Macro's network of eight digits; `activation` is that of its identities."""
    digits, stages = iter(map(int, code)), []
    for channels, layers in ((64, 2), (128, 3), (256, 3)):
        stage: list[tuple[Unit, int]] = []
        for index, digit in zip(range(layers), digits, strict=False):
            if digit:
                unit = MBConv(
                    channels=channels,
                    stride=1 if index else 2,
                    kernel=2 * digit + 1,
                    expansion=3 * digit,
                    activation="relu",
                )
                stage.append((unit, 1))
            elif index == 0:
                stage.append((Projection(channels=channels, stride=2, activation=activation), 1))
        stages.append(stage)
    return assemble(
        "efficientnet", (3, 32, 32), 10, ConvStem(stride=1, activation="relu"), stages, ConvHead(activation="relu")
    )


class TestNasBenchMacro:
    def test_every_networks_parameters_and_macs_are_those_of_the_table(self):
        if not TABLE.exists():
            pytest.skip(f"NAS-Bench-Macro's table is not at {TABLE}")
        table = json.loads(TABLE.read_text())
        assert len(table) == 3**8
        costs = {code: macro(code).cost() for code in table}
        assert [
            code
            for code, row in table.items()
            if (costs[code].params, costs[code].macs) != (row["params"], row["flops"])
        ] == []

    def test_two_published_rows(self):
        found = {code: macro(code).cost() for code in ("02012100", "11111221")}
        assert (found["02012100"].params, found["02012100"].macs) == (890_666, 47_327_744)
        assert (found["11111221"].params, found["11111221"].macs) == (2_181_386, 65_012_224)

    def test_an_identity_within_a_stage_may_stand_anywhere(self):
        assert macro("12101110").id == macro("12110110").id != macro("12100110").id


@pytest.mark.parametrize("shape", [Shape(12, 9, 7), Shape(16, 8, 8)])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("attention", ["none", "se", "in place"])
@pytest.mark.parametrize(
    "unit",
    [
        MBConv(channels=16, kernel=5, expansion=3),
        MBConv(channels=16, expansion=1),
        Separable(channels=16, kernel=5),
        Separable(channels=16, projection="activated"),
        Projection(channels=16, activation="relu"),
    ],
)
def test_a_unit_costs_what_is_counted_and_gives_the_shape_it_says(
    unit: Unit, attention: str, stride: int, shape: Shape, counted, blurred
):
    given = (
        {}
        if isinstance(unit, Projection)
        else {"attention": {"none": None, "se": Se(reduced=4), "in place": blurred}[attention]}
    )
    unit = replace(unit, stride=stride, **given)
    cost, out = unit.cost(shape), unit.out(shape)
    assert unit.build(shape).eval()(
        torch.randn(1, 12 if shape.channels == 12 else 16, shape.height, shape.width)
    ).shape[1:] == (16, out.height, out.width)
    assert (cost.macs, cost.params, cost.activations) == counted(
        unit.build(shape), (shape.channels, shape.height, shape.width)
    )
    assert unit.resolved(shape).cost(shape) == cost


def test_a_cost_that_forgets_the_attention_would_be_seen(counted, monkeypatch: pytest.MonkeyPatch):
    unit, shape = MBConv(channels=16, attention=Se(reduced=4)), Shape(16, 8, 8)
    monkeypatch.setattr("automl.blocks.mobile.gate_cost", lambda attention, shape: Cost())
    cost = unit.cost(shape)
    assert (cost.macs, cost.params, cost.activations) != counted(unit.build(shape), (16, 8, 8))


SHAPES = {"channels": [16, 24, 12, 32], "height": [8, 9, 7, 2], "width": [8, 7, 9, 2]}


@pytest.mark.parametrize("stride", [1, 2])
class TestManyAtOnce:
    def test_mbconv(self, stride: int, row_by_row, blurred):
        fields = {"channels": [16, 24, 32, 32], "kernel": [3, 5, 7, 3], "expansion": [1, 6, 3, 1]}
        for attention in (None, Se(), blurred):
            row_by_row(
                lambda attention=attention, **row: MBConv(stride=stride, attention=attention, **row), SHAPES, **fields
            )

    def test_separable(self, stride: int, row_by_row, blurred):
        for attention in (None, Se(), blurred):
            row_by_row(
                lambda attention=attention, **row: Separable(stride=stride, attention=attention, **row),
                SHAPES,
                channels=[16, 24, 32, 32],
                kernel=[3, 5, 7, 3],
            )

    def test_projection(self, stride: int, row_by_row):
        row_by_row(lambda **row: Projection(stride=stride, **row), SHAPES, channels=[16, 24, 32, 32])


class TestExpansionOne:
    def test_it_is_the_separable_unit(self):
        shape = Shape(12, 6, 6)
        mbconv, separable = (
            MBConv(channels=16, expansion=1, attention=Se(reduced=4)),
            Separable(channels=16, attention=Se(reduced=4)),
        )
        assert mbconv.cost(shape) == separable.cost(shape)
        assert mbconv.resolved(shape) == separable.resolved(shape)
        assert isinstance(mbconv.build(shape), SeparableConv)

    def test_a_little_more_expands(self):
        assert isinstance(MBConv(channels=16, expansion=1.01).build(Shape(12, 6, 6)), InvertedResidual)


class TestInPlaceOfTheConvolution:
    def test_the_window_that_is_not_there_makes_no_difference(self, blurred):
        shape = Shape(16, 8, 8)
        for make in (MBConv, Separable):
            assert make(channels=16, kernel=5, attention=blurred).resolved(shape) == make(
                channels=16, kernel=3, attention=blurred
            ).resolved(shape)

    def test_it_resolves_to_the_depthwise_map(self, blurred):
        assert MBConv(channels=24, expansion=3, attention=blurred).resolved(Shape(16, 8, 8)).attention.seen == 48

    def test_there_is_no_depthwise_convolution_beside_it(self, blurred):
        names = MBConv(channels=24, attention=blurred).build(Shape(16, 8, 8)).state_dict()
        assert {name.split(".")[0] for name in names} == {"conv_pw", "bn1", "mixed", "conv_pwl", "bn3"}


def test_only_a_linear_projection_leads_to_a_residual():
    x = torch.randn(1, 8, 4, 4)
    for projection, kept in (("linear", True), ("activated", False)):
        module = Separable(channels=8, projection=projection).build(Shape(8, 4, 4)).eval()
        torch.nn.init.zeros_(module.conv_pw.weight)
        assert torch.equal(module(x), x) == kept


def test_new_blocks_go_through_json_and_back():
    for block in (
        Projection(channels=8),
        EfficientHead(bias=False),
        Separable(channels=8, projection="activated"),
        GATE,
    ):
        assert from_dict(json.loads(json.dumps(to_dict(block)))) == block


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (
            lambda: Separable(channels=8, projection="free"),
            "projection must be 'linear' or 'activated', but got projection='free'",
        ),
        (lambda: Projection(channels=8, stride=3), "stride must be 1 or 2, but got stride=3"),
        (lambda: Projection(channels=0), "channels >= 1 must hold"),
        (lambda: EfficientHead(channels=0), "channels >= 1 must hold"),
        (lambda: Se(gate="tanh"), "gate must be 'sigmoid' or 'hard_sigmoid', but got gate='tanh'"),
        (lambda: Se(floor=2.0), "floor <= 1 must hold, but got floor=2.0"),
    ],
)
def test_what_cannot_be_is_refused_with_rule_and_value(make, says: str):
    with pytest.raises(InvalidBlock, match=says):
        make()
