"""XGBoost in algorithm mode: the rules of the open-source container.

https://docs.aws.amazon.com/sagemaker/latest/dg/xgboost_hyperparameters.html and
https://github.com/aws/sagemaker-xgboost-container (`algorithm_mode/hyperparameter_validation.py`).
"""

from __future__ import annotations

import ast
from typing import Any

from sagelocal.algorithms.hyperparameters import (
    FRACTION,
    NON_NEGATIVE,
    NON_NEGATIVE_INTEGER,
    POSITIVE,
    POSITIVE_REAL,
    XGBOOST,
    Choice,
    Kind,
    Number,
    OutOfRangeError,
    Parameter,
    Schema,
    Text,
    Words,
)
from sagelocal.algorithms.specs.algorithm import (
    CSV,
    JSON,
    JSONLINES,
    LIBSVM,
    RECORDIO,
    Metric,
    Spec,
    tuned_for,
)

MAXIMIZED = (
    "accuracy",
    "auc",
    "aucpr",
    "balanced_accuracy",
    "f1",
    "f1_binary",
    "f1_macro",
    "map",
    "ndcg",
    "precision",
    "r2",
    "recall",
    "precision_macro",
    "precision_micro",
    "recall_macro",
    "recall_micro",
)
MINIMIZED = (
    "aft-nloglik",
    "cox-nloglik",
    "error",
    "gamma-deviance",
    "gamma-nloglik",
    "interval-regression-accuracy",
    "logloss",
    "mae",
    "mape",
    "merror",
    "mlogloss",
    "mphe",
    "mse",
    "poisson-nloglik",
    "rmse",
    "rmsle",
    "tweedie-nloglik",
)
_OBJECTIVES = (
    "binary:logistic",
    "binary:logitraw",
    "binary:hinge",
    "count:poisson",
    "multi:softmax",
    "multi:softprob",
    "rank:pairwise",
    "rank:ndcg",
    "rank:map",
    "reg:linear",
    "reg:squarederror",
    "reg:logistic",
    "reg:gamma",
    "reg:pseudohubererror",
    "reg:squaredlogerror",
    "reg:absoluteerror",
    "reg:tweedie",
    "survival:aft",
    "survival:cox",
)
_TREE_METHODS = Choice(("auto", "exact", "approx", "hist", "gpu_hist"))
_SHARE = Number(low=0, high=1, above=True)
_SWITCH = Number(low=0, high=1, integer=True)
_TRUTH = Choice(("true", "false"))


class Directions:
    """A tuple of a direction for each feature, as in `(1, 0, -1)`."""

    def parse(self, text: str) -> str:
        """Return the tuple as the library reads it."""
        value = _literal(text)
        if not isinstance(value, tuple) or not all(direction in (-1, 0, 1) for direction in value):
            raise OutOfRangeError(text, self)
        return str(value)

    def __str__(self) -> str:
        return "a tuple of -1, 0 and 1"


class Groups:
    """A list of groups of features, as in `[[1, 2], [3, 4, 5]]`."""

    def parse(self, text: str) -> str:
        """Return the list as the library reads it."""
        value = _literal(text)
        if not isinstance(value, list) or not all(map(self._is_group, value)):
            raise OutOfRangeError(text, self)
        return str(value)

    def __str__(self) -> str:
        return "a list of lists of integers that are at least 1"

    @staticmethod
    def _is_group(value: Any) -> bool:
        return isinstance(value, list) and all(isinstance(each, int) and each >= 1 for each in value)


def _literal(text: str) -> Any:
    try:
        return ast.literal_eval(text)
    except (SyntaxError, TypeError, MemoryError, RecursionError) as error:
        raise ValueError(text) from error


def _number(value: str) -> str:
    return rf".*\[[0-9]+\].*#011{value}:([-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?).*"


def _optional(kind: Kind, *names: str, tunable: bool = False) -> tuple[Parameter, ...]:
    return tuple(Parameter(name=name, kind=kind, tunable=tunable) for name in names)


