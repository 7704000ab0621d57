"""SDK v2: a run of an experiment whose job is tracked, and lineage from its package back to its data."""

import time

import sagemaker
from sagemaker.experiments.run import Run, load_run
from sagemaker.lineage.artifact import ModelArtifact
from sagemaker.lineage.query import LineageQueryDirectionEnum
from sagemaker.lineage.visualizer import LineageTableVisualizer
from sagemaker.sklearn.estimator import SKLearn
from sagemaker.sklearn.model import SKLearnModel

session = sagemaker.Session()
role = sagemaker.get_execution_role()
data = session.upload_data("iris.csv", session.default_bucket(), "v2-lineage/data")
estimator = SKLearn(
    source_dir="src",
    entry_point="train.py",
    framework_version="1.2-1",
    instance_type="ml.m5.large",
    role=role,
    sagemaker_session=session,
    metric_definitions=[{"Name": "accuracy", "Regex": r"Accuracy=([\d.]+)"}],
)
with Run(experiment_name="v2-irises", run_name="first", sagemaker_session=session) as run:
    run.log_parameter("trees", 7)
    run.log_metric(name="loss", value=0.5, step=1)
    run.log_file("rows.csv", name="rows", is_output=False)
    estimator.fit({"train": data})
with load_run(experiment_name="v2-irises", run_name="first", sagemaker_session=session) as again:
    again.log_metric(name="loss", value=0.25, step=2)

job = estimator.latest_training_job.describe()
assert job["ExperimentConfig"]["ExperimentName"] == "v2-irises"
frame = sagemaker.analytics.ExperimentAnalytics(
    experiment_name="v2-irises", sagemaker_session=session
).dataframe()
print(frame.T)
assert set(frame["TrialComponentName"]) == {"v2-irises-first", f"{job['TrainingJobName']}-aws-training-job"}
assert frame["accuracy - Last"].max() > 0.8

model = SKLearnModel(
    model_data=estimator.model_data,
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
    model_package_group_name="v2-lineage",
    approval_status="Approved",
)

tables = LineageTableVisualizer(session)
of_job = tables.show(training_job_name=job["TrainingJobName"])
print(of_job)
assert set(of_job[of_job["Direction"] == "Input"]["Type"]) == {"Image", "DataSet"}
assert list(of_job[of_job["Direction"] == "Output"]["Type"]) == ["Model"]
found, end = set(), time.monotonic() + 60
while found != {"Image", "Model", "Approval", "ModelGroup"}:  # lineage follows what it is of, a moment later
    assert time.monotonic() < end, found
    time.sleep(0.2)
    of_package = tables.show(model_package_arn=package.model_package_arn)
    found = set() if of_package is None else set(of_package["Type"])
print(of_package)

(found,) = ModelArtifact.list(source_uri=job["ModelArtifacts"]["S3ModelArtifacts"], sagemaker_session=session)
trained = ModelArtifact.load(artifact_arn=found.artifact_arn, sagemaker_session=session)
assert trained.training_job_arns() == [job["TrainingJobArn"]]
assert [each.source.source_uri for each in trained.dataset_artifacts()] == [data]
up = trained.training_job_arns(direction=LineageQueryDirectionEnum.BOTH)
assert job["TrainingJobArn"] in up
