"""The state of everything: one SQLite file in write-ahead mode, shared by the service and its supervisors.

A resource is a row: its kind (`training-job`, as in its ARN), its name, and a body, a JSON object in the
shape of the Describe response. Describe and List are views of that body through botocore's shapes. Every
change is one transaction, so that a process killed at any moment leaves either the old state or the new one.
"""

from __future__ import annotations

import json
import sqlite3
import threading
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sagelocal.jobs import changes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path

FORMAT_VERSION = 1
BUSY_TIMEOUT_SECONDS = 30

_SCHEMA = """
CREATE TABLE IF NOT EXISTS resource (
    kind TEXT NOT NULL, name TEXT NOT NULL, arn TEXT NOT NULL UNIQUE, body TEXT NOT NULL,
    created REAL NOT NULL, modified REAL NOT NULL,
    PRIMARY KEY (kind, name)
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS resource_by_age ON resource (kind, created);
CREATE TABLE IF NOT EXISTS tag (
    arn TEXT NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY (arn, key)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS change (
    number INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL, name TEXT NOT NULL, arn TEXT NOT NULL,
    before TEXT NOT NULL, body TEXT NOT NULL, moment REAL NOT NULL
);
CREATE INDEX IF NOT EXISTS artifact_by_source ON resource (json_extract(body, '$.Source.SourceUri'))
    WHERE kind = 'artifact';
"""

_INSERT = "INSERT INTO resource VALUES (?, ?, ?, ?, ?, ?)"
_INSERT_CHANGE = "INSERT INTO change (kind, name, arn, before, body, moment) VALUES (?, ?, ?, ?, ?, ?)"
_ARTIFACTS = "SELECT * FROM resource WHERE kind = 'artifact' AND json_extract(body, '$.Source.SourceUri') = ?"
_CHECKPOINT_PAGES = 4000
"""The log is folded into the database at that size (16 MB): each time costs a wait for the disk."""


class AlreadyExistsError(Exception):
    """A resource of that kind and name exists."""


class MissingError(Exception):
    """No resource of that kind and name."""


class FormatError(Exception):
    """The data directory was written by a version of sagelocal that this one cannot read."""


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One resource: `body` is the Describe response, with times as seconds since the epoch (float)."""

    kind: str
    name: str
    arn: str
    body: dict[str, Any] = field(default_factory=dict)
    created: float = 0.0
    modified: float = 0.0


class _Connection(sqlite3.Connection):
    """A thread's connection, closed when the thread is gone: Python 3.13 warns of one that nobody closes."""

    def __del__(self) -> None:
        with suppress(sqlite3.ProgrammingError):  # it was never opened
            self.close()


