"""SDK v3: a script processor, and a framework processor with a source folder and its requirements."""

import json
from pathlib import Path

from sagemaker.core import image_uris
from sagemaker.core.helper.session_helper import Session, get_execution_role
from sagemaker.core.processing import FrameworkProcessor, ScriptProcessor
from sagemaker.core.shapes import ProcessingInput, ProcessingOutput, ProcessingS3Input, ProcessingS3Output

session = Session()
bucket = session.default_bucket()
data = session.upload_data("iris.csv", bucket, "v3-processing/in")
image = image_uris.retrieve("sklearn", region="us-east-1", version="1.2-1", instance_type="ml.m5.large")


def places(name: str) -> dict[str, list[object]]:
    """Name where a job reads and writes."""
    source = ProcessingS3Input(
        s3_uri=data,
        local_path="/opt/ml/processing/input/data",
        s3_data_type="S3Prefix",
        s3_input_mode="File",
    )
    target = ProcessingS3Output(
        s3_uri=f"s3://{bucket}/v3-processing/{name}",
        local_path="/opt/ml/processing/out",
        s3_upload_mode="EndOfJob",
    )
    return {
        "inputs": [ProcessingInput(input_name="data", s3_input=source)],
        "outputs": [ProcessingOutput(output_name="out", s3_output=target)],
    }


def count(name: str) -> dict[str, object]:
    """Download what a job wrote."""
    session.download_data(name, bucket, f"v3-processing/{name}/count.json")
    return json.loads((Path(name) / "count.json").read_text())


common = {
    "image_uri": image,
    "role": get_execution_role(),
    "instance_count": 1,
    "instance_type": "ml.m5.large",
    "sagemaker_session": session,
}
plain = ScriptProcessor(command=["python3"], env={"GREETING": "hello"}, base_job_name="v3-plain", **common)
plain.run(code="processing/count.py", arguments=["--by", "Species"], **places("v3-plain"))
print("plain", count("v3-plain"))
assert count("v3-plain") == {"rows": {"0": 50, "1": 50, "2": 50}, "greeting": "hello", "helper": False}

framework = FrameworkProcessor(base_job_name="v3-framework", command=["python3"], **common)
framework.run(
    code="count.py",
    source_dir="processing",
    requirements="requirements.txt",
    arguments=["--by", "Species"],
    **places("v3-framework"),
)
print("framework", count("v3-framework"))
assert count("v3-framework") == {"rows": {"0": 50, "1": 50, "2": 50}, "greeting": None, "helper": True}
