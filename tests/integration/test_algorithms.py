"""The built-in algorithms as real jobs: the KNN of the Amazon provider's system test, and XGBoost."""

from __future__ import annotations

import io
import json
import time

import numpy as np
import pytest
from sklearn import datasets
from tests.integration.training_jobs import (
    ROLE,
    archive_names,
    channel,
    log_lines,
    unique,
    wait,
    wait_for_line,
)

from sagelocal.algorithms import protobuf
from sagelocal.serving import recordio

BUCKET = "algorithm-tests"
ACCOUNT = "174872318107.dkr.ecr.us-west-2.amazonaws.com"
SECONDS = 120


@pytest.fixture(scope="module")
def s3(aws):
    client = aws("s3")
    client.create_bucket(Bucket=BUCKET)
    return client


@pytest.fixture(scope="module")
def iris():
    bunch = datasets.load_iris()
    order = np.random.default_rng(0).permutation(150)
    return bunch.data[order].astype(np.float32), bunch.target[order]


def as_recordio(features, labels=None):
    frames = io.BytesIO()
    for index, row in enumerate(features.tolist()):
        label = {} if labels is None else {"values": protobuf.Tensor(values=[float(labels[index])])}
        record = protobuf.Record(features={"values": protobuf.Tensor(values=row)}, label=label)
        frames.write(recordio.write(protobuf.encode(record)))
    return frames.getvalue()


def as_csv(features):
    return "".join(",".join(map(str, row)) + "\n" for row in features.tolist()).encode()


def train(aws, image, parameters, **channels):
    name = unique("algo")
    start(aws("sagemaker"), name, image, parameters, **channels)
    return wait(aws("sagemaker"), name)


def start(sagemaker, name, image, parameters, **channels):
    sagemaker.create_training_job(
        TrainingJobName=name,
        AlgorithmSpecification={"TrainingImage": f"{ACCOUNT}/{image}", "TrainingInputMode": "File"},
        HyperParameters={key: str(value) for key, value in parameters.items()},
        InputDataConfig=[
            {**channel(key, uri), "ContentType": kind, "InputMode": "File"}
            for key, (uri, kind) in channels.items()
        ],
        OutputDataConfig={"S3OutputPath": f"s3://{BUCKET}/out"},
        ResourceConfig={"InstanceCount": 1, "InstanceType": "ml.c4.xlarge", "VolumeSizeInGB": 5},
        RoleArn=ROLE,
        StoppingCondition={"MaxRuntimeInSeconds": 300},
    )


def until_over(describe, key, *over):
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        answer = describe()
        if answer[key] in over:
            return answer
        time.sleep(0.1)
    raise AssertionError(f"{answer[key]} after {SECONDS} s")


@pytest.fixture(scope="module")
def knn(aws, s3, iris):
    features, labels = iris
    recordio_type = "application/x-recordio-protobuf"
    s3.put_object(Bucket=BUCKET, Key="knn/train/data", Body=as_recordio(features[:100], labels[:100]))
    s3.put_object(Bucket=BUCKET, Key="knn/test/data", Body=as_recordio(features[100:], labels[100:]))
    job = train(
        aws,
        "knn:1",
        {"predictor_type": "classifier", "feature_dim": 4, "k": 3, "sample_size": 100},
        train=(f"s3://{BUCKET}/knn/train/", recordio_type),
        test=(f"s3://{BUCKET}/knn/test/", recordio_type),
    )
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    return job


@pytest.fixture(scope="module")
def endpoint(aws, knn):
    sagemaker, name = aws("sagemaker"), unique("knn")
    sagemaker.create_model(
        ModelName=name,
        PrimaryContainer={
            "Image": f"{ACCOUNT}/knn:1",
            "ModelDataUrl": knn["ModelArtifacts"]["S3ModelArtifacts"],
        },
        ExecutionRoleArn=ROLE,
    )
    variant = {
        "VariantName": "AllTraffic",
        "ModelName": name,
        "InitialInstanceCount": 1,
        "InstanceType": "ml.m5.large",
    }
    sagemaker.create_endpoint_config(EndpointConfigName=name, ProductionVariants=[variant])
    sagemaker.create_endpoint(EndpointName=name, EndpointConfigName=name)
    try:
        answer = until_over(
            lambda: sagemaker.describe_endpoint(EndpointName=name), "EndpointStatus", "InService", "Failed"
        )
        assert answer["EndpointStatus"] == "InService", answer.get("FailureReason")
        yield name
    finally:
        sagemaker.delete_endpoint(EndpointName=name)


