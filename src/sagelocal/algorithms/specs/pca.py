"""Principal component analysis: https://docs.aws.amazon.com/sagemaker/latest/dg/PCA-reference.html."""

from __future__ import annotations

from sagelocal.algorithms.hyperparameters import FLAG, POSITIVE, Choice, Number, Parameter, Schema
from sagelocal.algorithms.specs.algorithm import COMMON, Spec

SPEC = Spec(
    repository="pca",
    title="PCA",
    implementation="sagelocal.algorithms.pca",
    hyperparameters=Schema(
        parameters=(
            Parameter(name="feature_dim", kind=POSITIVE, required=True),
            Parameter(name="mini_batch_size", kind=POSITIVE, required=True),
            Parameter(name="num_components", kind=POSITIVE, required=True),
            Parameter(name="algorithm_mode", kind=Choice(("regular", "randomized")), default="regular"),
            Parameter(name="subtract_mean", kind=FLAG, default=True),
            Parameter(name="extra_components", kind=Number(low=-1, integer=True), default=-1),
        )
    ),
    metrics=COMMON,
    needs_labels=False,
)
