"""Processing, transform, tuning, models, registry, stop: against the real service."""

from __future__ import annotations

import json

import pytest
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException
from tests.integration import training_jobs as jobs
from tests.integration.operators import hosting

from sagelocal.testing import FaultPlan
from sagewind.operators.sagemaker import (
    SageMakerDeleteModelOperator,
    SageMakerEndpointConfigOperator,
    SageMakerModelOperator,
    SageMakerProcessingOperator,
    SageMakerRegisterModelVersionOperator,
    SageMakerStopJobOperator,
    SageMakerTrainingOperator,
    SageMakerTransformOperator,
    SageMakerTuningOperator,
    SageMakerUpdateModelPackageOperator,
)


def test_a_model_of_the_same_content_is_used_and_another_gets_another_name(attempt, s3, aws):
    name = jobs.unique("model")
    request = hosting.model_request(s3, name, answer=1.0)

    def make(config):
        return attempt(lambda: SageMakerModelOperator(task_id="model", config=dict(config)))

    assert make(request).run()["Model"]["ModelName"] == name
    assert make(request).run()["Model"]["ModelName"] == name
    other = {
        **request,
        "PrimaryContainer": {**request["PrimaryContainer"], "ModelDataUrl": "s3://b/other.tar.gz"},
    }
    renamed = make(other).run()["Model"]["ModelName"]
    assert renamed.startswith(f"{name}-")
    assert make(other).run()["Model"]["ModelName"] == renamed
    assert len(aws("sagemaker").list_models(NameContains=name)["Models"]) == 2
    for each in (name, renamed):
        attempt(lambda: SageMakerDeleteModelOperator(task_id="delete", config={"ModelName": each})).run()  # noqa: B023
    assert aws("sagemaker").list_models(NameContains=name)["Models"] == []


def test_an_endpoint_config_of_the_same_content_is_used(attempt, s3):
    config = hosting.deployment(s3, jobs.unique("config"), answer=1.0)
    attempt(lambda: SageMakerModelOperator(task_id="model", config=config["Model"])).run()

    def make():
        return attempt(
            lambda: SageMakerEndpointConfigOperator(task_id="c", config=dict(config["EndpointConfig"]))
        )

    assert make().run() == make().run()


def transform(s3, name):
    s3.put_object(Bucket=jobs.BUCKET, Key=f"{name}/in/rows.csv", Body=b"1,2\n3,4\n")
    return {
        "Model": hosting.model_request(s3, name, answer=7.0),
        "Transform": {
            "TransformJobName": name,
            "ModelName": name,
            "TransformInput": {
                "DataSource": {
                    "S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{jobs.BUCKET}/{name}/in"}
                },
                "ContentType": "text/csv",
                "SplitType": "Line",
            },
            "TransformOutput": {"S3OutputPath": f"s3://{jobs.BUCKET}/{name}/out", "AssembleWith": "Line"},
            "TransformResources": {"InstanceType": "ml.m5.large", "InstanceCount": 1},
        },
    }


def scoring(attempt, config, **arguments):
    def make():
        return SageMakerTransformOperator(task_id="score", config=json.loads(json.dumps(config)), **arguments)

    return attempt(make)


@pytest.mark.parametrize("deferrable", [True, False])
def test_a_transform_with_its_model_and_its_log(attempt, s3, capsys, deferrable):
    name = jobs.unique("score")
    run = scoring(attempt, transform(s3, name), deferrable=deferrable)
    result = run.run()
    assert "this model is loaded" in capsys.readouterr().out
    assert result["Transform"]["TransformJobStatus"] == "Completed"
    assert result["Model"]["ModelName"] == name
    assert result["Summary"]["BillableSeconds"] >= 0
    body = s3.get_object(Bucket=jobs.BUCKET, Key=f"{name}/out/rows.csv.out")["Body"].read()
    assert json.loads(body) == [7.0, 7.0]
    assert run.retry()["Transform"]["TransformJobArn"] == result["Transform"]["TransformJobArn"]


@pytest.mark.parametrize("deferrable", [True, False])
def test_without_capacity_the_next_type_gets_the_model_that_was_asked_for(
    attempt, s3, aws, deferrable, sagelocal_service
):
    name, types = jobs.unique("score"), ("ml.g6e.48xlarge", "ml.m5.large")
    config = transform(s3, name)
    aws("sagemaker").create_model(**hosting.model_request(s3, name, answer=1.0))  # another, of the same name
    FaultPlan(sagelocal_service.url).capacity(name)
    result = scoring(attempt, config, deferrable=deferrable, instance_types=types).run()
    assert result["Transform"]["TransformResources"]["InstanceType"] == types[1]
    assert result["Model"]["ModelName"] == result["Transform"]["ModelName"] != name
    body = s3.get_object(Bucket=jobs.BUCKET, Key=f"{name}/out/rows.csv.out")["Body"].read()
    assert json.loads(body) == [7.0, 7.0]


def processing(s3, name, script):
    s3.put_object(Bucket=jobs.BUCKET, Key=f"{name}/code/run.py", Body=script.encode())
    return {
        "ProcessingJobName": name,
        "RoleArn": jobs.ROLE,
        "AppSpecification": {
            "ImageUri": jobs.IMAGE.format("1.9-0"),
            "ContainerEntrypoint": ["python3", "/opt/ml/processing/input/code/run.py"],
        },
        "ProcessingInputs": [
            {
                "InputName": "code",
                "S3Input": {
                    "S3Uri": f"s3://{jobs.BUCKET}/{name}/code",
                    "LocalPath": "/opt/ml/processing/input/code",
                    "S3DataType": "S3Prefix",
                    "S3InputMode": "File",
                },
            }
        ],
        "ProcessingOutputConfig": {
            "Outputs": [
                {
                    "OutputName": "metrics",
                    "S3Output": {
                        "S3Uri": f"s3://{jobs.BUCKET}/{name}/out",
                        "LocalPath": "/opt/ml/processing/output",
                        "S3UploadMode": "EndOfJob",
                    },
                }
            ]
        },
        "ProcessingResources": {
            "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 5}
        },
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
    }


