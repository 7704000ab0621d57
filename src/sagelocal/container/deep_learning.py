"""AWS's deep learning containers and the Spark container: the table of their versions, beside `families`.

Of the PyTorch wheels in the package registry those for Linux on x86-64 hold the GPU's part too and need its
libraries to be imported at all: an environment is of several gigabytes (`Family.heavy`). Where uv is told to
take other wheels (its own variable `UV_TORCH_BACKEND`, `cpu` for instance), `environments` leaves these
libraries out.

Versions: the SageMaker SDK's `image_uri_config/{pytorch,tensorflow,spark}.json`. Variables: the Dockerfiles
in github.com/aws/deep-learning-containers and github.com/aws/sagemaker-spark-container.
"""

from __future__ import annotations

from dataclasses import replace

from sagelocal.container.families import Family, Release

PYTORCH = "PyTorch"
TENSORFLOW = "TensorFlow"
SPARK = "Spark"

_OLD_PYTORCH = (
    *("1.2.0", "1.3.1", "1.4.0", "1.5.0", "1.6.0", "1.7.1", "1.8.0", "1.8.1", "1.9.0", "1.9.1", "1.10.0"),
    *("1.10.2", "1.11.0", "1.12.0", "1.12.1"),
)
_PYTORCH = {
    "2.0.1": (3, 12),
    "2.1.0": (3, 12),
    "2.2.0": (3, 13),
    "2.3.0": (3, 13),
    "2.4.0": (3, 13),
    "2.5.1": (3, 13),
    **dict.fromkeys(("2.6.0", "2.7.1", "2.8.0"), (3, 14)),
    **dict.fromkeys(("2.9.0", "2.10.0"), (3, 15)),
}
"""The first interpreter that a version, or the torchvision that goes with it, has no wheels for."""
_OLD_TENSORFLOW = (
    *("1.13.0", "1.13.1", "1.14.0", "1.15.0", "1.15.2", "1.15.3", "1.15.4", "1.15.5", "2.0.0", "2.0.1"),
    *("2.0.2", "2.0.3", "2.0.4", "2.1.0", "2.1.1", "2.1.2", "2.1.3", "2.2.0", "2.2.1", "2.2.2", "2.3.0"),
    *("2.3.1", "2.3.2", "2.4.1", "2.4.3", "2.5.0", "2.5.1", "2.6.0", "2.6.2", "2.6.3", "2.7.0", "2.7.1"),
    *("2.8.0", "2.8.4", "2.9.2", "2.9.3", "2.10.0", "2.10.1", "2.11.0", "2.11.1"),
)
_TENSORFLOW = {
    **dict.fromkeys(("2.12.0", "2.12.1", "2.13.0", "2.14.1"), (3, 12)),
    **dict.fromkeys(("2.16.1", "2.16.2", "2.18.0", "2.19.0"), (3, 13)),
    **dict.fromkeys(("2.20.0", "2.21.0"), (3, 14)),
}
_DLC = (("PYTHONIOENCODING", "UTF-8"), ("LC_ALL", "C.UTF-8"))


def _releases(versions: dict[str, tuple[int, int]], name: str) -> tuple[Release, ...]:
    return tuple(
        Release(tag=version, version=version, lock=f"{name}-{version}.txt", python=((3, 11), below))
        for version, below in versions.items()
    )


def _training(module: str) -> tuple[tuple[str, str], ...]:
    return (("SAGEMAKER_TRAINING_MODULE", module), ("DLC_CONTAINER_TYPE", "training"))