class Store:
    """Resources and tags. Safe between threads and between processes."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._local = threading.local()
        with self._transaction() as db:
            version = db.execute("PRAGMA user_version").fetchone()[0]
            if version not in (0, FORMAT_VERSION):
                raise FormatError(
                    f"{path} has format {version}; this sagelocal reads format {FORMAT_VERSION}: "
                    "use the version that wrote it, or another data directory"
                )
            for statement in _SCHEMA.split(";"):
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {FORMAT_VERSION}")

    def create(
        self, kind: str, name: str, arn: str, body: dict[str, Any], tags: dict[str, str] | None = None
    ) -> Resource:
        """Add a resource with its tags.

        Raises:
            AlreadyExistsError: `kind` has a resource `name`.

        """
        now = time.time()
        row = (kind, name, arn, _dump(body), now, now)
        try:
            if not tags and not changes.is_told(kind):
                self._db().execute(_INSERT, row)  # a statement by itself is a transaction
            else:
                with self._transaction() as db:
                    db.execute(_INSERT, row)
                    _put_tags(db, arn, tags or {})
                    if changes.is_told(kind):
                        db.execute(_INSERT_CHANGE, (kind, name, arn, "{}", row[3], now))
        except sqlite3.IntegrityError as error:
            raise AlreadyExistsError(f"{kind} {name}") from error
        return Resource(kind=kind, name=name, arn=arn, body=body, created=now, modified=now)

    def get(self, kind: str, name: str) -> Resource:
        """Return the resource.

        Raises:
            MissingError: there is none.

        """
        row = (
            self._db().execute("SELECT * FROM resource WHERE kind = ? AND name = ?", (kind, name)).fetchone()
        )
        if row is None:
            raise MissingError(f"{kind} {name}")
        return _resource(row)

    def find(self, arn: str) -> Resource:
        """Return the resource with that ARN, or raise `MissingError`."""
        row = self._db().execute("SELECT * FROM resource WHERE arn = ?", (arn,)).fetchone()
        if row is None:
            raise MissingError(arn)
        return _resource(row)

    def list(self, kind: str) -> list[Resource]:
        """Return all resources of a kind, oldest first."""
        rows = self._db().execute("SELECT * FROM resource WHERE kind = ? ORDER BY created, name", (kind,))
        return [_resource(row) for row in rows]

    def update(
        self, kind: str, name: str, change: Callable[[dict[str, Any]], dict[str, Any] | None]
    ) -> Resource:
        """Apply `change` to the body in one transaction; `change` edits in place, or returns a new body.

        An exception in `change` leaves the state as it was.

        Raises:
            MissingError: there is no such resource.

        """
        with self._transaction() as db:
            row = db.execute("SELECT * FROM resource WHERE kind = ? AND name = ?", (kind, name)).fetchone()
            if row is None:
                raise MissingError(f"{kind} {name}")
            old = _resource(row)
            before = changes.state(kind, old.body) if changes.is_told(kind) else None
            edited = change(old.body)
            body = old.body if edited is None else edited
            now, text = time.time(), _dump(body)
            db.execute(
                "UPDATE resource SET body = ?, modified = ? WHERE kind = ? AND name = ?",
                (text, now, kind, name),
            )
            if before is not None and before != changes.state(kind, body):
                db.execute(_INSERT_CHANGE, (kind, name, old.arn, _dump(before), text, now))
        return Resource(kind=kind, name=name, arn=old.arn, body=body, created=old.created, modified=now)

    def delete(self, kind: str, name: str) -> Resource:
        """Remove the resource and its tags, and return it as it was; `MissingError` when there is none."""
        with self._transaction() as db:
            row = db.execute(
                "DELETE FROM resource WHERE kind = ? AND name = ? RETURNING *", (kind, name)
            ).fetchone()
            if row is None:
                raise MissingError(f"{kind} {name}")
            db.execute("DELETE FROM tag WHERE arn = ?", (row["arn"],))
        return _resource(row)

    def tags(self, arn: str) -> dict[str, str]:
        """Return the tags of an ARN, by key."""
        rows = self._db().execute("SELECT key, value FROM tag WHERE arn = ? ORDER BY key", (arn,))
        return {row["key"]: row["value"] for row in rows}

    def tag(self, arn: str, tags: dict[str, str]) -> None:
        """Add or replace tags."""
        with self._transaction() as db:
            _put_tags(db, arn, tags)

    def untag(self, arn: str, keys: Iterable[str]) -> None:
        """Remove tags; absent keys are ignored."""
        with self._transaction() as db:
            db.executemany("DELETE FROM tag WHERE arn = ? AND key = ?", [(arn, key) for key in keys])

    def artifacts(self, source_uri: str) -> Sequence[Resource]:
        """Return the lineage artifacts of a URI."""
        return [_resource(row) for row in self._db().execute(_ARTIFACTS, (source_uri,))]

    def untold(self, most: int) -> Sequence[changes.Change]:
        """Return the oldest changes of status that nobody was told of yet, at most so many."""
        rows = self._db().execute("SELECT * FROM change ORDER BY number LIMIT ?", (most,))
        return [_change(row) for row in rows]

    def told(self, number: int) -> None:
        """Forget the changes up to a number."""
        self._db().execute("DELETE FROM change WHERE number <= ?", (number,))

    def close(self) -> None:
        """Close this thread's connection."""
        connection = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()
            del self._local.connection

    def _db(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None:
            connection = sqlite3.connect(
                self._path,
                timeout=BUSY_TIMEOUT_SECONDS,
                isolation_level=None,
                check_same_thread=False,  # only its own thread uses it, but another may let go of it
                factory=_Connection,
            )
            connection.row_factory = sqlite3.Row
            connection.execute("PRAGMA journal_mode = WAL")
            # Killed processes lose nothing in WAL mode even so; only a power cut could take the last change.
            connection.execute("PRAGMA synchronous = NORMAL")
            connection.execute(f"PRAGMA wal_autocheckpoint = {_CHECKPOINT_PAGES}")
            self._local.connection = connection
        return connection

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        db = self._db()
        db.execute("BEGIN IMMEDIATE")
        try:
            yield db
            db.execute("COMMIT")
        except BaseException:
            if (
                db.in_transaction
            ):  # SQLite has rolled back by itself after some errors, as that of a full disk
                db.execute("ROLLBACK")
            raise


def _resource(row: sqlite3.Row) -> Resource:
    return Resource(
        kind=row["kind"],
        name=row["name"],
        arn=row["arn"],
        body=json.loads(row["body"]),
        created=row["created"],
        modified=row["modified"],
    )


def _change(row: sqlite3.Row) -> changes.Change:
    body = json.loads(row["body"])
    return changes.Change(
        number=row["number"],
        kind=row["kind"],
        name=row["name"],
        arn=row["arn"],
        before=json.loads(row["before"]),
        after=changes.state(row["kind"], body),
        body=body,
        moment=row["moment"],
    )


def _dump(body: dict[str, Any]) -> str:
    return json.dumps(body, separators=(",", ":"))


def _put_tags(db: sqlite3.Connection, arn: str, tags: dict[str, str]) -> None:
    db.executemany("INSERT OR REPLACE INTO tag VALUES (?, ?, ?)", [(arn, k, v) for k, v in tags.items()])
