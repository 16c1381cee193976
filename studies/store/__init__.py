"""Where the files of a study are kept: trained weights, and states of paused trainings.

`store_at` makes the store of a folder or of a URL; a worker on another machine has one more, which
goes through Ray (`search/workers/stores.py`).
"""

from .folder_store import Folder
from .open_store import checked_place, store_at
from .store import Store, StoreError, is_url
from .url_store import Url

__all__ = ["Folder", "Store", "StoreError", "Url", "checked_place", "is_url", "store_at"]
