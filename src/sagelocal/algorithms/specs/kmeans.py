"""K-means: https://docs.aws.amazon.com/sagemaker/latest/dg/k-means-api-config.html."""

from __future__ import annotations

from sagelocal.algorithms.hyperparameters import (
    FLAG,
    FRACTION,
    NON_NEGATIVE_INTEGER,
    POSITIVE,
    Choice,
    Parameter,
    Schema,
    Words,
)
from sagelocal.algorithms.specs.algorithm import (
    COMMON,
    CSV,
    JSON,
    JSONLINES,
    RECORDIO,
    Spec,
    metric,
    tuned_for,
)

_INIT = Choice(("random", "kmeans++"))
_METRICS = (
    *COMMON,
    metric("train", "msd", loss=True),
    metric("test", "msd", loss=True),
    metric("test", "ssd", loss=True),
)

SPEC = Spec(
    repository="kmeans",
    title="K-Means",
    implementation="sagelocal.algorithms.kmeans",
    hyperparameters=Schema(
        parameters=(
            Parameter(name="k", kind=POSITIVE, required=True),
            Parameter(name="feature_dim", kind=POSITIVE, required=True),
            Parameter(name="mini_batch_size", kind=POSITIVE, default=5000, tunable=True),
            Parameter(name="init_method", kind=_INIT, default="random", tunable=True),
            Parameter(name="extra_center_factor", kind=POSITIVE, auto=True, tunable=True),
            Parameter(name="local_lloyd_max_iter", kind=POSITIVE, default=300),
            Parameter(name="local_lloyd_tol", kind=FRACTION, default=0.0001),
            Parameter(name="local_lloyd_init_method", kind=_INIT, default="kmeans++"),
            Parameter(name="local_lloyd_num_trials", kind=POSITIVE, auto=True),
            Parameter(name="half_life_time_size", kind=NON_NEGATIVE_INTEGER, default=0),
            Parameter(name="epochs", kind=POSITIVE, default=1, tunable=True),
            Parameter(name="eval_metrics", kind=Words(("msd", "ssd")), default=("msd",)),
            # Not in the documentation: the SDK's estimator sends it. Records are dense here anyway.
            Parameter(name="force_dense", kind=FLAG, default=False),
            tuned_for(_METRICS),
        )
    ),
    metrics=_METRICS,
    response_formats=(JSON, JSONLINES, RECORDIO, CSV),
    needs_labels=False,
)