def test_knn_trains_and_reports_its_metric(aws, knn):
    metrics = {datum["MetricName"]: datum["Value"] for datum in knn["FinalMetricDataList"]}

    assert metrics["test:accuracy"] > 0.9
    names = [each["Name"] for each in knn["AlgorithmSpecification"]["MetricDefinitions"]]
    assert "test:accuracy" in names
    assert any(
        "#quality_metric: host=algo-1, test accuracy <score>=" in line
        for line in log_lines(aws("logs"), knn["TrainingJobName"])
    )


@pytest.mark.parametrize(
    ("content_type", "accept"),
    [
        ("text/csv", "application/json"),
        ("application/json", "application/json"),
        ("application/x-recordio-protobuf", "application/jsonlines"),
    ],
)
def test_knn_predicts(aws, endpoint, iris, content_type, accept):
    features, labels = iris
    bodies = {
        "text/csv": as_csv(features[:5]),
        "application/json": json.dumps(
            {"instances": [{"features": row} for row in features[:5].tolist()]}
        ).encode(),
        "application/x-recordio-protobuf": as_recordio(features[:5]),
    }

    answer = aws("sagemaker-runtime").invoke_endpoint(
        EndpointName=endpoint, Body=bodies[content_type], ContentType=content_type, Accept=accept
    )

    body = answer["Body"].read()
    assert answer["ContentType"] == accept
    rows = (
        json.loads(body)["predictions"]
        if accept.endswith("/json")
        else [json.loads(x) for x in body.splitlines()]
    )
    assert [row["predicted_label"] for row in rows] == labels[:5].tolist()


def test_knn_says_its_neighbours(aws, endpoint):
    answer = aws("sagemaker-runtime").invoke_endpoint(
        EndpointName=endpoint,
        Body=b"5,3,1.5,0.2",
        ContentType="text/csv",
        Accept="application/json; verbose=true",
    )

    (row,) = json.loads(answer["Body"].read())["predictions"]
    assert row["labels"] == [0.0, 0.0, 0.0]
    assert len(row["distances"]) == 3


@pytest.mark.parametrize(
    ("body", "content_type", "accept", "status"),
    [
        (b"1,2,3", "text/csv", "application/json", 400),  # three features for a model of four
        (b"a,b", "text/csv", "application/json", 400),
        (b"1,2,3,4", "image/png", "application/json", 415),
        (b"1,2,3,4", "text/csv", "image/png", 406),
    ],
)
def test_bad_requests_are_the_clients_fault(aws, endpoint, body, content_type, accept, status):
    with pytest.raises(aws("sagemaker-runtime").exceptions.ModelError) as caught:
        aws("sagemaker-runtime").invoke_endpoint(
            EndpointName=endpoint, Body=body, ContentType=content_type, Accept=accept
        )

    assert caught.value.response["OriginalStatusCode"] == status


@pytest.mark.parametrize(
    ("content_type", "split", "accept"),
    [
        ("text/csv", "Line", "application/jsonlines"),
        ("application/x-recordio-protobuf", "RecordIO", "application/jsonlines"),
    ],
)
def test_knn_transforms(aws, s3, knn, endpoint, iris, content_type, split, accept):
    features, labels = iris
    name = unique("transform")
    body = as_recordio(features) if split == "RecordIO" else as_csv(features)
    s3.put_object(Bucket=BUCKET, Key=f"{name}/in/data", Body=body)
    aws("sagemaker").create_transform_job(
        TransformJobName=name,
        ModelName=endpoint,  # the model has the endpoint's name
        TransformInput={
            "DataSource": {"S3DataSource": {"S3DataType": "S3Prefix", "S3Uri": f"s3://{BUCKET}/{name}/in/"}},
            "ContentType": content_type,
            "SplitType": split,
        },
        TransformOutput={
            "S3OutputPath": f"s3://{BUCKET}/{name}/out",
            "Accept": accept,
            "AssembleWith": "Line",
        },
        TransformResources={"InstanceCount": 1, "InstanceType": "ml.m5.large"},
    )

    job = until_over(
        lambda: aws("sagemaker").describe_transform_job(TransformJobName=name),
        "TransformJobStatus",
        *("Completed", "Failed"),
    )

    assert job["TransformJobStatus"] == "Completed", job.get("FailureReason")
    answer = s3.get_object(Bucket=BUCKET, Key=f"{name}/out/data.out")["Body"].read()
    predicted = [json.loads(line)["predicted_label"] for line in answer.splitlines() if line]
    assert len(predicted) == 150
    assert np.mean(np.array(predicted) == labels) > 0.9


