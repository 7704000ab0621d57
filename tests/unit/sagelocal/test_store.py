"""The store: whole changes or none, and the same file for several processes."""

import sqlite3

import pytest

from sagelocal.jobs.store import AlreadyExistsError, FormatError, MissingError, Store


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state.db"


@pytest.fixture
def store(path):
    store = Store(path)
    yield store
    store.close()


def test_a_resource_is_kept(store, path):
    store.create("model", "m", "arn:m", {"a": [1, "é"]}, {"k": "v"})
    again = Store(path)

    found = again.get("model", "m")

    assert found.body == {"a": [1, "é"]}
    assert again.find("arn:m") == found
    assert again.list("model") == [found]
    assert again.tags("arn:m") == {"k": "v"}
    again.close()


def test_names_are_unique_within_a_kind(store):
    store.create("model", "m", "arn:m", {})
    store.create("endpoint", "m", "arn:e", {})
    with pytest.raises(AlreadyExistsError):
        store.create("model", "m", "arn:m", {}, {"k": "v"})
    assert store.tags("arn:m") == {}


def test_an_update_that_fails_changes_nothing(store):
    store.create("model", "m", "arn:m", {"n": 1})

    def change(body):
        body["n"] = 2
        raise KeyError(body["n"])

    with pytest.raises(KeyError, match="2"):
        store.update("model", "m", change)
    assert store.get("model", "m").body == {"n": 1}


def test_a_full_disk_is_told_as_such_and_changes_nothing(store):
    store.create("model", "m", "arn:m", {"n": 1})
    pages = store._db().execute("PRAGMA page_count").fetchone()[0]
    store._db().execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(sqlite3.OperationalError, match="database or disk is full"):
        store.update("model", "m", lambda _: {"text": "x" * 1_000_000})
    assert store.get("model", "m").body == {"n": 1}


def test_a_change_that_could_not_be_committed_is_undone_and_the_next_is_made(store):
    store.create("model", "m", "arn:m", {"n": 1})
    refused = ["COMMIT"]

    def authorise(action, operation, *_):
        if action == sqlite3.SQLITE_TRANSACTION and operation in refused:
            refused.remove(operation)
            return sqlite3.SQLITE_DENY
        return sqlite3.SQLITE_OK

    store._db().set_authorizer(authorise)
    with pytest.raises(sqlite3.DatabaseError, match="not authorized"):
        store.update("model", "m", lambda body: body.update(n=2))
    assert store.get("model", "m").body == {"n": 1}
    assert store.update("model", "m", lambda body: body.update(n=3)).body == {"n": 3}


def test_an_update_edits_in_place_or_replaces(store):
    store.create("model", "m", "arn:m", {"n": 1})
    assert store.update("model", "m", lambda body: body.update(n=2)).body == {"n": 2}
    assert store.update("model", "m", lambda _: {"x": 1}).body == {"x": 1}
    assert store.get("model", "m").body == {"x": 1}


def test_delete_takes_the_tags_along(store):
    store.create("model", "m", "arn:m", {}, {"k": "v"})
    store.delete("model", "m")
    assert store.tags("arn:m") == {}
    for ask in (
        lambda: store.get("model", "m"),
        lambda: store.delete("model", "m"),
        lambda: store.find("arn:m"),
    ):
        with pytest.raises(MissingError):
            ask()
    with pytest.raises(MissingError):
        store.update("model", "m", dict)


def test_tags_are_added_replaced_and_removed(store):
    store.tag("arn", {"a": "1", "b": "2"})
    store.tag("arn", {"a": "3"})
    store.untag("arn", ["b", "absent"])
    assert store.tags("arn") == {"a": "3"}


def test_a_file_of_another_format_is_refused(path):
    with sqlite3.connect(path) as db:
        db.execute("PRAGMA user_version = 99")
    db.close()
    with pytest.raises(FormatError, match="has format 99; this sagelocal reads format 1"):
        Store(path)
