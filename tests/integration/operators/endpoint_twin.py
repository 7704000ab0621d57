"""Endpoints in memory, for the states and the orders of events that no real service shows at will."""

from __future__ import annotations

import datetime as dt
import io
import json
from types import SimpleNamespace
from typing import Any

from tests.integration.operators.driver import Attempt, Instance

from sagewind.operators.sagemaker import SageMakerEndpointOperator
from sagewind.testing import Account, client
from sagewind.testing.aws import AwsError

DENIED = AwsError("AccessDeniedException", "no identity-based policy allows it", 403)
GOLDEN = [{"Body": "1\n", "Expected": [1.0]}]
NAME = "live"
_CHANGEABLE = ("InService", "UpdateRollbackFailed")
_SETTLED = (*_CHANGEABLE, "Failed", "OutOfService")


class Twin:
    """The endpoints of an account, and what they answer.

    What is under way is over when it has been looked at once. `answers` are by configuration; an update to
    one of `bad` is rolled back. `faults` are raised once by the operation, before it acts or, for those of
    `lost`, afterwards; `before` is called once before an operation.
    """

    def __init__(self, *configs: str) -> None:
        self.account = Account()
        self.configs = {name: self.account.tick(days=1) for name in configs}
        self.endpoints: dict[str, dict[str, Any]] = {}
        self.tags: dict[str, dict[str, str]] = {}
        self.answers: dict[str, Any] = {name: [1.0] for name in configs}
        self.bad: set[str] = set()
        self.faults: dict[str, list[AwsError]] = {}
        self.lost: dict[str, list[AwsError]] = {}
        self.before: dict[str, Any] = {}

    def add(self, name: str, config: str, status: str = "InService", **tags: str) -> None:
        """Add an endpoint; `good` is the configuration that its tag names."""
        self.endpoints[name] = {"EndpointStatus": status, "EndpointConfigName": config}
        known = {"good": "sagewind:good-config", "dag": "sagewind:dag"}
        self.tags[name] = {known[key]: value for key, value in tags.items()}

    def live(self, name: str = NAME) -> str | None:
        """Return the configuration that an endpoint serves."""
        found = self.endpoints.get(name)
        return None if found is None else found["EndpointConfigName"]

    def good(self, name: str = NAME) -> str | None:
        """Return the configuration that an endpoint's tag names as good."""
        return self.tags[name].get("sagewind:good-config")

    def settle(self, name: str = NAME) -> None:
        """Let what is under way on an endpoint end."""
        while self.endpoints[name]["EndpointStatus"] not in _SETTLED:
            self._go_on(name, self.endpoints[name])

    def changes(self) -> list[tuple[str, ...]]:
        """Return each Create, Update and Delete so far: what, of which endpoint, to which configuration."""
        verbs = {"CreateEndpoint": "create", "UpdateEndpoint": "update", "DeleteEndpoint": "delete"}
        return [
            (verbs[name], *(params[key] for key in ("EndpointName", "EndpointConfigName") if key in params))
            for name, params in self.account.calls
            if name in verbs
        ]

    def deploy(self, config: str, *, expires: str = "", **arguments: Any) -> Attempt:
        """Return the tries of a task that has the endpoint serve a configuration."""
        arguments = {"deferrable": False, "check_interval": 0.01, **arguments}
        request: dict[str, Any] = {"EndpointName": NAME, "EndpointConfigName": config}
        if expires:
            request["Tags"] = [{"Key": "sagewind:expires", "Value": expires}]

        def make() -> SageMakerEndpointOperator:
            operator = SageMakerEndpointOperator(task_id="t", config=dict(request), **arguments)
            operator.hook = self.hook()
            return operator

        return Attempt(make=make, ti=Instance(task_id="t"))

    def hook(self) -> Any:
        """Return what the operator uses of its hook."""
        operations = ("CreateEndpoint", "UpdateEndpoint", "DeleteEndpoint", "DescribeEndpoint")
        others = ("DescribeEndpointConfig", "ListTags", "AddTags", "DeleteTags", "InvokeEndpoint")
        handlers = {each: self._handler(each) for each in (*operations, *others)}
        made = {name: client(name, handlers, self.account) for name in ("sagemaker", "sagemaker-runtime")}
        logs = client("logs", {"DescribeLogStreams": lambda _: {"logStreams": []}}, self.account)
        return SimpleNamespace(
            conn=made["sagemaker"],
            client=made.__getitem__,
            conn_client_meta=made["sagemaker"].meta,
            logs_hook=SimpleNamespace(conn=logs),
            configure_s3_resources=lambda _: None,
        )

    def _handler(self, operation: str) -> Any:
        act = getattr(self, f"_{operation}")

        def answer(params: dict[str, Any]) -> dict[str, Any]:
            if operation in self.before:
                self.before.pop(operation)()
            if self.faults.get(operation):
                raise self.faults[operation].pop(0)
            answered = act(params)
            if self.lost.get(operation):
                raise self.lost[operation].pop(0)
            return answered or {}

        return answer

    def _CreateEndpoint(self, params: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        name = params["EndpointName"]
        if name in self.endpoints:
            raise AwsError("ValidationException", f'Cannot create already existing endpoint "{name}".')
        self.add(name, params["EndpointConfigName"], "Creating")
        self.tags[name] = {tag["Key"]: tag["Value"] for tag in params.get("Tags", [])}
        return {"EndpointArn": self._arn(name)}

    def _UpdateEndpoint(self, params: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        name = params["EndpointName"]
        found = self._found(name)
        if found["EndpointStatus"] not in _CHANGEABLE:
            raise AwsError("ValidationException", f'Cannot update in-progress endpoint "{self._arn(name)}".')
        found |= {"EndpointStatus": "Updating", "coming": params["EndpointConfigName"]}
        return {"EndpointArn": self._arn(name)}

    def _DeleteEndpoint(self, params: dict[str, Any]) -> None:  # noqa: N802
        self._found(params["EndpointName"])["EndpointStatus"] = "Deleting"

    def _DescribeEndpoint(self, params: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        name = params["EndpointName"]
        found = self._found(name)
        told = {key: value for key, value in found.items() if key != "coming"}
        times = {"CreationTime": self.account.now, "LastModifiedTime": self.account.now}
        self._go_on(name, found)
        return {"EndpointName": name, "EndpointArn": self._arn(name), **times, **told}

    def _DescribeEndpointConfig(self, params: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        name = params["EndpointConfigName"]
        if name not in self.configs:
            raise AwsError("ValidationException", f'Could not find endpoint configuration "{name}".')
        return {"EndpointConfigName": name, "CreationTime": self.configs[name]}

    def _ListTags(self, params: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        tags = self.tags[params["ResourceArn"].rsplit("/", maxsplit=1)[-1]]
        return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}

    def _DeleteTags(self, params: dict[str, Any]) -> None:  # noqa: N802
        for key in params["TagKeys"]:
            self.tags[params["ResourceArn"].rsplit("/", maxsplit=1)[-1]].pop(key, None)

    def _AddTags(self, params: dict[str, Any]) -> None:  # noqa: N802
        tags = self.tags[params["ResourceArn"].rsplit("/", maxsplit=1)[-1]]
        tags |= {tag["Key"]: tag["Value"] for tag in params["Tags"]}

    def _InvokeEndpoint(self, params: dict[str, Any]) -> dict[str, Any]:  # noqa: N802
        answer = self.answers[self._found(params["EndpointName"])["EndpointConfigName"]]
        if isinstance(answer, Exception):
            raise answer
        return {"Body": io.BytesIO(json.dumps(answer).encode()), "ContentType": "application/json"}

    def _go_on(self, name: str, found: dict[str, Any]) -> None:
        status = found["EndpointStatus"]
        if status == "Deleting":
            del self.endpoints[name]
        elif status in {"Creating", "RollingBack", "SystemUpdating"}:
            found["EndpointStatus"] = "InService"
        elif status == "Updating":
            coming = found.pop("coming", found["EndpointConfigName"])
            if coming in self.bad:
                found |= {
                    "EndpointStatus": "RollingBack",
                    "FailureReason": "did not pass the ping health check",
                }
            else:
                found |= {"EndpointStatus": "InService", "EndpointConfigName": coming}
                found.pop("FailureReason", None)

    def _found(self, name: str) -> dict[str, Any]:
        if name not in self.endpoints:
            raise AwsError("ValidationException", f'Could not find endpoint "{self._arn(name)}".')
        return self.endpoints[name]

    def _arn(self, name: str) -> str:
        return self.account.arn("endpoint", name)


def lost(seconds: float = 0.0) -> AwsError:
    """Return what a client makes of an answer that did not come."""
    return AwsError("InternalFailure", f"no answer within {dt.timedelta(seconds=seconds)}", 500)
