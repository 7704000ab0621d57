"""Splitter and assembler: no record is lost, doubled or out of order, whatever the sizes."""

import asyncio
import gzip
import io
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sagelocal.serving import batch, dataprocessing, recordio, records

LINES = st.lists(st.binary(max_size=20).map(lambda data: data.replace(b"\n", b"")), max_size=30)
PAYLOADS = st.lists(st.binary(max_size=20), max_size=20)
IDENTITY = dataprocessing.parse({}, "text/csv")


class Dribble(io.RawIOBase):
    """A stream that gives at most a few bytes at a time, as a network may."""

    def __init__(self, data, step):
        self._inner, self._step = io.BytesIO(data), step

    def read(self, size=-1):
        return self._inner.read(min(size, self._step) if size >= 0 else size)


def tfrecord(data):
    return struct.pack("<QI", len(data), 0) + data + bytes(4)


@given(LINES, st.booleans(), st.integers(1, 50))
def test_lines_joined_are_the_object(lines, ends, step):
    data = b"\n".join(lines) + (b"\n" if ends and lines else b"")
    found = list(records.split(Dribble(data, step), "Line"))
    assert b"".join(found) == data
    assert len(found) == data.count(b"\n") + (not data.endswith(b"\n") and bool(data))


@given(PAYLOADS, st.integers(1, 50))
def test_recordio_and_tfrecords_are_cut_at_their_frames(payloads, step):
    framed = [recordio.write(payload) for payload in payloads]
    assert list(records.split(Dribble(b"".join(framed), step), "RecordIO")) == framed
    framed = [tfrecord(payload) for payload in payloads]
    assert list(records.split(Dribble(b"".join(framed), step), "TFRecord")) == framed


@given(LINES, st.integers(25, 100), st.booleans())
def test_payloads_hold_whole_records_in_order_within_the_limit(lines, limit, several):
    data = b"".join(line + b"\n" for line in lines)
    found = list(records.payloads(records.split(io.BytesIO(data), "Line"), several=several, limit=limit))
    assert b"".join(payload.body for payload in found) == data
    assert [payload.first for payload in found] == [
        1 + sum(payload.size for payload in found[:number]) for number in range(len(found))
    ]
    assert all(len(payload.body) <= limit for payload in found)
    assert several or all(payload.size == 1 for payload in found)


@given(LINES, st.sampled_from(["None", "Line"]), st.one_of(st.none(), st.integers(25, 100)), st.booleans())
def test_an_object_is_never_more_payloads_than_its_size_tells(lines, kind, limit, several):
    data = b"\n".join(lines)[: limit if kind == "None" else None]
    plan = batch.Plan(split_type=kind, several=several, limit=limit, processing=IDENTITY)
    cut = list(records.payloads(records.split(io.BytesIO(data), kind), several=several, limit=limit))
    assert len(cut) <= plan.payloads(len(data))
    if limit and several and len(data) <= limit:
        assert plan.payloads(len(data)) == 1


@given(LINES, st.booleans(), st.one_of(st.none(), st.integers(25, 100)), st.integers(1, 50))
def test_blocks_are_the_payloads_of_lines_without_the_lines(lines, ends, limit, step):
    data = b"\n".join(lines) + (b"\n" if ends and lines else b"")
    split = records.split(io.BytesIO(data), "Line", limit)
    want = [payload[:3] for payload in records.payloads(split, several=True, limit=limit)]
    assert [payload[:3] for payload in records.blocks(Dribble(data, step), limit)] == want


@pytest.mark.parametrize("kind", ["None", "Line", "RecordIO", "TFRecord"])
def test_an_empty_object_has_no_records(kind):
    assert list(records.split(io.BytesIO(b""), kind)) == []


@pytest.mark.parametrize(
    ("data", "kind", "words"),
    [
        (b"ab\nabcdefghijkl\n", "Line", r"record 2: Too much data .*; 8 are allowed"),
        (b"abcdefghijkl", "None", "record 1: Too much data"),
        (recordio.write(b"x" * 20), "RecordIO", "record 1: Too much data"),
        (tfrecord(b"x" * 20), "TFRecord", "record 1: Too much data"),
    ],
)
def test_a_record_beyond_the_limit_is_named(data, kind, words):
    with pytest.raises(records.RecordError, match=words):
        list(records.split(io.BytesIO(data), kind, limit=8))


