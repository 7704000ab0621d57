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
