"""Linear learner: regression, two classes, several classes; its metrics under AWS's own names."""

import re

import numpy as np
import pytest

from .conftest import as_csv, as_recordio


@pytest.fixture(scope="module")
def line():
    generator = np.random.default_rng(5)
    features = generator.normal(size=(300, 3)) * [1.0, 10.0, 0.1] + [5.0, 0.0, 3.0]
    labels = 4.0 + features @ [2.0, -1.0, 30.0] + generator.normal(scale=0.1, size=300)
    return features.astype(np.float32), labels


def train_on(container, data, **hyperparameters):
    features, labels = data
    learner = container("linear-learner").channel("train", as_csv(features[:120], labels[:120]), "text/csv")
    learner.channel("validation", as_recordio(features[120:150], labels[120:150]))
    learner.channel("test", as_recordio(features[120:], labels[120:]))
    assert learner.train(**hyperparameters) == 0, learner.failure
    return learner


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"loss": "absolute_loss"},
        {"loss": "huber_loss"},
        {"loss": "quantile_loss"},
        {"loss": "eps_insensitive_squared_loss"},
        {"loss": "eps_insensitive_absolute_loss"},
        {"optimizer": "sgd"},
        {"optimizer": "adagrad"},
        {"optimizer": "rmsprop"},
        {"normalize_label": "false", "epochs": 30, "learning_rate": 1.0},
    ],
)
def test_a_line_is_found_by_every_loss_and_optimizer(container, line, more, metrics):
    # One model keeps the test short; `auto` is tried by the one of several classes.
    learner = train_on(container, line, predictor_type="regressor", num_models=1, **more)

    found = metrics("linear-learner")

    assert found["test:mse"] < 0.5
    assert found["test:absolute_loss"] < 0.6
    assert {"train:objective_loss", "validation:objective_loss", "test:objective_loss", "train:mse"} <= set(
        found
    )
    (row,) = learner.ask(as_csv(np.array([[5.0, 0.0, 3.0]])))["predictions"]
    assert set(row) == {"score"}
    assert row["score"] == pytest.approx(104, abs=1.5)


@pytest.mark.parametrize(
    ("loss", "criteria"),
    [
        ("auto", "accuracy"),
        ("auto", "f_beta"),
        ("auto", "precision_at_target_recall"),
        ("auto", "recall_at_target_precision"),
        ("logistic", "loss_function"),
        ("hinge_loss", "accuracy"),  # scores without probabilities
    ],
)
def test_two_classes(container, blobs, loss, criteria, metrics):
    features, labels = blobs
    data = features, (labels == 2).astype(float)
    learner = train_on(
        container,
        data,
        predictor_type="binary_classifier",
        loss=loss,
        binary_classifier_model_selection_criteria=criteria,
        feature_dim=3,
        num_models=1,
    )
    found = metrics("linear-learner")

    assert found["test:binary_classification_accuracy"] > 0.85  # some criteria trade accuracy
    assert found["validation:binary_f_beta"] > 0.85
    assert found["test:roc_auc_score"] > 0.99
    rows = learner.ask(b"0,5,5\n0,0,0\n")["predictions"]
    assert [repr(row["predicted_label"]) for row in rows] == ["1", "0"]
    assert rows[0]["score"] > rows[1]["score"]


def test_several_classes(container, blobs, metrics):
    learner = train_on(container, blobs, predictor_type="multiclass_classifier", num_classes=3, epochs=5)
    found = metrics("linear-learner")

    assert found["test:multiclass_accuracy"] > 0.97
    assert found["test:multiclass_top_k_accuracy"] == 1.0
    assert found["validation:macro_f_beta"] > 0.97
    (row,) = learner.ask(b'{"instances": [{"features": [0, 5, 5]}]}', "application/json")["predictions"]
    assert repr(row["predicted_label"]) == "2"
    assert sum(row["score"]) == pytest.approx(1)


