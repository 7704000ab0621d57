"""Addresses of objects, and the directory that stands for S3 in tests."""

import pytest

from sagelocal import storage


@pytest.mark.parametrize(
    ("uri", "bucket", "key"),
    [
        ("s3://b/k/x.csv", "b", "k/x.csv"),
        ("s3://b", "b", ""),
        ("s3://b/", "b", ""),
        ("s3://b/a?b#c", "b", "a?b#c"),  # legal in keys
        ("https://b.s3.amazonaws.com/k/x", "b", "k/x"),
        ("https://b.s3-eu-west-1.amazonaws.com/k", "b", "k"),  # as SDK v3's transform sends
        ("https://my.dotted.b.s3.eu-west-1.amazonaws.com/k%20x", "my.dotted.b", "k x"),
        ("https://s3.eu-west-1.amazonaws.com/b/k", "b", "k"),
        ("http://127.0.0.1:4566/b/k", "b", "k"),
    ],
)
def test_addresses_are_read(uri, bucket, key):
    assert storage.parse(uri) == storage.Address(bucket, key)


@pytest.mark.parametrize("uri", ["", "b/k", "s3:///k", "file:///etc/passwd", "https://x.amazonaws.com/k"])
def test_what_is_no_address_is_refused(uri):
    with pytest.raises(storage.AddressError, match="S3 address"):
        storage.parse(uri)


def test_join_puts_one_slash_between():
    assert storage.Address("b", "a/").join("/c/", "d").uri == "s3://b/a/c/d"
    assert storage.Address("b", "").join("c").uri == "s3://b/c"


@pytest.fixture
def objects(tmp_path):
    made = storage.DirectoryStorage(tmp_path)
    made.make_bucket("b")
    return made


def test_the_directory_lists_by_prefix_in_order(objects):
    for key in ("x/2", "x/1", "x", "y"):  # `x` is an object and a prefix, as on S3
        objects.write(f"s3://b/{key}", key.encode())
    assert [item.key for item in objects.list("s3://b/x")] == ["x", "x/1", "x/2"]
    assert storage.read(objects, "s3://b/x/1") == b"x/1"
    assert storage.exists(objects, "s3://b/x")
    assert not storage.exists(objects, "s3://b/x/")


def test_the_directory_misses_what_is_not_there(objects, tmp_path):
    with pytest.raises(storage.MissingObjectError, match="NoSuchKey"):
        objects.download("s3://b/none", tmp_path / "file")
    with pytest.raises(storage.MissingObjectError, match="NoSuchBucket"):
        objects.list("s3://other/")


def test_files_go_there_and_back(objects, tmp_path):
    (tmp_path / "in").write_bytes(b"data")
    objects.upload(tmp_path / "in", "s3://b/k")
    objects.download("s3://b/k", tmp_path / "deep" / "out")
    assert (tmp_path / "deep" / "out").read_bytes() == b"data"


def test_the_directory_knows_the_type_that_an_object_was_stored_with(objects, tmp_path):
    (tmp_path / "in").write_bytes(b"1,2")
    objects.write("s3://b/a/k", b"1,2", "text/csv")
    objects.upload(tmp_path / "in", "s3://b/l", "text/plain")
    assert [objects.content_type(f"s3://b/{key}") for key in ("a/k", "l")] == ["text/csv", "text/plain"]
    objects.write("s3://b/a/k", b"1,2")
    assert objects.content_type("s3://b/a/k") == ""
    assert [item.key for item in objects.list("s3://b/")] == ["a/k", "l"]
    with pytest.raises(storage.MissingObjectError, match="NoSuchKey"):
        objects.content_type("s3://b/none")


def test_the_first_failure_of_parallel_work_is_raised_after_the_rest_is_done():
    done = []

    def fail():
        raise storage.StorageError("no")

    with pytest.raises(storage.StorageError, match="no"):
        storage.in_parallel([fail, lambda: done.append(1), lambda: done.append(2)])
    assert sorted(done) == [1, 2]
