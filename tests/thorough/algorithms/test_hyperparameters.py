"""Hyperparameters: the tables hold together, and complaints are in AWS's words."""

import pytest

from sagelocal.algorithms.catalog import SPECS
from sagelocal.algorithms.errors import CustomerError

KNN = {"feature_dim": "4", "k": "5", "predictor_type": "classifier", "sample_size": "100"}
LINEAR = {"predictor_type": "regressor"}


@pytest.mark.parametrize("repository", sorted(SPECS))
def test_a_table_accepts_its_own_defaults(repository):
    schema = SPECS[repository].hyperparameters
    required = {p.name: _any_value(p.kind) for p in schema.parameters if p.required}
    values = schema.validate(required)

    texts = {name: _text(value) for name, value in values.items() if value is not None}
    assert schema.validate(texts) == values


def _any_value(kind):
    return kind.values[0] if hasattr(kind, "values") else "7"


def _text(value):
    if isinstance(value, tuple):
        return ",".join(value)
    return str(value)


def test_k_means_takes_what_the_sdks_estimator_sends():
    sent = {"k": "3", "feature_dim": "4", "mini_batch_size": "5000", "force_dense": "True"}
    assert SPECS["kmeans"].hyperparameters.validate(sent)["k"] == 3


@pytest.mark.parametrize(
    ("repository", "given", "message"),
    [
        # As in https://github.com/kubeflow/pipelines/issues/1370
        (
            "kmeans",
            {},
            "No value(s) were specified for 'k', 'feature_dim' which are required hyperparameter(s) (caused",
        ),
        (
            "knn",
            KNN | {"foo": "1"},
            "Additional hyperparameters are not allowed ('foo' was unexpected) (caused by ValidationError)",
        ),
        ("knn", KNN | {"k": "0"}, "Hyperparameter k: '0' is not valid; allowed: [1, +inf)"),
        ("knn", KNN | {"k": "2.5"}, "Hyperparameter k: '2.5' is not valid"),
        ("knn", KNN | {"k": "many"}, "Hyperparameter k: 'many' is not valid"),
        ("knn", KNN | {"faiss_index_pq_m": "5"}, "allowed: ['1', '2', '3', '4', '8', '12', "),
        ("knn", KNN | {"predictor_type": "x"}, "allowed: ['classifier', 'regressor']"),
        ("linear-learner", LINEAR | {"wd": "-1"}, "allowed: auto or [0, +inf)"),
        ("linear-learner", LINEAR | {"quantile": "1"}, "allowed: (0, 1)"),
        ("linear-learner", LINEAR | {"use_bias": "yes"}, "allowed: ['true', 'false']"),
        ("kmeans", {"k": "1", "feature_dim": "1", "eval_metrics": "mad"}, "allowed: ['msd', 'ssd']"),
        # The open-source container's own words.
        ("sagemaker-xgboost", {}, "Missing required hyperparameter: num_round"),
        ("sagemaker-xgboost", {"num_round": "1", "foo": "1"}, "Extraneous hyperparameter found: foo"),
        ("sagemaker-xgboost", {"num_round": "x"}, "Hyperparameter num_round: could not parse value"),
        ("sagemaker-xgboost", {"num_round": "1", "eta": "2"}, "Hyperparameter eta: 2.0 is not in [0, 1]"),
        ("xgboost", {"num_round": "1", "subsample": "0"}, "Hyperparameter subsample: 0.0 is not in (0, 1]"),
        ("xgboost", {"num_round": "1", "eval_metric": "rmse,x"}, "x is not in"),
        ("xgboost", {"num_round": "1", "eval_metric": "error@x"}, "error@x is not in"),
        *(
            ("xgboost", {"num_round": "1", name: text}, f"Hyperparameter {name}: {complaint}")
            for name, text, complaint in (
                ("monotone_constraints", "(1,0", "could not parse value"),
                ("monotone_constraints", "(1, 2)", "(1, 2) is not in a tuple of -1, 0 and 1"),
                ("monotone_constraints", "1", "1 is not in a tuple"),
                ("interaction_constraints", "[[1, 2], 3]", "[[1, 2], 3] is not in a list of lists"),
                (
                    "interaction_constraints",
                    "[[0, 1]]",
                    "[[0, 1]] is not in a list of lists of integers that are",
                ),
            )
        ),
        (
            "xgboost",
            {"num_round": "1", "_tuning_objective_metric": "validation:x"},
            "Hyperparameter _tuning_objective_metric: validation:x is not in ['train:accuracy', ",
        ),
    ],
)
def test_complaints(repository, given, message):
    with pytest.raises(CustomerError) as caught:
        SPECS[repository].hyperparameters.validate(given)

    assert message in str(caught.value)


def test_values_are_parsed():
    linear = SPECS["linear-learner"].hyperparameters.validate(
        {"predictor_type": "regressor", "epochs": "3.0", "l1": "auto", "use_bias": "True", "wd": "1e-3"}
    )
    boosting = SPECS["xgboost"].hyperparameters.validate(
        {
            "num_round": "10",
            "eval_metric": "error@0.3,auc",
            "_tuning_objective_metric": "validation:auc",
            "monotone_constraints": "(1,0)",
            "interaction_constraints": "[[1,2],[3]]",
        }
    )

    assert (linear["epochs"], linear["l1"], linear["use_bias"], linear["wd"]) == (3, "auto", True, 0.001)
    assert boosting["eval_metric"] == ("error@0.3", "auc")
    assert boosting["_tuning_objective_metric"] == "validation:auc"
    assert boosting["monotone_constraints"] == "(1, 0)"
    assert boosting["interaction_constraints"] == "[[1, 2], [3]]"


def test_the_platforms_own_names_are_left_out_where_the_algorithm_does_without():
    own = {"_tuning_objective_metric": "test:accuracy", "_log_level": "debug"}

    found = SPECS["knn"].hyperparameters.validate(KNN | own)

    assert not set(own) & set(found)
