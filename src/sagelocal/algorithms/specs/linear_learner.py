"""Linear learner: https://docs.aws.amazon.com/sagemaker/latest/dg/ll_hyperparameters.html."""

from __future__ import annotations

from sagelocal.algorithms.hyperparameters import (
    FLAG,
    FRACTION,
    NON_NEGATIVE,
    POSITIVE,
    POSITIVE_REAL,
    REAL,
    Choice,
    Number,
    Parameter,
    Schema,
)
from sagelocal.algorithms.specs.algorithm import COMMON, Metric, Spec, metric

_OPEN_FRACTION = Number(low=0, high=1, above=True, below=True)
_CRITERIA = (
    "accuracy",
    "f_beta",
    "precision_at_target_recall",
    "recall_at_target_precision",
    "loss_function",
    "cross_entropy_loss",
)
_LOSSES = (
    "auto",
    "logistic",
    "squared_loss",
    "absolute_loss",
    "hinge_loss",
    "eps_insensitive_squared_loss",
    "eps_insensitive_absolute_loss",
    "quantile_loss",
    "huber_loss",
    "softmax_loss",
)


class PositiveWeight:
    """`balanced`, or a positive number."""

    def parse(self, text: str) -> str | float:
        """Return the word, or the number."""
        return text if text == "balanced" else POSITIVE_REAL.parse(text)

    def __str__(self) -> str:
        return f"balanced or {POSITIVE_REAL}"


def _channel_metrics(channel: str) -> tuple[Metric, ...]:
    objective = r"\S+_objective"
    return (
        metric(channel, "objective_loss", loss=True, printed=objective, epoch=channel != "test"),
        metric(channel, "mse", loss=True),
        metric(channel, "absolute_loss", loss=True),
        metric(channel, "binary_classification_accuracy", loss=False),
        metric(channel, "binary_f_beta", loss=False, printed=r"binary_f_\S+"),
        metric(channel, "precision", loss=False),
        metric(channel, "recall", loss=False),
        metric(channel, "roc_auc_score", loss=False),
        metric(channel, "multiclass_accuracy", loss=False),
        metric(channel, "multiclass_top_k_accuracy", loss=False, printed=r"multiclass_top_k_accuracy_\S+"),
        metric(channel, "dcg", loss=False),
        metric(channel, "macro_f_beta", loss=False, printed=r"macro_f_\S+"),
        metric(channel, "macro_precision", loss=False),
        metric(channel, "macro_recall", loss=False),
    )


SPEC = Spec(
    repository="linear-learner",
    title="Linear Learner",
    implementation="sagelocal.algorithms.linear_learner",
    hyperparameters=Schema(
        parameters=(
            Parameter(
                name="predictor_type",
                kind=Choice(("binary_classifier", "multiclass_classifier", "regressor")),
                required=True,
            ),
            Parameter(name="feature_dim", kind=POSITIVE, auto=True),
            Parameter(name="num_classes", kind=Number(low=3, high=1_000_000, integer=True)),
            Parameter(name="accuracy_top_k", kind=POSITIVE, default=3),
            Parameter(name="balance_multiclass_weights", kind=FLAG, default=False),
            Parameter(name="beta_1", kind=FRACTION, auto=True),
            Parameter(name="beta_2", kind=FRACTION, auto=True),
            Parameter(name="bias_lr_mult", kind=POSITIVE_REAL, auto=True),
            Parameter(name="bias_wd_mult", kind=NON_NEGATIVE, auto=True),
            Parameter(
                name="binary_classifier_model_selection_criteria", kind=Choice(_CRITERIA), default="accuracy"
            ),
            Parameter(name="early_stopping_patience", kind=POSITIVE, default=3),
            Parameter(name="early_stopping_tolerance", kind=POSITIVE_REAL, default=0.001),
            Parameter(name="epochs", kind=POSITIVE, default=15),
            Parameter(name="f_beta", kind=POSITIVE_REAL, default=1.0),
            Parameter(name="huber_delta", kind=POSITIVE_REAL, default=1.0),
            Parameter(name="init_bias", kind=REAL, default=0.0),
            Parameter(name="init_method", kind=Choice(("uniform", "normal")), default="uniform"),
            Parameter(name="init_scale", kind=POSITIVE_REAL, default=0.07),
            Parameter(name="init_sigma", kind=POSITIVE_REAL, default=0.01),
            Parameter(name="l1", kind=NON_NEGATIVE, auto=True, tunable=True),
            Parameter(name="learning_rate", kind=POSITIVE_REAL, auto=True, tunable=True),
            Parameter(name="loss", kind=Choice(_LOSSES), default="auto"),
            Parameter(name="loss_insensitivity", kind=POSITIVE_REAL, default=0.01),
            Parameter(name="lr_scheduler_factor", kind=_OPEN_FRACTION, auto=True),
            Parameter(name="lr_scheduler_minimum_lr", kind=POSITIVE_REAL, auto=True),
            Parameter(name="lr_scheduler_step", kind=POSITIVE, auto=True),
            Parameter(name="margin", kind=POSITIVE_REAL, default=1.0),
            Parameter(name="mini_batch_size", kind=POSITIVE, default=1000, tunable=True),
            Parameter(name="momentum", kind=FRACTION, auto=True),
            Parameter(name="normalize_data", kind=FLAG, default=True, auto=True),
            Parameter(name="normalize_label", kind=FLAG, auto=True),
            Parameter(name="num_calibration_samples", kind=POSITIVE, auto=True),
            Parameter(name="num_models", kind=POSITIVE, auto=True),
            Parameter(name="num_point_for_scaler", kind=POSITIVE, default=10_000),
            Parameter(
                name="optimizer", kind=Choice(("auto", "sgd", "adam", "adagrad", "rmsprop")), default="auto"
            ),
            Parameter(
                name="positive_example_weight_mult",
                kind=PositiveWeight(),
                default=1.0,
                auto=True,
                tunable=True,
            ),
            Parameter(name="quantile", kind=_OPEN_FRACTION, default=0.5),
            Parameter(name="target_precision", kind=FRACTION, default=0.8),
            Parameter(name="target_recall", kind=FRACTION, default=0.8),
            Parameter(name="unbias_data", kind=FLAG, auto=True),
            Parameter(name="unbias_label", kind=FLAG, auto=True),
            Parameter(name="use_bias", kind=FLAG, default=True, tunable=True),
            Parameter(name="use_lr_scheduler", kind=FLAG, default=True),
            Parameter(name="wd", kind=NON_NEGATIVE, auto=True, tunable=True),
        )
    ),
    metrics=(
        *COMMON,
        *_channel_metrics("train"),
        *_channel_metrics("validation"),
        *_channel_metrics("test"),
    ),
    channels=("train", "validation", "test"),
)
