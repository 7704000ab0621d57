"""botocore's files in less memory: clients made of them are those that botocore makes of its own."""

from __future__ import annotations

import boto3
import botocore.loaders
import botocore.session
import pytest

from sagelocal import awsdata

REGIONS = ("us-east-1", "cn-north-1", "aws-global")
SERVICES = ("s3", "logs", "cloudwatch", "events", "sns", "sts")


def client(service: str, region: str, loader=None):
    session = botocore.session.get_session({"region": (None, None, region, None)})
    if loader is not None:
        session.register_component("data_loader", loader)
    made = boto3.session.Session(botocore_session=session)
    return made.client(service, aws_access_key_id="key", aws_secret_access_key="secret")


def without_words(found):
    if isinstance(found, dict):
        kept = {name: without_words(value) for name, value in found.items()}
        return kept | ({"documentation": ""} if isinstance(found.get("documentation"), str) else {})
    return [without_words(each) for each in found] if isinstance(found, list) else found


@pytest.mark.parametrize("service", ["sagemaker", "sagemaker-runtime", "s3", "logs"])
def test_a_model_is_botocores_but_for_its_words_in_the_same_order(service):
    ours = awsdata.loader().load_service_model(service, "service-2")
    theirs = botocore.loaders.Loader().load_service_model(service, "service-2")
    assert repr(ours) == repr(without_words(theirs))


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("service", [*SERVICES, "sqs"])
def test_a_client_asks_the_same_place_and_signs_in_the_same_way(service, region):
    ours, theirs = client(service, region, awsdata.loader()), client(service, region)
    found = [
        (
            each.meta.endpoint_url,
            each.meta.region_name,
            each.meta.partition,
            each.meta.config.signature_version,
            each._request_signer.signing_name,
            each._request_signer.region_name,
        )
        for each in (ours, theirs)
    ]
    assert found[0] == found[1]


@pytest.mark.parametrize("region", ["us-east-1", "cn-north-1"])
def test_a_request_goes_by_the_same_rules(region):
    parts = {"Params": {"Bucket": "bucket", "Key": "a key"}, "ExpiresIn": 60}
    urls = [
        client("s3", region, loader).generate_presigned_url("get_object", **parts).partition("?")[0]
        for loader in (awsdata.loader(), None)
    ]
    assert urls[0] == urls[1]


def test_files_beside_botocores_own_are_found(tmp_path):
    folder = tmp_path / "made-up" / "2026-01-01"
    folder.mkdir(parents=True)
    (folder / "service-2.json").write_text('{"metadata": {"documentation": "words"}}')
    found = awsdata.loader(str(tmp_path)).load_service_model("made-up", "service-2")
    assert found == {"metadata": {"documentation": ""}}


def test_a_file_that_is_not_there_is_botocores_error():
    with pytest.raises(botocore.exceptions.UnknownServiceError):
        awsdata.loader().load_service_model("made-up", "service-2")
