"""The provider's SageMaker hook, with region, endpoint and retries in every client that it makes.

The provider hands only the connection to its S3 and logs hooks, so that an operator's `region_name` and
`botocore_config` do not reach them, and it accepts an S3 prefix only when it ends in a slash. It also begins
each client with a session of its own, which reads and parses the description of the service anew.
"""

from __future__ import annotations

import inspect
from typing import Any

from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook
from airflow.providers.amazon.aws.hooks.logs import AwsLogsHook
from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.providers.amazon.aws.hooks.sagemaker import SageMakerHook as ProvidedHook
from airflow.providers.common.compat.sdk import AirflowException
from botocore.config import Config

from sagewind import descriptions

TOTAL_ATTEMPTS = 10
"""Calls in all before an error counts; botocore's own 5 are too few for a burst of throttling."""


class _Informed(AwsBaseHook):
    """A hook that makes its clients quickly: its sessions share what botocore knows of the services."""

    def get_session(self, region_name: str | None = None, deferrable: bool = False) -> Any:
        """Return a new session: boto3's or, deferrable, aiobotocore's."""
        session: Any = super().get_session(region_name=region_name, deferrable=deferrable)
        descriptions.share(session)
        return session

    def _get_caller(self, target_function_name: str = "execute") -> str:
        """Return the operator's class, for the user agent.

        The provider's way reads the source files of the whole stack, twice for each client.
        """
        frame = inspect.currentframe()
        while frame is not None:
            if frame.f_code.co_name == target_function_name and "self" in frame.f_locals:
                return type(frame.f_locals["self"]).__name__
            frame = frame.f_back
        return "Unknown"


class _S3(_Informed, S3Hook):
    """The provider's."""


class _Logs(_Informed, AwsLogsHook):
    """The provider's."""


class SageMakerHook(_Informed, ProvidedHook):
    """The provider's hook; same arguments."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        kwargs["config"] = patient(kwargs.get("config"))
        super().__init__(*args, **kwargs)
        self.sagewind_parameters = {
            "aws_conn_id": self.aws_conn_id,
            "region_name": kwargs.get("region_name"),
            "verify": kwargs.get("verify"),
            "config": kwargs["config"],
        }
        self.s3_hook = _S3(**self.sagewind_parameters)
        self.logs_hook = _Logs(**self.sagewind_parameters)

    def client(self, service: str) -> Any:
        """Return a new client of another AWS service, made as this hook's own."""
        return _Informed(client_type=service, **self.sagewind_parameters).conn

    def check_s3_url(self, s3url: str) -> bool:
        """Check that an object, or any object under a prefix, is there; a prefix may end anywhere.

        Raises:
            AirflowException: nothing is there.

        """
        bucket, key = S3Hook.parse_s3_url(s3url)
        listed = self.s3_hook.conn.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1)
        if listed["KeyCount"] == 0:
            raise AirflowException(
                f"The input S3 Key or Prefix {s3url} does not exist in the Bucket {bucket}"
            )
        return True


def patient(config: Config | dict[str, Any] | None) -> Config:
    """Return the configuration of a client, with more attempts unless the user set their number."""
    given = Config(**config) if isinstance(config, dict) else config or Config()
    ours = Config(retries={"mode": "standard", "total_max_attempts": TOTAL_ATTEMPTS})
    return given if getattr(given, "retries", None) else given.merge(ours)
