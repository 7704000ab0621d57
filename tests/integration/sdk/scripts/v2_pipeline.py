"""SDK v2: a pipeline that trains, evaluates and, when the model is good enough, registers and applies it."""

import json

import sagemaker
from sagemaker.inputs import TrainingInput
from sagemaker.model_metrics import MetricsSource, ModelMetrics
from sagemaker.processing import ProcessingInput, ProcessingOutput
from sagemaker.sklearn.estimator import SKLearn
from sagemaker.sklearn.model import SKLearnModel
from sagemaker.sklearn.processing import SKLearnProcessor
from sagemaker.transformer import Transformer
from sagemaker.workflow.condition_step import ConditionStep
from sagemaker.workflow.conditions import ConditionGreaterThanOrEqualTo
from sagemaker.workflow.fail_step import FailStep
from sagemaker.workflow.functions import Join, JsonGet
from sagemaker.workflow.model_step import ModelStep
from sagemaker.workflow.parameters import ParameterFloat, ParameterInteger, ParameterString
from sagemaker.workflow.pipeline import Pipeline
from sagemaker.workflow.pipeline_context import PipelineSession
from sagemaker.workflow.properties import PropertyFile
from sagemaker.workflow.steps import CacheConfig, ProcessingStep, TrainingStep, TransformStep

session = PipelineSession()
role = sagemaker.get_execution_role()
bucket = session.default_bucket()
uploaded = session.upload_data("iris.csv", bucket, "v2-pipeline/data")
rows = session.upload_data("rows.csv", bucket, "v2-pipeline/rows")

data = ParameterString(name="Data", default_value=uploaded)
least = ParameterFloat(name="Least", default_value=0.8)
trees = ParameterInteger(name="Trees", default_value=5)
cached = CacheConfig(enable_caching=True, expire_after="PT1H")

estimator = SKLearn(
    source_dir="src",
    entry_point="train.py",
    framework_version="1.2-1",
    instance_type="ml.m5.large",
    role=role,
    sagemaker_session=session,
    hyperparameters={"n-estimators": trees, "target": "Species"},
)
train = TrainingStep(
    name="Train",
    step_args=estimator.fit({"train": TrainingInput(s3_data=data)}),
    cache_config=cached,
)
model_data = train.properties.ModelArtifacts.S3ModelArtifacts

processor = SKLearnProcessor(
    framework_version="1.2-1",
    instance_type="ml.m5.large",
    instance_count=1,
    role=role,
    sagemaker_session=session,
)
report = PropertyFile(name="Report", output_name="evaluation", path="evaluation.json")
evaluate = ProcessingStep(
    name="Evaluate",
    step_args=processor.run(
        code="processing/evaluate.py",
        inputs=[
            ProcessingInput(source=model_data, destination="/opt/ml/processing/model"),
            ProcessingInput(source=data, destination="/opt/ml/processing/data"),
        ],
        outputs=[ProcessingOutput(output_name="evaluation", source="/opt/ml/processing/evaluation")],
        arguments=["Species"],
    ),
    property_files=[report],
    cache_config=cached,
)

model = SKLearnModel(
    model_data=model_data,
    source_dir="src",
    entry_point="train.py",
    framework_version="1.2-1",
    role=role,
    sagemaker_session=session,
)
evaluation = evaluate.properties.ProcessingOutputConfig.Outputs["evaluation"].S3Output.S3Uri
register = ModelStep(
    name="Iris",
    step_args=model.register(
        content_types=["text/csv"],
        response_types=["application/json"],
        inference_instances=["ml.m5.large"],
        transform_instances=["ml.m5.large"],
        model_package_group_name="v2-pipeline",
        approval_status="Approved",
        model_metrics=ModelMetrics(
            model_statistics=MetricsSource(
                s3_uri=Join(on="/", values=[evaluation, "evaluation.json"]), content_type="application/json"
            )
        ),
    ),
)
create = ModelStep(name="Serve", step_args=model.create(instance_type="ml.m5.large"))
transformer = Transformer(
    model_name=create.properties.ModelName,
    instance_count=1,
    instance_type="ml.m5.large",
    assemble_with="Line",
    output_path=f"s3://{bucket}/v2-pipeline/out",
    sagemaker_session=session,
)
transform = TransformStep(
    name="Apply", step_args=transformer.transform(rows, content_type="text/csv", split_type="Line")
)
bad = FailStep(name="Bad", error_message=Join(on=" ", values=["accuracy below", least]))
accuracy = JsonGet(step_name=evaluate.name, property_file=report, json_path="metrics.accuracy.value")
check = ConditionStep(
    name="GoodEnough",
    conditions=[ConditionGreaterThanOrEqualTo(left=accuracy, right=least)],
    if_steps=[register, create, transform],
    else_steps=[bad],
)

pipeline = Pipeline(
    name="v2-pipeline",
    parameters=[data, least, trees],
    steps=[train, evaluate, check],
    sagemaker_session=session,
)
pipeline.upsert(role_arn=role)
pipeline.upsert(role_arn=role)
execution = pipeline.start(parameters={"Trees": 7})
execution.wait(delay=1, max_attempts=200)
steps = {each["StepName"]: each for each in execution.list_steps()}
print("steps", json.dumps(steps, default=str, indent=1))
assert execution.describe()["PipelineExecutionStatus"] == "Succeeded"
assert {each["StepStatus"] for each in steps.values()} == {"Succeeded"}

client = session.sagemaker_client
(package,) = client.list_model_packages(ModelPackageGroupName="v2-pipeline", ModelApprovalStatus="Approved")[
    "ModelPackageSummaryList"
]
described = client.describe_model_package(ModelPackageName=package["ModelPackageArn"])
print("package", described["InferenceSpecification"]["Containers"])
assert described["ModelMetrics"]["ModelQuality"]["Statistics"]["S3Uri"].endswith("/evaluation.json")
job = client.describe_training_job(
    TrainingJobName=steps["Train"]["Metadata"]["TrainingJob"]["Arn"].split("/")[-1]
)
assert json.loads(job["HyperParameters"]["n-estimators"]) in (7, "7")

again = pipeline.start(parameters={"Trees": 7, "Least": 1.1})
try:
    again.wait(delay=1, max_attempts=200)
except Exception as error:  # noqa: BLE001  (the SDK's waiter says only that it failed)
    print("as wanted:", error)
second = {each["StepName"]: each for each in again.list_steps()}
print("again", json.dumps(second, default=str, indent=1))
assert second["Bad"]["FailureReason"] == "accuracy below 1.1"
assert second["Train"]["CacheHitResult"]["SourcePipelineExecutionArn"] == execution.arn
assert "Apply" not in second
pipeline.delete()
