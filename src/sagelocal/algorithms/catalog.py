"""The built-in algorithms by the repository of their image, as a table."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

from sagelocal.algorithms.specs import factorization_machines, kmeans, knn, linear_learner, pca, xgboost

if TYPE_CHECKING:
    from sagelocal.algorithms.specs.algorithm import Spec

SPECS: dict[str, Spec] = {
    spec.repository: spec
    for spec in (
        knn.SPEC,
        pca.SPEC,
        kmeans.SPEC,
        linear_learner.SPEC,
        factorization_machines.SPEC,
        xgboost.SPEC,
        # The image of the first releases; its rules are those of the present one.
        dataclasses.replace(xgboost.SPEC, repository="xgboost"),
    )
}