def tune(aws, image, objective, static, channels, **ranges):
    name = unique("tune")
    aws("sagemaker").create_hyper_parameter_tuning_job(
        HyperParameterTuningJobName=name,
        HyperParameterTuningJobConfig={
            "Strategy": "Bayesian",
            "HyperParameterTuningJobObjective": {"Type": "Maximize", "MetricName": objective},
            "ResourceLimits": {"MaxNumberOfTrainingJobs": 2, "MaxParallelTrainingJobs": 2},
            "ParameterRanges": {
                "IntegerParameterRanges": [
                    {"Name": key, "MinValue": str(low), "MaxValue": str(high)}
                    for key, (low, high) in ranges.items()
                ]
            },
        },
        TrainingJobDefinition={
            "StaticHyperParameters": static,
            "AlgorithmSpecification": {"TrainingImage": f"{ACCOUNT}/{image}", "TrainingInputMode": "File"},
            "InputDataConfig": channels,
            "OutputDataConfig": {"S3OutputPath": f"s3://{BUCKET}/out"},
            "ResourceConfig": {"InstanceCount": 1, "InstanceType": "ml.c4.xlarge", "VolumeSizeInGB": 5},
            "RoleArn": ROLE,
            "StoppingCondition": {"MaxRuntimeInSeconds": 300},
        },
    )
    job = until_over(
        lambda: aws("sagemaker").describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=name),
        "HyperParameterTuningJobStatus",
        *("Completed", "Failed"),
    )
    assert job["HyperParameterTuningJobStatus"] == "Completed", job.get("FailureReason")
    return job


