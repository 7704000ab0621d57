"""OpenLineage: our operators tell what the provider's tell.

Its provider is no part of Sagewind; it is in requirements/mwaa.txt.
"""

from __future__ import annotations

import pytest
from tests.integration import training_jobs as jobs

from sagewind.operators.sagemaker import SageMakerProcessingOperator, SageMakerTrainingOperator

pytest.importorskip("airflow.providers.openlineage", reason="no OpenLineage provider: make test-mwaa has it")


def told(operator, result):
    """Return the S3 addresses that an operator tells OpenLineage of, after it returned `result`."""
    found = operator.get_openlineage_facets_on_complete(None)
    assert result
    return [[f"{each.namespace}/{each.name}" for each in side] for side in (found.inputs, found.outputs)]


@pytest.fixture
def once(attempt):
    def run(operator):
        return told(operator, attempt(lambda: operator).run())

    return run


def test_training_tells_its_channels_and_its_model(once, s3):
    s3.put_object(Bucket=jobs.BUCKET, Key="lineage/in/rows.csv", Body=b"1,2\n")
    config = jobs.request(s3, jobs.unique("lineage"), {"train.py": "print('done')\n"})
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{jobs.BUCKET}/lineage/in"}
    config["InputDataConfig"] = [{"ChannelName": "train", "DataSource": {"S3DataSource": source}}]
    inputs, outputs = once(SageMakerTrainingOperator(task_id="t", config=config))
    assert inputs == [source["S3Uri"]]
    assert outputs == [
        f"{config['OutputDataConfig']['S3OutputPath'].rstrip('/')}/{config['TrainingJobName']}/output/model.tar.gz"
    ]


def test_processing_tells_its_inputs_and_outputs(once, s3):
    s3.put_object(Bucket=jobs.BUCKET, Key="lineage/code/run.py", Body=b"print('done')\n")
    ends = [f"s3://{jobs.BUCKET}/lineage/code", f"s3://{jobs.BUCKET}/lineage/out"]
    code = {"S3Uri": ends[0], "S3DataType": "S3Prefix", "S3InputMode": "File"}
    out = {"S3Uri": ends[1], "LocalPath": "/opt/ml/processing/output", "S3UploadMode": "EndOfJob"}
    config = {
        "ProcessingJobName": jobs.unique("lineage"),
        "RoleArn": jobs.ROLE,
        "AppSpecification": {
            "ImageUri": jobs.IMAGE.format("1.9-0"),
            "ContainerEntrypoint": ["python3", "/opt/ml/processing/input/code/run.py"],
        },
        "ProcessingInputs": [
            {"InputName": "code", "S3Input": {**code, "LocalPath": "/opt/ml/processing/input/code"}}
        ],
        "ProcessingOutputConfig": {"Outputs": [{"OutputName": "out", "S3Output": out}]},
        "ProcessingResources": {
            "ClusterConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 5}
        },
    }
    operator = SageMakerProcessingOperator(task_id="p", config=config, deferrable=False)
    assert once(operator) == [[ends[0]], [ends[1]]]
