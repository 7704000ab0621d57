"""S3's errors, which name neither key nor bucket, as a person reads them."""

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import Stubber

from sagewind.objects import Address, ObjectMissingError, ObjectRefusedError, Objects

WHERE = Address("b", "rows/")
CALLS = {
    "get_object": lambda objects: objects.read(WHERE),
    "put_object": lambda objects: objects.write(WHERE, b"1"),
    "list_objects_v2": lambda objects: list(objects.list(WHERE)),
}


def fails(call, code):
    client = boto3.client("s3", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
    with Stubber(client) as stub:
        stub.add_client_error(call, code, "Said by S3")
        CALLS[call](Objects(client))


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("code", "error", "says"),
    [
        ("NoSuchBucket", ObjectMissingError, "s3://b/rows/: there is no such bucket"),
        ("NoSuchKey", ObjectMissingError, "s3://b/rows/: there is no such object"),
        ("AccessDenied", ObjectRefusedError, "s3://b/rows/: S3 refuses the role that asks: Said by S3"),
    ],
)
def test_an_error_says_where(call, code, error, says):
    with pytest.raises(error) as raised:
        fails(call, code)
    assert str(raised.value) == says


@pytest.mark.parametrize("call", CALLS)
def test_trouble_of_aws_stays_its_own(call):
    with pytest.raises(ClientError, match="SlowDown"):
        fails(call, "SlowDown")
