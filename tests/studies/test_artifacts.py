"""Files beside a database: their names in it, which others may have written, lead nowhere else."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from automl.blocks import InputError
from automl.studies.artifacts import weights_file, weights_folder


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
    study = SimpleNamespace(storage_url=f"sqlite:///{tmp_path}/s.db", spec=SimpleNamespace(name="tiny"))
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
