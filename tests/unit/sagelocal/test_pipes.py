"""Pipe mode: what a channel holds comes through its pipe, and what cannot be had fails the job."""

import gzip
import queue

import pytest

from sagelocal import storage as objects
from sagelocal.jobs import inputs, pipes
from sagelocal.jobs.plan import Channel

ROWS = b"".join(b"row %d\n" % number for number in range(50_000))
PACKED = gzip.compress(ROWS)
HALF = len(PACKED) // 2
SECONDS = 60


@pytest.fixture
def storage(tmp_path):
    made = objects.DirectoryStorage(tmp_path / "s3")
    made.make_bucket("b")
    return made


@pytest.fixture
def feed(storage, tmp_path):
    """Begin to feed a channel that is one object; return the folder of its pipes, and what it fails with."""
    begun = []

    def feed(content, **members):
        storage.write("s3://b/x", content)
        known = {"name": "train", "uri": "s3://b/x", "data_type": "S3Prefix", "mode": "Pipe"}
        channel = Channel(**{**known, "distribution": "FullyReplicated", **members})
        folder, failures = tmp_path / "data", queue.SimpleQueue()
        folder.mkdir()
        found = [inputs.Source(uri="s3://b/x", path="x")]
        content = pipes.content(storage, channel, found)
        begun.append(pipes.Pipe(channel, content, folder, failed=failures.put))
        return folder, failures

    yield feed
    for pipe in begun:
        pipe.close()


def test_every_epoch_gets_all_of_it(feed):
    folder, failures = feed(PACKED, compression="Gzip")
    assert [(folder / f"train_{epoch}").read_bytes() == ROWS for epoch in range(2)] == [True, True]
    assert failures.empty()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (PACKED[:HALF], "ended before the end-of-stream marker"),
        (PACKED[:HALF] + b"\xff" * 50 + PACKED[HALF + 50 :], ""),  # a block that is none: zlib has many words
        (PACKED[:-8] + bytes(8), "CRC check failed"),
        (b"row 1\n", "Not a gzipped file"),
    ],
)
def test_a_broken_object_fails_the_job(feed, content, words):
    folder, failures = feed(content, compression="Gzip")
    (folder / "train_0").read_bytes()
    told = failures.get(timeout=SECONDS)
    assert told.startswith("ClientError: Pipe mode, channel 'train': s3://b/x cannot be read: ")
    assert words in told


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"5", "the line '5'; a JSON object is needed"),
        (b"{", "a line that is no JSON: '{'"),
        (b"[" * 100_000, "a line that is no JSON: '["),
        (b'{"b": 1}', "a line without the attribute 'a'"),
        (b'{"a": "x", "a-ref": 7}', "a-ref 7; the address of an object is needed, s3://bucket/key"),
    ],
)
def test_a_line_of_a_manifest_that_says_no_record_fails_the_job(feed, line, words):
    folder, failures = feed(
        line + b"\n",
        data_type="AugmentedManifestFile",
        record_wrapper="RecordIO",
        attributes=("a", "a-ref"),
    )
    (folder / "train_0").read_bytes()
    told = failures.get(timeout=SECONDS)
    assert told.startswith("ClientError: Pipe mode, channel 'train': the augmented manifest s3://b/x has ")
    assert words in told


def test_shuffled_objects_are_shared_out_anew_in_every_epoch(storage):
    names = [f"s3://b/{number}" for number in range(8)]
    for name in names:
        storage.write(name, f"{name} ".encode())
    known = {"name": "train", "uri": "s3://b/", "data_type": "S3Prefix", "mode": "Pipe"}
    channel = Channel(**known, distribution="ShardedByS3Key", shuffle_seed=3)
    found = [inputs.Source(uri=name, path=name) for name in names]
    hosts = [pipes.content(storage, channel, found, part=(number, 2)) for number in range(2)]
    epochs = [[b"".join(host(epoch)).decode().split() for host in hosts] for epoch in range(3)]
    for shares in epochs:
        assert sorted(shares[0] + shares[1]) == names
    assert len({frozenset(first) for first, _ in epochs}) > 1


def test_a_link_in_a_pipes_place_is_not_written_to(feed, tmp_path):
    folder, failures = feed(b"rows")
    victim = tmp_path / "thesis"
    victim.write_text("precious")
    (folder / "train_1").symlink_to(victim)
    assert (folder / "train_0").read_bytes() == b"rows"
    told = failures.get(timeout=SECONDS)
    assert told == "ClientError: Pipe mode, channel 'train': train_1 is no pipe any more, but a link"
    assert victim.read_text() == "precious"


def test_pipes_are_made_in_the_folder_that_there_was(feed, tmp_path):
    folder, _ = feed(b"rows")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    moved = folder.rename(tmp_path / "moved")
    folder.symlink_to(elsewhere)
    assert (moved / "train_0").read_bytes() == b"rows"
    assert (moved / "train_1").read_bytes() == b"rows"
    assert list(elsewhere.iterdir()) == []
