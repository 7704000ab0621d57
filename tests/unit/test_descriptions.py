"""What botocore knows of services: read once, with nobody asked for credentials."""

from botocore.session import Session as CoreSession

from sagewind import aws, descriptions


def test_clients_share_what_was_read(monkeypatch):
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    descriptions.read(("sts", "logs"))
    for name in ("sts", "logs"):
        known = descriptions.loader(None).load_service_model(name, "service-2", api_version=None)
        assert aws.client(name).meta.service_model.metadata is known["metadata"]


def test_reading_looks_for_no_credentials(monkeypatch):
    def asked(*_):
        raise AssertionError("credentials were looked for")

    monkeypatch.setattr(CoreSession, "get_credentials", asked)
    descriptions.read(("sts",))
