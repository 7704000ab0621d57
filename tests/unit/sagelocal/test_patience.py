"""A store that does not answer for a while: calls are made again, streams go on where they broke."""

import io

import pytest
from botocore import exceptions
from botocore.response import StreamingBody

from sagelocal import patience, storage

CONTENT = bytes(range(256)) * 5000


class Breaking(io.BytesIO):
    """A connection that breaks once after some bytes."""

    def __init__(self, content, after):
        super().__init__(content)
        self.after = after

    def read(self, size=-1):
        if self.tell() >= self.after:
            raise exceptions.ReadTimeoutError(endpoint_url="s3")
        return super().read(min(size, self.after - self.tell()) if size >= 0 else size)


class Client:
    """An S3 with one object, whose answers fail or break as they are told to."""

    def __init__(self, *troubles):
        self.troubles = list(troubles)
        self.etag = '"1"'
        self.asked = []

    def get_object(self, **arguments):
        self.asked.append(arguments)
        trouble = self.troubles.pop(0) if self.troubles else None
        if isinstance(trouble, Exception):
            raise trouble
        if arguments.get("IfMatch", self.etag) != self.etag:
            raise refusal(412, "PreconditionFailed")
        begin = int(arguments.get("Range", "bytes=0-")[6:-1])
        rest = CONTENT[begin:]
        body = Breaking(rest, trouble) if trouble else StreamingBody(io.BytesIO(rest), len(rest))
        return {"Body": body, "ContentLength": len(rest), "ETag": self.etag}


def refusal(status, code):
    answer = {"Error": {"Code": code, "Message": "no"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return exceptions.ClientError(answer, "GetObject")


GONE = exceptions.EndpointConnectionError(endpoint_url="s3")


def test_a_stream_that_breaks_goes_on_where_it_broke():
    client = Client(1000, 70_000, GONE, 300)
    with storage.S3Storage(client).open("s3://b/k") as stream:
        assert stream.read() == CONTENT
    assert [each.get("Range") for each in client.asked] == [
        None,
        "bytes=1000-",
        "bytes=71000-",  # nobody answered
        "bytes=71000-",
        "bytes=71300-",
    ]


def test_a_stream_does_not_go_on_with_another_object():
    client = Client(1000)
    with storage.S3Storage(client).open("s3://b/k") as stream:
        assert stream.read(1000) == CONTENT[:1000]
        client.etag = '"2"'
        with pytest.raises(storage.StorageError, match="PreconditionFailed"):
            stream.read()


def test_lines_and_an_empty_object_are_read():
    client = Client(3)
    stream = storage.S3Storage(client).open("s3://b/k")
    assert stream.readline() == CONTENT[:11]
    resuming = patience.Resuming(Client, io.BytesIO(), 0, trouble=OSError, seconds=0)
    assert io.BufferedReader(resuming).read() == b""


def test_a_listing_that_breaks_off_is_no_empty_one():
    class Listing(Client):
        def list_objects_v2(self, **_):
            self.asked.append("list")
            entry = {"Key": "k", "Size": 1, "ETag": self.etag}
            return {"IsTruncated": False, "Contents": [entry]} if len(self.asked) > 1 else {}

    assert [item.key for item in storage.S3Storage(Listing()).list("s3://b/k")] == ["k"]


@pytest.mark.parametrize("trouble", [GONE, refusal(503, "SlowDown"), refusal(500, "InternalError")])
def test_a_call_is_made_again_while_the_store_is_out_of_order(tmp_path, trouble):
    storage.S3Storage(Client(trouble, trouble)).download("s3://b/k", tmp_path / "k")
    assert (tmp_path / "k").read_bytes() == CONTENT


def test_a_download_that_breaks_begins_anew(tmp_path):
    storage.S3Storage(Client(1000)).download("s3://b/k", tmp_path / "k")
    assert (tmp_path / "k").read_bytes() == CONTENT


def test_the_wait_has_an_end():
    client = Client(*[GONE] * 1000)
    with pytest.raises(storage.UnreachableError, match="s3://b/k"):
        storage.S3Storage(client, wait=0.3).open("s3://b/k")
    assert len(client.asked) > 1


@pytest.mark.parametrize(
    "refused",
    [refusal(403, "AccessDenied"), refusal(404, "NoSuchKey"), exceptions.ParamValidationError(report="no")],
)
def test_a_refusal_is_final(refused):
    client = Client(refused)
    with pytest.raises(storage.StorageError):
        storage.S3Storage(client).open("s3://b/k")
    assert len(client.asked) == 1
