"""The readers of channels and requests: what each line of a format means."""

import numpy as np
import pytest

from sagelocal.algorithms import data, inference, protobuf
from sagelocal.algorithms.catalog import SPECS
from sagelocal.algorithms.errors import CustomerError
from sagelocal.serving import recordio

from .conftest import as_recordio


def as_lists(rows):
    return rows.dense().tolist()


def test_a_line_of_a_libsvm_channel_begins_with_its_label():
    rows = data.read_libsvm(b"1 0:2 2:3\n0:2.5 1:4\n1:0.5 2:6 # a remark\n\n0\n", labelled=True)

    assert as_lists(rows) == [[2, 0, 3], [0, 4, 0], [0, 0, 6], [0, 0, 0]]
    assert rows.labels.tolist() == [1, 0, 1, 0]
    assert rows.weights.tolist() == [1, 2.5, 0.5, 1]


def test_every_pair_of_a_libsvm_request_is_a_feature():
    rows = data.read_libsvm(b"1:5\n0:1 1:4\n1 0:7\n1:0.5 0:1.5\n1\n", labelled=False)

    assert as_lists(rows) == [[0, 5], [1, 4], [7, 0], [1.5, 0.5], [0, 0]]
    assert rows.labels is None
    assert rows.weights is None


def test_rows_of_a_libsvm_channel_keep_their_queries():
    one, two = (
        data.read_libsvm(body, labelled=True) for body in (b"1 qid:1 0:1\n0 qid:2 0:2", b"1 qid:2 1:1")
    )
    rows = data.concatenate([one, two])

    assert rows.queries.tolist() == [1, 2, 2]
    assert rows.take(np.array([2, 0])).widened(3).queries.tolist() == [2, 1]
    assert as_lists(rows) == [[1, 0], [2, 0], [0, 1]]


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"1 qid:1 0:1\n0 0:2", "2 rows have 1 qid; all rows or none must have one"),
        (b"one 0:1", "could not convert string to float"),
        (b"1 0", "could not convert string to float"),
        (b"1 a:1", "invalid literal for int"),
        (b"1 -1:2", "key -1; keys begin at 0"),
    ],
)
def test_what_is_no_libsvm_is_refused(body, reason):
    with pytest.raises(ValueError, match=reason):
        data.read_libsvm(body, labelled=True)


def test_a_tensor_is_sparse_by_its_keys():
    tensors = [
        protobuf.Tensor(values=[1.0, 2.0, 3.0], shape=[3]),
        protobuf.Tensor(values=[4.0], keys=[2], shape=[3]),
        protobuf.Tensor(values=[], shape=[3]),
    ]

    assert data.from_tensors(tensors[:1]).tolist() == [[1, 2, 3]]
    assert data.from_tensors(tensors).todense().tolist() == [[1, 2, 3], [0, 0, 4], [0, 0, 0]]


def test_a_record_whose_label_has_no_value_has_no_label():
    row, label = protobuf.Tensor(values=[1.0]), protobuf.Tensor(values=[2.0])
    records = [
        protobuf.Record(features={"values": row}, label={"values": label}),
        protobuf.Record(features={"values": row}, label={"values": protobuf.Tensor(values=[])}),
    ]

    assert data.from_records(records[1:]).labels is None
    with pytest.raises(ValueError, match="1 of 2 records have no label"):
        data.from_records(records)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"instances": [{"data": {"features": {"keys": [-1], "shape": [3], "values": [1]}}}]}', "key -1"),
        (b'{"instances": [{"features": [1%s]}]}' % (b"0" * 400), "too large"),
        (
            b'{"instances": [{"data": {"features": {"keys": [1%s], "values": [1]}}}]}' % (b"0" * 40),
            "too large",
        ),
        (b'{"instances": 1}', "not iterable"),
    ],
)
def test_a_request_of_impossible_numbers_is_the_clients_fault(body, reason):
    with pytest.raises(CustomerError, match=reason):
        inference.read(SPECS["knn"], body, "application/json")


def sparse_rows(*keys):
    """One row a key, with a label and, as the format allows, without a shape."""
    tensors = [protobuf.Tensor(values=[1.0], keys=[key]) for key in keys]
    label = {"values": protobuf.Tensor(values=[1.0])}
    frames = [protobuf.Record(features={"values": tensor}, label=label) for tensor in tensors]
    return b"".join(recordio.write(protobuf.encode(frame)) for frame in frames)


@pytest.mark.parametrize("more", [{}, {"feature_dim": 4}])
def test_sparse_rows_may_end_before_the_last_feature(container, more):
    learner = container("linear-learner").channel("train", sparse_rows(0, 3)).channel("test", sparse_rows(1))

    assert learner.train(predictor_type="regressor", **more) == 0, learner.failure
    assert learner.ask(b"1,2,3,4\n")["predictions"]


@pytest.mark.parametrize(
    ("test", "more", "message"),
    [
        (sparse_rows(4), {}, "in channel 'test' is 5; the train channel has 4"),
        (sparse_rows(1), {"feature_dim": 3}, "in channel 'train' is 4; hyperparameter feature_dim says 3"),
        (as_recordio(np.ones((1, 2)), [1]), {}, "in channel 'test' is 2; the train channel has 4"),
    ],
)
def test_channels_have_the_same_features(container, test, more, message):
    learner = container("linear-learner").channel("train", sparse_rows(0, 3)).channel("test", test)

    assert learner.train(predictor_type="regressor", **more) == 2
    assert f"The dimensionality of the data {message}" in learner.failure


@pytest.mark.parametrize(
    ("body", "parameters", "reason"),
    [
        (b"1,2,3\n", {"label_size": 2}, "label_size is 2; it must be 0 or 1"),
        (b"1,2,3\n", {"label_size": -1}, "label_size is -1; it must be 0 or 1"),
        (b"1,2\n", {"label_size": 1, "has_weights": True}, "rows of 2 fields have no feature"),
        (b"1\n2\n", {"label_size": 1}, "rows of 1 fields have no feature"),
    ],
)
def test_what_is_no_csv_of_features_is_refused(body, parameters, reason):
    with pytest.raises(ValueError, match=reason):
        data.read_csv(body, **parameters)


def test_a_file_without_rows_is_none_whatever_its_columns_mean():
    full = data.read_csv(b"1,0.5,3\n", label_size=1, has_weights=True)
    empty = data.read_csv(b"\n", label_size=1, has_weights=True)

    assert len(empty) == 0
    assert (full.labels.tolist(), full.weights.tolist(), full.features.tolist()) == ([1], [0.5], [[3]])
