"""SDK v3: tune a ModelTrainer, register the best model, approve it, deploy the package."""

import json
from pathlib import Path

from sagemaker.core import image_uris
from sagemaker.core.helper.session_helper import Session, get_execution_role
from sagemaker.core.parameter import IntegerParameter
from sagemaker.core.resources import Endpoint, EndpointConfig, Model, ModelPackage, ModelPackageGroup
from sagemaker.core.shapes import (
    ContainerDefinition,
    ProductionVariant,
)
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, InputData, SourceCode
from sagemaker.train.tuner import HyperparameterTuner

session = Session()
role = get_execution_role()
bucket = session.default_bucket()
data = session.upload_data("iris.csv", bucket, "v3-tuning/train")
image = image_uris.retrieve("sklearn", region="us-east-1", version="1.2-1", instance_type="ml.m5.large")

tuner = HyperparameterTuner(
    model_trainer=ModelTrainer(
        training_image=image,
        source_code=SourceCode(source_dir="src", entry_script="train.py"),
        compute=Compute(instance_type="ml.m5.large", instance_count=1),
        base_job_name="v3-tuned",
        role=role,
        sagemaker_session=session,
    ),
    objective_metric_name="accuracy",
    metric_definitions=[{"Name": "accuracy", "Regex": r"Accuracy=([\d.]+)"}],
    hyperparameter_ranges={"n-estimators": IntegerParameter(2, 8)},
    strategy="Random",
    max_jobs=2,
    max_parallel_jobs=2,
)
tuner.tune(inputs=[InputData(channel_name="train", data_source=data)], wait=True)
best = session.sagemaker_client.describe_training_job(TrainingJobName=tuner.best_training_job())
print("best", best["TrainingJobName"], best["FinalMetricDataList"])
assert best["TrainingJobStatus"] == "Completed"

ModelPackageGroup.create(model_package_group_name="v3-iris")
source = session.upload_data("inference.tar.gz", bucket, "v3-tuning/code")
# Not by ModelPackage.create, which reads a ModelPackageName that no answer of CreateModelPackage has.
created = session.sagemaker_client.create_model_package(
    ModelPackageGroupName="v3-iris",
    ModelApprovalStatus="PendingManualApproval",
    InferenceSpecification={
        "Containers": [
            {
                "Image": image,
                "ModelDataUrl": best["ModelArtifacts"]["S3ModelArtifacts"],
                "Environment": {"SAGEMAKER_PROGRAM": "train.py", "SAGEMAKER_SUBMIT_DIRECTORY": source},
            }
        ],
        "SupportedContentTypes": ["text/csv"],
        "SupportedResponseMIMETypes": ["application/json"],
    },
)
package = ModelPackage.get(model_package_name=created["ModelPackageArn"])
package.update(model_approval_status="Approved")
package.refresh()
print("package", package.model_package_arn, package.model_approval_status)
assert package.model_approval_status == "Approved"

Model.create(
    model_name="v3-packaged",
    execution_role_arn=role,
    containers=[ContainerDefinition(model_package_name=package.model_package_arn)],
)
EndpointConfig.create(
    endpoint_config_name="v3-packaged",
    production_variants=[
        ProductionVariant(
            variant_name="AllTraffic",
            model_name="v3-packaged",
            initial_instance_count=1,
            instance_type="ml.m5.large",
        )
    ],
)
endpoint = Endpoint.create(endpoint_name="v3-packaged", endpoint_config_name="v3-packaged")
endpoint.wait_for_status("InService", poll=1)
answer = endpoint.invoke(
    body=Path("rows.csv").read_bytes(), content_type="text/csv", accept="application/json"
)
predicted = json.loads(answer.body.read())
print("predicted", predicted)
assert len(predicted) == 15
endpoint.delete()
