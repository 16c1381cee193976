"""Candidates that are published networks: equal to timm's to the parameter and to the bit, module names included."""

import pytest
import timm
import torch
from automl.blocks import InputError
from automl.blocks.modules.network import Network
from automl.spaces import Candidate, architecture, architectures

SIZE = 64
COMPUTED = [f"efficientnet_b{index}" for index in range(8)]
COMPUTED += ["resnet18", "resnet34", "resnet50", "resnet101d", "resnet50c", "resnext50_32x4d", "resnext101_64x4d", "seresnet50", "seresnext50_32x4d"]
COMPUTED += [
    "ecaresnet50d",
    "ecaresnet26t",
    "skresnet18",
    "skresnet34",
    "skresnet50d",
    "skresnext50_32x4d",
    "mobilenetv1_100",
    "mobilenetv2_100",
    "mobilenetv2_110d",
]
COMPUTED += ["mnasnet_100", "semnasnet_100", "mobilenetv3_large_100"]
COMPUTED += ["resnest14d", "resnest26d", "resnest50d", "resnest50d_1s4x24d", "resnest50d_4s2x40d", "resnest101e"]
SHARED = [name for name in architectures() if timm.is_model(name)]
"""Named networks that timm has too."""


def candidate(name: str) -> Candidate:
    return architecture(name).candidate(image_size=SIZE)


@pytest.mark.parametrize("name", SHARED)
def test_every_named_network_has_timms_parameters_name_by_name(name: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(Network, "init_weights", lambda self: None)
    with torch.device("meta"):
        theirs, ours = timm.create_model(name), candidate(name).build()
    assert {key: tuple(value.shape) for key, value in ours.state_dict().items()} == {key: tuple(value.shape) for key, value in theirs.state_dict().items()}
    assert candidate(name).cost().params == sum(parameter.numel() for parameter in theirs.parameters())


def test_an_unknown_network_names_the_nearest():
    with pytest.raises(InputError, match="unknown architecture 'resnet5'; did you mean 'resnet50'"):
        architecture("resnet5")


@pytest.mark.parametrize("name", COMPUTED)
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
    cost = architecture(name).candidate().cost()
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
