"""The built-in algorithms by the repository of their image, as a table."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from sagelocal.algorithms.specs import factorization_machines, kmeans, knn, linear_learner, pca, xgboost

if TYPE_CHECKING:
    from collections.abc import Mapping

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


def of_training(request: Mapping[str, Any]) -> Spec | None:
    """Return the built-in algorithm that a CreateTrainingJob request runs; None: it runs the user's code."""
    algorithm = request["AlgorithmSpecification"]
    image = algorithm.get("TrainingImage", "").rpartition("/")[2]
    has_script = (
        "sagemaker_program" in request.get("HyperParameters", {})
        or "SAGEMAKER_PROGRAM" in request.get("Environment", {})
        or "ContainerEntrypoint" in algorithm
    )
    return None if has_script else SPECS.get(image.partition(":")[0].partition("@")[0])


def metric_definitions(spec: Spec) -> list[dict[str, str]]:
    """Return the MetricDefinitions that SageMaker itself gives to the algorithm's training jobs."""
    return [{"Name": metric.name, "Regex": metric.regex} for metric in spec.metrics]
