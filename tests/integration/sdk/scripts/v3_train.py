"""SDK v3: train by ModelTrainer, deploy and invoke, transform in batch."""

import json
from pathlib import Path

import boto3
from sagemaker.core import image_uris
from sagemaker.core.helper.session_helper import Session, get_execution_role
from sagemaker.core.resources import Endpoint, EndpointConfig, Model
from sagemaker.core.shapes import ContainerDefinition, ProductionVariant
from sagemaker.core.transformer import Transformer
from sagemaker.train import ModelTrainer
from sagemaker.train.configs import Compute, InputData, SourceCode

session = Session()
role = get_execution_role()
bucket = session.default_bucket()
data = session.upload_data("iris.csv", bucket, "v3/train")
image = image_uris.retrieve("sklearn", region="us-east-1", version="1.2-1", instance_type="ml.m5.large")

trainer = ModelTrainer(
    training_image=image,
    source_code=SourceCode(source_dir="src", entry_script="train.py"),
    compute=Compute(instance_type="ml.m5.large", instance_count=1),
    hyperparameters={"n-estimators": 7, "target": "Species"},
    base_job_name="v3-train",
    role=role,
    sagemaker_session=session,
)
trainer.train(input_data_config=[InputData(channel_name="train", data_source=data)])
job = trainer._latest_training_job
job.refresh()
print("trained", job.training_job_name, job.training_job_status, job.model_artifacts.s3_model_artifacts)
assert job.training_job_status == "Completed"

source = session.upload_data("inference.tar.gz", bucket, "v3/code")
model = Model.create(
    model_name="v3-model",
    execution_role_arn=role,
    primary_container=ContainerDefinition(
        image=image,
        model_data_url=job.model_artifacts.s3_model_artifacts,
        environment={"SAGEMAKER_PROGRAM": "train.py", "SAGEMAKER_SUBMIT_DIRECTORY": source},
    ),
)
EndpointConfig.create(
    endpoint_config_name="v3-config",
    production_variants=[
        ProductionVariant(
            variant_name="AllTraffic",
            model_name="v3-model",
            initial_instance_count=1,
            instance_type="ml.m5.large",
        )
    ],
)
endpoint = Endpoint.create(endpoint_name="v3-endpoint", endpoint_config_name="v3-config")
endpoint.wait_for_status("InService", poll=1)
answer = endpoint.invoke(
    body=Path("rows.csv").read_bytes(), content_type="text/csv", accept="application/json"
)
predicted = json.loads(answer.body.read())
print("predicted", predicted)
assert len(predicted) == 15
endpoint.delete()
endpoint.wait_for_delete(poll=1)

transformer = Transformer(
    model_name="v3-model",
    instance_count=1,
    instance_type="ml.m5.large",
    output_path=f"s3://{bucket}/v3/batch/out",
    assemble_with="Line",
    accept="text/csv",
    sagemaker_session=session,
)
rows = session.upload_data("rows.csv", bucket, "v3/batch/in")
transformer.transform(rows, content_type="text/csv", split_type="Line", wait=True)
out = boto3.client("s3").get_object(Bucket=bucket, Key="v3/batch/out/rows.csv.out")["Body"].read().decode()
print("batch", out.split())
assert [int(float(line)) for line in out.split()] == predicted
