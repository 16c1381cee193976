"""The reference networks that come with automl, and those that are added."""

from pathlib import Path

import pytest
from automl.blocks import InputError
from automl.spaces import architecture
from automl.spaces.architectures import Architecture
from automl.spaces.references import Reference, reference_networks, references, register
from automl.spaces.scaling.baseline import Baseline

from .conformance import ReferenceConformance

NAMES = [
    "efficientnet_b0",
    "mnasnet_100",
    "mobilenetv2_100",
    "mobilenetv3_large_100",
    "resnest14d",
    "resnet18",
    "resnet50",
    "resnext50_32x4d",
]

globals().update(
    {
        f"Test{name}": type(f"Test{name}", (ReferenceConformance,), {"reference": reference})
        for name, reference in reference_networks.parts().items()
    }
)


RESNET18 = reference_networks.get("resnet18")


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch):
    """The registry, in which a test may register what is forgotten after it."""
    monkeypatch.setattr(reference_networks, "known", dict(reference_networks.known))
    return reference_networks


def test_eight_come_with_automl():
    assert reference_networks.names() == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_fitted_strides_are_those_published_at_the_published_size(name: str):
    reference = reference_networks.get(name)
    assert reference.baseline(strides="fitted").network.id == reference.network.candidate().id
    assert (
        reference.baseline(strides="fitted", image_size=32).network.id != reference.network.candidate(image_size=32).id
    )


def test_one_line_adds_another(registry):
    register(Reference(name="resnet34", network=architecture("resnet34"), source="arXiv:1512.03385"))
    found = [one.name for one in references("1GFLOPs") if one.reference == "resnet34"]
    assert found[0].startswith("resnet34 width 0.")


def test_control_a_reference_that_is_another_network_at_width_1_is_found(registry, monkeypatch: pytest.MonkeyPatch):
    class Planted(ReferenceConformance):
        reference = Reference(name="resnet34", network=architecture("resnet34"), source="none")

    monkeypatch.setattr(
        Reference, "baseline", lambda self, **_: Baseline.of_architecture(architecture("resnet18"), self.name)
    )
    with pytest.raises(AssertionError):
        Planted().test_it_is_its_own_baseline(architecture("resnet34").candidate())


@pytest.mark.parametrize(
    ("name", "part", "says"),
    [
        ("resnet18", Reference(name="resnet18", network=architecture("resnet18"), source="x"), "'resnet18' is taken"),
        (
            "other",
            Reference(name="mine", network=architecture("resnet18"), source="x"),
            "'mine' is declared as 'other'",
        ),
        ("mine", architecture("resnet18"), "must be a Reference, but got Architecture"),
        (
            "mine",
            Reference(name="mine", network=Architecture(skeleton="resnett", settings={}), source="x"),
            "did you mean 'resnet'",
        ),
        (
            "mine",
            Reference(name="mine", network=Architecture(skeleton="resnet", settings={"widht": 2}), source="x"),
            "did you mean 'width'",
        ),
    ],
)
def test_what_is_no_reference_is_refused(registry, name: str, part: object, says: str):
    with pytest.raises(InputError, match=says):
        registry.add(name, part)
    assert list(registry.known) == NAMES


def test_a_reference_of_an_installed_package_is_found(registry, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "thin_package.py").write_text(
        "from automl.spaces.architectures import Architecture\nfrom automl.spaces.references import Reference\n\n"
        "thin = Reference(name='thin', network=Architecture(skeleton='plain', settings={'width': 0.5}), source='x')\n"
    )
    info = tmp_path / "thin_package-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: thin-package\nVersion: 1\n")
    (info / "entry_points.txt").write_text("[automl.references]\nthin = thin_package:thin\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    for field, value in {"origins": {}, "_looked": False, "_done": False}.items():
        monkeypatch.setattr(registry, field, value)
    assert "thin" in [one.reference for one in references("100MFLOPs")]
    assert registry.origins == {"thin": "thin-package"}
