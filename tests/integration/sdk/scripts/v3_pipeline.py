"""SDK v3: a pipeline that trains, evaluates and, when the model is good enough, registers it."""

import json

from sagemaker.core import image_uris
from sagemaker.core.helper.session_helper import get_execution_role
from sagemaker.core.processing import ScriptProcessor
from sagemaker.core.shapes import ProcessingInput, ProcessingOutput, ProcessingS3Input, ProcessingS3Output
from sagemaker.core.workflow.conditions import ConditionGreaterThanOrEqualTo
from sagemaker.core.workflow.functions import Join, JsonGet
from sagemaker.core.workflow.parameters import ParameterFloat, ParameterString
from sagemaker.core.workflow.pipeline_context import PipelineSession
from sagemaker.core.workflow.properties import PropertyFile
from sagemaker.mlops.workflow.condition_step import ConditionStep
from sagemaker.mlops.workflow.fail_step import FailStep
from sagemaker.mlops.workflow.model_step import ModelStep
from sagemaker.mlops.workflow.pipeline import Pipeline
from sagemaker.mlops.workflow.steps import CacheConfig, ProcessingStep, TrainingStep
from sagemaker.serve import ModelBuilder
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, InputData, SourceCode

session = PipelineSession()
role = get_execution_role()
bucket = session.default_bucket()
uploaded = session.upload_data("iris.csv", bucket, "v3-pipeline/data")
image = image_uris.retrieve("sklearn", region="us-east-1", version="1.2-1", instance_type="ml.m5.large")

data = ParameterString(name="Data", default_value=uploaded)
least = ParameterFloat(name="Least", default_value=0.8)
cached = CacheConfig(enable_caching=True, expire_after="PT1H")

trainer = ModelTrainer(
    training_image=image,
    source_code=SourceCode(source_dir="src", entry_script="train.py"),
    compute=Compute(instance_type="ml.m5.large", instance_count=1),
    hyperparameters={"n-estimators": 7, "target": "Species"},
    base_job_name="v3-pipeline",
    role=role,
    sagemaker_session=session,
)
train = TrainingStep(
    name="Train",
    step_args=trainer.train(input_data_config=[InputData(channel_name="train", data_source=data)]),
    cache_config=cached,
)
model_data = train.properties.ModelArtifacts.S3ModelArtifacts


def source(name: str, uri: object) -> ProcessingInput:
    """Name what the evaluation reads."""
    place = ProcessingS3Input(
        s3_uri=uri,
        local_path=f"/opt/ml/processing/{name}",
        s3_data_type="S3Prefix",
        s3_input_mode="File",
    )
    return ProcessingInput(input_name=name, s3_input=place)


target = ProcessingS3Output(
    s3_uri=f"s3://{bucket}/v3-pipeline/evaluation",
    local_path="/opt/ml/processing/evaluation",
    s3_upload_mode="EndOfJob",
)
processor = ScriptProcessor(
    image_uri=image,
    command=["python3"],
    role=role,
    instance_count=1,
    instance_type="ml.m5.large",
    sagemaker_session=session,
)
report = PropertyFile(name="Report", output_name="evaluation", path="evaluation.json")
evaluate = ProcessingStep(
    name="Evaluate",
    step_args=processor.run(
        code="processing/evaluate.py",
        inputs=[source("model", model_data), source("data", data)],
        outputs=[ProcessingOutput(output_name="evaluation", s3_output=target)],
        arguments=["Species"],
    ),
    property_files=[report],
)

builder = ModelBuilder(
    s3_model_data_url=model_data, image_uri=image, sagemaker_session=session, role_arn=role
)
register = ModelStep(
    name="Register",
    step_args=builder.register(
        model_package_group_name="v3-pipeline",
        content_types=["text/csv"],
        response_types=["application/json"],
        inference_instances=["ml.m5.large"],
        approval_status="Approved",
    ),
)
bad = FailStep(name="Bad", error_message=Join(on=" ", values=["accuracy below", least]))
accuracy = JsonGet(step_name=evaluate.name, property_file=report, json_path="metrics.accuracy.value")
check = ConditionStep(
    name="GoodEnough",
    conditions=[ConditionGreaterThanOrEqualTo(left=accuracy, right=least)],
    if_steps=[register],
    else_steps=[bad],
)
pipeline = Pipeline(
    name="v3-pipeline",
    parameters=[data, least],
    steps=[train, evaluate, check],
    sagemaker_session=session,
)
pipeline.upsert(role_arn=role)
pipeline.upsert(role_arn=role)
execution = pipeline.start()
execution.wait(delay=1, max_attempts=200)
steps = {each["StepName"]: each for each in execution.list_steps()}
print("steps", json.dumps(steps, default=str, indent=1))
assert set(steps) == {"Train", "Evaluate", "GoodEnough", "Register"}
assert {each["StepStatus"] for each in steps.values()} == {"Succeeded"}

client = session.sagemaker_client
(package,) = client.list_model_packages(ModelPackageGroupName="v3-pipeline", ModelApprovalStatus="Approved")[
    "ModelPackageSummaryList"
]
assert package["ModelPackageArn"] == steps["Register"]["Metadata"]["RegisterModel"]["Arn"]

again = pipeline.start(parameters={"Least": 1.1})
try:
    again.wait(delay=1, max_attempts=200)
except Exception as error:  # noqa: BLE001  (the SDK's waiter says only that it failed)
    print("as wanted:", error)
second = {each["StepName"]: each for each in again.list_steps()}
print("again", json.dumps(second, default=str, indent=1))
assert second["Bad"]["FailureReason"] == "accuracy below 1.1"
assert second["Train"]["CacheHitResult"]["SourcePipelineExecutionArn"] == execution.arn
pipeline.delete()
