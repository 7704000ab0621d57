"""The files about AWS that botocore brings (models, endpoints, rules), in less than half of the memory.

botocore keeps them as ordered dictionaries with the documentation of every shape, and the endpoints of every
service there is: some 20 MB in each process that makes clients. Plain dictionaries keep the order too, nobody
asks for the words, and of a service that is not called nobody asks where it is.
"""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import botocore.loaders

CALLED = frozenset({"s3", "logs", "monitoring", "events", "sns", "sts", "oidc", "portal.sso"})
"""Prefixes of endpoints: of the services that are called, and of those that botocore asks for credentials.
Of others botocore goes by the partition's own rule, and by the service's file of rules."""
_ENDPOINTS = "endpoints"
_WORDS = "documentation"
_SUFFIXES = (".json", ".json.gz")


def loader(search_path: str | None = None) -> botocore.loaders.Loader:
    """Return a `botocore.loaders.Loader` of these files; `search_path` is what AWS_DATA_PATH says."""
    made = botocore.loaders.create_loader(search_path)
    made.file_loader = _Files()
    return made


class _Files(botocore.loaders.JSONFileLoader):
    """Reads a file as its base does, but for what it leaves out."""

    def load_file(self, file_path: str) -> Any:
        """Return what a file holds, None when it is not there."""
        for suffix in _SUFFIXES:
            path = Path(file_path + suffix)
            if path.is_file():
                text = path.read_bytes()
                found = json.loads(
                    gzip.decompress(text) if suffix == ".json.gz" else text, object_hook=_without_words
                )
                return _of_called(found) if path.stem == _ENDPOINTS else found
        return None


def _without_words(found: dict[str, Any]) -> dict[str, Any]:
    # A member of a structure may have this name too; it is no text.
    if isinstance(found.get(_WORDS), str):
        found[_WORDS] = ""  # botocore does not ask whether there are any
    return found


def _of_called(endpoints: dict[str, Any]) -> dict[str, Any]:
    for partition in endpoints["partitions"]:
        services = partition["services"]
        partition["services"] = {name: services[name] for name in services if name in CALLED}
    return endpoints
