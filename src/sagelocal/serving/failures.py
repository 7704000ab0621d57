"""The ModelErrors of endpoints, in the words of SageMaker."""

from __future__ import annotations

from sagelocal import errors

_LATE = (
    "Your invocation timed out while waiting for a response from container {}. Review the latency "
    "metrics for each container in Amazon CloudWatch, resolve the issue, and try again."
)
_CLIENT_ERRORS = range(400, 500)


class Failures:
    """Knows the account and the region that the messages point to."""

    def __init__(self, *, account: str, region: str) -> None:
        self._account = account
        self._region = region

    def late(self, endpoint: str, container: str) -> errors.ModelError:
        """Return the error of a container that did not answer in time."""
        return self.model(endpoint, 0, _LATE.format(container), container)

    def model(self, endpoint: str, status: int, words: str, container: str = "primary") -> errors.ModelError:
        """Return the error of a container that answered with one."""
        side = "client" if status in _CLIENT_ERRORS else "server"
        return errors.ModelError(
            f'Received {side} error ({status}) from {container} with message "{words}". '
            f"{self._see(endpoint)}",
            OriginalStatusCode=status,
            OriginalMessage=words,
            LogStreamArn=self._log_arn(endpoint),
        )

    def _log_arn(self, endpoint: str) -> str:
        return f"arn:aws:logs:{self._region}:{self._account}:log-group:/aws/sagemaker/Endpoints/{endpoint}"

    def _see(self, endpoint: str) -> str:
        return (
            f"See https://{self._region}.console.aws.amazon.com/cloudwatch/home?region={self._region}"
            f"#logEventViewer:group=/aws/sagemaker/Endpoints/{endpoint} in account {self._account} "
            "for more information."
        )
