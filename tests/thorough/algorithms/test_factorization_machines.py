"""Factorization machines: interactions of sparse features are learnt, which no linear model can."""

import json
import re

import numpy as np
import pytest

from sagelocal.algorithms import data, factorization_machines, protobuf
from sagelocal.serving import recordio

BASE = {"feature_dim": 20, "num_factors": 4, "epochs": 25, "mini_batch_size": 50}
RATES = {"bias_lr": 0.1, "linear_lr": 0.1, "factors_lr": 0.1, "factors_init_sigma": 0.1}


def ratings(classes):
    """Users 0-9 like items 10-19 of their own parity."""
    frames = []
    for user in range(10):
        for item in range(10, 20):
            likes = 1.0 if user % 2 == item % 2 else 0.0
            label = likes if classes else 1 + 4 * likes
            tensor = protobuf.Tensor(values=[1.0, 1.0], keys=[user, item], shape=[20])
            record = protobuf.Record(
                features={"values": tensor}, label={"values": protobuf.Tensor(values=[label])}
            )
            frames.append(recordio.write(protobuf.encode(record)))
    return b"".join(frames)


def instance(user, item):
    return json.dumps(
        {"instances": [{"data": {"features": {"keys": [user, item], "shape": [20], "values": [1, 1]}}}]}
    ).encode()


def test_ratings(container, metrics):
    machine = (
        container("factorization-machines").channel("train", ratings(False)).channel("test", ratings(False))
    )
    assert machine.train(predictor_type="regressor", **BASE, **RATES) == 0, machine.failure

    assert metrics("factorization-machines")["test:rmse"] < 0.5
    (liked,) = machine.ask(instance(2, 14), "application/json")["predictions"]
    (other,) = machine.ask(instance(2, 13), "application/json")["predictions"]
    assert set(liked) == {"score"}
    assert (liked["score"], other["score"]) == (pytest.approx(5, abs=1), pytest.approx(1, abs=1))


def test_classes(container, metrics):
    machine = (
        container("factorization-machines").channel("train", ratings(True)).channel("test", ratings(True))
    )
    assert machine.train(predictor_type="binary_classifier", **BASE, **RATES) == 0, machine.failure

    found = metrics("factorization-machines")
    assert found["test:binary_classification_accuracy"] == 1.0
    assert found["test:binary_classification_cross_entropy"] < 0.3
    assert found["test:binary_f_beta"] == 1.0
    (liked,) = machine.ask(instance(3, 15), "application/json")["predictions"]
    assert repr(liked["predicted_label"]) == "1"
    assert 0.5 < liked["score"] < 1


def test_csv_is_not_supported(container):
    machine = container("factorization-machines").channel("train", b"1,2\n", "text/csv")

    assert machine.train(predictor_type="regressor", **BASE) == 2
    assert "Content type 'text/csv' of channel 'train' is not supported" in machine.failure


def test_every_start_and_gradient_option(container):
    machine = container("factorization-machines").channel("train", ratings(False))
    options = {
        "bias_init_method": "constant",
        "bias_init_value": 3,
        "linear_init_method": "uniform",
        "linear_init_scale": 0.1,
        "clip_gradient": 1.0,
        "rescale_grad": 0.5,
        "eps": 1e-6,
    }

    assert machine.train(predictor_type="regressor", **BASE | {"epochs": 1}, **options) == 0, machine.failure
    assert np.isfinite(machine.ask(instance(0, 10), "application/json")["predictions"][0]["score"])


def test_the_labels_of_every_channel_are_classes(container):
    machine = (
        container("factorization-machines").channel("train", ratings(True)).channel("test", ratings(False))
    )

    assert machine.train(predictor_type="binary_classifier", **BASE) == 2
    assert "must be integers from 0 to 1; channel 'test' has [5.0]" in machine.failure


def test_rescale_grad_is_one_over_the_mini_batch_unless_it_is_given(container, capsys):
    def log(**more):
        machine = container("factorization-machines").channel("train", ratings(False))
        assert machine.train(predictor_type="regressor", **BASE, **RATES, **more) == 0, machine.failure
        return re.findall(r"train rmse <loss>=(\S+)", capsys.readouterr().out)

    assert log() == log(rescale_grad=1 / BASE["mini_batch_size"]) != log(rescale_grad=1e-6)


def test_half_a_chance_is_class_1():
    # All parameters are zero, and so is every raw score.
    machine = factorization_machines.Machine(
        classify=True, bias=np.zeros(1), linear=np.zeros(2), factors=np.zeros((2, 1))
    )

    rows = machine.predict(data.Dataset(features=np.ones((1, 2))), verbose=False)
    assert rows == [{"score": 0.5, "predicted_label": 1}]
