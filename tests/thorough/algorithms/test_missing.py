"""Missing and infinite values: only XGBoost learns from missing ones, and nothing answers `NaN`."""

import numpy as np
import pytest

from sagelocal.algorithms import data
from sagelocal.algorithms.catalog import SPECS
from sagelocal.algorithms.errors import CustomerError

from .conftest import as_csv, as_recordio

HYPERPARAMETERS = {
    "knn": {"k": 1, "feature_dim": 2, "predictor_type": "regressor", "sample_size": 10},
    "kmeans": {"k": 1, "feature_dim": 2},
    "pca": {"num_components": 1, "feature_dim": 2, "mini_batch_size": 10},
    "linear-learner": {"predictor_type": "regressor"},
    "factorization-machines": {"num_factors": 2, "feature_dim": 2, "predictor_type": "regressor"},
}
GOOD = np.array([[0.0, 1.0], [2.0, 3.0], [4.0, 6.0]])
LABELS = np.array([1.0, 2.0, 3.0])


def with_one(value):
    features = GOOD.copy()
    features[2, 1] = value
    return features


@pytest.mark.parametrize("repository", sorted(HYPERPARAMETERS))
@pytest.mark.parametrize(("value", "said"), [(np.nan, "nan"), (-np.inf, "-inf")])
def test_a_channel_with_a_missing_or_infinite_feature_fails_its_job(container, repository, value, said):
    job = container(repository).channel("train", as_recordio(with_one(value), LABELS))

    assert job.train(**HYPERPARAMETERS[repository]) == 2
    assert job.failure == (
        f"ClientError: Feature 2 of row 3 of channel 'train' is {said}; it must be a finite number"
    )


@pytest.mark.parametrize("repository", sorted(HYPERPARAMETERS))
def test_a_request_with_a_missing_feature_is_the_clients_fault(container, repository):
    job = container(repository).channel("train", as_recordio(GOOD, LABELS))
    assert job.train(**HYPERPARAMETERS[repository]) == 0, job.failure

    with pytest.raises(CustomerError, match="Feature 2 of row 3 is nan; it must be a finite number"):
        job.ask(as_recordio(with_one(np.nan)), "application/x-recordio-protobuf")


def test_a_label_is_a_finite_number(container):
    body = as_csv(GOOD, np.array([1.0, np.nan, 2.0]))
    learner = container("linear-learner").channel("train", body, "text/csv")

    assert learner.train(**HYPERPARAMETERS["linear-learner"]) == 2
    assert "The label of row 2 of channel 'train' is nan; it must be a finite number" in learner.failure


def test_xgboost_takes_missing_features_but_no_infinite_ones():
    check = {"of": "", "may_miss": SPECS["sagemaker-xgboost"].takes_missing, "labelled": False}

    data.refuse_unusable(data.read_csv(b"1,,3\n"), **check)
    with pytest.raises(
        CustomerError, match="Feature 3 of row 1 is inf; it must be a finite number or missing"
    ):
        data.refuse_unusable(data.read_csv(b"1,,inf\n"), **check)
    with pytest.raises(CustomerError, match="Feature 4 of row 2 is -inf"):
        data.refuse_unusable(data.read_libsvm(b"1 0:2\n0 3:-inf\n", labelled=True), **check)