WRITES = """
import json
print("hello from processing")
with open("/opt/ml/processing/output/metrics.json", "w") as file:
    json.dump({"mse": 0.25}, file)
"""


@pytest.mark.parametrize("deferrable", [True, False])
def test_processing_with_files_in_xcom_and_its_log(attempt, s3, capsys, deferrable):
    config = processing(s3, jobs.unique("process"), WRITES)
    wanted = [{"output_name": "metrics", "file_name": "metrics.json", "result_name": "Report"}]
    run = attempt(
        lambda: SageMakerProcessingOperator(
            task_id="p", config=dict(config), output_files_to_xcom=wanted, deferrable=deferrable
        )
    )
    result = run.run()
    assert result["OutputFiles"] == {"Report": {"mse": 0.25}}
    assert capsys.readouterr().out.count("hello from processing") == 1


def test_processing_that_raises_fails_with_its_words(attempt, s3, capsys):
    config = processing(s3, jobs.unique("process"), "raise RuntimeError('bad row 7')")
    with pytest.raises(AirflowException, match="processing job"):
        attempt(lambda: SageMakerProcessingOperator(task_id="p", config=dict(config))).run()
    assert "bad row 7" in capsys.readouterr().out


TUNED = """
import argparse
p = argparse.ArgumentParser()
p.add_argument("--x", type=float)
p.add_argument("--xx", type=float)
args, _ = p.parse_known_args()
print(f"score={1 - (args.xx or 0) ** 2};")
"""


def test_tuning_shows_the_logs_of_its_training_jobs(attempt, s3, capsys):
    job = jobs.request(s3, "unused", {"train.py": TUNED})
    metric = [{"Name": "score", "Regex": r"score=([-0-9.e]+);"}]
    config = {
        "HyperParameterTuningJobName": jobs.unique("tune"),
        "HyperParameterTuningJobConfig": {
            "Strategy": "Random",
            "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": "score"},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 2, "MaxParallelTrainingJobs": 1},
            "ParameterRanges": {
                "ContinuousParameterRanges": [{"Name": "xx", "MinValue": "0", "MaxValue": "1"}]
            },
        },
        "TrainingJobDefinition": {
            "StaticHyperParameters": job["HyperParameters"],
            "AlgorithmSpecification": {**job["AlgorithmSpecification"], "MetricDefinitions": metric},
            "RoleArn": jobs.ROLE,
            "OutputDataConfig": job["OutputDataConfig"],
            "ResourceConfig": job["ResourceConfig"],
            "StoppingCondition": job["StoppingCondition"],
        },
    }
    run = attempt(lambda: SageMakerTuningOperator(task_id="tune", config=json.loads(json.dumps(config))))
    result = run.run()
    assert result["Tuning"]["HyperParameterTuningJobStatus"] == "Completed"
    assert result["Tuning"]["BestTrainingJob"]
    assert capsys.readouterr().out.count("] score=") == 2
    assert (
        run.retry()["Tuning"]["HyperParameterTuningJobArn"] == result["Tuning"]["HyperParameterTuningJobArn"]
    )


def test_a_version_is_registered_once_and_approved(attempt, aws):
    group = jobs.unique("group")
    run = attempt(
        lambda: SageMakerRegisterModelVersionOperator(
            task_id="register",
            image_uri=jobs.IMAGE.format("1.9-0"),
            model_url="s3://b/model.tar.gz",
            package_group_name=group,
            package_group_desc="irises",
            content_types=["text/csv", "application/json"],
            metadata={"accuracy": "0.9"},
        )
    )
    arn = run.run()
    assert run.retry() == arn
    sagemaker = aws("sagemaker")
    assert len(sagemaker.list_model_packages(ModelPackageGroupName=group)["ModelPackageSummaryList"]) == 1
    described = sagemaker.describe_model_package_group(ModelPackageGroupName=group)
    assert described["ModelPackageGroupDescription"] == "irises"
    approve = attempt(
        lambda: SageMakerUpdateModelPackageOperator(
            task_id="approve", model_package_arn=arn, approval_status="Approved", approval_description="good"
        )
    )
    assert approve.run() == arn
    found = sagemaker.describe_model_package(ModelPackageName=arn)
    assert (found["ModelApprovalStatus"], found["CustomerMetadataProperties"]["accuracy"]) == (
        "Approved",
        "0.9",
    )


def test_a_job_is_stopped_by_name(attempt, s3, aws):
    config = jobs.request(s3, jobs.unique("stop"), {"train.py": "import time\ntime.sleep(600)\n"})
    attempt(
        lambda: SageMakerTrainingOperator(task_id="t", config=dict(config), wait_for_completion=False)
    ).run()
    name = config["TrainingJobName"]
    stop = attempt(lambda: SageMakerStopJobOperator(task_id="stop", job_name=name))
    assert stop.run() == "stopped"
    assert stop.run() == "stopped"
    assert attempt(lambda: SageMakerStopJobOperator(task_id="stop", job_name="nowhere")).run() == "absent"


def test_a_request_that_breaks_the_model_is_not_retried(attempt, s3):
    config = jobs.request(s3, jobs.unique("bad"), {"train.py": ""}, RoleArn="no-arn/at-all")
    with pytest.raises(AirflowFailException):
        attempt(lambda: SageMakerTrainingOperator(task_id="t", config=dict(config))).run()