_PYTORCH_FAMILY = Family(
    framework=PYTORCH,
    releases=(
        *(Release(tag=version, version=version) for version in _OLD_PYTORCH),
        Release(tag="1.13.1", version="1.13.1", lack="has no torchvision for Python 3.11 or later"),
        Release(tag="2.0.0", version="2.0.0", lack="has wheels that do not agree on what they need"),
        *_releases(_PYTORCH, "pytorch"),
    ),
    warm=(
        *("torch", "torch.utils.data", "torchvision", "pandas", "sklearn.metrics", "yaml", "uvloop"),
        "httptools",
    ),
    # Both for training and for inference, so that these share an environment.
    stand_ins=("sagemaker_inference", "sagemaker_training"),
    heavy=(
        "PyTorch's wheels for Linux on x86-64 hold the GPU's part and need its libraries: 2 to 4 GB are "
        "downloaded, once, and take 5 to 7 GB. With UV_TORCH_BACKEND=cpu uv takes wheels without it"
    ),
)
_PYTORCH_INFERENCE = replace(
    _PYTORCH_FAMILY,
    variables=(
        *_DLC,
        ("SAGEMAKER_SERVING_MODULE", "sagemaker_pytorch_serving_container.serving:main"),
        ("DLC_CONTAINER_TYPE", "inference"),
        ("MKL_THREADING_LAYER", "GNU"),
        ("SAGELOCAL_DEFAULTS", "sagelocal.serving.pytorch"),
    ),
)
_TENSORFLOW_FAMILY = Family(
    framework=TENSORFLOW,
    releases=(
        *(Release(tag=version, version=version) for version in _OLD_TENSORFLOW),
        *_releases(_TENSORFLOW, "tensorflow"),
    ),
    warm=("tensorflow", "pandas", "requests", "sklearn.metrics", "yaml", "uvloop", "httptools"),
    # Its threads do not survive a fork.
    preload=False,
)
_TENSORFLOW_INFERENCE = replace(
    _TENSORFLOW_FAMILY,
    variables=(
        *(("LANG", "C.UTF-8"), ("MODEL_BASE_PATH", "/models"), ("MODEL_NAME", "model")),
        ("TF_CPP_MIN_LOG_LEVEL", "1"),
        ("SAGELOCAL_DEFAULTS", "sagelocal.serving.tensorflow"),
    ),
)

FAMILIES: dict[str, Family] = {
    "pytorch-training": replace(
        _PYTORCH_FAMILY,
        training_module="sagemaker_pytorch_container.training:main",
        # Not _DLC: it says what LANG says here, and an interpreter that reads it cannot be forked from.
        variables=_training("sagemaker_pytorch_container.training:main"),
    ),
    "pytorch-inference": _PYTORCH_INFERENCE,
    "pytorch-inference-graviton": _PYTORCH_INFERENCE,
    "pytorch-inference-arm64": _PYTORCH_INFERENCE,
    "tensorflow-training": replace(
        _TENSORFLOW_FAMILY,
        training_module="sagemaker_tensorflow_container.training:main",
        variables=(
            *_DLC,
            *(
                ("KMP_AFFINITY", "granularity=fine,compact,1,0"),
                ("KMP_BLOCKTIME", "1"),
                ("KMP_SETTINGS", "0"),
            ),
            *_training("sagemaker_tensorflow_container.training:main"),
        ),
    ),
    "tensorflow-inference": _TENSORFLOW_INFERENCE,
    "tensorflow-inference-graviton": _TENSORFLOW_INFERENCE,
    "sagemaker-spark-processing": Family(
        framework=SPARK,
        releases=(
            *(
                Release(tag=version, version=version, lack="does not run on Python 3.11 or later")
                for version in ("2.4", "3.0", "3.1", "3.2", "3.3")
            ),
            Release(tag="3.5", version="3.5", lock="spark-3.5.txt", python=((3, 11), (3, 13))),
        ),
        warm=("pyspark.sql", "pandas", "pyarrow", "numpy"),
        variables=(("PYTHONHASHSEED", "0"), ("PYTHONIOENCODING", "UTF-8"), ("SPARK_NO_DAEMONIZE", "TRUE")),
        programs=(("smspark-submit", "smspark_submit.py"),),
        preload=False,
    ),
}
