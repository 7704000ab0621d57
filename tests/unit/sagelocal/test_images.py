"""An image URI stands for an environment, or is refused with a reason."""

import re
import sysconfig

import pytest

from sagelocal import errors
from sagelocal.container import environments, images, torch_wheels

URI = "683313688378.dkr.ecr.us-east-1.amazonaws.com/sagemaker-scikit-learn:{}"
P311 = (3, 11)


@pytest.mark.parametrize(
    ("uri", "version"),
    [
        (URI.format("1.9-0-cpu-py3"), "1.9.0"),
        (URI.format("1.2-1-cpu-py3"), "1.2.1"),
        (URI.format("1.4-2-py312-cpu-py3"), "1.4.2"),
        ("141502667606.dkr.ecr.eu-west-1.amazonaws.com/sagemaker-scikit-learn:1.4-2-cpu-py3", "1.4.2"),
        ("sagemaker-scikit-learn:1.9-0", "1.9.0"),
    ],
)
def test_registry_and_region_do_not_matter(uri, version):
    image = images.resolve(uri, interpreter=P311)
    assert (image.framework, image.framework_version) == ("scikit-learn", version)
    assert f"scikit-learn=={version}" in image.requirements
    assert "--hash=sha256:" in image.requirements
    assert image.note == ""


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        (URI.format("0.23-1-cpu-py3"), r"scikit-learn 0\.23\.2 has no wheel .* nearest that works is 1\.2-1"),
        (URI.format("1.0-1-cpu-py3"), "SAGELOCAL_IMAGE_POLICY=nearest"),
        (URI.format("9.9-9-cpu-py3"), "known versions are 0.20.0, 0.23-1"),
        (URI.format("1.9-0-gpu-py3"), "needs a GPU"),
        ("my.registry/my-image:latest", "known repositories are"),
        ("sagemaker-scikit-learn", "its tag is ''"),
    ],
)
def test_what_cannot_be_run_is_refused_with_the_reason(uri, words):
    with pytest.raises(errors.NotSupported, match=words):
        images.resolve(uri, interpreter=P311)


def test_the_nearest_version_is_used_on_demand_and_noted():
    image = images.resolve(URI.format("0.23-1-cpu-py3"), "nearest", P311)
    assert (image.requested_version, image.framework_version) == ("0.23.2", "1.2.1")
    assert "stands for scikit-learn 0.23.2" in image.note


def test_every_lock_holds_the_version_that_it_stands_for():
    for family in images.FAMILIES.values():
        for release in family.releases:
            if release.lock.startswith("sklearn"):
                assert f"scikit-learn=={release.version} " in images.lock_text(release.lock)


DLC = "763104351884.dkr.ecr.us-east-1.amazonaws.com/{}"


@pytest.mark.parametrize(
    ("uri", "framework", "version", "module"),
    [
        (DLC.format("pytorch-training:2.6.0-cpu-py312"), "PyTorch", "2.6.0", "sagemaker_pytorch_container"),
        (DLC.format("pytorch-training:2.6-cpu-py312-ubuntu22.04-sagemaker"), "PyTorch", "2.6.0", ""),
        (DLC.format("pytorch-inference:2.3.0-cpu-py311"), "PyTorch", "2.3.0", ""),
        (DLC.format("tensorflow-training:2.16-cpu-py310"), "TensorFlow", "2.16.2", "sagemaker_tensorflow_"),
        (DLC.format("tensorflow-inference:2.18.0-cpu"), "TensorFlow", "2.18.0", ""),
        (DLC.format("sagemaker-spark-processing:3.5-cpu-py312-v1.2"), "Spark", "3.5", ""),
    ],
)
def test_deep_learning_containers_are_told_by_their_tags(uri, framework, version, module):
    image = images.resolve(uri, interpreter=P311)
    assert (image.framework, image.framework_version) == (framework, version)
    assert dict(image.variables).get("SAGEMAKER_TRAINING_MODULE", "").startswith(module)
    assert "--hash=sha256:" in image.requirements


@pytest.mark.parametrize(
    ("uri", "interpreter", "words"),
    [
        (
            DLC.format("pytorch-training:1.13.1-cpu-py39"),
            P311,
            r"has no torchvision .* nearest .* 2\.0\.1",
        ),
        (DLC.format("pytorch-training:2.1.0-cpu-py310"), (3, 13), r"nearest that works is 2\.6\.0"),
        (DLC.format("pytorch-training:2.6.0-gpu-py312"), P311, "needs a GPU"),
        (DLC.format("tensorflow-inference:2.11.1-cpu"), P311, r"nearest that works is 2\.12\.0"),
        (DLC.format("sagemaker-spark-processing:3.3-cpu-py39-v1.0"), P311, r"nearest that works is 3\.5"),
        (DLC.format("pytorch-inference-eia:1.5.1-cpu-py3"), P311, "known repositories are"),
    ],
)
def test_versions_without_wheels_are_refused_with_the_nearest(uri, interpreter, words):
    with pytest.raises(errors.NotSupported, match=words):
        images.resolve(uri, interpreter=interpreter)


def test_every_lock_that_is_named_is_there():
    for family in images.FAMILIES.values():
        for release in family.releases:
            assert not release.lock or images.lock_text(release.lock)


def test_where_uv_takes_pytorch_from_elsewhere_only_its_lines_are_loosened():
    lock = images.resolve(DLC.format("pytorch-training:2.6.0-cpu-py312"), interpreter=P311).requirements
    text = torch_wheels.loosened(lock)
    assert "\ntorch==2.6.0\n" in text
    assert "nvidia-cudnn" in lock
    assert not re.search(r"^(nvidia-|triton|cuda-)", text, re.MULTILINE)
    assert re.search(r"^pandas==\S+ (;.*)?\\\n    --hash", text, re.MULTILINE)
    other = images.lock_text("sklearn-1.9-0.txt")
    assert torch_wheels.loosened(other) == other


@pytest.mark.skipif(sysconfig.get_platform() != "linux-x86_64", reason="other systems' wheels are small")
def test_a_download_of_gigabytes_is_said_unless_uv_takes_pytorch_from_elsewhere(tmp_path, monkeypatch):
    kept = environments.Environments(tmp_path)
    pytorch = images.resolve(DLC.format("pytorch-training:2.6.0-cpu-py312"), interpreter=P311)
    monkeypatch.delenv(torch_wheels.BACKEND, raising=False)
    assert "2 to 4 GB" in kept.warning(pytorch)
    assert kept.warning(images.resolve("sagemaker-scikit-learn:1.9-0")) == ""
    monkeypatch.setenv(torch_wheels.BACKEND, "cpu")
    assert kept.warning(pytorch) == ""
