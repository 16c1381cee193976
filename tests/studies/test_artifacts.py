"""Files beside a database: their names in it, which others may have written, lead nowhere else."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from automl.blocks import InputError
from automl.studies import Study, StudySpec
from automl.studies.artifacts import PlaceNotNamed, begin_at, require_place, weights_file, weights_folder
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
        monkeypatch.setattr("automl.studies.artifacts._named", set())
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
            assert found == tmp_path / "s.db.artifacts" / "a b" / "x.pt"
            assert found.read_bytes() == b"weights"
            store.remove("x.pt")
        assert begin_at(study, None).place == store.place
        assert begin_at(self.begun(tmp_path, "a b c"), shelf).place != store.place

    def test_it_stays_there(self, tmp_path: Path, shelf: str):
        study = self.begun(tmp_path)
        begin_at(study, shelf)
        with pytest.raises(InputError, match=r"--artifacts must be that of the study, shelf://.*; got /elsewhere"):
            require_place(study, "/elsewhere")
        require_place(study, None)

    def test_a_place_that_only_the_database_names_is_not_opened(self, tmp_path: Path, shelf: str, monkeypatch):
        begin_at(self.begun(tmp_path), shelf)
        monkeypatch.setattr("automl.studies.artifacts._named", set())  # another process
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
