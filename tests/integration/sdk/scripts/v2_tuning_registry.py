"""SDK v2: tune, register the best model, approve it, deploy the package."""

import json

import numpy as np
import sagemaker
from sagemaker.model import ModelPackage
from sagemaker.sklearn.estimator import SKLearn
from sagemaker.sklearn.model import SKLearnModel
from sagemaker.tuner import HyperparameterTuner, IntegerParameter

session = sagemaker.Session()
role = sagemaker.get_execution_role()
data = session.upload_data("iris.csv", session.default_bucket(), "tuning/train")

tuner = HyperparameterTuner(
    estimator=SKLearn(
        source_dir="src",
        entry_point="train.py",
        framework_version="1.2-1",
        instance_type="ml.m5.large",
        role=role,
        sagemaker_session=session,
    ),
    objective_metric_name="accuracy",
    metric_definitions=[{"Name": "accuracy", "Regex": r"Accuracy=([\d.]+)"}],
    hyperparameter_ranges={"n-estimators": IntegerParameter(2, 8)},
    strategy="Random",
    max_jobs=2,
    max_parallel_jobs=2,
    base_tuning_job_name="v2-tuning",
)
tuner.fit({"train": data})
table = tuner.analytics().dataframe()
print(table[["TrainingJobName", "n-estimators", "FinalObjectiveValue"]])
assert set(table["TrainingJobStatus"]) == {"Completed"}
assert table["FinalObjectiveValue"].max() > 0.8

attached = HyperparameterTuner.attach(tuner.latest_tuning_job.name, sagemaker_session=session)
assert attached.best_training_job() == tuner.best_training_job()
attached = SKLearn.attach(tuner.best_training_job(), sagemaker_session=session)
best = session.describe_training_job(tuner.best_training_job())
assert attached.model_data == best["ModelArtifacts"]["S3ModelArtifacts"]
model = SKLearnModel(
    model_data=best["ModelArtifacts"]["S3ModelArtifacts"],
    source_dir="src",
    entry_point="train.py",
    framework_version="1.2-1",
    role=role,
    sagemaker_session=session,
)
package = model.register(
    content_types=["text/csv"],
    response_types=["application/json"],
    inference_instances=["ml.m5.large"],
    transform_instances=["ml.m5.large"],
    model_package_group_name="v2-iris",
    approval_status="PendingManualApproval",
)
session.sagemaker_client.update_model_package(
    ModelPackageArn=package.model_package_arn, ModelApprovalStatus="Approved"
)
approved = session.sagemaker_client.list_model_packages(
    ModelPackageGroupName="v2-iris", ModelApprovalStatus="Approved"
)["ModelPackageSummaryList"]
assert [each["ModelPackageArn"] for each in approved] == [package.model_package_arn]

deployed = ModelPackage(role=role, model_package_arn=package.model_package_arn, sagemaker_session=session)
deployed.deploy(initial_instance_count=1, instance_type="ml.m5.large", endpoint_name="v2-package")
predictor = sagemaker.predictor.Predictor(
    "v2-package",
    session,
    serializer=sagemaker.serializers.CSVSerializer(),
    deserializer=sagemaker.deserializers.JSONDeserializer(),
)
predicted = predictor.predict(np.loadtxt("rows.csv", delimiter=","))
print("predicted", json.dumps(predicted))
assert len(predicted) == 15
predictor.delete_endpoint()