@pytest.mark.parametrize(
    ("hyperparameters", "message"),
    [
        ({"predictor_type": "multiclass_classifier"}, "'num_classes'"),
        (
            {"predictor_type": "binary_classifier"},
            "Labels of a binary_classifier must be integers from 0 to 1",
        ),
        ({"predictor_type": "regressor", "loss": "logistic"}, "Loss 'logistic' cannot be used"),
    ],
)
def test_what_does_not_fit_is_the_customers_error(container, blobs, hyperparameters, message):
    learner = container("linear-learner").channel("train", as_recordio(*blobs))

    assert learner.train(**hyperparameters) == 2
    assert message in learner.failure


@pytest.mark.parametrize(
    ("hyperparameters", "message"),
    [
        ({"predictor_type": "binary_classifier"}, "from 0 to 1; channel 'validation' has [2.0]"),
        (
            {"predictor_type": "multiclass_classifier", "num_classes": 3},
            "from 0 to 2; channel 'validation' has [0.5, 3.0]",
        ),
    ],
)
def test_the_labels_of_every_channel_are_classes(container, blobs, hyperparameters, message):
    features, labels = blobs
    odd = np.array([0, 1, 2]) if message.endswith("[2.0]") else np.array([0.5, 3, 2])
    learner = container("linear-learner").channel("train", as_recordio(features, labels % 2))
    learner.channel("validation", as_recordio(features[:3], odd))

    assert learner.train(**hyperparameters) == 2
    assert message in learner.failure


LOSSES = [
    "squared_loss",
    "absolute_loss",
    "huber_loss",
    "quantile_loss",
    "eps_insensitive_squared_loss",
    "eps_insensitive_absolute_loss",
]


@pytest.mark.parametrize("loss", LOSSES)
def test_the_loss_of_an_epoch_is_in_the_units_of_the_labels(container, line, loss, capsys):
    # One epoch: the model that the job ends with is the one that the epoch ended with.
    options = {"loss": loss, "epochs": 1, "num_models": 1, "huber_delta": 5, "loss_insensitivity": 2}
    train_on(container, line, predictor_type="regressor", mini_batch_size=120, learning_rate=1e-4, **options)

    log = capsys.readouterr().out
    (epoch,) = re.findall(r"epoch=0, validation \S+_objective <loss>=(\S+)", log)
    (final,) = re.findall(r"algo-1, validation \S+_objective <loss>=(\S+)", log)
    assert float(epoch) > 1
    assert float(epoch) == pytest.approx(float(final))


def test_a_model_without_bias_has_none(container, line):
    learner = train_on(
        container, line, predictor_type="regressor", num_models=1, use_bias="false", unbias_label="true"
    )

    assert learner.ask(b"0,0,0\n") == {"predictions": [{"score": 0.0}]}


@pytest.mark.parametrize(
    ("criterion", "metric"),
    [("accuracy", "binary_classification_accuracy"), ("precision_at_target_recall", "precision")],
)
def test_the_model_that_is_kept_is_best_by_the_criterion(container, metrics, criterion, metric):
    # Few rows of many features: the model of the least loss is not the best one.
    generator = np.random.default_rng(1)

    def rows():
        features = generator.normal(size=(60, 12)).astype(np.float32)
        return features, (features[:, 0] + generator.normal(scale=0.8, size=60) > 0).astype(float)

    learner = container("linear-learner")
    learner.channel("train", as_recordio(*rows())).channel("validation", as_recordio(*rows()))

    def reached(**more):
        options = {
            "predictor_type": "binary_classifier",
            "epochs": 2,
            "wd": 0,
            "target_recall": 0.7,
            "binary_classifier_model_selection_criteria": criterion,
        }
        assert learner.train(**options, **more) == 0, learner.failure
        return metrics("linear-learner")[f"validation:{metric}"]

    alone = [reached(num_models=1, learning_rate=rate) for rate in (0.05, 0.2, 0.005)]
    assert min(alone) < max(alone)
    assert reached(num_models=3) == max(alone)
