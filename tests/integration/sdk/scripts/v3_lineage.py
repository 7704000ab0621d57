"""SDK v3: a run of an experiment, ModelBuilder registers and deploys, lineage from endpoint to data."""

import json
from pathlib import Path

from sagemaker.core import image_uris
from sagemaker.core.experiments.run import Run
from sagemaker.core.helper.session_helper import Session, get_execution_role
from sagemaker.core.lineage.artifact import ModelArtifact
from sagemaker.core.lineage.context import Context, EndpointContext
from sagemaker.core.lineage.visualizer import LineageTableVisualizer
from sagemaker.serve import ModelBuilder
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, InputData, SourceCode

session = Session()
role = get_execution_role()
bucket = session.default_bucket()
data = session.upload_data("iris.csv", bucket, "v3-lineage/data")
image = image_uris.retrieve("sklearn", region="us-east-1", version="1.2-1", instance_type="ml.m5.large")

trainer = ModelTrainer(
    training_image=image,
    source_code=SourceCode(source_dir="src", entry_script="train.py"),
    compute=Compute(instance_type="ml.m5.large", instance_count=1),
    hyperparameters={"n-estimators": 7, "target": "Species"},
    base_job_name="v3-lineage",
    role=role,
    sagemaker_session=session,
)
with Run(experiment_name="v3-irises", run_name="first", sagemaker_session=session) as run:
    run.log_parameter("trees", 7)
    run.log_metric(name="loss", value=0.5, step=1)
trainer.train(input_data_config=[InputData(channel_name="train", data_source=data)])
job = trainer._latest_training_job
job.refresh()
artifact = job.model_artifacts.s3_model_artifacts

source = session.upload_data("inference.tar.gz", bucket, "v3-lineage/code")
builder = ModelBuilder(
    s3_model_data_url=artifact,
    image_uri=image,
    env_vars={"SAGEMAKER_PROGRAM": "train.py", "SAGEMAKER_SUBMIT_DIRECTORY": source},
    role_arn=role,
    sagemaker_session=session,
    instance_type="ml.m5.large",
)
model = builder.build(model_name="v3-built")
print("built", model.model_name)
package = builder.register(
    model_package_group_name="v3-lineage",
    content_types=["text/csv"],
    response_types=["application/json"],
    inference_instances=["ml.m5.large"],
    approval_status="Approved",
)
print("registered", package)
endpoint = builder.deploy(endpoint_name="v3-built", instance_type="ml.m5.large", initial_instance_count=1)
answer = endpoint.invoke(
    body=Path("rows.csv").read_bytes(), content_type="text/csv", accept="application/json"
)
predicted = json.loads(answer.body.read())
print("predicted", predicted)
assert len(predicted) == 15

(found,) = Context.list(source_uri=endpoint.endpoint_arn, sagemaker_session=session)
context = EndpointContext.load(context_name=found.context_name, sagemaker_session=session)
assert context.training_job_arns() == [job.training_job_arn]
# The trainer has channels of its own for the code.
assert data in [each.source.source_uri for each in context.dataset_artifacts()]
(found,) = ModelArtifact.list(source_uri=artifact, sagemaker_session=session)
trained = ModelArtifact.load(artifact_arn=found.artifact_arn, sagemaker_session=session)
assert [each.context_name for each in trained.endpoint_contexts()] == [context.context_name]
table = LineageTableVisualizer(session).show(training_job_name=job.training_job_name)
print(table)
assert set(table["Type"]) == {"Image", "DataSet", "Model"}
endpoint.delete()
