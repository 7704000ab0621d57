"""RecordIO and the Record message: equal to the SageMaker SDK's own bytes, and lossless for any record."""

import base64
import json
import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sagelocal.algorithms import protobuf
from sagelocal.algorithms.protobuf import Record, Tensor
from sagelocal.serving import recordio

# Written by sagemaker 2.257.7 (`write_numpy_to_dense_tensor`, `write_spmatrix_to_sparse_tensor`).
GOLDEN = json.loads((Path(__file__).parent / "data" / "sagemaker_sdk_records.json").read_text())

FLOAT32 = st.floats(width=32, allow_nan=False)
TENSORS = st.one_of(
    st.builds(
        Tensor,
        values=st.lists(values),
        keys=st.lists(st.integers(0, 2**64 - 1)),
        shape=st.lists(st.integers(0, 2**40), max_size=2),
        dtype=st.just(dtype),
    )
    for dtype, values in (
        (protobuf.FLOAT32, FLOAT32),
        (protobuf.FLOAT64, st.floats(allow_nan=False)),
        (protobuf.INT32, st.integers(-(2**31), 2**31 - 1)),
    )
)
RECORDS = st.builds(
    Record,
    features=st.dictionaries(st.text(max_size=5), TENSORS, max_size=3),
    label=st.dictionaries(st.text(max_size=5), TENSORS, max_size=2),
    uid=st.text(max_size=5),
    metadata=st.text(max_size=5),
    configuration=st.text(max_size=5),
)


@pytest.mark.parametrize("name", sorted(GOLDEN))
def test_the_sdks_bytes_are_read_and_written_alike(name):
    case = GOLDEN[name]
    data = base64.b64decode(case["recordio"])

    records = [protobuf.decode(payload) for payload in recordio.read(data)]

    assert [list(record.features["values"].values) for record in records] == case["features"]
    assert [record.label["values"].values[0] for record in records] == case["label"]
    assert [list(record.features["values"].keys) for record in records] == case.get(
        "keys", [[]] * len(records)
    )
    assert {record.features["values"].dtype for record in records} == {case["dtype"]}
    assert b"".join(recordio.write(protobuf.encode(record)) for record in records) == data


@given(RECORDS)
def test_any_record_survives(record):
    assert protobuf.decode(protobuf.encode(record)) == record


@given(st.lists(st.binary(max_size=50)))
def test_any_payloads_survive_their_framing(payloads):
    data = b"".join(map(recordio.write, payloads))

    assert list(recordio.read(data)) == payloads
    assert b"".join(recordio.split(data)) == data
    assert len(list(recordio.split(data))) == len(payloads)


@given(st.lists(st.binary(max_size=6), min_size=2, max_size=5))
def test_a_record_in_parts_is_joined(parts):
    payload = recordio.MAGIC_BYTES.join(parts)

    data = recordio.write(payload, max_part=6)

    assert list(recordio.read(data)) == [payload]
    assert list(recordio.split(data)) == [data]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"1,2,3\n4,5,6\n", "magic number"),  # a CSV sent as RecordIO
        (recordio.MAGIC_BYTES, "inside the header"),
        (recordio.write(b"12345678")[:-4], "has 8 bytes; 4 are left"),
        (struct.pack("<II", recordio.MAGIC, 5 << 29), "flag 5"),
        (struct.pack("<II", recordio.MAGIC, 3 << 29), "outside a divided record"),  # a last part alone
        (struct.pack("<II", recordio.MAGIC, 1 << 29), "ends inside a divided record"),  # a first part alone
    ],
)
def test_broken_framing_is_said(data, message):
    with pytest.raises(recordio.RecordIOError, match=message):
        list(recordio.read(data))


@pytest.mark.parametrize("data", [b"\x0a", b"\x0a\x05ab", b"\xff" * 12, b"\x0b"])
def test_broken_messages_are_said(data):
    with pytest.raises(protobuf.ProtobufError):
        protobuf.decode(data)
