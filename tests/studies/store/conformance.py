"""What every store of files must do."""

from __future__ import annotations

import pytest
from automl.blocks import InputError
from automl.studies.store import Store

ELSEWHERE = ["../x", "/etc/passwd", "a/../../x", "a//x", "", ".", "a\\..\\x", "a\0"]


def put(store: Store, name: str, data: bytes, *, fails: bool = False) -> None:
    """Write a file; what writes it may fail when half is written."""
    with store.writing(name) as file:
        file.write(data)
        if fails:
            raise ZeroDivisionError


def got(store: Store, name: str) -> bytes:
    with store.reading(name) as file:
        return file.read()


class StoreConformance:
    """Inherit it, and give the store as a fixture."""

    @pytest.fixture
    def store(self) -> Store:
        raise NotImplementedError

    def test_a_file_is_read_back_listed_replaced_and_removed(self, store: Store):
        assert store.names("search") == []
        assert not store.exists("search/a.pt")
        put(store, "search/a.pt", b"one")
        put(store, "b.pt", b"two")
        put(store, "search/a.pt", b"three")
        assert (got(store, "search/a.pt"), got(store, "b.pt")) == (b"three", b"two")
        assert store.exists("search/a.pt")
        assert not store.exists("search")
        assert store.names("search") == ["a.pt"]
        store.remove("search/a.pt")
        store.remove("search/a.pt")
        assert store.names("search") == []
        with pytest.raises(FileNotFoundError):
            got(store, "search/a.pt")

    def test_a_file_is_there_whole_or_not_at_all(self, store: Store):
        put(store, "search/a.pt", b"one")
        for name in ("search/a.pt", "search/b.pt"):
            with pytest.raises(ZeroDivisionError):
                put(store, name, b"half", fails=True)
        assert got(store, "search/a.pt") == b"one"
        assert store.names("search") == ["a.pt"]

    def test_names_lead_nowhere_else(self, store: Store):
        for name in ELSEWHERE:
            assert not store.exists(name)
            for call in (store.writing, store.reading):
                with pytest.raises(InputError, match="no place outside its store"), call(name):
                    pass
            with pytest.raises(InputError, match="no place outside its store"):
                store.remove(name)
