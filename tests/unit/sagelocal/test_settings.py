"""Settings come from a mapping; what is wrong is told by its name."""

from pathlib import Path

import pytest

from sagelocal import settings


def test_defaults():
    assert settings.from_environment({}) == settings.Settings()


def test_values_are_read_by_their_type(tmp_path):
    found = settings.from_environment(
        {
            "SAGELOCAL_PORT": "0",
            "SAGELOCAL_DATA_DIR": str(tmp_path),
            "SAGELOCAL_ON_EXIT": "stop",
            "SAGELOCAL_HOSTS": "sagelocal",
            "AWS_DEFAULT_REGION": "eu-west-1",
            "PATH": "/bin",
        }
    )
    assert (found.port, found.data_dir, found.on_exit) == (0, Path(tmp_path), "stop")
    assert (found.hosts, found.region) == ("sagelocal", "eu-west-1")


def test_the_services_own_region_goes_before_the_sdks():
    assert settings.from_environment({"SAGELOCAL_REGION": "a", "AWS_REGION": "b"}).region == "a"


WRONG = [
    ({"SAGELOCAL_PROT": "1"}, "SAGELOCAL_PROT is no setting of sagelocal; known are .*SAGELOCAL_PORT"),
    ({"SAGELOCAL_PORT": "x"}, "SAGELOCAL_PORT is 'x'; a whole number is needed"),
    ({"SAGELOCAL_ON_EXIT": "die"}, "SAGELOCAL_ON_EXIT is 'die'; allowed are keep, stop"),
]


@pytest.mark.parametrize(("environ", "words"), WRONG)
def test_what_is_wrong_is_named(environ, words):
    with pytest.raises(settings.SettingsError, match=words):
        settings.from_environment(environ)
