"""What a user may call a network, and what is said where there is none of that name."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from automl.blocks import InputError
from automl.spaces import architecture, find_candidate, load_space, named_candidate, shipped_spaces
from automl.spaces.named_candidate import base_of
from automl.spaces.scaling.baseline import find_baseline
from automl.spaces.skeletons import skeleton, skeletons

TINY = skeleton("resnet").candidate({"width": 0.125, "depth": 0.3}, (3, 32, 32), 10)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "found.json"
    path.write_text(TINY.spec)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "exported"
    path.mkdir()
    (path / "config.json").write_text(json.dumps({"architecture": "automl_network", "candidate": TINY.to_dict()}))
    return path


class TestForms:
    def test_an_object_and_its_dict(self):
        assert find_candidate(TINY) is TINY
        assert find_candidate(TINY.to_dict()) == TINY

    def test_a_file_by_path_and_by_text(self, file: Path):
        assert find_candidate(file) == find_candidate(str(file)) == TINY

    def test_yaml(self, tmp_path: Path):
        import yaml

        (tmp_path / "found.yaml").write_text(yaml.safe_dump(TINY.to_dict()))
        assert find_candidate(tmp_path / "found.yaml") == TINY

    def test_an_exported_folder_and_its_configuration(self, folder: Path):
        assert find_candidate(folder) == find_candidate(folder / "config.json") == TINY

    def test_a_published_name(self):
        assert find_candidate("resnet18") == architecture("resnet18").candidate()

    def test_a_file_comes_before_a_published_name(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
        monkeypatch.chdir(tmp_path)
        Path("resnet18").write_text(TINY.spec)
        assert find_candidate("resnet18") == TINY


class TestSpaces:
    """What --space takes stands for the space's base."""

    @pytest.mark.parametrize("name", [*shipped_spaces(), *skeletons()])
    def test_every_space_and_skeleton_has_a_base(self, name: str):
        candidate, free = base_of(load_space(name))
        assert find_candidate(name) == candidate
        assert candidate.cost().macs > 0
        assert free

    def test_the_base_of_a_published_networks_space_is_that_network(self):
        assert (
            base_of(load_space("efficientnet"))[0]
            == base_of(load_space("efficientnet_b0"))[0]
            == find_candidate("efficientnet_b0")
        )

    def test_a_space_file_with_what_it_sets_set(self, tmp_path: Path):
        text = (
            "{skeleton: resnet, image: [3, 32, 32], classes: 10, dimensions: {width: 0.125, depth: 0.3, attention: [se,"
            " eca]}}"
        )
        (tmp_path / "tiny.yaml").write_text(text)
        assert find_candidate(tmp_path / "tiny.yaml") == TINY
        assert base_of(load_space(tmp_path / "tiny.yaml"))[1] == ["attention"]
        (tmp_path / "on.yaml").write_text("{candidate: found.json, dimensions: {width: [0.5, 1]}}")
        (tmp_path / "found.json").write_text(TINY.spec)
        assert find_candidate(tmp_path / "on.yaml") == TINY

    def test_an_error_in_the_file_is_told_as_of_a_space(self, tmp_path: Path):
        (tmp_path / "bad.yaml").write_text("skeleton: resnet\ndimensions:\n  wdth: 1\n")
        with pytest.raises(InputError, match=r"bad\.yaml:3: .*did you mean 'width'"):
            find_candidate(tmp_path / "bad.yaml")

    def test_a_space_that_is_to_be_one_network_stays_so(self, tmp_path: Path):
        (tmp_path / "self.yaml").write_text("{candidate: self.yaml, dimensions: {width: [0.5, 1]}}")
        with pytest.raises(InputError, match=r"self\.yaml"):
            find_candidate(tmp_path / "self.yaml")
        for free in ("resnext-attention", tmp_path / "some.yaml"):
            (tmp_path / "some.yaml").write_text("{candidate: found.json, dimensions: {width: [0.5, 1]}}")
            (tmp_path / "found.json").write_text(TINY.spec)
            with pytest.raises(InputError, match=r"a baseline is one network, but .* leaves free: .*width"):
                find_baseline(free)

    def test_a_name_that_is_nearly_a_spaces_is_told(self):
        with pytest.raises(InputError, match="did you mean 'resnext-attention'"):
            find_candidate("resnext-atention")


class TestRefusals:
    @pytest.mark.parametrize(
        ("given", "said"),
        [
            ("resnet5", "did you mean 'resnet50'"),
            ("nowhere.json", "cannot read .*nowhere.json"),
            (Path("nowhere"), "cannot read .*nowhere"),
            (7, "but got 7"),
            ({"layout": "resnet"}, "a candidate has the keys"),
            (":best", "STUDY:best"),
        ],
    )
    def test_what_is_no_candidate(self, given: object, said: str):
        with pytest.raises(InputError, match=said):
            find_candidate(given)  # type: ignore[arg-type]

    @pytest.mark.parametrize("text", ["[1, 2]", "{}", "{", "a: 1\na: 2"])
    def test_a_file_that_holds_none_is_named(self, tmp_path: Path, text: str):
        (tmp_path / "x.yaml").write_text(text)
        with pytest.raises(InputError, match=r"x\.yaml"):
            find_candidate(tmp_path / "x.yaml")


class TestDatabases:
    @pytest.fixture
    def asked(self, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str, str]]:
        calls: list[tuple[str, str, str]] = []

        def finder(*arguments: str) -> str:
            calls.append(arguments)  # type: ignore[arg-type]
            return TINY.spec

        monkeypatch.setattr(named_candidate, "_finders", {"id": finder, "best": finder})
        monkeypatch.delenv("AUTOML_STORAGE", raising=False)
        return calls

    @pytest.mark.parametrize(
        ("given", "study", "which"),
        [
            ("digits:best", "digits", "best"),
            ("digits:ab12", "digits", "ab12"),
            (TINY.id, "", TINY.id),
            (TINY.id[:6], "", TINY.id[:6]),
            ("a:b:best", "a:b", "best"),
        ],
    )
    def test_ids_are_asked_for_in_the_database_given(
        self, asked: list[tuple[str, str, str]], given: str, study: str, which: str
    ):
        assert find_candidate(given, storage="sqlite:///x.db") == TINY
        assert asked == [("sqlite:///x.db", study, which)]

    def test_the_environment_names_the_database(
        self, asked: list[tuple[str, str, str]], monkeypatch: pytest.MonkeyPatch
    ):
        monkeypatch.setenv("AUTOML_STORAGE", "sqlite:///y.db")
        find_candidate("digits:best")
        assert asked == [("sqlite:///y.db", "digits", "best")]

    def test_without_a_database_it_is_said_how_to_give_one(self, asked: list[tuple[str, str, str]]):
        with pytest.raises(InputError, match="give storage=, or set AUTOML_STORAGE"):
            find_candidate("digits:best")
        assert asked == []

    @pytest.mark.parametrize(("given", "package"), [("abcd1234", "automl.studies"), ("digits:best", "automl.search")])
    def test_without_the_package_it_is_said_what_to_import(
        self, monkeypatch: pytest.MonkeyPatch, given: str, package: str
    ):
        monkeypatch.setattr(named_candidate, "_finders", {})
        with pytest.raises(InputError, match=f"`import {package}` first"):
            find_candidate(given, storage="sqlite:///x.db")

    def test_the_packages_add_who_finds(self):
        code = "import automl.search; from automl.spaces.named_candidate import _finders; print(*sorted(_finders))"
        assert subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True
        ).stdout.split() == ["best", "id"]
