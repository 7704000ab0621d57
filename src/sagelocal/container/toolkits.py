"""What the frameworks' own training toolkits add to the common one: variables, and what they launch. Pure.

Sources: sagemaker-pytorch-training 3.0.0 (`sagemaker_pytorch_container/training.py`) and
sagemaker-tensorflow-training (`sagemaker_tensorflow_container/{training,s3_utils}.py`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sagelocal.container import deep_learning, environment

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sagelocal.container.environment import Facts
    from sagelocal.container.images import Image

MASTER_PORT = "7777"
_TUNING = "_tuning_objective_metric"
_MODEL_DIR = "model_dir"
_LAUNCHERS = {
    "sagemaker_mpi_enabled": "MPI",
    "sagemaker_distributed_dataparallel_enabled": "smdistributed",
    "sagemaker_pytorch_ddp_enabled": "pytorchddp",
    "sagemaker_pytorch_xla_multi_worker_enabled": "pytorchxla",
    "sagemaker_torch_distributed_enabled": "torch_distributed",
}
"""Hyperparameters that ask for a launcher of several processes, and its name in the SDK's `distribution`."""
_PARAMETER_SERVER = "sagemaker_parameter_server_enabled"


def check(image: Image, hyperparameters: Mapping[str, str], hosts: int) -> None:
    """Check that the job asks for no launcher that is not had here.

    Raises:
        environment.EntryPointError: it asks for one.

    """
    if image.framework not in {deep_learning.PYTORCH, deep_learning.TENSORFLOW}:
        return
    decoded = environment.decode(hyperparameters)
    wanted = [name for key, name in _LAUNCHERS.items() if decoded.get(key)]
    if hosts > 1 and image.framework == deep_learning.TENSORFLOW and decoded.get(_PARAMETER_SERVER):
        wanted.append("parameter_server")
    if wanted:
        raise environment.EntryPointError(
            f"The distribution {wanted[0]!r} of {image.framework} needs a launcher that sagelocal does not "
            "have; without a distribution each host runs the script once, with MASTER_ADDR and SM_HOSTS"
        )


def hyperparameters(image: Image, given: Mapping[str, str], job: str) -> dict[str, str]:
    """Return the hyperparameters that the script sees.

    TensorFlow's toolkit gives each job of a tuning a `model_dir` of its own when it is on S3.
    """
    found = dict(given)
    if image.framework != deep_learning.TENSORFLOW or _TUNING not in found:
        return found
    place = environment.decode(found).get(_MODEL_DIR)
    if isinstance(place, str) and not place.startswith("/opt/ml"):
        found[_MODEL_DIR] = environment.encode(f"{place}/{job}/model")
    return found


def variables(image: Image, facts: Facts) -> dict[str, str]:
    """Return the variables that the image's toolkit adds for the script."""
    if image.framework == deep_learning.PYTORCH:
        return {
            "MASTER_ADDR": environment.master(facts),
            "MASTER_PORT": MASTER_PORT,
            "NCCL_SOCKET_IFNAME": facts.resource_config.get("network_interface_name", "eth0"),
            "NCCL_IB_DISABLE": "1",
            "NCCL_DEBUG": "WARN",
            "SM_DLC_TORCH_VERSION": image.framework_version,
        }
    if image.framework == deep_learning.TENSORFLOW:
        region = environment.region(facts)
        return {"S3_REGION": region, "TF_CPP_MIN_LOG_LEVEL": "1", "S3_USE_HTTPS": "1"}
    return {}