@pytest.mark.parametrize(
    ("data", "kind", "words"),
    [
        (recordio.write(b"a") + b"junkjunk", "RecordIO", "record 2: RecordIO: magic number"),
        (recordio.write(b"abcdef")[:-3], "RecordIO", "record 1: the data ends inside the record"),
        (tfrecord(b"a") + tfrecord(b"b")[:-1], "TFRecord", "record 2: the data ends inside the record"),
    ],
)
def test_broken_framing_is_named(data, kind, words):
    with pytest.raises(records.RecordError, match=words):
        list(records.split(io.BytesIO(data), kind))


def transform(plan, data, invoke):
    """Transform bytes; return the result and the number of records."""
    target, seen = io.BytesIO(), []
    count = asyncio.run(batch.transform(plan, io.BytesIO(data), target, invoke, seen.append))
    assert sum(seen) == count
    return target.getvalue(), count


@given(LINES, st.integers(25, 60), st.integers(1, 4), st.booleans(), st.data())
@settings(max_examples=40, deadline=None)
def test_results_are_in_order_however_long_each_takes(lines, limit, concurrency, several, data):
    rows = [line.replace(b"\r", b"") + b"\n" for line in lines]
    delays = data.draw(st.lists(st.integers(0, 3), min_size=len(rows), max_size=len(rows)))

    async def upper(body):
        for _ in range(delays[len(body) % len(delays)] if delays else 0):
            await asyncio.sleep(0)
        return batch.Result(200, "text/csv", body.upper())

    plan = batch.Plan(
        split_type="Line",
        several=several,
        limit=limit,
        concurrency=concurrency,
        assemble_with="Line",
        processing=IDENTITY,
    )
    assert transform(plan, b"".join(rows), upper) == (b"".join(rows).upper(), len(rows))


@pytest.mark.parametrize(("assemble", "want"), [("None", b"0\n12"), ("Line", b"0\n1\n2\n")])
def test_line_ends_each_answer_once(assemble, want):
    answers = {b"a\n": b"0\n", b"b\n": b"1", b"c\n": b"2"}

    async def model(body):
        return batch.Result(200, "text/csv", answers[body])

    plan = batch.Plan(split_type="Line", several=False, assemble_with=assemble, processing=IDENTITY)
    assert transform(plan, b"a\nb\nc\n", model) == (want, 3)


@pytest.mark.parametrize(("status", "cause"), [(415, "ClientError"), (500, "AlgorithmError")])
def test_a_refused_payload_names_its_records_and_who_is_at_fault(status, cause):
    async def model(body):
        if b"d" in body:
            return batch.Result(status, "application/json", b'{"error": "E", "error-message": "no d"}')
        return batch.Result(200, "text/csv", body)

    plan = batch.Plan(split_type="Line", limit=6, concurrency=2, processing=IDENTITY)
    with pytest.raises(
        batch.TransformError, match=f"records 4 to 5: the model answered {status}: E: no d"
    ) as caught:
        transform(plan, b"a\nb\nc\nd\ne\n", model)
    assert caught.value.cause == cause


def broken_gzip():
    """Yield compressed rows that cannot be read to their end, each broken in its own way."""
    packed = gzip.compress(b"1,2\n" * 100_000)
    yield packed[: len(packed) // 2]
    yield packed[:10] + b"\x07\xff\xff\xff" + packed[14:]  # a block of a type that there is not
    yield packed[:-8] + bytes(8)  # another checksum


@pytest.mark.parametrize("packed", list(broken_gzip()))
def test_an_object_that_cannot_be_decompressed_is_the_clients_fault(packed):
    async def answer(_):
        return batch.Result(200, "text/csv", b"1\n")

    plan = batch.Plan(split_type="Line", processing=IDENTITY)
    source = gzip.GzipFile(fileobj=io.BytesIO(packed))
    with pytest.raises(batch.TransformError, match="the object cannot be read: ") as caught:
        asyncio.run(batch.transform(plan, source, io.BytesIO(), answer, lambda _: None))
    assert caught.value.cause == "ClientError"
