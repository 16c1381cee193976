"""What timm, its training script and its users expect of a model, of small networks of four kinds,
each expectation with a fault that it notices."""

import copy
import inspect
import json

import pytest
import timm
import timm.layers
import timm.optim
import torch
from automl.blocks import Attention, InputError, names
from automl.blocks.modules.network import Network
from automl.spaces import Candidate
from automl.spaces.skeletons import skeleton
from timm.models import FeatureInfo
from timm.models._manipulate import group_parameters
from torch import Tensor

from .conftest import SMALL

SIZE = 64
KINDS = [
    "automl_small_neck",
    "automl_small_split",
    *(pytest.param(kind, marks=pytest.mark.exhaustive) for kind in ("automl_small_basic", "automl_small_mobile")),
]
"""By default one of inverted residuals and one residual network: those with the most parts."""


def create(kind: str, **kwargs):
    return timm.create_model("automl_network", candidate=SMALL[kind], **kwargs)


def images(count: int = 2, channels: int = 3) -> Tensor:
    return torch.randn(count, channels, SIZE, SIZE, generator=torch.Generator().manual_seed(count))


def wrong_levels(network: Network) -> list[str]:
    """The levels of features whose maps are not what `feature_info` says."""
    with torch.inference_mode():
        maps = network.eval().forward_intermediates(images(), intermediates_only=True)
    said = [(info["num_chs"], SIZE // info["reduction"], SIZE // info["reduction"]) for info in network.feature_info]
    return [
        info["module"] for info, shape, x in zip(network.feature_info, said, maps, strict=True) if x.shape[1:] != shape
    ]


@pytest.mark.parametrize("kind", KINDS)
class TestArguments:
    @pytest.mark.parametrize(("pool", "times"), [("avg", 1), ("max", 1), ("avgmax", 1), ("catavgmax", 2)])
    def test_pools_classes_and_channels(self, kind: str, pool: str, times: int):
        if times != 1 and kind == "automl_small_neck":
            with pytest.raises(ValueError, match="the network's neck is made for"):
                create(kind, global_pool=pool)
            return
        network = create(kind, global_pool=pool, num_classes=7, in_chans=1, drop_rate=0.1).eval()
        x = images(channels=1)
        assert network(x).shape == (2, 7)
        assert network.in_chans == 1
        hidden = network.neck_features or times * network.num_features
        assert (
            network.forward_head(network.forward_features(x), pre_logits=True).shape[1]
            == network.head_hidden_size
            == hidden
        )

    def test_neither_pool_nor_classifier(self, kind: str):
        network = create(kind, num_classes=0, global_pool="").eval()
        assert network(images()).shape == (2, network.head_hidden_size, SIZE // 32, SIZE // 32)

    def test_what_the_training_script_passes(self, kind: str):
        network = create(
            kind,
            pretrained=False,
            in_chans=3,
            num_classes=5,
            drop_rate=0.2,
            drop_path_rate=0.3,
            drop_block_rate=None,
            global_pool=None,
            bn_momentum=0.05,
            bn_eps=1e-4,
            scriptable=False,
            checkpoint_path="",
        )
        assert network.drop_rate == 0.2
        rates = [module.drop_prob for module in network.modules() if isinstance(module, timm.layers.DropPath)]
        assert rates == sorted(rates)
        assert 0.25 <= rates[-1] <= 0.3  # the last unit may have no branch to skip
        norms = [m for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d)]
        assert {(m.momentum, m.eps) for m in norms} == {(0.05, 1e-4)}

    def test_a_checkpoint_is_loaded(self, kind: str, tmp_path):
        theirs = create(kind)
        torch.save({"state_dict": theirs.state_dict()}, tmp_path / "checkpoint.pth")
        ours = create(kind, checkpoint_path=tmp_path / "checkpoint.pth")
        assert all(torch.equal(ours.state_dict()[key], value) for key, value in theirs.state_dict().items())

    def test_device_and_dtype(self, kind: str):
        network = create(kind, device="meta", dtype=torch.bfloat16)
        assert {(p.device.type, p.dtype) for p in network.parameters()} == {("meta", torch.bfloat16)}

    def test_entries_of_the_configuration_can_be_replaced(self, kind: str):
        network = create(
            kind,
            pretrained_cfg={"num_classes": 3, "mean": (0.1, 0.2, 0.3)},
            pretrained_cfg_overlay={"std": (1.0, 1.0, 1.0)},
        )
        data = timm.data.resolve_model_data_config(network)
        assert network.num_classes == 3
        assert (data["mean"], data["std"], data["input_size"]) == ((0.1, 0.2, 0.3), (1.0, 1.0, 1.0), (3, SIZE, SIZE))

    def test_what_the_training_script_resolves_beforehand_is_the_candidates_own(self, kind: str):
        overlay = {"mean": (0.1, 0.2, 0.3), "crop_pct": 0.9}
        for laid in ({}, overlay):
            wanted = create(kind, pretrained_cfg_overlay=laid).pretrained_cfg
            resolved = timm.models.resolve_model_input_args(
                "automl_network", {}, candidate=SMALL[kind], pretrained_cfg_overlay=laid
            )
            network = timm.create_model(**resolved)
            assert network.pretrained_cfg == wanted
            assert (network.num_classes, wanted["input_size"]) == (10, (3, SIZE, SIZE))

    def test_what_cannot_be_is_refused(self, kind: str):
        with pytest.raises(TypeError, match="not_an_argument"):
            create(kind, not_an_argument=1)
        with pytest.raises(RuntimeError, match="No pretrained weights exist for automl_network"):
            create(kind, pretrained=True)
        with pytest.raises(InputError, match="output_stride must be at least the network's own, 32"):
            create(kind, output_stride=16)
        assert create(kind, output_stride=32, num_classes=3).num_classes == 3

    def test_the_same_network_by_every_way(self, kind: str, tmp_path, small):
        (tmp_path / "found.json").write_text(SMALL[kind].spec)
        (tmp_path / "found").mkdir()
        (tmp_path / "found" / "config.json").write_text(json.dumps({"candidate": SMALL[kind].to_dict()}))
        keys = list(SMALL[kind].build().state_dict())
        for reference in (SMALL[kind].to_dict(), tmp_path / "found.json", str(tmp_path / "found")):
            assert list(timm.create_model("automl_network", candidate=reference).state_dict()) == keys
        assert list(timm.create_model(kind).state_dict()) == keys

    def test_as_data_it_is_saved_and_made_again(self, kind: str, tmp_path):
        network = timm.create_model("automl_network", candidate=SMALL[kind].to_dict(), num_classes=6).eval()
        timm.models.save_for_hf(network, str(tmp_path / "saved"), safe_serialization=True)
        again = timm.create_model(f"local-dir:{tmp_path / 'saved'}", pretrained=True).eval()
        assert torch.equal(again(images()), network(images()))


@pytest.mark.parametrize("kind", KINDS)
class TestFeatures:
    def test_levels_halve_from_the_stem_on(self, kind: str):
        assert FeatureInfo(create(kind).feature_info, 5).reduction() == [2, 4, 8, 16, 32]

    def test_feature_info_says_what_the_maps_are(self, kind: str):
        assert wrong_levels(create(kind)) == []

    @pytest.mark.parametrize(
        ("key", "change"), [("reduction", lambda value: 2 * value), ("num_chs", lambda value: value + 1)]
    )
    def test_a_wrong_level_would_be_noticed(self, kind: str, key: str, change):
        network = create(kind)
        network.feature_info[2][key] = change(network.feature_info[2][key])
        assert wrong_levels(network) == [network.feature_info[2]["module"]]

    @pytest.mark.parametrize("extractor", [None, "dict", "hook", "getter", "fx"])
    def test_every_extractor_gives_the_same_maps(self, kind: str, extractor: str | None):
        network = create(kind).eval()
        features = create(
            kind, features_only=True, out_indices=(1, 3), **({} if extractor is None else {"feature_cls": extractor})
        ).eval()
        stored, taken = network.state_dict(), features.state_dict()
        assert len(taken) >= 10
        features.load_state_dict({key: stored[_plain(key)] for key in taken})
        x = images()
        with torch.inference_mode():
            maps = features(x)
            wanted = network.forward_intermediates(x, indices=[1, 3], intermediates_only=True)
        maps = list(maps.values()) if isinstance(maps, dict) else maps
        assert features.feature_info.reduction() == [4, 16]
        assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(maps, wanted, strict=True))

    def test_intermediates_end_with_the_last_map(self, kind: str):
        network, x = create(kind).eval(), images()
        with torch.inference_mode():
            last, maps = network.forward_intermediates(x)
            assert torch.equal(last, network.forward_features(x))
            assert len(maps) == 5
            assert torch.equal(network.forward_intermediates(x, indices=2, intermediates_only=True)[0], maps[3])
            early, [only] = network.forward_intermediates(x, indices=[-3], stop_early=True)
            assert early is only
            assert torch.equal(only, maps[2])
            assert torch.equal(network.forward_intermediates(x, indices=[4], stop_early=True)[0], last)
        with pytest.raises(ValueError, match="NCHW"):
            network.forward_intermediates(x, output_fmt="NLC")

    @pytest.mark.parametrize("index", range(5))
    def test_a_pruned_network_gives_its_levels_and_has_nothing_else(self, kind: str, index: int):
        network, x = create(kind).eval(), images()
        with torch.inference_mode():
            wanted = network.forward_intermediates(x, indices=[index], intermediates_only=True)[0]
        assert network.prune_intermediate_layers([index]) == [index]
        with torch.inference_mode():
            last, [level] = network.forward_intermediates(x, indices=[index])
            assert torch.equal(level, wanted)
            assert torch.equal(network(x), last)
            assert last.shape[1] == network.num_features == network.feature_info[index]["num_chs"]
        network.train().set_grad_checkpointing()
        network(x).sum().backward()
        assert [name for name, p in network.named_parameters() if p.grad is None] == []
        network.reset_classifier(3, "avg")
        assert network(x).shape == (2, 3)

    def test_pruned_of_nothing_it_computes_the_same(self, kind: str):
        network, x = create(kind).eval(), images()
        wanted = network(x)
        assert network.prune_intermediate_layers(5, prune_head=False) == [0, 1, 2, 3, 4]
        assert torch.equal(network(x), wanted)


def _plain(key: str) -> str:
    """A parameter's name in the network, from that in any of timm's extractors."""
    for prefix in ("model.", "body.", "graph_module."):
        key = key.removeprefix(prefix)
    return key.replace("blocks_", "blocks.")


@pytest.mark.parametrize("kind", KINDS)
class TestHead:
    def test_features_then_head_is_forward(self, kind: str):
        network, x = create(kind).eval(), images()
        with torch.inference_mode():
            assert torch.equal(network.forward_head(network.forward_features(x)), network(x))

    def test_a_reset_keeps_pool_device_type_and_mode(self, kind: str):
        assert inspect.signature(Network.reset_classifier).parameters["global_pool"].default is None
        network = create(kind, global_pool="max").eval().to(torch.float64)
        x = images().double()
        pooled = network.forward_head(network.forward_features(x), pre_logits=True)
        network.reset_classifier(0)
        network.reset_classifier(7)
        assert network(x).shape == (2, 7)
        assert torch.equal(network.forward_head(network.forward_features(x), pre_logits=True), pooled)
        assert not any(module.training for module in network.modules())
        assert network.get_classifier() is network.get_submodule(network.get_classifier(name_only=True))

    def test_configuration_names_its_modules(self, kind: str):
        network = create(kind)
        config = network.pretrained_cfg
        assert network.get_submodule(config["first_conv"]).in_channels == 3
        assert network.get_submodule(config["classifier"]) is network.get_classifier()
        assert network.forward_features(images()).shape[2:] == tuple(config["pool_size"])


@pytest.mark.parametrize("kind", KINDS)
class TestTraining:
    def test_checkpointed_gradients_are_the_same(self, kind: str):
        plain = create(kind).eval()
        checkpointed = copy.deepcopy(plain)
        checkpointed.set_grad_checkpointing()
        for network in (plain, checkpointed):
            network(images()).sum().backward()
        pairs = zip(plain.parameters(), checkpointed.parameters(), strict=True)
        assert all(torch.allclose(a.grad, b.grad, atol=1e-5) for a, b in pairs)

    def test_every_parameter_gets_a_gradient_and_a_group(self, kind: str):
        network = create(kind)
        network(images()).mean().backward()
        assert all(p.grad is not None for p in network.parameters())
        layers = group_parameters(network, network.group_matcher(), reverse=True)
        assert set(layers) == {name for name, _ in network.named_parameters()}
        assert layers[network.get_classifier(name_only=True) + ".weight"] == max(layers.values())
        assert network.no_weight_decay() <= set(layers)
        optimizer = timm.optim.create_optimizer_v2(network, opt="adamw", lr=1e-3, weight_decay=0.05, layer_decay=0.7)
        assert len({group["lr_scale"] for group in optimizer.param_groups}) == max(layers.values()) + 1

    def test_channels_last_gives_the_same(self, kind: str):
        network, x = create(kind).eval(), images()
        with torch.inference_mode():
            wanted = network(x)
            got = network.to(memory_format=torch.channels_last).forward_features(
                x.to(memory_format=torch.channels_last)
            )
            assert got.is_contiguous(memory_format=torch.channels_last)
            assert torch.allclose(network.forward_head(got), wanted, atol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
class TestCompilers:
    @pytest.mark.filterwarnings(
        "ignore:.*torch.jit.*deprecated:FutureWarning", "ignore:.*torch.jit.*deprecated:DeprecationWarning"
    )
    @pytest.mark.parametrize("features", [False, True])
    def test_scripted_it_computes_the_same_and_is_left_as_it_was(self, kind: str, features: bool):
        network, x = create(kind, drop_rate=0.3, features_only=features).eval(), images()
        names = [name for name, _ in network.named_modules()]
        scripted = torch.jit.script(network)
        with torch.inference_mode():
            pairs = zip(scripted(x), network(x), strict=True)
            assert all(torch.allclose(a, b, atol=1e-5) for a, b in pairs)
        assert [name for name, _ in network.named_modules()] == names
        assert list(scripted.state_dict()) == list(network.state_dict())

    def test_compiled_it_is_one_graph(self, kind: str):
        network, x = create(kind).eval(), images()
        with torch.no_grad():
            compiled = torch.compile(network, backend="eager", fullgraph=True)
            assert torch.allclose(compiled(x), network(x), atol=1e-6)
        torch.compiler.reset()


@pytest.mark.filterwarnings(
    "ignore:.*torch.jit.*deprecated:FutureWarning", "ignore:.*torch.jit.*deprecated:DeprecationWarning"
)
@pytest.mark.parametrize("attention", names(Attention))
def test_every_attention_can_be_scripted_and_traced(attention: str):
    candidate = skeleton("resnet").candidate(
        {"width": 0.125, "depth": 0.3, "unit": "basic", "attention": attention}, (3, SIZE, SIZE), 10
    )
    network, x = candidate.build().eval(), images()
    for compiled in (torch.jit.script(network), torch.fx.symbolic_trace(network)):
        with torch.inference_mode():
            assert torch.allclose(compiled(x), network(x), atol=1e-5)


def test_a_network_of_another_depth_has_the_levels_it_has():
    data = SMALL["automl_small_basic"].to_dict()
    short = Candidate.from_dict({**data, "stages": data["stages"][:2]})
    features = timm.create_model("automl_network", candidate=short, features_only=True).eval()
    assert (
        [x.shape[-1] for x in features(images())]
        == [SIZE // reduction for reduction in features.feature_info.reduction()]
        == [32, 16, 8]
    )