def test_knn_is_tuned(aws, s3, knn):
    job = tune(
        aws,
        "knn:1",
        "test:accuracy",
        {"predictor_type": "classifier", "feature_dim": "4"},
        knn["InputDataConfig"],
        k=(1, 20),
        sample_size=(50, 100),
    )

    best = job["BestTrainingJob"]
    assert best["FinalHyperParameterTuningJobObjectiveMetric"]["MetricName"] == "test:accuracy"
    assert best["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] > 0.8
    assert set(best["TunedHyperParameters"]) == {"k", "sample_size"}


@pytest.mark.parametrize("objective", ["validation:auc", "validation:balanced_accuracy"])
def test_xgboost_is_tuned_for_a_metric_that_no_hyperparameter_names(aws, s3, iris, objective):
    features, labels = iris
    table = np.column_stack([labels == 2, features])
    s3.put_object(Bucket=BUCKET, Key="xgb/binary.csv", Body=as_csv(table))

    job = tune(
        aws,
        "sagemaker-xgboost:3.0-5",
        objective,
        {"num_round": "5", "objective": "binary:logistic", "early_stopping_rounds": "3"},
        [
            {**channel(name, f"s3://{BUCKET}/xgb/binary.csv"), "ContentType": "csv", "InputMode": "File"}
            for name in ("train", "validation")
        ],
        max_depth=(1, 5),
    )

    assert job["ObjectiveStatusCounters"] == {"Succeeded": 2, "Pending": 0, "Failed": 0}
    best = job["BestTrainingJob"]
    assert best["FinalHyperParameterTuningJobObjectiveMetric"]["MetricName"] == objective
    assert best["FinalHyperParameterTuningJobObjectiveMetric"]["Value"] > 0.9
    child = aws("sagemaker").describe_training_job(TrainingJobName=best["TrainingJobName"])
    names = {datum["MetricName"] for datum in child["FinalMetricDataList"]}
    assert names >= {objective, objective.replace("validation", "train")}


def test_wrong_hyperparameters_fail_the_job_in_awss_words(aws, s3, knn):
    job = train(aws, "knn:1", {"k": 3}, train=(f"s3://{BUCKET}/knn/train/", "text/csv"))

    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith(
        "ClientError: No value(s) were specified for 'feature_dim', 'predictor_type', 'sample_size' "
        "which are required hyperparameter(s) (caused by ValidationError)"
    )


def test_metric_definitions_of_an_algorithm_cannot_be_overridden(aws, s3):
    with pytest.raises(
        aws("sagemaker").exceptions.ClientError, match="You can't override the metric definitions"
    ):
        aws("sagemaker").create_training_job(
            TrainingJobName=unique("algo"),
            AlgorithmSpecification={
                "TrainingImage": f"{ACCOUNT}/knn:1",
                "TrainingInputMode": "File",
                "MetricDefinitions": [{"Name": "a", "Regex": "b"}],
            },
            OutputDataConfig={"S3OutputPath": f"s3://{BUCKET}/out"},
            ResourceConfig={"InstanceCount": 1, "InstanceType": "ml.c4.xlarge", "VolumeSizeInGB": 5},
            RoleArn=ROLE,
            StoppingCondition={"MaxRuntimeInSeconds": 300},
        )


def test_xgboost_trains_on_csv(aws, s3, iris):
    features, labels = iris
    table = np.column_stack([labels, features])
    text = "\n".join(",".join(map(str, row)) for row in table.tolist())
    s3.put_object(Bucket=BUCKET, Key="xgb/train.csv", Body=text.encode())

    job = train(
        aws,
        "sagemaker-xgboost:3.0-5",
        {"num_round": 10, "objective": "multi:softmax", "num_class": 3, "eval_metric": "mlogloss,accuracy"},
        train=(f"s3://{BUCKET}/xgb/train.csv", "text/csv"),
        validation=(f"s3://{BUCKET}/xgb/train.csv", "csv"),
    )

    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    metrics = {datum["MetricName"]: datum["Value"] for datum in job["FinalMetricDataList"]}
    assert metrics["validation:accuracy"] > 0.95
    assert metrics["train:mlogloss"] < 0.3


@pytest.mark.parametrize(
    ("more", "channels"), [({"eval_metric": "rmse"}, ("train",)), ({}, ("train", "validation"))]
)
def test_xgboost_stops_early_only_by_a_metric_of_the_validation_channel(aws, s3, iris, more, channels):
    features, labels = iris
    # Its labels are noise to the model: the metric is best at once.
    s3.put_object(Bucket=BUCKET, Key="xgb/validation.csv", Body=as_csv(np.column_stack([-labels, features])))
    s3.put_object(Bucket=BUCKET, Key="xgb/plain.csv", Body=as_csv(np.column_stack([labels, features])))
    places = {"train": "plain", "validation": "validation"}

    def rounds(channels, **parameters):
        job = train(
            aws,
            "sagemaker-xgboost:3.0-5",
            {"num_round": 12, "early_stopping_rounds": 2, **parameters},
            **{name: (f"s3://{BUCKET}/xgb/{places[name]}.csv", "csv") for name in channels},
        )
        assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
        lines = log_lines(aws("logs"), job["TrainingJobName"])
        said = any("early_stopping_rounds has no effect" in line for line in lines)
        return sum("#011train-rmse:" in line for line in lines), said

    assert rounds(channels, **more) == (12, True)
    stopped, said = rounds(("train", "validation"), eval_metric="rmse")
    assert stopped < 12
    assert not said


def test_xgboost_ranks_within_the_queries_of_a_libsvm_channel(aws, s3):
    # One row a query: there is nothing to rank wrongly, which a ranking of all rows would do.
    s3.put_object(
        Bucket=BUCKET, Key="xgb/rank.libsvm", Body=b"1 qid:1 0:1\n0 qid:2 0:1\n1 qid:3 0:1\n0 qid:4 0:1\n"
    )

    job = train(
        aws,
        "sagemaker-xgboost:3.0-5",
        {"num_round": 1, "objective": "rank:pairwise", "eval_metric": "ndcg"},
        train=(f"s3://{BUCKET}/xgb/rank.libsvm", "libsvm"),
    )

    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    assert {datum["MetricName"]: datum["Value"] for datum in job["FinalMetricDataList"]} == {
        "train:ndcg": 1.0
    }


@pytest.mark.parametrize(
    ("labels", "objective", "reason"),
    [
        (b"1\n-1\n", {"objective": "count:poisson"}, "PoissonRegression: label must be nonnegative"),
        (b"0\n7\n", {"objective": "multi:softmax", "num_class": 3}, "label must be in [0, num_class)"),
    ],
)
def test_xgboost_says_which_labels_it_refuses(aws, s3, labels, objective, reason):
    s3.put_object(Bucket=BUCKET, Key="xgb/labels.csv", Body=labels.replace(b"\n", b",1\n"))

    job = train(
        aws,
        "sagemaker-xgboost:3.0-5",
        {"num_round": 1, **objective},
        train=(f"s3://{BUCKET}/xgb/labels.csv", "csv"),
    )

    assert job["TrainingJobStatus"] == "Failed"
    assert job["FailureReason"].startswith("ClientError: ")
    assert reason in job["FailureReason"]
    assert "Stack trace" not in job["FailureReason"]


def test_xgboost_keeps_the_model_of_a_job_that_is_stopped(aws, s3, iris):
    features, labels = iris
    s3.put_object(Bucket=BUCKET, Key="xgb/plain.csv", Body=as_csv(np.column_stack([labels, features])))
    sagemaker, name = aws("sagemaker"), unique("algo")
    start(
        sagemaker,
        name,
        "sagemaker-xgboost:3.0-5",
        {"num_round": 10_000_000, "save_model_on_termination": "true"},
        train=(f"s3://{BUCKET}/xgb/plain.csv", "csv"),
    )
    wait_for_line(aws("logs"), name, "train-rmse")
    sagemaker.stop_training_job(TrainingJobName=name)

    job = wait(sagemaker, name)
    assert job["TrainingJobStatus"] == "Stopped"
    assert archive_names(s3, job["ModelArtifacts"]["S3ModelArtifacts"]) == ["xgboost-model"]
