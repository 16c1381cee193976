"""Opens a store by the path of its folder or its URL, as `--artifacts` names it."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from urllib.parse import unquote, urlsplit

from ...blocks.errors import InputError, first_line
from .folder_store import Folder
from .store import Store, StoreError, is_url
from .url_store import BRIEFLY, OBJECT_STORES, Url, file_system

CONTAINERS = frozenset(("abfs", "abfss"))
"""Protocols that name a container before an `@`, where others have a user."""


def store_at(place: str | os.PathLike[str], *, patience: float = BRIEFLY) -> Store:
    """The store in a folder or at a URL.

    Args:
        place: path of the folder, or the URL.
        patience: seconds for which a URL that cannot be reached is tried again.
    """
    text = os.fspath(place)
    return Url(text, patience=patience) if is_url(text) else Folder(text)


def checked_place(text: str, said: str = "--artifacts") -> str:
    """The value of `--artifacts` as it is kept with a study: a URL, or the absolute path of a
    folder.

    Args:
        text: the value.
        said: what gave it, for the message.

    Raises:
        InputError: it is neither; nothing was opened. A URL that may hold a password, a key or
            settings is refused, since it would be kept in the database.
    """
    if not is_url(text):
        if not text.strip() or "\0" in text:
            raise InputError(f"{said} must be a folder or a URL, but got {text!r}")
        return os.path.abspath(os.path.expanduser(text))
    try:
        parts = urlsplit(text)
    except ValueError as error:
        raise InputError(f"{said} must be a folder or a URL: {error}") from None
    user, _, host = parts.netloc.rpartition("@")
    named = bool(user) and not (parts.scheme in CONTAINERS and ":" not in user)
    if "::" in text or named or parts.query or parts.fragment:
        shown = "URLs joined by '::'" if "::" in text else repr(f"{parts.scheme}://{host}{parts.path}"[:200])
        raise InputError(
            f"{said} must hold no user, no password and no settings, since it is kept with the study: give them by"
            f" environment variables, such as AWS_SECRET_ACCESS_KEY and AWS_ENDPOINT_URL; got those of {shown}"
        )
    if parts.scheme == "memory":
        raise InputError(f"{said} must be reached by every process, but memory:// is that of one process alone")
    path = parts.path.strip("/")
    if parts.scheme in ("file", "local"):
        if host not in ("", "localhost") or not path:
            raise InputError(f"{said} must name a folder by its whole path, as file:///folder, but got {text!r}")
        return os.path.abspath(unquote(parts.path))
    if not host and (not path or parts.scheme in OBJECT_STORES):
        raise InputError(f"{said} must name a bucket or a host, as s3://bucket/folder, but got {text!r}")
    return text.rstrip("/")


def require_usable(place: str, said: str = "--artifacts") -> None:
    """Check that a URL can be opened, written and read, with a file that is removed again. A folder
    is made when its first file is written.

    Raises:
        InputError: it cannot; the message says why, and names what gave the URL (`said`).
    """
    if not is_url(place):
        return
    store, name, text = Url(place, patience=0.0), f".probe-{secrets.token_hex(6)}", b"automl"
    try:
        file_system(place)
        with store.writing(name) as file:
            file.write(text)
        with store.reading(name) as file:
            found = file.read()
    except (StoreError, OSError, ValueError, ImportError) as error:
        reason = first_line(error)[:300]
        raise InputError(f"{said} must be a folder or a URL that can be written: {reason}") from None
    finally:
        with suppress(Exception):
            store.remove(name)
    if found != text:
        raise InputError(f"{said} must give back what is written, but {place} has not")
