"""Opens a store by the path of its folder or its URL, as `--artifacts` names it."""

from __future__ import annotations

import os
import secrets
from contextlib import suppress
from urllib.parse import unquote, urlsplit

from ...blocks.errors import InputError
from .folder import Folder
from .store import Store, StoreError, is_url
from .url import BRIEFLY, Url, file_system


def store_at(place: str | os.PathLike[str], *, patience: float = BRIEFLY) -> Store:
    """The store in a folder or at a URL.

    Args:
        place: path of the folder, or the URL.
        patience: seconds for which a URL that cannot be reached is tried again.
    """
    text = os.fspath(place)
    return Url(text, patience=patience) if is_url(text) else Folder(text)


def checked_place(text: str) -> str:
    """The value of `--artifacts` as it is kept with a study: a URL, or the absolute path of a
    folder.

    Raises:
        InputError: it is neither; nothing was opened. A URL that holds a password or settings is
            refused, since it would be kept in the database.
    """
    if not is_url(text):
        if not text.strip() or "\0" in text:
            raise InputError(f"--artifacts must be a folder or a URL, but got {text!r}")
        return os.path.abspath(os.path.expanduser(text))
    parts = urlsplit(text)
    if parts.password is not None or parts.query or parts.fragment:
        shown = f"{parts.scheme}://{parts.hostname or ''}{parts.path}"
        raise InputError(
            "--artifacts must hold no password and no settings, since it is kept with the study: give them by"
            f" environment variables, such as AWS_SECRET_ACCESS_KEY and AWS_ENDPOINT_URL; got those of {shown[:200]!r}"
        )
    if parts.scheme in ("file", "local"):
        return os.path.abspath(unquote(parts.path))
    if parts.scheme == "memory":
        raise InputError("--artifacts must be reached by every process, but memory:// is that of one process alone")
    return text.rstrip("/")


def require_usable(place: str) -> None:
    """Check that a URL can be opened, written and read, with a file that is removed again. A folder
    is made when its first file is written.

    Raises:
        InputError: it cannot; the message says why.
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
        reason = (str(error).splitlines() or [type(error).__name__])[0][:300]
        raise InputError(f"--artifacts must be a folder or a URL that can be written: {reason}") from None
    finally:
        with suppress(Exception):
            store.remove(name)
    if found != text:
        raise InputError(f"--artifacts must give back what is written, but {place} has not")
