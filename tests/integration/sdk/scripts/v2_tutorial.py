"""The tutorial's session 1, with SDK v2: train, load the model, predict online and in batch.

As it is written there, but for `transform(...).wait()`: in every SDK v2 `transform` returns None.
"""

from __future__ import annotations

import json
from pathlib import Path

import boto3
import numpy as np
import sagemaker
from sagemaker.sklearn.estimator import SKLearn
from sagemaker.sklearn.model import SKLearnModel

role = sagemaker.get_execution_role()
session = sagemaker.Session()
bucket = session.default_bucket()
print("region", session.boto_session.region_name, "bucket", bucket, "role", role)
train_s3 = session.upload_data("iris.csv", bucket, "tutorial/train")

sklearn = SKLearn(
    source_dir="./src",
    entry_point="train.py",
    framework_version="0.23-1",
    instance_type="ml.c4.xlarge",
    role=role,
    sagemaker_session=session,
    metric_definitions=[{"Name": "train:accuracy", "Regex": "Accuracy=(.*)"}],
    hyperparameters={"min_leaf_nodes": 3, "n_estimators": 10, "target": "Species"},
)
sklearn.fit(inputs={"train": train_s3})

sm_boto3 = boto3.client("sagemaker")
last_job_name = sm_boto3.list_training_jobs()["TrainingJobSummaries"][0]["TrainingJobName"]
job = sm_boto3.describe_training_job(TrainingJobName=last_job_name)
print("accuracy", job["FinalMetricDataList"][0]["Value"])
sklearn = SKLearnModel(
    model_data=job["ModelArtifacts"]["S3ModelArtifacts"],
    source_dir="./src",
    entry_point="train.py",
    framework_version="0.23-1",
    role=role,
    sagemaker_session=session,
)

predictor = sklearn.deploy(initial_instance_count=1, instance_type="ml.m5.xlarge")
rows = np.loadtxt("rows.csv", delimiter=",")
predicted = predictor.predict(rows)
print("predicted", type(predicted).__name__, predicted.shape, sorted(set(predicted.tolist())))
predictor.delete_endpoint()

transformer = sklearn.transformer(instance_count=1, instance_type="ml.m5.xlarge")
batch_input_s3 = session.upload_data("rows.csv", bucket, "tutorial/batch")
transformer.transform(batch_input_s3, content_type="text/csv", wait=False)
transformer.wait()
print("transformed to", transformer.output_path)
session.download_data("out", bucket, transformer.output_path.removeprefix(f"s3://{bucket}/"))
batch = Path("out/rows.csv.out").read_text()
print("batch", batch[:60])
assert json.loads(batch) == predicted.tolist()
