"""SDK v2: a script processor, and a framework processor with a source folder and its requirements."""

import json
from pathlib import Path

import sagemaker
from sagemaker.processing import FrameworkProcessor, ProcessingInput, ProcessingOutput
from sagemaker.sklearn.estimator import SKLearn
from sagemaker.sklearn.processing import SKLearnProcessor

session = sagemaker.Session()
role = sagemaker.get_execution_role()
data = session.upload_data("iris.csv", session.default_bucket(), "processing/in")


def read(processor: sagemaker.processing.Processor, name: str) -> str:
    """Download the latest job's output and return its text."""
    output = next(o for o in processor.latest_job.outputs if o.output_name == "out")
    paths = session.download_data(name, session.default_bucket(), output.destination.split("/", 3)[3])
    return Path(paths[0]).read_text()


def places() -> dict[str, list[object]]:
    """Name where the jobs read and write."""
    return {
        "inputs": [ProcessingInput(source=data, destination="/opt/ml/processing/input/data")],
        "outputs": [ProcessingOutput(output_name="out", source="/opt/ml/processing/out")],
    }


plain = SKLearnProcessor(
    framework_version="1.2-1",
    role=role,
    instance_type="ml.m5.xlarge",
    instance_count=1,
    base_job_name="plain",
    env={"GREETING": "hello"},
)
plain.run(code="processing/count.py", arguments=["--by", "Species"], **places())
counted = json.loads(read(plain, "plain"))
print("plain", counted)
assert counted == {"rows": {"0": 50, "1": 50, "2": 50}, "greeting": "hello", "helper": False}
described = plain.latest_job.describe()
assert described["ProcessingJobStatus"] == "Completed"
assert described["ProcessingResources"]["ClusterConfig"]["InstanceType"] == "ml.m5.xlarge"

framework = FrameworkProcessor(
    estimator_cls=SKLearn,
    framework_version="1.2-1",
    role=role,
    instance_type="ml.m5.xlarge",
    instance_count=1,
    base_job_name="framework",
)
framework.run(code="count.py", source_dir="processing", arguments=["--by", "Species"], **places())
counted = json.loads(read(framework, "framework"))
print("framework", counted)
assert counted == {"rows": {"0": 50, "1": 50, "2": 50}, "greeting": None, "helper": True}
