"""Requests in DAGs by hand: one row, one thing that SageMaker or botocore refuses, or that is right."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sagewind.lint import lint_path

if TYPE_CHECKING:
    from pathlib import Path

TRAINING = """{
    "TrainingJobName": "iris-{{ ts_nodash }}",
    "RoleArn": "SageMakerRole",
    "AlgorithmSpecification": {"TrainingImage": IMAGE, "TrainingInputMode": "File"},
    "HyperParameters": {"depth": "3", "trees": str(TREES), "rate": "{{ params.rate }}"},
    "InputDataConfig": [{
        "ChannelName": "train",
        "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/train"}},
    }],
    "OutputDataConfig": {"S3OutputPath": "s3://bucket/models"},
    "ResourceConfig": {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": "10"},
    "StoppingCondition": {"MaxRuntimeInSeconds": 60 * 60},
    "S3Operations": {"S3Upload": []},
}"""


def found(folder: Path, text: str) -> list[str]:
    (folder / "dag.py").write_text(text)
    return [f"{each.place.line} {each.what}" for each in lint_path(folder)]


def test_a_request_with_which_nothing_is_wrong(tmp_path: Path) -> None:
    assert found(tmp_path, f"SageMakerTrainingOperator(task_id='t', config={TRAINING})") == []


WRONG = [
    # what is put in place of what, and what is said
    (
        '"depth": "3"',
        '"depth": 3',
        "5 SageMakerTrainingOperator: HyperParameters['depth'] is 3; expected a string",
    ),
    ('"depth": "3"', '"depth": [3]', "HyperParameters['depth'] is [3]; expected a string"),
    (
        '"HyperParameters"',
        '"Hyperparameters"',
        "5 SageMakerTrainingOperator: Hyperparameters is no member of",
    ),
    ('"HyperParameters"', '"Hyperparameters"', "did you mean 'HyperParameters'?"),
    ('"File"', '"FILE"', "AlgorithmSpecification.TrainingInputMode is 'FILE'; allowed are Pipe, File"),
    ('"ml.m5.large"', '"m5.large"', "ResourceConfig.InstanceType is 'm5.large'; allowed are ml."),
    ('"ml.m5.large"', '"m5.large"', "did you mean 'ml.m5.large'?"),
    ('"S3Uri"', '"Uri"', "InputDataConfig[0].DataSource.S3DataSource.Uri is no member of"),
    (
        '"S3Uri"',
        '"Uri"',
        "8 SageMakerTrainingOperator: InputDataConfig[0].DataSource.S3DataSource.S3Uri is missing",
    ),
    ('"InstanceCount": 1', '"InstanceCount": "one"', "InstanceCount is 'one'; expected an integer"),
    ('"InstanceCount": 1', '"InstanceCount": True', "InstanceCount is True; expected an integer"),
    ('{"S3OutputPath": "s3://bucket/models"}', '"s3://bucket"', "is 's3://bucket'; expected a dictionary"),
    ('"iris-{{ ts_nodash }}"', '"iris_1"', "TrainingJobName is 'iris_1'; it must match"),
    ('"SageMakerRole"', '"arn:aws:iam::1:role/x"', "RoleArn is 'arn:aws:iam::1:role/x'; it must match"),
    ('    "RoleArn": "SageMakerRole",\n', "", "1 SageMakerTrainingOperator: RoleArn is missing"),
]


@pytest.mark.parametrize(("right", "wrong", "said"), WRONG)
def test_what_is_refused_is_said_at_its_line(tmp_path: Path, right: str, wrong: str, said: str) -> None:
    assert right in TRAINING
    text = f"SageMakerTrainingOperator(config={TRAINING.replace(right, wrong)})"
    assert any(said in each for each in found(tmp_path, text)), found(tmp_path, text)


NOT_KNOWN = [
    "config = {'TrainingJobName': 'x'}\nconfig['RoleArn'] = ROLE\nSageMakerTrainingOperator(config=config)",
    "SageMakerTrainingOperator(config={**COMMON, 'TrainingJobName': 'x'})",
    "SageMakerTrainingOperator(config={key(): value, 'TrainingJobName': 'x'})",
    "SageMakerTrainingOperator(config=config_of(model))",
    "SageMakerTrainingOperator.partial(task_id='t').expand(config=[{}])",
    "SageMakerEndpointOperator(config={'EndpointName': 'x', 'EndpointConfigName': 'y'}, operation='update')",
    "SageMakerEndpointOperator(config={'EndpointName': 'x', 'Other': 1}, operation=how)",
    "AnotherOperator(config={'TrainingJobName': 1}) or SageMakerTrainingOperator()",
    "SageMakerTrainingOperator(config={})",  # in a test
    f"SageMakerTrainingOperator(config={TRAINING.replace('ml.m5.large', 'ml.x99.large')})",  # a newer one
]


@pytest.mark.parametrize("text", NOT_KNOWN)
def test_what_is_not_written_is_not_judged(tmp_path: Path, text: str) -> None:
    assert found(tmp_path, text) == []


PARTS = [
    (
        "SageMakerTransformOperator(config={'Model': M, 'Transform': {'Name': 1}})",
        "Name is no member of CreateTransformJob",
    ),
    (
        "SageMakerTransformOperator(config={'TransformJobName': 1})",
        "TransformJobName is 1; expected a string",
    ),
    ("SageMakerEndpointOperator(config={'Endpoint': {'EndpointName': 'a_b'}})", "EndpointName is 'a_b'"),
    (
        "SageMakerEndpointOperator(config={'Endpoint': {'Tags': []}}, operation='update')",
        "Tags is no member of UpdateEndpoint",
    ),
    (
        "NAME = 'a_b'\nSageMakerModelOperator(config={'ModelName': NAME})",
        "1 SageMakerModelOperator: ModelName is 'a_b'",
    ),
]


@pytest.mark.parametrize(("text", "said"), PARTS)
def test_each_request_of_a_config_is_judged(tmp_path: Path, text: str, said: str) -> None:
    assert any(said in each for each in found(tmp_path, text)), found(tmp_path, text)
