"""Drop-in: a chain as the Amazon provider's own examples have it, with its sensors, on our operators.

Amazon's KNN is prepared for, trained, tuned, registered, served and asked, and everything is deleted again.
As in those examples `wait_for_completion` is set on operators that exist, and sensors do the waiting.
"""

from __future__ import annotations

import numpy as np
import pytest
from airflow.providers.amazon.aws.sensors import sagemaker as sensors
from tests.integration import test_algorithms as algorithms
from tests.integration import training_jobs as jobs

from sagewind.operators import sagemaker as ours

KNN = f"{algorithms.ACCOUNT}/knn:1"
RECORDIO = "application/x-recordio-protobuf"
MACHINE = {"InstanceCount": 1, "InstanceType": "ml.m5.large", "VolumeSizeInGB": 1}
SPLIT = """
import pathlib
source = pathlib.Path("/opt/ml/processing/input/data/rows.csv").read_text().splitlines(keepends=True)
pathlib.Path("/opt/ml/processing/output/test.csv").write_text("".join(source[1:]))
"""


@pytest.fixture
def name():
    return jobs.unique("knn")


@pytest.fixture
def started(attempt):
    """Start an operator's work without waiting for it, and wait by a sensor of the provider."""

    def start(operator, sensor):
        operator.wait_for_completion = False
        result = attempt(lambda: operator).run()
        attempt(lambda: sensor).run()
        return result

    return start


def channel(key, uri, kind):
    source = {"S3DataDistributionType": "FullyReplicated", "S3DataType": "S3Prefix", "S3Uri": uri}
    return {"ChannelName": key, "ContentType": kind, "DataSource": {"S3DataSource": source}}


def processing(name):
    ends = {
        "code": (f"s3://{jobs.BUCKET}/{name}/code/", "/opt/ml/processing/input/code"),
        "data": (f"s3://{jobs.BUCKET}/{name}/raw/", "/opt/ml/processing/input/data"),
    }
    inputs = [
        {
            "InputName": key,
            "AppManaged": False,
            "S3Input": {"S3Uri": uri, "LocalPath": path, "S3DataType": "S3Prefix", "S3InputMode": "File"},
        }
        for key, (uri, path) in ends.items()
    ]
    output = {
        "S3Uri": f"s3://{jobs.BUCKET}/{name}/ready",
        "LocalPath": "/opt/ml/processing/output",
        "S3UploadMode": "EndOfJob",
    }
    return {
        "ProcessingJobName": name,
        "ProcessingInputs": inputs,
        "ProcessingOutputConfig": {"Outputs": [{"OutputName": "output", "S3Output": output}]},
        "ProcessingResources": {"ClusterConfig": MACHINE},
        "StoppingCondition": {"MaxRuntimeInSeconds": 600},
        "AppSpecification": {
            "ImageUri": jobs.IMAGE.format("1.9-0"),
            "ContainerEntrypoint": ["python3", "/opt/ml/processing/input/code/split.py"],
        },
        "RoleArn": jobs.ROLE,
    }


def definition(name):
    return {
        "AlgorithmSpecification": {"TrainingImage": KNN, "TrainingInputMode": "File"},
        "InputDataConfig": [
            channel(key, f"s3://{jobs.BUCKET}/{name}/train", RECORDIO) for key in ("train", "test")
        ],
        "OutputDataConfig": {"S3OutputPath": f"s3://{jobs.BUCKET}/{name}/results"},
        "ResourceConfig": MACHINE,
        "RoleArn": jobs.ROLE,
        "StoppingCondition": {"MaxRuntimeInSeconds": "600"},  # text becomes a number, as with theirs
    }


def training(name):
    parameters = {"predictor_type": "classifier", "feature_dim": "2", "k": "3", "sample_size": "60"}
    return {"TrainingJobName": name, "HyperParameters": parameters, **definition(name)}


def tuning(name):
    k = {"Name": "k", "MinValue": "1", "MaxValue": "9"}
    return {
        "HyperParameterTuningJobName": name,
        "HyperParameterTuningJobConfig": {
            "Strategy": "Bayesian",
            "HyperParameterTuningJobObjective": {"MetricName": "test:accuracy", "Type": "Maximize"},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": "2", "MaxParallelTrainingJobs": "2"},
            "ParameterRanges": {"CategoricalParameterRanges": [], "IntegerParameterRanges": [k]},
        },
        "TrainingJobDefinition": {
            "StaticHyperParameters": {
                "predictor_type": "classifier",
                "feature_dim": "2",
                "sample_size": "60",
            },
            **definition(name),
        },
    }


