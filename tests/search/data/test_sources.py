"""Every data source conforms, one of a package works where automl's own do, and a faulty one is
found."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from automl.blocks.errors import InputError
from automl.search.data import ImageData, Request, Source, is_named, load, sources
from automl.search.data.source import source_of, source_words
from automl.search.data.square import squares
from automl.search.handover.export import export
from automl.search.handover.longer_training import train
from automl.search.kept_settings import data_name
from automl.studies import Study

from ..conftest import write_images
from ..one_network import TINY, study_on
from .conformance import NO_DATA, SourceConformance


class Stripes:
    """A source as a package might add it: images made by a rule."""

    name = "made"
    words = "made:stripes"
    named = True
    known = ("made:stripes",)

    def recognises(self, text: str) -> bool:
        return text in self.known

    def drawn(self, request: Request) -> np.ndarray:
        return np.random.default_rng(0).integers(0, 60, (40, 32, 32), dtype=np.uint8)

    def read(self, request: Request) -> ImageData:
        request.reading.refuse_parts(request.text)
        labels = np.arange(40) % 2
        x_nhw = self.drawn(request)
        x_nhw[labels == 0, ::2] += 190
        x_nhw[labels == 1, :, ::2] += 190
        return ImageData(
            name=request.text,
            images=squares([np.repeat(x_nhw[..., None], 3, axis=3)], request.size),
            labels=labels,
            classes=("across", "upright"),
            official_test=np.zeros(40, np.bool_),
            flip=True,
            native=32,
        )


@pytest.fixture
def plugin(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], Source]:
    """plugin(part): registers a source for the length of a test."""
    sources.load()
    monkeypatch.setattr(sources, "known", dict(sources.known))
    return lambda part: sources.add("made", part)


class TestNamed(SourceConformance):
    name = "named"

    @pytest.fixture
    def text(self) -> str:
        return "digits"


class TestNpz(SourceConformance):
    name = "npz"

    @pytest.fixture
    def text(self, tmp_path: Path) -> str:
        return str(write_images(tmp_path / "images.npz", images=60))


class TestFolder(SourceConformance):
    name = "folder"

    @pytest.fixture
    def text(self, tmp_path: Path, noise: Callable[..., list[Path]]) -> str:
        for label in ("cat", "dog"):
            noise(tmp_path / "pets" / label, 12)
        return str(tmp_path / "pets")


class TestPaths(SourceConformance):
    name = "paths"

    @pytest.fixture
    def text(self, tmp_path: Path, noise: Callable[..., list[Path]]) -> str:
        files = noise(tmp_path / "photos", 24)
        rows = [f"photos/{file.name},{'cat' if number % 2 else 'dog'}" for number, file in enumerate(files)]
        (tmp_path / "pets.csv").write_text("\n".join(["image,label", *rows]))
        return str(tmp_path / "pets.csv")


class TestPlugin(SourceConformance):
    name = "made"

    @pytest.fixture(autouse=True)
    def registered(self, plugin: Callable[[Any], Source]) -> None:
        plugin(Stripes)

    @pytest.fixture
    def text(self) -> str:
        return "made:stripes"


class TestOfTheDocs(SourceConformance):
    """The example of docs/extending.md."""

    name = "stripes"

    @pytest.fixture(autouse=True)
    def registered(self, plugin: Callable[[Any], Source]) -> None:
        page = (Path(__file__).parents[3] / "docs" / "extending.md").read_text("utf-8")
        exec(page.partition("## A data source")[2].partition("```python\n")[2].partition("```")[0], {})

    @pytest.fixture
    def text(self) -> str:
        return "made:stripes"


class Greedy(Stripes):
    """Takes every text."""

    def recognises(self, text: str) -> bool:
        return True


class Raising(Stripes):
    """Raises for a text that is no name of its own."""

    def recognises(self, text: str) -> bool:
        return text.split(":")[1] == "stripes"


class Renaming(Stripes):
    """Gives a name under which nobody finds the data again."""

    def read(self, request: Request) -> ImageData:
        data = super().read(request)
        return data.only(np.arange(len(data.labels)), name="stripes")


class Drawing(Stripes):
    """Draws other images at each reading."""

    def read(self, request: Request) -> ImageData:
        data = super().read(request)
        return data.only(np.random.default_rng().permutation(len(data.labels)))


class Large(Stripes):
    """Takes no notice of the size asked for."""

    def read(self, request: Request) -> ImageData:
        return super().read(Request(text=request.text, reading=request.reading))


class Redrawing(Stripes):
    """Makes its images anew at each size, in place of resizing them."""

    def drawn(self, request: Request) -> np.ndarray:
        side = min(32, request.size or 32)
        return np.random.default_rng(0).integers(0, 60, (40, side, side), dtype=np.uint8)


class Deaf(Stripes):
    """Takes no notice of the parts that are named."""

    def read(self, request: Request) -> ImageData:
        return super().read(Request(text=request.text, size=request.size))


class Loading(Stripes):
    """Downloads without being asked."""

    def read(self, request: Request) -> ImageData:
        if request.folder is not None:
            (request.folder / "stripes.bin").write_bytes(b"much")
        return super().read(request)


class Wordless(Stripes):
    words = "two\nlines"


@pytest.mark.parametrize(
    ("faulty", "found_by"),
    [
        (Greedy, "test_it_recognises_nothing_else_and_does_not_raise"),
        (Raising, "test_it_recognises_nothing_else_and_does_not_raise"),
        (Renaming, "test_the_name_of_what_it_read_is_recognised_again"),
        (Drawing, "test_two_readings_are_the_same"),
        (Large, "test_images_become_as_small_as_asked_and_keep_their_native_size"),
        (Redrawing, "test_images_become_as_small_as_asked_and_keep_their_native_size"),
        (Deaf, "test_a_part_that_it_does_not_have_is_refused"),
        (Loading, "test_without_a_download_nothing_missing_is_fetched"),
        (Wordless, "test_it_is_registered_under_its_name_with_words_in_one_line"),
    ],
)
def test_a_faulty_source_does_not_conform(
    plugin: Callable[[Any], Source], tmp_path: Path, faulty: type, found_by: str
) -> None:
    suite = SourceConformance()
    suite.name = "made"
    given = {"source": plugin(faulty), "text": "made:stripes", "folder": None, "other": "", "tmp_path": tmp_path}
    check = getattr(suite, found_by)
    with pytest.raises((AssertionError, pytest.fail.Exception, IndexError)):
        check(**{name: given[name] for name in inspect.signature(check).parameters})


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"recognises": None}, "lacks recognises"),
        ({"words": 3}, "lacks words"),
        ({"name": "other"}, "must have the name it is registered under, 'made', but has 'other'"),
    ],
)
def test_what_is_no_source_is_not_registered(
    plugin: Callable[[Any], Source], change: dict[str, Any], says: str
) -> None:
    with pytest.raises(InputError, match=says):
        plugin(type("Odd", (Stripes,), change))


def test_a_source_of_a_package_is_listed_in_help_and_errors_and_kept_by_its_name(
    plugin: Callable[[Any], Source],
) -> None:
    assert source_of("made:stripes") is None
    with pytest.raises(InputError, match="unknown data set 'made:stripes'"):
        load("made:stripes")
    plugin(Stripes)
    assert source_words().endswith(
        "of paths and labels, hf:NAME, wds:FOLDER or wds:train-{000..010}.tar of WebDataset shards, made:stripes"
    )
    with pytest.raises(InputError, match=r"did you mean 'made:stripes'\? .*cifar100, made:stripes\); no folder"):
        load("made:stripe")
    assert is_named("made:stripes")
    assert data_name("made:stripes") == "made:stripes"


def test_a_kind_of_file_of_a_package_is_read_and_listed(plugin: Callable[[Any], Source], tmp_path: Path) -> None:
    class Table(Stripes):
        words = "an .ods file"
        named = False
        known = ()

        def recognises(self, text: str) -> bool:
            return text.endswith(".ods") and Path(text).is_file()

    plugin(Table)
    for name in ("a.ods", "a.txt"):
        (tmp_path / name).write_text("1,2")
    assert len(load(str(tmp_path / "a.ods")).labels) == 40
    assert data_name(str(tmp_path / "a.ods")) == str(tmp_path / "a.ods")
    with pytest.raises(
        InputError,
        match=r"a data set is a folder of class folders or an \.npz file or .* or an \.ods file, but .*a\.txt",
    ):
        load(str(tmp_path / "a.txt"))


def test_a_folder_does_not_hide_a_name_of_a_package(
    plugin: Callable[[Any], Source], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin(Stripes)
    (tmp_path / "made:stripes").mkdir()
    monkeypatch.chdir(tmp_path)
    assert load("made:stripes").classes == ("across", "upright")


def test_a_study_on_a_source_of_a_package_trains_and_exports(plugin: Callable[[Any], Source], tmp_path: Path) -> None:
    plugin(Stripes)
    study_on(tmp_path, Path("made:stripes"), TINY)
    study = Study.open(f"sqlite:///{tmp_path}/s.db", "s")
    assert study.spec.data["name"] == "made:stripes"
    trained = train(study, epochs=1, threads=1)
    made = export(study, tmp_path / "found", formats=())
    assert made.exported.checked is not None
    assert made.exported.checked.identical is True
    assert made.exported.checked.accuracy == pytest.approx(trained.test_accuracy)


def test_texts_of_no_data_set_have_no_source() -> None:
    assert [text for text in NO_DATA if source_of(text) is not None] == []
