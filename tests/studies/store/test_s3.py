"""A store in an object store, by whatever library is installed: s3fs, or pyarrow alone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from automl.blocks import InputError
from automl.studies.store import Store, Url
from automl.studies.store.open_store import require_usable

from .conformance import StoreConformance, got, put
from .s3_server import MISSING, REASON, s3_server

pytestmark = [
    pytest.mark.exhaustive,
    pytest.mark.skipif(bool(MISSING), reason=REASON),
    pytest.mark.filterwarnings("ignore"),  # of the server's libraries
]


@pytest.fixture(scope="module")
def access() -> Iterator[dict[str, str]]:
    with s3_server() as access:
        yield access


@pytest.fixture(autouse=True)
def _access(access: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in access.items():
        monkeypatch.setenv(name, value)


class TestS3(StoreConformance):
    @pytest.fixture
    def store(self, request: pytest.FixtureRequest) -> Store:
        return Url(f"s3://bucket/{request.node.name}", patience=0.0)

    def test_large_files_are_whole(self, store: Store):
        data = bytes(range(256)) * 2**17  # 32 MB, sent in several parts
        put(store, "large.pt", data)
        assert got(store, "large.pt") == data


def test_a_bucket_is_tried_before_anything_starts():
    require_usable("s3://bucket/place")
    assert Url("s3://bucket/place").names("x") == []
    with pytest.raises(InputError, match=r"--artifacts must be a folder or a URL that can be written: .*none"):
        require_usable("s3://none/place")
