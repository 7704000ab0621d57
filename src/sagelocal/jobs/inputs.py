"""What a channel's data source stands for: which objects, under which names, on which host.

Rules: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_S3DataSource.html
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from functools import partial
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, TypeVar

from sagelocal import storage as objects

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sagelocal.jobs.plan import Channel
    from sagelocal.storage import Item, Storage

T = TypeVar("T")
MANIFEST = "ManifestFile"
AUGMENTED = "AugmentedManifestFile"
PIPE = "Pipe"
FAST_FILE = "FastFile"


class InputError(Exception):
    """The data cannot be had as asked for; the message is what SageMaker puts behind `ClientError:`."""


class UnreachableError(InputError):
    """The object store does not answer: nobody's fault but the platform's."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """One object of a channel, its path below the channel's folder, and its bytes where a listing told."""

    uri: str
    path: str
    size: int = 0


def channel_sources(storage: Storage, channel: Channel) -> list[Source]:
    """Return a channel's objects.

    Raises:
        InputError: as `sources`, or the channel asks for what its input mode cannot do.

    """
    can_augment = channel.mode == PIPE and channel.record_wrapper == "RecordIO" and channel.attributes
    if channel.data_type == AUGMENTED and not can_augment:
        raise InputError(
            f"Channel {channel.name!r}: an AugmentedManifestFile needs the input mode Pipe, "
            "RecordWrapperType RecordIO and AttributeNames"
        )
    return sources(storage, channel.uri, channel.data_type)


def sources(storage: Storage, uri: str, data_type: str) -> list[Source]:
    """Return the objects of a data source in order; of an augmented manifest, the manifest itself.

    Raises:
        InputError: nothing is there, or a manifest is none, or a name cannot be a file's.

    """
    try:
        found = _manifest(storage, uri) if data_type == MANIFEST else _listed(storage, uri, data_type)
    except objects.AddressError as error:
        raise InputError(str(error)) from error
    except objects.StorageError as error:
        raise _download_error(error) from error
    check(found)
    return found


def _download_error(error: objects.StorageError) -> InputError:
    kind = UnreachableError if isinstance(error, objects.UnreachableError) else InputError
    return kind(f"Data download failed: {error}")


def relative_path(key: str, prefix: str) -> str:
    """Return where an object of a prefix goes: below the prefix's folder, an exact key under its own name."""
    if key == prefix:
        return key.rpartition("/")[2]
    if not prefix or prefix.endswith("/"):
        return key[len(prefix) :]
    if key.startswith(f"{prefix}/"):
        return key[len(prefix) + 1 :]
    return key[prefix.rfind("/") + 1 :]


def _listed(storage: Storage, uri: str, data_type: str) -> list[Source]:
    """Return the objects under a prefix, or the one that is an augmented manifest."""
    prefix = objects.parse(uri).key
    items = [item for item in storage.list(uri) if not _is_marker(item)]
    if data_type == AUGMENTED:
        items = [item for item in items if item.key == prefix]
    if not items:
        raise InputError(
            f'No S3 objects found under S3 URL "{uri}" given in input data source. Please ensure that the '
            "bucket exists in the selected region and that objects exist under that S3 prefix."
        )
    return [Source(uri=item.uri, path=relative_path(item.key, prefix), size=item.size) for item in items]


def _is_marker(item: Item) -> bool:
    """Tell whether an object only stands for a folder, as the S3 console makes them."""
    return item.key.endswith("/") and item.size == 0


def _manifest(storage: Storage, uri: str) -> list[Source]:
    """Return the objects that a manifest names; one that it names twice is there once, as in a set.

    Source: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_S3DataSource.html ("the complete
    set of S3Uri in this manifest is the input data"); what SageMaker does with it is not said.
    """
    prefix, entries = "", _manifest_entries(uri, objects.read(storage, uri))
    if entries and isinstance(entries[0], dict):
        prefix = entries[0].get("prefix", "")
        entries = entries[1:]
    if not isinstance(prefix, str):
        raise InputError(f'The manifest "{uri}" has the prefix {prefix!r}; needed is a string')
    if not all(isinstance(entry, str) for entry in entries) or not entries:
        raise InputError(
            f'The manifest "{uri}" needs {{"prefix": …}} and then the names of objects, as strings'
        )
    return [_named(uri, prefix, entry) for entry in dict.fromkeys(entries)]


def _manifest_entries(uri: str, text: bytes) -> list[Any]:
    try:
        entries = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f'The manifest "{uri}" is no JSON: {error}') from error
    if not isinstance(entries, list):
        raise InputError(f'The manifest "{uri}" is no JSON list')
    return entries


def _named(uri: str, prefix: str, entry: str) -> Source:
    """Return the object that an entry of the manifest at `uri` names."""
    name = prefix + entry
    try:
        key = objects.parse(name).key
    except objects.AddressError:
        key = ""
    if not key:
        raise InputError(
            f'The manifest "{uri}" names {name!r}; needed is s3://bucket/key, of prefix and name'
        )
    return Source(uri=name, path=entry if prefix else key)


def check(found: list[Source]) -> None:
    """Refuse names that cannot be files', and objects of which one would take the other's place.

    Raises:
        InputError: there are some.

    """
    seen: dict[str, str] = {}
    for source in found:
        path = PurePosixPath(source.path)
        if path.is_absolute() or ".." in path.parts or not path.parts or source.path.endswith("/"):
            raise InputError(f'Data download failed: "{source.uri}" cannot be a file named {source.path!r}')
        if (other := seen.setdefault(str(path), source.uri)) != source.uri:
            raise InputError(f'Data download failed: "{other}" and "{source.uri}" are both the file {path}')
    for name in seen:
        clash = next((str(parent) for parent in PurePosixPath(name).parents if str(parent) in seen), "")
        if clash:
            raise InputError(f"Data download failed: {clash!r} is an object and the folder of {name!r}")


def share(found: list[T], channel: Channel, host: int, hosts: int) -> list[T]:
    """Return the part of a channel's objects (or of a manifest's lines) that a host gets, counting from 0."""
    return found[host::hosts] if channel.distribution == "ShardedByS3Key" else found


def downloads(
    storage: Storage, found: list[Source], channel: Channel, folders: list[Path]
) -> list[Callable[[], None]]:
    """Return the transfers that put a channel's objects into its folder on each host (`folders`)."""
    for folder in folders:
        folder.mkdir(parents=True, exist_ok=True)
    takers: dict[Source, list[Path]] = {}
    for number, folder in enumerate(folders):
        for source in share(found, channel, number, len(folders)):
            takers.setdefault(source, []).append(folder / source.path)
    return [partial(_fetch, storage, source, paths) for source, paths in takers.items()]


def _fetch(storage: Storage, source: Source, paths: list[Path]) -> None:
    try:
        storage.download(source.uri, paths[0])
    except objects.StorageError as error:
        raise _download_error(error) from error
    for path in paths[1:]:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.link(paths[0], path)
