"""Selective executions: only some steps run, and what they need of the others is taken from an earlier run.

Source: https://docs.aws.amazon.com/sagemaker/latest/dg/pipelines-selective-ex.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sagelocal.errors import ValidationException
from sagelocal.pipelines.progress import ENDED, StepStatus

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sagelocal.api.pipeline_records import PipelineRecords
    from sagelocal.pipelines.definition import Definition


def seed(
    definition: Definition, request: Mapping[str, Any], pipeline: str, records: PipelineRecords
) -> dict[str, Any]:
    """Return the steps that a new execution has from the start: none, unless it is selective.

    Raises:
        ValidationException: a step is selected that is not there, or needs one that is neither selected nor
            has succeeded in the source execution.

    """
    config = request.get("SelectiveExecutionConfig")
    if config is None:
        return {}
    selected = {each["StepName"] for each in config["SelectedSteps"]}
    unknown = sorted(selected - set(definition.steps))
    if unknown:
        known = ", ".join(definition.steps)
        raise ValidationException(f"SelectedSteps has {unknown[0]!r}; the pipeline has the steps {known}")
    needed = {each for name in selected for each in definition.steps[name].needs} - selected
    if "SourcePipelineExecutionArn" not in config:
        if needed:
            raise ValidationException(
                f"the selected steps need {', '.join(sorted(needed))}; give a SourcePipelineExecutionArn"
            )
        return {}
    source = records.execution(config["SourcePipelineExecutionArn"])
    _check_source(source.body, pipeline, needed)
    told = {"SelectiveExecutionResult": {"SourcePipelineExecutionArn": source.arn}}
    return {name: source.body["Steps"][name] | told for name in definition.steps if name in needed}


def _check_source(source: Mapping[str, Any], pipeline: str, needed: set[str]) -> None:
    arn = source["PipelineExecutionArn"]
    if source["PipelineName"] != pipeline:
        raise ValidationException(f"SourcePipelineExecutionArn {arn} is of another pipeline")
    if source["PipelineExecutionStatus"] not in ENDED:
        raise ValidationException(f"SourcePipelineExecutionArn {arn} still runs")
    for name in sorted(needed):
        status = source["Steps"].get(name, {}).get("StepStatus", "not reached")
        if status != StepStatus.SUCCEEDED:
            raise ValidationException(
                f"the selected steps need {name!r}, which is {status} in the source execution {arn}"
            )
