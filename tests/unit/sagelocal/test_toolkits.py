"""What the frameworks' own training toolkits add: variables, a tuning's model_dir, launchers refused."""

import json
from pathlib import Path

import pytest

from sagelocal.container import environment, images, toolkits
from sagelocal.container.layout import Layout

PYTORCH = images.resolve("pytorch-training:2.6.0-cpu-py312", interpreter=(3, 11))
TENSORFLOW = images.resolve("tensorflow-training:2.18.0-cpu-py310", interpreter=(3, 11))
SKLEARN = images.resolve("sagemaker-scikit-learn:1.9-0", interpreter=(3, 11))


def facts(**hyperparameters):
    return environment.Facts(
        base=Layout(Path("/opt/ml")),
        hyperparameters={name: json.dumps(value) for name, value in hyperparameters.items()},
        resource_config={"current_host": "algo-2", "hosts": ["algo-1", "algo-2"]},
        input_data_config={},
        variables={"AWS_REGION": "eu-west-1"},
    )


def test_pytorch_scripts_learn_who_leads():
    found = toolkits.variables(PYTORCH, facts())
    assert (found["MASTER_ADDR"], found["MASTER_PORT"]) == ("algo-1", "7777")
    assert (found["NCCL_SOCKET_IFNAME"], found["SM_DLC_TORCH_VERSION"]) == ("eth0", "2.6.0")


def test_tensorflow_scripts_learn_where_s3_is():
    want = {"S3_REGION": "eu-west-1", "TF_CPP_MIN_LOG_LEVEL": "1", "S3_USE_HTTPS": "1"}
    assert toolkits.variables(TENSORFLOW, facts()) == want
    assert toolkits.variables(SKLEARN, facts()) == {}


@pytest.mark.parametrize(
    ("image", "given", "want"),
    [
        (TENSORFLOW, {"model_dir": '"s3://b/m"', "_tuning_objective_metric": '"loss"'}, "s3://b/m/job/model"),
        (TENSORFLOW, {"model_dir": '"/opt/ml/model"', "_tuning_objective_metric": '"loss"'}, "/opt/ml/model"),
        (TENSORFLOW, {"model_dir": '"s3://b/m"'}, "s3://b/m"),
        (PYTORCH, {"model_dir": '"s3://b/m"', "_tuning_objective_metric": '"loss"'}, "s3://b/m"),
    ],
)
def test_a_tunings_jobs_have_model_folders_of_their_own(image, given, want):
    found = toolkits.hyperparameters(image, given, "job")
    assert environment.decode(found)["model_dir"] == want


@pytest.mark.parametrize(
    ("image", "flag", "hosts", "name"),
    [
        (PYTORCH, "sagemaker_torch_distributed_enabled", 1, "torch_distributed"),
        (TENSORFLOW, "sagemaker_mpi_enabled", 1, "MPI"),
        (TENSORFLOW, "sagemaker_parameter_server_enabled", 2, "parameter_server"),
        (TENSORFLOW, "sagemaker_parameter_server_enabled", 1, ""),
        (SKLEARN, "sagemaker_mpi_enabled", 1, ""),
    ],
)
def test_a_launcher_that_is_not_here_is_refused_by_its_name(image, flag, hosts, name):
    if not name:
        toolkits.check(image, {flag: "true"}, hosts)
        return
    with pytest.raises(environment.EntryPointError, match=f"'{name}' of {image.framework} needs a launcher"):
        toolkits.check(image, {flag: "true"}, hosts)
