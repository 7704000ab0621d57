"""The provider's SageMaker hook, with region, endpoint and retries in every client that it makes.

The provider hands only the connection to its S3 and logs hooks, so that an operator's `region_name` and
`botocore_config` do not reach them, and it accepts an S3 prefix only when it ends in a slash. It also begins
each client with a session of its own, which reads and parses the description of the service anew.
"""

from __future__ import annotations

import functools
import inspect
from typing import Any, TypeVar

from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook
from airflow.providers.amazon.aws.hooks.logs import AwsLogsHook
from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.providers.amazon.aws.hooks.sagemaker import SageMakerHook as ProvidedHook
from airflow.providers.common.compat.sdk import AirflowException
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from sagewind import descriptions
from sagewind.operators import ahead

_Hook = TypeVar("_Hook", bound="_Informed")
TOTAL_ATTEMPTS = 10
"""Calls in all before an error counts; botocore's own 5 are too few for a burst of throttling."""


class _Informed(AwsBaseHook):
    """A hook that makes its clients quickly: its sessions share what botocore knows of the services."""

    _lender: _Informed | None = None
    """The hook of the same connection whose session this one takes."""

    def lend(self, other: _Hook) -> _Hook:
        """Have another hook of the same arguments make its clients of this one's session.

        So the connection is asked for once, and a role is assumed once, for all clients of a task.
        """
        other._lender = self  # noqa: SLF001  (of this class)
        return other

    @functools.cached_property
    def conn_config(self) -> Any:
        """The connection, asked of Airflow once."""
        return super().conn_config if self._lender is None else self._lender.conn_config

    @functools.cached_property
    def _sessions(self) -> dict[str | None, Any]:
        return {}

    def get_session(self, region_name: str | None = None, deferrable: bool = False) -> Any:
        """Return boto3's session, made once for each region, or, deferrable, a new one of aiobotocore's."""
        if self._lender is not None:
            return self._lender.get_session(region_name=region_name, deferrable=deferrable)
        if deferrable:
            return self._session(region_name, deferrable=True)
        if region_name not in self._sessions:
            self._sessions[region_name] = self._session(region_name, deferrable=False)
        return self._sessions[region_name]

    def get_client_type(
        self, region_name: str | None = None, config: Config | None = None, deferrable: bool = False
    ) -> Any:
        """Return a client: one that was made ahead, where the hook asks for what that one is."""
        if config is None and not deferrable and self._is_usual(region_name):
            kept = ahead.take(str(self.client_type), lambda: self._generate_user_agent_extra_field(""))
            if kept is not None:
                return kept
        return super().get_client_type(region_name=region_name, config=config, deferrable=deferrable)

    def _is_usual(self, region_name: str | None) -> bool:
        """Whether nothing beside the connection says how the client is to be made."""
        if self.aws_conn_id != ahead.CONNECTION or self._config is not _PATIENT:
            return False
        return self._region_name is self._verify is None and region_name in (None, self.region_name)

    def _session(self, region_name: str | None, *, deferrable: bool) -> Any:
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
        self.s3_hook = self.lend(_S3(**self.sagewind_parameters))
        self.logs_hook = self.lend(_Logs(**self.sagewind_parameters))

    def client(self, service: str) -> Any:
        """Return a new client of another AWS service, made as this hook's own."""
        return self.lend(_Informed(client_type=service, **self.sagewind_parameters)).conn

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


_PATIENT = Config(retries={"mode": "standard", "total_max_attempts": TOTAL_ATTEMPTS})


def patient(config: Config | dict[str, Any] | None) -> Config:
    """Return the configuration of a client, with more attempts unless the user set their number."""
    if not config:
        return _PATIENT
    given = Config(**config) if isinstance(config, dict) else config
    return given if getattr(given, "retries", None) else given.merge(_PATIENT)


def keep_clients() -> None:
    """Make the operators' clients ahead, in a process that is to fork their tasks.

    A connection of which none can be made says too little for that, say no region: tasks may say the rest.
    """
    if not ahead.is_told():
        return
    hook = SageMakerHook(aws_conn_id=ahead.CONNECTION)
    try:
        ahead.keep(hook.conn_config, hook.client)
    except BotoCoreError as error:
        hook.log.info("no clients of %s are made ahead: %s", ahead.CONNECTION, error)
