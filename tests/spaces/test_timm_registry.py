"""That timm knows our networks, whichever package comes first."""

import json
import subprocess
import sys

import pytest
import timm
import torch
from automl.blocks import InputError
from automl.spaces import Candidate, timm_registry
from automl.spaces.skeletons import skeleton
from automl.spaces.timm_model import name_in_timm

KNOWN = "import timm; print(timm.is_model('automl_network'), *timm.list_models('automl*'))"
TINY = skeleton("resnet").candidate({"width": 0.125, "depth": 0.3}, (3, 32, 32), 10)


ORDERS = {
    "spaces": f"import automl.spaces; {KNOWN}",
    "timm": f"import timm, automl.spaces; {KNOWN}",
    "spec": f"import importlib.util, automl.spaces; importlib.util.find_spec('timm.models._registry'); {KNOWN}",
    # both once more, as where a test unloads them
    "timm again": (
        "import sys, automl.spaces, timm; [sys.modules.pop(n) for n in list(sys.modules) if n.split('.')[0] =="
        " 'timm']; " + KNOWN
    ),
    "spaces again": (
        "import sys, automl.spaces, timm; [sys.modules.pop(n) for n in list(sys.modules) if"
        " n.startswith('automl.spaces')]; import automl.spaces; " + KNOWN
    ),
}
OTHERS = {
    "without": f"import automl.blocks; {KNOWN}",
    "threads": (
        "import threading, automl.spaces\n"
        "def go():\n    import timm\n    seen.append(timm.is_model('automl_network'))\n"
        "seen = []\nthreads = [threading.Thread(target=go) for _ in range(4)]\n"
        "[t.start() for t in threads]; [t.join() for t in threads]; print(seen == [True] * 4)\n"
        "import timm; print('exec_module' in vars(timm.models._registry.__spec__.loader))"
    ),
}
FORKING = """
import contextlib, io, json, os, sys
import torch, torchvision  # what takes longest; neither timm nor automl is imported here

found = {}
for name, code in json.loads(sys.argv[1]).items():
    reading, writing = os.pipe()
    if not os.fork():
        with contextlib.redirect_stdout(io.StringIO()) as said:
            exec(code, {})
        os.write(writing, said.getvalue().encode())
        os._exit(0)
    os.close(writing)
    with open(reading) as pipe:
        found[name] = pipe.read().strip()
    os.wait()
print(json.dumps(found))
"""


def printed(programs: dict[str, str]) -> dict[str, str]:
    """What each program prints, in a process forked from one that has only imported torch."""
    command = [sys.executable, "-W", "error::UserWarning", "-c", FORKING, json.dumps(programs)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_timm_knows_it_whichever_comes_first():
    said = printed({name: ORDERS[name] for name in ("spaces", "timm")} | {"without": OTHERS["without"]})
    assert said == {"spaces": "True automl_network", "timm": "True automl_network", "without": "False"}


@pytest.mark.exhaustive
def test_timm_knows_it_in_every_order():
    said = printed(ORDERS)
    assert said == dict.fromkeys(ORDERS, "True automl_network")


@pytest.mark.exhaustive
def test_threads_that_import_timm_at_once_all_find_it_and_its_loader_is_as_it_was():
    assert printed(OTHERS)["threads"].split() == ["True", "False"]


def test_the_network_needs_a_candidate():
    with pytest.raises(InputError, match="automl_network needs candidate="):
        timm.create_model("automl_network")


class TestNames:
    @pytest.fixture(autouse=True)
    def forget(self):
        yield
        if timm.is_model("automl_mine"):
            timm.models._registry._clear_model_entries("automl_mine")
            timm.models._registry._model_entrypoints.pop("automl_mine")
            timm_registry.default_cfgs.pop("automl_mine")

    def test_a_named_candidate_is_one_of_timms_models(self):
        name_in_timm("automl_mine", TINY)
        assert "automl_mine" in timm.list_models("automl*", name_matches_cfg=True)
        assert timm.get_pretrained_cfg_value("automl_mine", "input_size") == (3, 32, 32)
        assert timm.create_model("automl_mine", num_classes=3)(torch.randn(2, 3, 32, 32)).shape == (2, 3)
        assert not timm.is_model_pretrained("automl_mine")

    def test_once_more_is_the_same_and_another_is_refused(self, recwarn: pytest.WarningsRecorder):
        name_in_timm("automl_mine", TINY)
        name_in_timm("automl_mine", TINY.to_dict())
        with pytest.raises(InputError, match="'automl_mine' is taken"):
            name_in_timm("automl_mine", Candidate.from_dict({**TINY.to_dict(), "classes": 11}))
        assert not recwarn.list

    @pytest.mark.parametrize("name", ["resnet50", "automl_network"])
    def test_timms_own_names_are_taken(self, name: str):
        with pytest.raises(InputError, match="is taken"):
            name_in_timm(name, TINY)

    @pytest.mark.parametrize("name", ["a.b", "a/b", "local-dir:a", ""])
    def test_a_name_timm_would_not_find_is_refused(self, name: str):
        with pytest.raises(InputError, match="letters, digits and underscores"):
            name_in_timm(name, TINY)
