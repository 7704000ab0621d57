"""KNN: trains on either format, answers in every documented one."""

import numpy as np
import pytest

from sagelocal.algorithms import protobuf
from sagelocal.serving import recordio

from .conftest import as_csv, as_recordio

PARAMETERS = {"k": 5, "feature_dim": 3, "predictor_type": "classifier", "sample_size": 200}
POINTS = np.array([[0.0, 0.0, 0.0], [0.0, 5.0, 5.0]])


@pytest.fixture
def trained(container, blobs, metrics):
    knn = container("knn").channel("train", as_recordio(*blobs)).channel("test", as_recordio(*blobs))
    assert knn.train(**PARAMETERS) == 0, knn.failure
    return knn


def test_the_metric_of_the_test_channel_is_in_the_log(trained, metrics):
    found = metrics("knn")

    assert found["test:accuracy"] == 1.0
    assert found["train:progress"] == 100
    assert found["train:throughput"] > 0


def test_json_and_jsonlines(trained):
    assert trained.ask(as_csv(POINTS)) == {
        "predictions": [{"predicted_label": 0.0}, {"predicted_label": 2.0}]
    }
    body = b'{"features": [0, 0, 0]}\n{"data": {"features": {"values": [0.0, 5.0, 5.0]}}}\n'
    assert (
        trained.ask(body, "application/jsonlines", "application/jsonlines")
        == b'{"predicted_label": 0.0}\n{"predicted_label": 2.0}\n'
    )


def test_verbose_has_the_neighbours_nearest_first(trained):
    (row,) = trained.ask(as_csv(POINTS[:1]), accept="application/json; verbose=true")["predictions"]

    assert row["distances"] == sorted(row["distances"])
    assert row["labels"] == [0.0] * 5


def test_recordio_in_and_out(trained):
    answer = trained.ask(
        as_recordio(POINTS), "application/x-recordio-protobuf", "application/x-recordio-protobuf"
    )

    labels = [protobuf.decode(payload).label["predicted_label"] for payload in recordio.read(answer)]
    assert [list(tensor.values) for tensor in labels] == [[0.0], [2.0]]
    assert {tensor.dtype for tensor in labels} == {"float32"}


@pytest.mark.parametrize(
    "more",
    [
        {"index_metric": "COSINE"},
        {"index_metric": "L2", "index_type": "faiss.IVFFlat"},
        {"dimension_reduction_type": "sign", "dimension_reduction_target": 2},
        {"dimension_reduction_type": "fjlt", "dimension_reduction_target": 2},
        {"sample_size": 60},  # the index holds a sample
    ],
)
def test_every_way_to_index(container, blobs, more, metrics):
    shifted = blobs[0] + np.array([0.0, 0.0, 10.0], dtype=np.float32)
    knn = container("knn").channel("train", as_csv(shifted, blobs[1]), "text/csv")
    knn.channel("test", as_csv(shifted, blobs[1]), "text/csv")

    assert knn.train(**PARAMETERS | more) == 0, knn.failure
    assert metrics("knn")["test:accuracy"] > 0.7


def test_inner_product_finds_the_largest(container):
    knn = container("knn").channel("train", as_csv(np.eye(3), np.array([0, 1, 2])), "text/csv")
    assert knn.train(**PARAMETERS | {"k": 1, "index_metric": "INNER_PRODUCT"}) == 0

    answer = knn.ask(b"1,2,3\n9,2,3\n")
    assert [row["predicted_label"] for row in answer["predictions"]] == [2.0, 0.0]


def test_regression_averages(container, blobs, metrics):
    knn = container("knn").channel("train", as_recordio(*blobs)).channel("test", as_recordio(*blobs))

    assert knn.train(**PARAMETERS | {"predictor_type": "regressor"}) == 0
    assert metrics("knn")["test:mse"] < 0.01
    assert knn.ask(as_csv(POINTS[1:])) == {"predictions": [{"predicted_label": 2.0}]}


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (
            {"feature_dim": 4},
            "The dimensionality of the data in channel 'train' is 3; hyperparameter feature_dim says 4",
        ),
        ({"k": 1000, "sample_size": 100}, "k is 1000; it must be at most the sample's 100 rows"),
        ({"dimension_reduction_type": "sign"}, "dimension_reduction_target is None"),
        ({"dimension_reduction_type": "sign", "dimension_reduction_target": 3}, "less than feature_dim"),
        (
            {"index_type": "faiss.IVFPQ", "index_metric": "COSINE"},
            "index_metric is COSINE; with index_type faiss.IVFPQ it must be L2",
        ),
    ],
)
def test_what_does_not_fit_the_data_is_the_customers_error(container, blobs, more, message):
    knn = container("knn").channel("train", as_recordio(*blobs))

    assert knn.train(**PARAMETERS | more) == 2
    assert knn.failure.startswith("ClientError: ")
    assert message in knn.failure


@pytest.mark.parametrize(
    ("channel", "body", "content_type", "message"),
    [
        (
            "train",
            b"a,b\n",
            "text/csv",
            "Unable to read data channel 'train'. Requested content-type is 'text/csv'",
        ),
        ("train", b"1,2,3,4\n", None, "magic number"),  # CSV where RecordIO is the default
        ("train", b"", "text/csv", "No training data in channel 'train'"),
        ("train", b"1,2,3\n", "text/csv;label_size=0", "Channel 'train' has no labels"),
        ("train", b"1", "image/png", "Content type 'image/png' of channel 'train' is not supported"),
        ("training", b"1,2,3,4\n", "text/csv", "Channel 'training' is not supported; allowed: train, test"),
        ("test", b"1,2,3,4\n", "text/csv", "Required channel 'train' is missing"),
    ],
)
def test_bad_channels_are_the_customers_error(container, channel, body, content_type, message):
    knn = container("knn").channel(channel, body, content_type)

    assert knn.train(**PARAMETERS) == 2
    assert knn.failure.startswith("ClientError: ")
    assert message in knn.failure
