"""Files beside a database: their names in it, which others may have written, lead nowhere else."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from automl.blocks import InputError
from automl.studies import Study, StudySpec, delete
from automl.studies.choosing.chosen import best
from automl.studies.trained.artifacts import (
    PlaceNotNamed,
    begin_at,
    kept_at,
    local_folder,
    require_place,
    sent,
    trial_weights,
    weights_file,
    weights_folder,
)
from automl.studies.trained.checkpoint import save_to
from automl.studies.trained.classifier_measures import NUMBERS, kept_measures
from fsspec import register_implementation
from fsspec.implementations.local import LocalFileSystem


@pytest.mark.parametrize(
    ("checkpoint", "name"),
    [
        ("a-3x32px-seed1.pt", "a-3x32px-seed1.pt"),
        ("../../../etc/passwd", "passwd"),
        ("/etc/passwd", "passwd"),
        ("..\\..\\secret.pt", "secret.pt"),
        ("waiting/../../x.pt", "x.pt"),
        ("..", ".."),
        ("/", "nameless.pt"),
        ("", "nameless.pt"),
    ],
)
def test_of_a_path_in_a_database_only_the_name_counts(tmp_path: Path, checkpoint: str, name: str):
    study = SimpleNamespace(storage_url=f"sqlite:///{tmp_path}/s.db", spec=SimpleNamespace(name="tiny"), notes=dict)
    found = weights_file(study, SimpleNamespace(checkpoint=checkpoint))  # pyright: ignore[reportArgumentType]
    assert found is not None
    folder = tmp_path / "s.db.artifacts" / "tiny"
    assert found.parent == folder
    assert found.name == ("nameless.pt" if name == ".." else name)


@pytest.mark.parametrize("name", ["../elsewhere", "/etc", "a/b", "a\\b", "..", ".", "", "a\0b"])
def test_a_study_whose_name_is_no_folders_has_no_weights(tmp_path: Path, name: str):
    with pytest.raises(InputError, match="the name of a study must be one that a folder can have"):
        weights_folder(f"sqlite:///{tmp_path}/s.db", name)
    assert weights_folder(f"sqlite:///{tmp_path}/s.db", "a..b c").parent == tmp_path / "s.db.artifacts"
    study = SimpleNamespace(storage_url=f"sqlite:///{tmp_path}/s.db", spec=SimpleNamespace(name=name), notes=dict)
    assert kept_at(study) == []  # pyright: ignore[reportArgumentType]


class Shelf(LocalFileSystem):
    """Another file system than that of the machine, in a folder of it."""

    protocol = "shelf"

    @classmethod
    def _strip_protocol(cls, path):
        return super()._strip_protocol(str(path).removeprefix("shelf://"))


class TestPlaces:
    """A study that was begun with `--artifacts`."""

    @pytest.fixture
    def shelf(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
        register_implementation("shelf", Shelf, clobber=True)
        monkeypatch.setattr("automl.studies.trained.artifacts._named", set())
        monkeypatch.delenv("AUTOML_ARTIFACTS", raising=False)
        return f"shelf://{tmp_path}/shelf"

    def begun(self, folder: Path, name: str = "a b") -> Study:
        spec = StudySpec(name=name, space={}, budget="", data={"name": "none"}, settings={})
        return Study.create_or_continue(f"sqlite:///{folder}/s.db", spec, command="", versions={})

    def test_its_weights_are_fetched_from_there_once(self, tmp_path: Path, shelf: str):
        study = self.begun(tmp_path)
        store = begin_at(study, shelf)
        assert store.place.startswith(f"{shelf}/a-b-")
        with store.writing("x.pt") as file:
            file.write(b"weights")
        for _ in range(2):
            found = weights_file(study, SimpleNamespace(checkpoint="x.pt"))  # pyright: ignore[reportArgumentType]
            assert found is not None
            assert found.parent == tmp_path / "s.db.artifacts" / "a b" / store.place.rpartition("/")[2]
            assert found.read_bytes() == b"weights"
            store.remove("x.pt")
        assert begin_at(study, None).place == store.place
        assert begin_at(self.begun(tmp_path, "a b c"), shelf).place != store.place

    def test_a_new_study_of_the_same_name_has_no_copies_of_the_deleted_one(self, tmp_path: Path, shelf: str):
        weights = SimpleNamespace(checkpoint="x.pt")
        for content in (b"old", b"new"):
            study = self.begun(tmp_path)
            with begin_at(study, shelf).writing("x.pt") as file:
                file.write(content)
            found = weights_file(study, weights)  # pyright: ignore[reportArgumentType]
            assert found is not None
            assert found.read_bytes() == content
            delete(study.storage_url, study.spec.name)

    def test_studies_begun_at_the_same_time_have_folders_of_their_own(self, tmp_path: Path, shelf: str, monkeypatch):
        studies = [self.begun(tmp_path / name) for name in ("one", "two") if (tmp_path / name).mkdir() is None]
        for study in studies:
            monkeypatch.setattr(study, "created", studies[0].created)
        assert len({begin_at(study, shelf).place for study in studies}) == 2

    def test_drivers_that_begin_together_have_one_folder(self, tmp_path: Path, shelf: str, monkeypatch):
        first, second = self.begun(tmp_path), self.begun(tmp_path)
        notes, seen = second.notes, [{}] * 5
        monkeypatch.setattr(second, "notes", lambda: seen.pop() if seen else notes())  # read before the first noted
        assert begin_at(first, shelf).place == begin_at(second, shelf).place
        assert seen == []

    def test_another_driver_that_runs_it_keeps_its_files_where_it_began(self, tmp_path: Path, shelf: str, monkeypatch):
        study = self.begun(tmp_path)
        usual = begin_at(study, None).place
        other = SimpleNamespace(place="another machine", pid=1)
        monkeypatch.setattr(study, "drivers", lambda: [other])
        with pytest.raises(InputError, match=r"--artifacts must be that of the study, the folder beside"):
            require_place(study, shelf)
        monkeypatch.setenv("AUTOML_ARTIFACTS", shelf)
        assert begin_at(study, None).place == usual
        monkeypatch.setattr(study, "drivers", list)  # it has ended before any training did
        assert begin_at(study, shelf).place.startswith(shelf)

    def test_what_is_written_here_is_sent_there(self, tmp_path: Path, shelf: str):
        study = self.begun(tmp_path)
        store, folder = begin_at(study, shelf), local_folder(study)
        (folder / "search").mkdir(parents=True)
        (folder / "search" / "x.json").write_text("{}")
        sent(study, folder / "search" / "x.json", folder / "missing.pt")
        assert store.names("search") == ["x.json"]
        assert kept_at(study) == [str(folder.parent), store.place]

    def test_measures_are_read_from_there(self, tmp_path: Path, shelf: str):
        study, training = self.begun(tmp_path), SimpleNamespace(checkpoint="x.pt")
        store = begin_at(study, shelf)
        assert kept_measures(study, training) is None  # pyright: ignore[reportArgumentType]
        unknown = {"top5": None, "auroc": None}
        validation = {"images": 1, "classes": [], "confusion": [], **dict.fromkeys(NUMBERS, 0.5), **unknown}
        with store.writing("x.json") as file:
            file.write(json.dumps({"recipe": {"mixup": 0.5}, "validation": validation}).encode())
        found = kept_measures(study, training)  # pyright: ignore[reportArgumentType]
        assert found is not None
        assert found.recipe == {"mixup": 0.5}

    def test_a_fault_of_the_variable_is_told_of_the_variable(self, tmp_path: Path, shelf: str, monkeypatch):
        monkeypatch.setenv("AUTOML_ARTIFACTS", "memory://x")
        with pytest.raises(InputError, match=r"^AUTOML_ARTIFACTS must be reached"):
            require_place(None, None)
        with pytest.raises(InputError, match=r"^--artifacts must be a folder or a URL, but got ''"):
            require_place(None, "")

    def test_looking_fetches_no_weights(self, study: Study, shelf: str, record):
        store = begin_at(study, shelf)
        record(study)
        for each in study.evaluations():
            save_to(store, f"{trial_weights(each.candidate_id, each.seed)}-epoch{each.curve[-1][0]}.pt", {})
        chosen = best(study)
        assert chosen is not None
        assert chosen.weights is not None
        assert not chosen.weights.exists()
        with pytest.raises(InputError, match="holds no trained network"):  # it was fetched
            chosen.load()
        assert chosen.weights.exists()

    def test_a_network_is_known_without_a_folder_that_can_be_read(self, study: Study, shelf: str, record, monkeypatch):
        begin_at(study, shelf)
        record(study)

        def refuses(*_) -> None:
            raise PermissionError(13, "Permission denied")

        for name in ("weights_place", "weights_file"):
            monkeypatch.setattr(f"automl.studies.choosing.chosen.{name}", refuses)
        chosen = best(study)
        assert chosen is not None
        assert chosen.weights is None

    def test_it_stays_there(self, tmp_path: Path, shelf: str):
        study = self.begun(tmp_path)
        begin_at(study, shelf)
        with pytest.raises(InputError, match=r"--artifacts must be that of the study, shelf://.*; got /elsewhere"):
            require_place(study, "/elsewhere")
        require_place(study, None)

    def test_a_place_that_only_the_database_names_is_not_opened(self, tmp_path: Path, shelf: str, monkeypatch):
        begin_at(self.begun(tmp_path), shelf)
        monkeypatch.setattr("automl.studies.trained.artifacts._named", set())  # another process
        study = self.begun(tmp_path)
        weights = SimpleNamespace(checkpoint="x.pt")
        with pytest.raises(PlaceNotNamed, match=r"set AUTOML_ARTIFACTS to that"):
            weights_file(study, weights)  # pyright: ignore[reportArgumentType]
        monkeypatch.setenv("AUTOML_ARTIFACTS", f"{shelf}/")
        assert weights_file(study, weights) is not None  # pyright: ignore[reportArgumentType]

    def test_a_study_that_began_without_keeps_its_folder(self, study: Study, shelf: str, record, monkeypatch):
        record(study)
        usual = weights_folder(study.storage_url, study.spec.name)
        with pytest.raises(InputError, match="the folder beside its database"):
            begin_at(study, shelf)
        monkeypatch.setenv("AUTOML_ARTIFACTS", shelf)
        assert begin_at(study, None).place == str(usual)
        assert study.notes() == {}