_METRICS = tuple(
    Metric(name=f"{channel}:{name}", regex=_number(f"{channel}-{name}"))
    for channel in ("train", "validation")
    for name in MAXIMIZED + MINIMIZED
)

SPEC = Spec(
    repository="sagemaker-xgboost",
    title="XGBoost",
    implementation="sagelocal.algorithms.gradient_boosting",
    hyperparameters=Schema(
        dialect=XGBOOST,
        parameters=(
            Parameter(name="num_round", kind=POSITIVE, required=True, tunable=True),
            *_optional(_SWITCH, "csv_weights", "refresh_leaf", "one_drop"),
            *_optional(POSITIVE, "early_stopping_rounds", "nthread", "num_parallel_tree"),
            *_optional(Choice(("gbtree", "gblinear", "dart")), "booster"),
            *_optional(Number(low=0, high=3, integer=True), "verbosity"),
            *_optional(FRACTION, "eta", tunable=True),
            *_optional(NON_NEGATIVE, "gamma", "min_child_weight", "max_delta_step", tunable=True),
            *_optional(NON_NEGATIVE, "lambda", "alpha", tunable=True),
            *_optional(NON_NEGATIVE_INTEGER, "max_depth", tunable=True),
            *_optional(NON_NEGATIVE_INTEGER, "max_leaves", "max_bin"),
            *_optional(
                _SHARE, "subsample", "colsample_bytree", "colsample_bylevel", "colsample_bynode", tunable=True
            ),
            *_optional(_TREE_METHODS, "tree_method"),
            *_optional(Number(low=0, high=1, above=True, below=True), "sketch_eps"),
            *_optional(POSITIVE_REAL, "scale_pos_weight"),
            *_optional(Text(), "updater"),
            *_optional(Directions(), "monotone_constraints"),
            *_optional(Groups(), "interaction_constraints"),
            *_optional(Choice(("row", "col")), "dsplit"),
            *_optional(Choice(("default", "update")), "process_type"),
            *_optional(Choice(("depthwise", "lossguide")), "grow_policy"),
            *_optional(Choice(("auto", "cpu_predictor", "gpu_predictor")), "predictor"),
            *_optional(Choice(("uniform", "weighted")), "sample_type"),
            *_optional(Choice(("tree", "forest")), "normalize_type"),
            *_optional(FRACTION, "rate_drop", "skip_drop", "lambda_bias"),
            *_optional(Number(low=1, high=2, above=True, below=True), "tweedie_variance_power"),
            Parameter(name="objective", kind=Choice(_OBJECTIVES), default="reg:squarederror"),
            *_optional(Number(low=2, integer=True), "num_class"),
            *_optional(NON_NEGATIVE, "base_score"),
            *_optional(Words(MAXIMIZED + MINIMIZED, prefixes=("error@", "ndcg@", "map@")), "eval_metric"),
            *_optional(Number(low=-(2**31), high=2**31 - 1, integer=True), "seed"),
            *_optional(_TRUTH, "save_model_on_termination", "deterministic_histogram"),
            *_optional(_TRUTH, "single_precision_histogram"),
            *_optional(Choice(("normal", "logistic", "extreme")), "aft_loss_distribution"),
            *_optional(POSITIVE_REAL, "aft_loss_distribution_scale", "huber_slope"),
            *_optional(_TRUTH, "use_dask_gpu_training"),
            *_optional(Number(low=2, integer=True), "_kfold"),
            *_optional(POSITIVE, "_num_cv_round"),
            tuned_for(_METRICS),
        ),
    ),
    metrics=_METRICS,
    channels=("train", "validation"),
    train_formats=(LIBSVM, CSV, RECORDIO),
    request_formats=(CSV, LIBSVM, RECORDIO),
    response_formats=(CSV, JSON, JSONLINES, RECORDIO),
    takes_missing=True,
    joins_csv_rows=True,
)
