"""K-nearest neighbours: https://docs.aws.amazon.com/sagemaker/latest/dg/kNN_hyperparameters.html."""

from __future__ import annotations

from sagelocal.algorithms.hyperparameters import POSITIVE, Choice, Parameter, Schema
from sagelocal.algorithms.specs.algorithm import COMMON, Spec, metric

_SUBVECTORS = tuple(str(count) for count in (1, 2, 3, 4, 8, 12, 16, 20, 24, 28, 32, 40, 48, 56, 64, 96))

SPEC = Spec(
    repository="knn",
    title="K-Nearest Neighbors",
    implementation="sagelocal.algorithms.knn",
    hyperparameters=Schema(
        parameters=(
            Parameter(name="feature_dim", kind=POSITIVE, required=True),
            Parameter(name="k", kind=POSITIVE, required=True, tunable=True),
            Parameter(name="predictor_type", kind=Choice(("classifier", "regressor")), required=True),
            Parameter(name="sample_size", kind=POSITIVE, required=True, tunable=True),
            Parameter(name="mini_batch_size", kind=POSITIVE, default=5000),
            Parameter(name="dimension_reduction_type", kind=Choice(("sign", "fjlt"))),
            Parameter(name="dimension_reduction_target", kind=POSITIVE),
            Parameter(
                name="index_type",
                kind=Choice(("faiss.Flat", "faiss.IVFFlat", "faiss.IVFPQ")),
                default="faiss.Flat",
            ),
            Parameter(name="index_metric", kind=Choice(("L2", "INNER_PRODUCT", "COSINE")), default="L2"),
            Parameter(name="faiss_index_ivf_nlists", kind=POSITIVE, auto=True),
            Parameter(name="faiss_index_pq_m", kind=Choice(_SUBVECTORS)),
        )
    ),
    metrics=(*COMMON, metric("test", "accuracy", loss=False), metric("test", "mse", loss=True)),
)
