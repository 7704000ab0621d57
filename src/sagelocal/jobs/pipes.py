"""Pipe input mode: a channel's objects as one stream through a named pipe, once for each epoch.

The container reads `/opt/ml/input/data/<channel>_<epoch>`, epochs counting from 0; each reading gets all of
the channel's objects, one after the other.
Source: https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-training-algo-running-container.html
"""

from __future__ import annotations

import contextlib
import errno
import gzip
import json
import os
import random
import threading
from typing import IO, TYPE_CHECKING, Any, cast

from sagelocal import storage as objects
from sagelocal.jobs import failure, inputs
from sagelocal.serving import recordio, records

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from sagelocal.jobs.inputs import Source
    from sagelocal.jobs.plan import Channel
    from sagelocal.storage import Storage

CHUNK_BYTES = 1 << 16
POLL_SECONDS = 0.02
RECORDIO = "RecordIO"
SHOWN = 80
"""How much of a line an error shows, in bytes."""


class Pipe:
    """Feeds one channel of one host, from a thread of its own."""

    def __init__(
        self,
        channel: Channel,
        content: Callable[[int], Iterator[bytes]],
        folder: Path,
        *,
        failed: Callable[[str], None],
    ) -> None:
        self._channel = channel
        self._content = content
        # Kept open: the script may put a link in the folder's place.
        self._folder = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        self._failed = failed
        self._over = threading.Event()
        self._make(0)
        self._thread = threading.Thread(target=self._run, name=f"pipe {channel.name}", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread, whether or not someone reads."""
        self._over.set()
        self._thread.join()
        os.close(self._folder)

    def _name(self, epoch: int) -> str:
        return f"{self._channel.name}_{epoch}"

    def _make(self, epoch: int) -> None:
        with contextlib.suppress(FileExistsError, FileNotFoundError):  # the script may remove the folder
            os.mkfifo(self._name(epoch), dir_fd=self._folder)

    def _fail(self, whose: str, words: str) -> None:
        self._failed(f"{whose}: Pipe mode, channel {self._channel.name!r}: {words}")

    def _run(self) -> None:
        epoch = 0
        while (descriptor := self._open(epoch)) is not None:
            # The next pipe is there before this one ends: a reader goes from one to the other at once.
            self._make(epoch + 1)
            try:
                self._feed(descriptor, epoch)
            except (objects.StorageError, inputs.InputError, OSError, ValueError) as error:
                self._fail(failure.fault(error), str(error))
            finally:
                os.close(descriptor)
            epoch += 1

    def _open(self, epoch: int) -> int | None:
        """Wait for a reader; None when the container, or its pipe, is gone."""
        flags = os.O_WRONLY | os.O_NONBLOCK | os.O_NOFOLLOW
        while not self._over.is_set():
            try:
                descriptor = os.open(self._name(epoch), flags, dir_fd=self._folder)
            except FileNotFoundError:
                return None
            except OSError as error:
                if error.errno == errno.ELOOP:
                    self._fail(failure.CLIENT, f"{self._name(epoch)} is no pipe any more, but a link")
                    return None
                if error.errno != errno.ENXIO:  # ENXIO: nobody reads yet
                    raise
                self._over.wait(POLL_SECONDS)
            else:
                os.set_blocking(descriptor, True)
                return descriptor
        return None

    def _feed(self, descriptor: int, epoch: int) -> None:
        with contextlib.suppress(BrokenPipeError):  # the reader has had enough of this epoch
            for chunk in self._content(epoch):
                view = memoryview(chunk)
                while view:
                    view = view[os.write(descriptor, view) :]


def content(
    storage: Storage, channel: Channel, found: list[Source], *, part: tuple[int, int] = (0, 1)
) -> Callable[[int], Iterator[bytes]]:
    """Return what yields the channel's bytes for an epoch, on the host number `part[0]` of `part[1]`.

    What is shuffled is shuffled across hosts: sharded data may be another host's in the next epoch.
    https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ShuffleConfig.html
    """

    def epoch_content(epoch: int) -> Iterator[bytes]:
        for source in inputs.share(shuffled(found, channel, epoch), channel, *part):
            yield from _object(storage, channel, source.uri)

    def augmented_content(epoch: int) -> Iterator[bytes]:
        texts = [(source.uri, objects.read(storage, source.uri)) for source in found]
        lines = [(uri, line) for uri, text in texts for line in text.splitlines() if line]
        for uri, line in inputs.share(shuffled(lines, channel, epoch), channel, *part):
            yield from _augmented(storage, channel, uri, line)

    return augmented_content if channel.data_type == inputs.AUGMENTED else epoch_content


def shuffled(entries: list[Any], channel: Channel, epoch: int) -> list[Any]:
    """Return the entries in this epoch's order, which follows from ShuffleConfig.Seed."""
    if channel.shuffle_seed is None:
        return entries
    order = list(entries)
    random.Random(channel.shuffle_seed + epoch).shuffle(order)  # noqa: S311  (an order, no secret)
    return order


def _object(storage: Storage, channel: Channel, uri: str) -> Iterator[bytes]:
    with storage.open(uri) as raw:
        packed = channel.compression == "Gzip"
        stream = cast("IO[bytes]", gzip.GzipFile(fileobj=raw)) if packed else raw
        if channel.record_wrapper == RECORDIO:
            yield recordio.write(_read(stream, uri))
            return
        while chunk := _read(stream, uri, CHUNK_BYTES):
            yield chunk


def _read(stream: IO[bytes], uri: str, size: int = -1) -> bytes:
    try:
        return stream.read(size)
    except records.UNREADABLE as error:
        raise inputs.InputError(f"{uri} cannot be read: {error}") from error


def _augmented(storage: Storage, channel: Channel, uri: str, line: bytes) -> Iterator[bytes]:
    """Yield one record for each attribute of a line; `-ref` attributes are the objects that they name."""
    entry = _entry(uri, line)
    for name in channel.attributes:
        if name not in entry:
            raise inputs.InputError(f"the augmented manifest {uri} has a line without the attribute {name!r}")
        value = entry[name]
        if not name.endswith("-ref"):
            text = value if isinstance(value, str) else json.dumps(value)
            yield recordio.write(text.encode())
            continue
        try:
            yield recordio.write(objects.read(storage, str(value)))
        except objects.AddressError as error:
            raise inputs.InputError(
                f"the augmented manifest {uri} has {name} {value!r}; "
                "the address of an object is needed, s3://bucket/key"
            ) from error


def _entry(uri: str, line: bytes) -> dict[str, Any]:
    """Read a line of an augmented manifest.

    Raises:
        InputError: it is no JSON object.

    """
    shown = repr(line[:SHOWN].decode(errors="replace"))
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise inputs.InputError(
            f"the augmented manifest {uri} has a line that is no JSON: {shown}: {error}"
        ) from error
    if not isinstance(entry, dict):
        raise inputs.InputError(f"the augmented manifest {uri} has the line {shown}; a JSON object is needed")
    return entry
