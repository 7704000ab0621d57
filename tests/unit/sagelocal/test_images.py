"""An image URI stands for an environment, or is refused with a reason."""

import pytest

from sagelocal import errors
from sagelocal.container import images

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
