"""A channel's data source becomes files: which objects, under which names, on which host."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagelocal import storage as objects
from sagelocal.jobs import inputs
from sagelocal.jobs.plan import Channel


@pytest.fixture
def storage(tmp_path):
    made = objects.DirectoryStorage(tmp_path / "s3")
    made.make_bucket("b")
    return made


def put(storage, *keys):
    for key in keys:
        storage.write(f"s3://b/{key}", key.encode())


def channel(**changes):
    known = {"name": "train", "uri": "s3://b/x", "data_type": "S3Prefix", "mode": "File"}
    return Channel(**{**known, "distribution": "FullyReplicated", **changes})


@pytest.mark.parametrize(
    ("key", "prefix", "path"),
    [
        ("a/b/x.csv", "a/b/x.csv", "x.csv"),  # an exact key keeps its own name
        ("a/b/x.csv", "a/b/", "x.csv"),
        ("a/b/c/x.csv", "a/b", "c/x.csv"),
        ("a/bc/x.csv", "a/b", "bc/x.csv"),  # a prefix may end inside a name
        ("x.csv", "", "x.csv"),
    ],
)
def test_names_are_relative_to_the_prefix(key, prefix, path):
    assert inputs.relative_path(key, prefix) == path


def test_a_prefix_is_all_its_objects_without_folder_markers(storage):
    put(storage, "x/1", "x/sub/2", "xy/3")
    storage.write("s3://b/x/", b"")
    found = inputs.sources(storage, "s3://b/x", "S3Prefix")
    assert [source.path for source in found] == ["1", "sub/2", "xy/3"]


def test_a_manifest_is_its_prefix_and_names(storage):
    storage.write("s3://b/m", json.dumps([{"prefix": "s3://b/data/"}, "1", "sub/2"]).encode())
    found = inputs.sources(storage, "s3://b/m", "ManifestFile")
    assert [(source.uri, source.path) for source in found] == [
        ("s3://b/data/1", "1"),
        ("s3://b/data/sub/2", "sub/2"),
    ]


AUGMENTED = {
    "data_type": "AugmentedManifestFile",
    "mode": "Pipe",
    "record_wrapper": "RecordIO",
    "attributes": ("a",),
}


def test_an_augmented_manifest_is_one_object_and_no_prefix(storage):
    put(storage, "m/labels", "m/labels-of-tests", "m/labels/old")
    found = inputs.channel_sources(storage, channel(uri="s3://b/m/labels", **AUGMENTED))
    assert [source.uri for source in found] == ["s3://b/m/labels"]


def test_an_augmented_manifest_that_is_not_there_is_said(storage):
    put(storage, "labels-of-tests")
    with pytest.raises(inputs.InputError, match=r'^No S3 objects found under S3 URL "s3://b/labels"'):
        inputs.channel_sources(storage, channel(uri="s3://b/labels", **AUGMENTED))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"{", "no JSON"),
        (b"{}", "no JSON list"),
        (b"[]", "names of objects"),
        (b'[{"prefix": "s3://b/"}, 7]', "names of objects"),
        (b'[{"prefix": "s3://b/"}, "../x"]', "cannot be a file"),
        (b'[{"prefix": "s3://b/"}, "a", "a/b"]', "is an object and the folder"),
        (b'[{"prefix": "s3://b/"}, "a/b", "a//b"]', '"s3://b/a/b" and "s3://b/a//b" are both the file a/b'),
        (b"[" * 100_000, '"s3://b/m" is no JSON'),
        (b'[{"prefix": 5}, "a"]', '"s3://b/m" has the prefix 5; needed is a string'),
        (
            b'[{"prefix": "b/data/"}, "a"]',
            "\"s3://b/m\" names 'b/data/a'; needed is s3://bucket/key, of prefix and name",
        ),
        (b'[{"prefix": "s3://b"}, "a"]', "\"s3://b/m\" names 's3://ba'; needed is s3://bucket/key"),
        (b'["a"]', "\"s3://b/m\" names 'a'; needed is s3://bucket/key"),
    ],
)
def test_a_bad_manifest_is_refused(storage, content, words):
    storage.write("s3://b/m", content)
    with pytest.raises(inputs.InputError, match=words):
        inputs.sources(storage, "s3://b/m", "ManifestFile")


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("s3://b/none/", "No S3 objects found under S3 URL"),
        ("s3://other/x", "NoSuchBucket"),
        ("/etc/passwd", "no S3 address"),
    ],
)
def test_what_is_not_there_is_said(storage, uri, words):
    with pytest.raises(inputs.InputError, match=words):
        inputs.sources(storage, uri, "S3Prefix")


@pytest.mark.parametrize("key", ["x/../../evil", "x//etc/passwd"])
def test_a_key_that_leads_out_of_the_channel_is_refused(storage, key):
    put(storage, key)
    with pytest.raises(inputs.InputError, match="cannot be a file"):
        inputs.sources(storage, "s3://b/x", "S3Prefix")


@pytest.mark.parametrize("keys", [("x/a/b", "x/a//b"), ("x/xy/1", "xy/1")])
def test_of_two_objects_that_would_be_one_file_none_is_lost(storage, keys):
    put(storage, *keys)
    with pytest.raises(inputs.InputError, match="are both the file"):
        inputs.sources(storage, "s3://b/x", "S3Prefix")


def fetch(storage, channel, folders):
    found = inputs.sources(storage, channel.uri, channel.data_type)
    for transfer in inputs.downloads(storage, found, channel, folders):
        transfer()


def test_replicated_data_is_fetched_once_and_on_every_host(storage, tmp_path):
    put(storage, "x/1", "x/2")
    folders = [tmp_path / "h1", tmp_path / "h2"]
    fetch(storage, channel(), folders)
    assert all((folder / "1").read_bytes() == b"x/1" for folder in folders)
    assert (folders[0] / "2").samefile(folders[1] / "2")


def test_what_a_manifest_names_twice_is_fetched_once(storage, tmp_path):
    put(storage, "data/1", "data/2")
    storage.write("s3://b/m", json.dumps([{"prefix": "s3://b/data/"}, "1", "2", "1"]).encode())
    fetch(storage, channel(uri="s3://b/m", data_type="ManifestFile"), [tmp_path / "h1"])
    assert sorted(path.name for path in (tmp_path / "h1").iterdir()) == ["1", "2"]
    assert len(inputs.sources(storage, "s3://b/m", "ManifestFile")) == 2


@given(st.integers(0, 20), st.integers(1, 5))
def test_sharding_gives_every_object_to_exactly_one_host(count, hosts):
    found = [inputs.Source(uri=f"s3://b/{n}", path=str(n)) for n in range(count)]
    sharded = channel(distribution="ShardedByS3Key")
    shares = [inputs.share(found, sharded, host, hosts) for host in range(hosts)]
    assert sorted(source.path for share in shares for source in share) == sorted(s.path for s in found)
    assert max(map(len, shares)) - min(map(len, shares)) <= 1
