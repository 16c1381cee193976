"""The ids of networks never change: databases, folders and papers name networks by them.

`assets/` holds the ids of all named networks and of 2,000 random candidates, 250 of each skeleton
with every dimension free, as earlier versions gave them.
"""

import json
import lzma
from pathlib import Path

import pytest
from automl.spaces import Candidate, architecture, architectures
from test_random_candidates import everything

ASSETS = Path(__file__).parent / "assets"
NAMED: dict[str, str] = json.loads((ASSETS / "named-networks.json").read_text())
RANDOM: list[tuple[str, dict[str, object], str]] = json.loads(
    lzma.decompress((ASSETS / "random-candidates.json.xz").read_bytes())
)


def test_every_named_network_has_the_id_it_had():
    assert len(NAMED) == 136
    assert {name: architecture(name).candidate().id for name in NAMED} == NAMED
    assert set(NAMED) <= set(architectures())


@pytest.mark.parametrize("skeleton", dict.fromkeys(row[0] for row in RANDOM))
def test_random_candidates_have_the_ids_they_had(skeleton: str):
    space = everything(skeleton)
    rows = [(settings, known) for name, settings, known in RANDOM if name == skeleton]
    assert len(rows) == 250
    candidates = [
        space.candidate({name: tuple(value) if isinstance(value, list) else value for name, value in settings.items()})
        for settings, _ in rows
    ]
    assert [candidate.id for candidate in candidates] == [known for _, known in rows]
    assert [Candidate.from_dict(json.loads(candidate.spec)).id for candidate in candidates] == [
        known for _, known in rows
    ]


def test_another_network_would_be_seen():
    assert architecture("resnet18").candidate(classes=999).id != NAMED["resnet18"]
