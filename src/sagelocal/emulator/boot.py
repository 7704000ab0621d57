"""What the emulator's own interpreter runs: ministack, with three things of AWS that it lacks.

`GetCallerIdentity` must answer with an assumed role that IAM knows, or the SageMaker SDK's
`get_execution_role()` fails; ministack takes a static key for the account's root. So the key is registered
the way its own AssumeRole would, with no expiry. And an object written with `aws:kms` and no key, as SDK v2
writes its sources, is encrypted with the account's `aws/s3` key, where ministack refuses it. And only
AWS's services may send events from `aws.*`: here sagelocal is one, for `aws.sagemaker`. This file runs in the
emulator's environment: it imports nothing of sagelocal, and its settings come as arguments.
"""

import sys

from ministack import app
from ministack.services import eventbridge, s3, sts

_ENCRYPTION = "x-amz-server-side-encryption"
_OWN_SOURCE = "aws.sagemaker"
_KEY = f"{_ENCRYPTION}-aws-kms-key-id"


def main() -> None:
    """Register the access key given in argv as a session of the role given in argv, and serve."""
    access_key, account, role, session, region = sys.argv[1:]
    del sys.argv[1:]  # ministack parses its own
    sts.register_session(
        access_key,
        {
            "AccountId": account,
            "Arn": f"arn:aws:sts::{account}:assumed-role/{role}/{session}",
            "UserId": f"AROASAGELOCAL:{session}",
            "PrincipalType": "AssumedRole",
        },
    )
    _encrypt_by_default(f"arn:aws:kms:{region}:{account}:alias/aws/s3")
    _take_events_of_sagemaker()
    app.main()


def _encrypt_by_default(key: str) -> None:
    """Let a write that asks for `aws:kms` and names no key have this one, as in S3."""
    resolve = s3._resolve_sse_write_headers  # noqa: SLF001  (the one place where it reads them)

    def with_key(headers: dict[str, str], bucket: str) -> object:
        if headers.get(_ENCRYPTION) == "aws:kms" and not headers.get(_KEY):
            headers = {**headers, _KEY: key}
        return resolve(headers, bucket)

    s3._resolve_sse_write_headers = with_key  # noqa: SLF001


def _take_events_of_sagemaker() -> None:
    """Let state changes through that sagelocal tells as SageMaker does."""
    put = eventbridge._put_events  # noqa: SLF001  (it has the switch, and no request reaches it)

    def put_own(data: dict[str, list[dict[str, str]]], *, allow_aws_source: bool = False) -> object:
        is_own = all(each.get("Source") == _OWN_SOURCE for each in data.get("Entries", []))
        return put(data, allow_aws_source=allow_aws_source or is_own)

    eventbridge._put_events = put_own  # noqa: SLF001


if __name__ == "__main__":
    main()