def transform(name):
    source = {"S3DataType": "S3Prefix", "S3Uri": f"s3://{jobs.BUCKET}/{name}/ready/test.csv"}
    return {
        "TransformJobName": name,
        "ModelName": name,
        "TransformInput": {
            "DataSource": {"S3DataSource": source},
            "SplitType": "Line",
            "ContentType": "text/csv",
        },
        "TransformOutput": {"S3OutputPath": f"s3://{jobs.BUCKET}/{name}/scores"},
        "TransformResources": {"InstanceCount": 1, "InstanceType": "ml.m5.large"},
    }


def test_a_chain_of_the_providers_examples_runs_on_our_operators(attempt, started, s3, aws, name):
    labels = [i % 2 for i in range(60)]
    rows = np.array([[100 * label, i] for i, label in enumerate(labels)], dtype=np.float32)
    s3.put_object(Bucket=jobs.BUCKET, Key=f"{name}/train/data", Body=algorithms.as_recordio(rows, labels))
    s3.put_object(Bucket=jobs.BUCKET, Key=f"{name}/raw/rows.csv", Body=b"x,y\n0,2\n1,5\n")
    s3.put_object(Bucket=jobs.BUCKET, Key=f"{name}/code/split.py", Body=SPLIT.encode())
    attempt(lambda: ours.SageMakerCreateExperimentOperator(task_id="e", name=name)).run()
    started(
        ours.SageMakerProcessingOperator(task_id="prepare", config=processing(name)),
        sensors.SageMakerProcessingSensor(task_id="await_p", job_name=name, poke_interval=1),
    )
    started(
        ours.SageMakerTrainingOperator(task_id="train", config=training(name)),
        sensors.SageMakerTrainingSensor(task_id="await_t", job_name=name, poke_interval=1),
    )
    started(
        ours.SageMakerTuningOperator(task_id="tune", config=tuning(name)),
        sensors.SageMakerTuningSensor(task_id="await_h", job_name=name, poke_interval=1),
    )
    artifact = f"s3://{jobs.BUCKET}/{name}/results/{name}/output/model.tar.gz"
    container = {"Mode": "SingleModel", "Image": KNN, "ModelDataUrl": artifact}
    model = {"ExecutionRoleArn": jobs.ROLE, "ModelName": name, "PrimaryContainer": container}
    made = attempt(lambda: ours.SageMakerModelOperator(task_id="model", config=model)).run()
    assert made["Model"]["PrimaryContainer"]["ModelDataUrl"] == artifact
    version = attempt(
        lambda: ours.SageMakerRegisterModelVersionOperator(
            task_id="register", image_uri=KNN, model_url=artifact, package_group_name=name
        )
    ).run()
    assert version.endswith(f"model-package/{name}/1")
    started(
        ours.SageMakerTransformOperator(task_id="score", config=transform(name)),
        sensors.SageMakerTransformSensor(task_id="await_s", job_name=name, poke_interval=1),
    )
    scores = s3.get_object(Bucket=jobs.BUCKET, Key=f"{name}/scores/test.csv.out")["Body"].read()
    assert scores.decode().count("predicted_label") == 2
    _serve_and_ask(attempt, started, name)
    attempt(lambda: ours.SageMakerDeleteModelOperator(task_id="delete", config={"ModelName": name})).run()
    assert aws("sagemaker").list_models(NameContains=name)["Models"] == []


def _serve_and_ask(attempt, started, name):
    variant = {
        "VariantName": "a",
        "ModelName": name,
        "InitialInstanceCount": 1,
        "InstanceType": "ml.t2.medium",
    }
    config = {"EndpointConfigName": name, "ProductionVariants": [variant]}
    made = attempt(lambda: ours.SageMakerEndpointConfigOperator(task_id="config", config=config)).run()
    assert made["EndpointConfig"]["EndpointConfigName"] == name
    endpoint = {"EndpointName": name, "EndpointConfigName": name}
    started(
        ours.SageMakerEndpointOperator(task_id="deploy", config={"Endpoint": endpoint}),
        sensors.SageMakerEndpointSensor(task_id="await_e", endpoint_name=name, poke_interval=1),
    )
    ask = ours.SageMakerInvokeEndpointOperator(task_id="ask", endpoint_name=name, body="100,7\n")
    assert attempt(lambda: ask).run() == {"predictions": [{"predicted_label": 1.0}]}
    delete = ours.SageMakerDeleteEndpointOperator(task_id="delete", endpoint_name=name)
    attempt(lambda: delete).run()
