"""`help()` shows the fields of options and results."""

from __future__ import annotations

import pydoc
from dataclasses import dataclass

import pytest
from automl.blocks.documented import documented
from automl.search import Best, SearchOptions, SearchResult
from automl.search.course.events import Counts
from automl.search.grid import GridOptions, GridResult
from automl.search.handover.export import HandedOver
from automl.studies import CandidateRow, Evaluation, FrontPoint, StudySpec
from automl.studies.export import Exported
from automl.studies.export.check import Checked

SHOWN = [
    Best,
    SearchOptions,
    SearchResult,
    Counts,
    HandedOver,
    GridOptions,
    GridResult,
    CandidateRow,
    Evaluation,
    FrontPoint,
    StudySpec,
    Exported,
    Checked,
]


@pytest.mark.parametrize("cls", SHOWN, ids=lambda cls: cls.__name__)
def test_help_names_every_field_with_what_it_says(cls: type) -> None:
    text = pydoc.plain(pydoc.render_doc(cls))
    undocumented = [name for name in cls.__dataclass_fields__ if f" {name}: " not in text.partition("Attributes:")[2]]
    assert undocumented == []


def test_the_first_line_stays_and_others_follow() -> None:
    assert (SearchResult.__doc__ or "").startswith("What a search found.")
    assert "seconds: Wall time of this run." in (SearchResult.__doc__ or "")


def test_a_class_that_inherits_keeps_its_own_words() -> None:
    @documented
    @dataclass
    class Base:
        """The base."""

        one: int = 1
        """The first."""

    class Child(Base):
        """The child."""

    assert "one: The first." in (Base.__doc__ or "")
    assert Child.__doc__ == "The child."


def test_without_the_decorator_nothing_would_be_shown() -> None:
    @dataclass
    class Plain:
        """A class."""

        one: int = 1
        """The first."""

    assert "The first." not in pydoc.plain(pydoc.render_doc(Plain))
