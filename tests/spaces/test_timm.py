"""Candidates that are published networks: equal to timm's to the parameter and to the bit, module names included."""

import pytest
import timm
import torch
from automl.spaces import Candidate
from automl.spaces.skeletons import skeleton

SIZE = 64
MODELS = {
    "efficientnet_b0": ("efficientnet", {}),
    "efficientnet_b1": ("efficientnet", {"depth": 1.1}),
    "efficientnet_b3": ("efficientnet", {"width": 1.2, "depth": 1.4}),
    "resnet18": ("resnet", {"unit": "basic", "repeats": (2, 2, 2, 2)}),
    "resnet50": ("resnet", {}),
    "resnet50d": ("resnet", {"stem": "deep", "downsample": "avg"}),
    "resnext50_32x4d": ("resnet", {"cardinality": 32}),
    "seresnet50": ("resnet", {"attention": "se"}),
    "seresnext50_32x4d": ("resnet", {"attention": "se", "cardinality": 32}),
    "ecaresnet50d": ("resnet", {"attention": "eca", "stem": "deep", "downsample": "avg"}),
    "resnest14d": ("resnet", {"repeats": (1, 1, 1, 1), "radix": 2, "stem": "deep", "downsample": "avg", "pool": "last"}),
    "resnest50d": ("resnet", {"radix": 2, "stem": "deep", "downsample": "avg", "pool": "last"}),
    "resnest50d_4s2x40d": ("resnet", {"radix": 4, "cardinality": 2, "base_width": 40, "stem": "deep", "downsample": "avg", "pool": "first"}),
    "resnest50d_1s4x24d": ("resnet", {"radix": 1, "cardinality": 4, "base_width": 24, "stem": "deep", "downsample": "avg", "pool": "first"}),
}


def candidate(name: str) -> Candidate:
    base, settings = MODELS[name]
    return skeleton(base).candidate(settings, (3, SIZE, SIZE), 1000)


@pytest.mark.parametrize("name", MODELS)
def test_a_published_network_loads_timms_weights_and_computes_the_same(name: str):
    torch.manual_seed(0)
    theirs = timm.create_model(name).eval()
    ours = candidate(name).build().eval()
    ours.load_state_dict(theirs.state_dict())  # strict
    x = torch.randn(1, 3, SIZE, SIZE)
    with torch.inference_mode():
        assert (ours(x) - theirs(x)).abs().max() <= 1e-5
    assert candidate(name).cost().params == sum(p.numel() for p in theirs.parameters())


def test_another_network_does_not_load():
    with pytest.raises(RuntimeError):
        candidate("resnet50").build().load_state_dict(timm.create_model("resnext50_32x4d").state_dict())


@pytest.mark.parametrize(("name", "params", "macs"), [("efficientnet_b0", 5.3e6, 0.39e9), ("resnet50", 25.5e6, 4.1e9), ("resnext50_32x4d", 25.0e6, 4.2e9)])
def test_published_costs_are_met_as_they_are_rounded(name: str, params: float, macs: float):
    base, settings = MODELS[name]
    cost = skeleton(base).candidate(settings, (3, 224, 224), 1000).cost()
    assert cost.params == pytest.approx(params, rel=0.01)
    assert cost.macs == pytest.approx(macs, rel=0.015)


@pytest.mark.parametrize("name", ["efficientnet_b0", "resnet50d"])
class TestProtocol:
    """What timm and its users expect of a model."""

    def test_features_then_head_is_forward(self, name: str):
        network = candidate(name).build().eval()
        x = torch.randn(2, 3, SIZE, SIZE)
        with torch.inference_mode():
            features = network.forward_features(x)
            assert features.shape[1] == network.num_features
            assert torch.equal(network.forward_head(features), network(x))
            assert network.forward_head(features, pre_logits=True).shape == (2, network.num_features)

    def test_the_classifier_can_be_reset(self, name: str):
        network = candidate(name).build().eval()
        network.reset_classifier(7)
        assert network(torch.randn(1, 3, SIZE, SIZE)).shape == (1, 7)
        assert network.get_classifier().out_features == 7
        network.reset_classifier(0)
        assert network(torch.randn(1, 3, SIZE, SIZE)).shape == (1, network.num_features)

    def test_feature_info_says_what_the_modules_give(self, name: str):
        network = candidate(name).build().eval()
        seen = {}
        for info in network.feature_info:
            network.get_submodule(info["module"]).register_forward_hook(lambda _, __, out, key=info["module"]: seen.__setitem__(key, out.shape))
        network(torch.randn(1, 3, SIZE, SIZE))
        for info in network.feature_info:
            assert seen[info["module"]][1:] == (info["num_chs"], SIZE // info["reduction"], SIZE // info["reduction"])

    def test_checkpointed_gradients_are_the_same(self, name: str):
        torch.manual_seed(0)
        network = candidate(name).build().eval()
        x = torch.randn(1, 3, SIZE, SIZE)
        network(x).sum().backward()
        plain = {key: p.grad.clone() for key, p in network.named_parameters()}
        network.zero_grad()
        network.set_grad_checkpointing()
        network(x).sum().backward()
        assert all(torch.allclose(plain[key], p.grad, atol=1e-5) for key, p in network.named_parameters())

    def test_pretrained_cfg_names_its_modules(self, name: str):
        network = candidate(name).build()
        config = network.pretrained_cfg
        assert network.get_submodule(config["first_conv"]).in_channels == 3
        assert network.get_submodule(config["classifier"]) is network.get_classifier()
        assert config["input_size"] == (3, SIZE, SIZE)
