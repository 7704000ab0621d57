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
    ({"SAGELOCAL_PORT": "65536"}, r"the port is 65536; 0 \(any free one\) to 65535 are allowed"),
    ({"SAGELOCAL_ACCOUNT": "my-account"}, "the account is 'my-account'; 12 digits are needed"),
    ({"SAGELOCAL_ON_EXIT": "die"}, "SAGELOCAL_ON_EXIT is 'die'; allowed are keep, stop"),
]


@pytest.mark.parametrize(("environ", "words"), WRONG)
def test_what_is_wrong_is_named(environ, words):
    with pytest.raises(settings.SettingsError, match=words):
        settings.from_environment(environ)


@pytest.mark.parametrize("text", ["AKIALOCAL", ":a-long-secret", "AKIALOCAL:", "AKIALOCAL:short"])
def test_half_a_pair_of_credentials_is_refused_and_not_told(text):
    with pytest.raises(settings.SettingsError, match="SAGELOCAL_CREDENTIALS must be") as refused:
        settings.from_environment({"SAGELOCAL_CREDENTIALS": text})
    assert text not in str(refused.value)


def test_credentials_are_written_nowhere_and_handed_to_no_child():
    environ = {"SAGELOCAL_CREDENTIALS": "key:a-long-secret", "PATH": "/bin"}
    found = settings.from_environment(environ)
    assert "a-long-secret" not in repr(found)
    assert "a-long-secret" not in str(settings.to_json(found))
    assert settings.without_secrets(environ) == {"PATH": "/bin"}
