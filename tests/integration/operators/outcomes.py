"""How tasks of the Amazon provider end on sagelocal: the table, and the requests behind its rows.

A class that waits for work is given work that succeeds, fails and is stopped; another a request that is
carried out, and one that is refused. `test_outcomes` runs all of it as one DAG.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.integration import pipeline_definitions as pipelines
from tests.integration import training_jobs as jobs
from tests.integration.operators import hosting
from tests.integration.operators.test_others import processing

if TYPE_CHECKING:
    from collections.abc import Callable

GREEN, RED = "success", "failed"
GOOD, BAD = "print('score=1;')\n", "raise RuntimeError('bad row 7')\n"
LONG = "import time\nprint('score=1;', flush=True)\ntime.sleep(3600)\n"
SCRIPTS = {"good": GOOD, "bad": BAD, "long": LONG}
"""What a good request, a bad one, and one that is to be stopped have run."""
MACHINE = {"InstanceType": "ml.m5.large", "InstanceCount": 1}
ABSENT = "no-such-model"


@dataclass(frozen=True, kw_only=True)
class Row:
    """How the tasks of a class end, by what happens to their work; None where that cannot happen."""

    of: str
    """The operator or sensor."""
    waits: str
    """How it waits: blocking, poking, or in the trigger that is named."""
    good: str | None
    bad: str | None
    long: str | None = None

    @property
    def deferrable(self) -> bool:
        return self.waits.endswith("Trigger")

    @property
    def ends(self) -> dict[str, str]:
        """Return the outcomes that can happen, and what becomes of the task."""
        each = {"good": self.good, "bad": self.bad, "long": self.long}
        return {key: value for key, value in each.items() if value is not None}

    @property
    def name(self) -> str:
        return f"{self.of}.{self.waits}"

    @property
    def stem(self) -> str:
        """Return what the class is about: `Training`."""
        return self.of.removeprefix("SageMaker").removesuffix("Operator").removesuffix("Sensor")


def _rows(*table: tuple[str | None, ...]) -> list[Row]:
    return [
        Row(of=str(of), waits=str(waits), good=good, bad=bad, long=long)
        for of, waits, good, bad, long in table
    ]


# The provider takes `Stopped` for success in what blocks, and in some sensors.
ROWS = _rows(
    # class, how it waits, and its colour when the work succeeds, fails, is stopped
    ("SageMakerTrainingOperator", "blocking", GREEN, RED, GREEN),
    ("SageMakerTrainingOperator", "SageMakerTrigger", GREEN, RED, RED),
    ("SageMakerTrainingSensor", "poking", GREEN, RED, RED),
    ("SageMakerProcessingOperator", "blocking", GREEN, RED, GREEN),
    ("SageMakerProcessingOperator", "SageMakerTrigger", GREEN, RED, RED),
    ("SageMakerProcessingSensor", "poking", GREEN, RED, RED),
    ("SageMakerTransformOperator", "blocking", GREEN, RED, GREEN),
    ("SageMakerTransformOperator", "SageMakerTrigger", GREEN, RED, RED),
    ("SageMakerTransformSensor", "poking", GREEN, RED, GREEN),
    ("SageMakerTuningOperator", "blocking", GREEN, RED, GREEN),
    ("SageMakerTuningOperator", "SageMakerTrigger", GREEN, RED, RED),
    ("SageMakerTuningSensor", "poking", GREEN, RED, GREEN),
    ("SageMakerStartPipelineOperator", "blocking", GREEN, RED, GREEN),
    ("SageMakerStartPipelineOperator", "SageMakerPipelineTrigger", GREEN, RED, RED),
    ("SageMakerPipelineSensor", "poking", GREEN, RED, GREEN),
    # Stopping is what these want; "bad" is an execution that is over.
    ("SageMakerStopPipelineOperator", "blocking", GREEN, RED, None),
    ("SageMakerStopPipelineOperator", "SageMakerPipelineTrigger", GREEN, RED, None),
    # A model that does not load is "bad"; an endpoint cannot be stopped.
    ("SageMakerEndpointOperator", "blocking", GREEN, RED, None),
    ("SageMakerEndpointOperator", "SageMakerTrigger", GREEN, RED, None),
    ("SageMakerEndpointSensor", "poking", GREEN, RED, None),
    # These ask once; "bad" is refused.
    ("SageMakerModelOperator", "once", GREEN, RED, None),
    ("SageMakerEndpointConfigOperator", "once", GREEN, RED, None),
    ("SageMakerDeleteModelOperator", "once", GREEN, RED, None),
    ("SageMakerRegisterModelVersionOperator", "once", GREEN, RED, None),
    ("SageMakerCreateExperimentOperator", "once", GREEN, RED, None),
    # Kept here and not run: never green.
    ("SageMakerAutoMLOperator", "blocking", None, RED, None),
    ("SageMakerAutoMLSensor", "poking", None, RED, None),
    ("SageMakerCreateNotebookOperator", "blocking", None, RED, None),
    ("SageMakerStartNoteBookOperator", "blocking", None, RED, None),
    ("SageMakerStopNotebookOperator", "blocking", None, RED, None),
    ("SageMakerDeleteNotebookOperator", "blocking", GREEN, RED, None),
    # Airflow's alone.
    ("SageMakerConditionOperator", "once", GREEN, RED, None),
)
METHODS = {
    "Training": "training_job",
    "Processing": "processing_job",
    "Transform": "transform_job",
    "Tuning": "hyper_parameter_tuning_job",
}
BASES = {"SageMakerBaseOperator", "SageMakerBaseSensor"}


class Requests:
    """Prepares the arguments of tasks: requests, and what these need to be there before."""

    def __init__(self, aws: Callable[[str], Any], prefix: str) -> None:
        self._s3 = aws("s3")
        self._sagemaker = aws("sagemaker")
        self._prefix = prefix
        self.long: set[tuple[str, str]] = set()
        """What is to be stopped once it runs: its method, as in `stop_<method>`, and its name."""
        self._kinds: dict[str, Callable[[Row, str, str], dict[str, Any]]] = {
            "Training": self._training,
            "Processing": self._processing,
            "Transform": self._transform,
            "Tuning": self._tuning,
            "StartPipeline": self._start_pipeline,
            "StopPipeline": self._stop_pipeline,
            "Pipeline": self._pipeline,
            "Endpoint": self._endpoint,
            "Model": self._make_model,
            "EndpointConfig": self._configure,
            "DeleteModel": self._delete_model,
            "RegisterModelVersion": self._register,
            "CreateExperiment": self._experiment,
            "Condition": self._condition,
            "AutoML": self._automl,
            "CreateNotebook": self._make_notebook,
            **dict.fromkeys(("StartNoteBook", "StopNotebook", "DeleteNotebook"), self._notebook),
        }

    def arguments(self, row: Row, ends: str) -> dict[str, Any]:
        """Return the arguments of a row's task, JSON as they are."""
        name = jobs.unique(f"{self._prefix}-{ends}")
        if row.stem in METHODS:
            self._note(METHODS[row.stem], name, ends)
        made = self._kinds[row.stem](row, name, ends)
        if row.deferrable:
            made["deferrable"] = True
        if row.of.endswith("Sensor"):
            made |= {"poke_interval": 1, "timeout": jobs.SECONDS}
        return made

    # -- jobs

    def _training(self, row: Row, name: str, ends: str) -> dict[str, Any]:
        limit = {"MaxRuntimeInSeconds": 3600}
        request = jobs.request(self._s3, name, {"train.py": SCRIPTS[ends]}, StoppingCondition=limit)
        # By `print_log` the operator looks every 30 seconds only.
        return self._work(row, request, name) | ({} if _senses(row) else {"print_log": False})

    def _processing(self, row: Row, name: str, ends: str) -> dict[str, Any]:
        request = processing(self._s3, name, SCRIPTS[ends])
        more = {} if _senses(row) else {"print_log": False}
        return self._work(row, request, name) | more

    def _transform(self, row: Row, name: str, ends: str) -> dict[str, Any]:
        seconds = 3600 if ends == "long" else 0
        model = hosting.model_request(self._s3, name, answer=1.0, broken=ends == "bad", seconds=seconds)
        self._s3.put_object(Bucket=jobs.BUCKET, Key=f"{name}/in/rows.csv", Body=b"1,2\n")
        source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{jobs.BUCKET}/{name}/in/"}
        request = {
            "TransformJobName": name,
            "ModelName": name,
            "TransformInput": {"DataSource": {"S3DataSource": source}, "ContentType": "text/csv"},
            "TransformOutput": {"S3OutputPath": f"s3://{jobs.BUCKET}/{name}/out"},
            "TransformResources": MACHINE,
        }
        if not _senses(row):
            return {"config": {"Model": model, "Transform": request}, "check_interval": 1}
        self._sagemaker.create_model(**model)
        return self._work(row, request, name)

    def _tuning(self, row: Row, name: str, ends: str) -> dict[str, Any]:
        request = tuning(self._s3, name, SCRIPTS[ends])
        return self._work(row, request, name)

    def _note(self, method: str, name: str, ends: str) -> None:
        if ends == "long":
            self.long.add((method, name))

    def _work(self, row: Row, request: dict[str, Any], name: str) -> dict[str, Any]:
        if not _senses(row):
            return {"config": request, "check_interval": 1}
        getattr(self._sagemaker, f"create_{METHODS[row.stem]}")(**request)
        return {"job_name": name}

    # -- pipelines

    def _definition(self, ends: str) -> str:
        if ends == "long":
            step = pipelines.training(self._s3, "Long", hyperparameters={"pause": "3600"})
            step["Arguments"]["StoppingCondition"] = {"MaxRuntimeInSeconds": 3600}
        elif ends == "bad":
            step = pipelines.step("Bad", "Fail", {"ErrorMessage": "bad row 7"})
        else:
            same = {"Type": "Equals", "LeftValue": 1, "RightValue": 1}
            arguments = {"Conditions": [same], "IfSteps": [], "ElseSteps": []}
            step = pipelines.step("Check", "Condition", arguments)
        return pipelines.create(self._sagemaker, step)

    def _start_pipeline(self, _: Row, __: str, ends: str) -> dict[str, Any]:
        name = self._definition(ends)
        self._note("pipeline", name, ends)
        return {"pipeline_name": name, "wait_for_completion": True, "check_interval": 1}

    def _stop_pipeline(self, _: Row, __: str, ends: str) -> dict[str, Any]:
        arn = pipelines.start(self._sagemaker, self._definition("long" if ends == "good" else "bad"))
        if ends == "bad":
            pipelines.wait(self._sagemaker, arn)
        waiting = {"wait_for_completion": True, "check_interval": 1}
        return waiting | {"pipeline_exec_arn": arn, "fail_if_not_running": True}

    def _pipeline(self, _: Row, __: str, ends: str) -> dict[str, Any]:
        name = self._definition(ends)
        self._note("pipeline", name, ends)
        return {"pipeline_exec_arn": pipelines.start(self._sagemaker, name)}

    # -- endpoints

    def _endpoint(self, row: Row, name: str, ends: str) -> dict[str, Any]:
        config = hosting.deployment(self._s3, name, answer=1.0, broken=ends == "bad")
        if not _senses(row):
            return {"config": config, "check_interval": 1}
        self._sagemaker.create_model(**config["Model"])
        self._sagemaker.create_endpoint_config(**config["EndpointConfig"])
        self._sagemaker.create_endpoint(**config["Endpoint"])
        return {"endpoint_name": name}

    # -- what asks once

    def _make_model(self, _: Row, name: str, ends: str) -> dict[str, Any]:
        request = hosting.model_request(self._s3, name, answer=1.0)
        return {"config": request | ({} if ends == "good" else {"PrimaryContainer": {"Image": "unknown:1"}})}

    def _configure(self, _: Row, name: str, ends: str) -> dict[str, Any]:
        model = self._model(name) if ends == "good" else ABSENT
        variant = {"VariantName": "v", "ModelName": model, "InstanceType": "ml.m5.large"}
        variants = [variant | {"InitialInstanceCount": 1}]
        return {"config": {"EndpointConfigName": name, "ProductionVariants": variants}}

    def _delete_model(self, _: Row, name: str, ends: str) -> dict[str, Any]:
        return {"config": {"ModelName": self._model(name) if ends == "good" else ABSENT}}

    def _register(self, _: Row, name: str, ends: str) -> dict[str, Any]:
        image = jobs.IMAGE.format("1.9-0") if ends == "good" else ""
        return {"image_uri": image, "model_url": "s3://b/model.tar.gz", "package_group_name": name}

    def _experiment(self, _: Row, name: str, ends: str) -> dict[str, Any]:
        return {"name": name if ends == "good" else "not a name"}

    def _condition(self, _: Row, __: str, ends: str) -> dict[str, Any]:
        sides = {"left_value": 1, "right_value": 1 if ends == "good" else 2}
        return sides | {"condition_type": "Equals", "if_task_ids": "after"}

    # -- what is kept and not run

    def _automl(self, row: Row, name: str, _: str) -> dict[str, Any]:
        if not _senses(row):
            places = {"s3_input": "s3://b/in", "s3_output": "s3://b/out", "target_attribute": "y"}
            return places | {"job_name": name, "role_arn": jobs.ROLE, "check_interval": 1}
        source = {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": "s3://b/in"}}
        self._sagemaker.create_auto_ml_job(
            AutoMLJobName=name,
            InputDataConfig=[{"DataSource": source, "TargetAttributeName": "y"}],
            OutputDataConfig={"S3OutputPath": "s3://b/out"},
            RoleArn=jobs.ROLE,
        )
        return {"job_name": name}

    def _make_notebook(self, _: Row, name: str, __: str) -> dict[str, Any]:
        return {"instance_name": name, "instance_type": "ml.t3.medium", "role_arn": jobs.ROLE}

    def _notebook(self, row: Row, name: str, ends: str) -> dict[str, Any]:
        if ends == "good" or row.stem != "DeleteNotebook":
            self._sagemaker.create_notebook_instance(
                NotebookInstanceName=name, InstanceType="ml.t3.medium", RoleArn=jobs.ROLE
            )
        return {"instance_name": name}

    def _model(self, name: str) -> str:
        self._sagemaker.create_model(**hosting.model_request(self._s3, name, answer=1.0))
        return name


def tuning(s3: Any, name: str, script: str) -> dict[str, Any]:
    """Return a tuning job of one job that runs a script."""
    job = jobs.request(s3, "unused", {"train.py": script})
    metric = [{"Name": "score", "Regex": r"score=([0-9.]+);"}]
    s3.put_object(Bucket=jobs.BUCKET, Key=f"{name}/data/rows.csv", Body=b"1\n")
    ranges = {"ContinuousParameterRanges": [{"Name": "rate", "MinValue": "0", "MaxValue": "1"}]}
    return {
        "HyperParameterTuningJobName": name,
        "HyperParameterTuningJobConfig": {
            "Strategy": "Random",
            "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "score"},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 1, "MaxParallelTrainingJobs": 1},
            "ParameterRanges": ranges,
        },
        "TrainingJobDefinition": {
            "StaticHyperParameters": job["HyperParameters"],
            "AlgorithmSpecification": {**job["AlgorithmSpecification"], "MetricDefinitions": metric},
            # The operator reads it without asking whether it is there.
            "InputDataConfig": [jobs.channel("train", f"s3://{jobs.BUCKET}/{name}/data/")],
            **{
                key: job[key]
                for key in ("RoleArn", "OutputDataConfig", "ResourceConfig", "StoppingCondition")
            },
        },
    }


def _senses(row: Row) -> bool:
    return row.of.endswith("Sensor")
