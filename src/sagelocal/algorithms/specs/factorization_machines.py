"""Factorization machines.

https://docs.aws.amazon.com/sagemaker/latest/dg/fact-machines-hyperparameters.html
"""

from __future__ import annotations

from sagelocal.algorithms.hyperparameters import NON_NEGATIVE, POSITIVE, REAL, Choice, Parameter, Schema
from sagelocal.algorithms.specs.algorithm import COMMON, JSON, JSONLINES, RECORDIO, Spec, metric

_LEARNING_RATES = {"bias": 0.1, "linear": 0.001, "factors": 0.0001}
_WEIGHT_DECAYS = {"bias": 0.01, "linear": 0.001, "factors": 0.00001}
_SIGMAS = {"bias": 0.01, "linear": 0.01, "factors": 0.001}
_INIT = Choice(("uniform", "normal", "constant"))


def _group(name: str) -> tuple[Parameter, ...]:
    return (
        Parameter(name=f"{name}_lr", kind=NON_NEGATIVE, default=_LEARNING_RATES[name], tunable=True),
        Parameter(name=f"{name}_wd", kind=NON_NEGATIVE, default=_WEIGHT_DECAYS[name], tunable=True),
        Parameter(name=f"{name}_init_method", kind=_INIT, default="normal"),
        Parameter(name=f"{name}_init_scale", kind=NON_NEGATIVE, tunable=True),
        Parameter(name=f"{name}_init_sigma", kind=NON_NEGATIVE, default=_SIGMAS[name], tunable=True),
        Parameter(name=f"{name}_init_value", kind=REAL, tunable=True),
    )


SPEC = Spec(
    repository="factorization-machines",
    title="Factorization Machines",
    implementation="sagelocal.algorithms.factorization_machines",
    hyperparameters=Schema(
        parameters=(
            Parameter(name="feature_dim", kind=POSITIVE, required=True),
            Parameter(name="num_factors", kind=POSITIVE, required=True),
            Parameter(name="predictor_type", kind=Choice(("binary_classifier", "regressor")), required=True),
            Parameter(name="mini_batch_size", kind=POSITIVE, default=1000, tunable=True),
            Parameter(name="epochs", kind=POSITIVE, default=1, tunable=True),
            Parameter(name="clip_gradient", kind=REAL),
            Parameter(name="eps", kind=REAL),
            Parameter(name="rescale_grad", kind=REAL),
            *_group("bias"),
            *_group("linear"),
            *_group("factors"),
        )
    ),
    metrics=(
        *COMMON,
        metric("test", "rmse", loss=True),
        metric("test", "mse", loss=True),
        metric("test", "absolute_loss", loss=True),
        metric("test", "binary_classification_accuracy", loss=False),
        metric("test", "binary_classification_cross_entropy", loss=True),
        metric("test", "binary_f_beta", loss=False, printed=r"binary_f_\S+"),
        metric("train", "rmse", loss=True, epoch=True),
        metric("train", "binary_classification_accuracy", loss=False, epoch=True),
        metric("train", "binary_classification_cross_entropy", loss=True, epoch=True),
    ),
    # "CSV support is not available for factorization machines"
    # (https://docs.aws.amazon.com/sagemaker/latest/dg/cdf-inference.html)
    train_formats=(RECORDIO,),
    request_formats=(JSON, JSONLINES, RECORDIO),
    response_formats=(JSON, JSONLINES, RECORDIO),
)
