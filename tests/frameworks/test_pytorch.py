"""PyTorch for real: a job trains, its TorchScript is served by the container's defaults and by a script."""

import json
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from tests.integration import served_models, training_jobs

VERSION = "2.6.0-cpu-py312"
TRAIN = (Path(__file__).parent / "workspace" / "torch" / "train.py").read_text()
INFERENCE = """
import json, os
import torch

def model_fn(model_dir, context):
    model = torch.jit.load(os.path.join(model_dir, "model.pt"), map_location="cpu")
    return model.eval(), context.system_properties["gpu_id"]

def input_fn(body, content_type):
    return torch.tensor(json.loads(body)["rows"])

def predict_fn(rows, model):
    with torch.no_grad():
        return model[0](rows)
"""

REDUCE = """
import json, os
import torch
import torch.distributed as dist

hosts = json.loads(os.environ["SM_HOSTS"])
rank = hosts.index(os.environ["SM_CURRENT_HOST"])
dist.init_process_group("gloo", rank=rank, world_size=len(hosts))
value = torch.tensor([float(rank + 1)])
dist.all_reduce(value)
print("sum=%.0f" % value.item())
dist.destroy_process_group()
"""


@pytest.fixture(scope="module")
def artifact():
    """Keep the artifact of the first test for the second."""
    return {}


def test_a_trained_model_is_served_by_the_containers_defaults(aws, train, serve, artifact):
    job = train(f"pytorch-training:{VERSION}", TRAIN, epochs="400")
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    lines = training_jobs.log_lines(aws("logs"), job["TrainingJobName"])
    assert "master algo-1 7777 sagemaker_pytorch_container.training:main" in lines
    artifact["uri"] = job["ModelArtifacts"]["S3ModelArtifacts"]

    invoke = serve(f"pytorch-inference:{VERSION}", artifact["uri"])
    body, kind = invoke("[[1, 1], [0, 2]]", "application/json")
    assert kind == "application/json"
    assert [round(row[0], 1) for row in json.loads(body)] == [6.0, 7.0]
    body, kind = invoke("1,1\n0,2\n", "text/csv", "text/csv")
    assert [round(float(line), 1) for line in body.split()] == [6.0, 7.0]
    with pytest.raises(ClientError, match=r"(?s)\(500\).*mat1 and mat2 shapes cannot be multiplied"):
        invoke("[[1, 1, 1]]", "application/json")


def test_a_scripts_functions_go_before_the_defaults(s3, serve, artifact):
    bucket, _, key = artifact["uri"].removeprefix("s3://").partition("/")
    with_script = served_models.archive(
        {"model.pt": _model(s3.get_object(Bucket=bucket, Key=key)["Body"].read())}
        | {"code/inference.py": INFERENCE.encode()}
    )
    s3.put_object(Bucket=bucket, Key=f"{key}-script.tar.gz", Body=with_script)
    invoke = serve(f"pytorch-inference:{VERSION}", f"s3://{bucket}/{key}-script.tar.gz")
    body, _ = invoke('{"rows": [[1.0, 1.0]]}', "application/json")
    assert round(json.loads(body)[0][0], 1) == 6.0


def test_two_hosts_find_each_other_by_the_leaders_address(aws, train):
    job = train(f"pytorch-training:{VERSION}", REDUCE, hosts=2)
    assert job["TrainingJobStatus"] == "Completed", job.get("FailureReason")
    for host in ("algo-1", "algo-2"):
        assert "sum=3" in training_jobs.log_lines(aws("logs"), job["TrainingJobName"], host)


def _model(packed):
    return served_models.unpack(packed)["model.pt"]
