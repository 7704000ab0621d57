"""One endpoint through boto3: how it is, what it served before, its end, its log."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from sagewind.jobs import identity, kinds, resources, tail
from sagewind.jobs.deployment import Live
from sagewind.jobs.failures import Cause
from sagewind.jobs.kinds import Phase
from sagewind.jobs.service import CallError, drive, tags_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sagewind.jobs.identity import Identity
    from sagewind.jobs.service import Caller

GOOD_TAG = "sagewind:good-config"
"""On an endpoint: what to go back to, which passed its checks last, or served before our first update."""

IN_PROGRESS = "in-progress endpoint"
"""What AWS says of an endpoint that is being made or changed, when asked to change or delete it."""

_MIXED = "UpdateRollbackFailed"
"""In service with a mix of the old and the new configuration (API reference, DescribeEndpoint)."""

KIND = kinds.ENDPOINT
_TAIL = 40


class Hosting:
    """Endpoints as one client sees them."""

    def __init__(self, caller: Caller, *, sleep: Callable[[float], None] = time.sleep) -> None:
        self._caller = caller
        self._sleep = sleep

    def describe(self, name: str) -> dict[str, Any] | None:
        """Return an endpoint's description; `None` when there is none."""
        return resources.describe(self._caller, KIND.method, EndpointName=name)

    def live(self, name: str, dag_id: str) -> Live | None:
        """Return what decides over the next move of a deployment by `dag_id`."""
        found = self.describe(name)
        if found is None:
            return None
        phase = KIND.phase(found)
        owned = phase is Phase.FAILED and resources.owned(self._caller, KIND.arn(found), dag_id)
        config, mixed = str(found.get("EndpointConfigName", "")), KIND.status(found) == _MIXED
        return Live(phase=phase, config=config, owned=owned, mixed=mixed)

    def tags(self, description: Mapping[str, Any]) -> dict[str, str]:
        """Return an endpoint's tags; none when a policy forbids to read them."""
        return tags_of(self._caller, KIND.arn(description)) or {}

    def noted_good(self, tags: Mapping[str, str], wanted: str) -> str:
        """Return the configuration noted as good; empty when it is `wanted`, is gone, or cannot be known."""
        good = tags.get(GOOD_TAG, "")
        return good if good not in {"", wanted} and self.config(good) else ""

    def note_good(self, description: Mapping[str, Any], config: str) -> bool:
        """Note a configuration to go back to; return whether a policy allows it."""
        return self.tag(description, GOOD_TAG, config)

    def tag(self, description: Mapping[str, Any], key: str, value: str) -> bool:
        """Give the endpoint a tag, in place of the one of this key; return whether a policy allows it."""
        tags = [{"Key": key, "Value": value}]
        return self._is_allowed("add_tags", ResourceArn=KIND.arn(description), Tags=tags)

    def untag(self, description: Mapping[str, Any], key: str) -> bool:
        """Take a tag from the endpoint; return whether a policy allows it."""
        return self._is_allowed("delete_tags", ResourceArn=KIND.arn(description), TagKeys=[key])

    def _is_allowed(self, operation: str, **request: Any) -> bool:
        """Call; return false when a policy forbids it."""
        try:
            self._caller.call(operation, **request)
        except CallError as error:
            if error.cause is Cause.DENIED:
                return False
            raise
        return True

    def is_unproven(self, description: Mapping[str, Any], owner: Identity) -> bool:
        """Tell whether `owner` made the endpoint as it is, and nothing good ever served; unknown is no."""
        tags = self.tags(description)
        made = {identity.OWNER_TAG: owner.key, identity.CONTENT_TAG: description["EndpointConfigName"]}
        return GOOD_TAG not in tags and made.items() <= tags.items()

    def config(self, name: str) -> dict[str, Any] | None:
        """Return the description of an endpoint configuration; `None` when there is none."""
        return resources.describe(self._caller, "endpoint_config", EndpointConfigName=name)

    def is_newer(self, one: str, other: str) -> bool:
        """Tell whether the configuration `one` was made after `other`."""
        first, second = self.config(one), self.config(other)
        return bool(first and second and first["CreationTime"] > second["CreationTime"])

    def delete(self, name: str, *, seconds: float, interval: float) -> bool:
        """Delete an endpoint and wait until it is gone, at most `seconds`; return whether it is.

        AWS lets none go that is being made or changed: it is asked again when that is over.

        Raises:
            CallError: AWS refused for another reason.

        """
        waited = 0.0
        while found := self.describe(name):
            if KIND.phase(found) is not Phase.STOPPING:
                self.ask_to_delete(name)
            if waited >= seconds:
                return False
            self._sleep(interval)
            waited += interval
        return True

    def ask_to_delete(self, name: str) -> bool:
        """Ask for the deletion of an endpoint; return whether AWS agrees, false while it is under way.

        Raises:
            CallError: AWS refused for another reason.

        """
        try:
            self._caller.call("delete_endpoint", EndpointName=name)
        except CallError as error:
            if IN_PROGRESS in error.message:
                return False
            if not error.absent:
                raise
        return True


def log_tail(logs: Any, name: str) -> str:
    """Return the last lines of an endpoint's containers."""
    where = KIND.logs(name)
    return "\n".join(drive(logs, tail.last_lines(*where, _TAIL))) if where else ""
