"""What a deployment does to an endpoint at AWS: look, change, ask, delete, and tell why it cannot.

Nothing here knows at which stage a deployment is: that is `endpoint`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from sagewind.jobs import failures, holding, hosting, limits, masking, probe
from sagewind.jobs.golden import Golden
from sagewind.jobs.hosting import KIND, Hosting
from sagewind.jobs.kinds import Phase
from sagewind.jobs.service import CallError
from sagewind.operators import base
from sagewind.requests import EXPIRES_TAG

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class LiveEndpoint(base.SagewindOperator):
    """The part of the endpoint operator that acts; its arguments are `SageMakerEndpointOperator`'s."""

    golden: Sequence[Mapping[str, Any]] | str
    tolerance: float
    max_latency_p95: float | None
    latency_requests: int
    check_interval: float | None
    max_ingestion_time: int

    def _change(self, request: Mapping[str, Any]) -> bool:
        """Begin to update an endpoint; return false when it is being changed, maybe by this very call."""
        try:
            self._caller().call("update_endpoint", **request)
        except CallError as error:
            if hosting.IN_PROGRESS not in error.message:
                raise
            self.log.info("%s; waiting for it to settle", error.message)
            return False
        return True

    def _note_good(self, description: Mapping[str, Any], config: str) -> None:
        if not self._hosting().note_good(description, config):
            self.log.warning("a policy forbids to tag the endpoint: a later rollback cannot know %s", config)

    def _set_expiry(self, description: Mapping[str, Any], tags: Mapping[str, str]) -> None:
        """Have the endpoint expire when the request says, or not: Update takes no tags."""
        asked = {tag["Key"]: tag["Value"] for tag in self._endpoint_request().get("Tags", ())}
        until, ours = asked.get(EXPIRES_TAG), self._hosting()
        if until and not ours.tag(description, EXPIRES_TAG, until):
            self.log.warning("a policy forbids to tag the endpoint: it expires as before, not at %s", until)
        if not until and EXPIRES_TAG in tags and not ours.untag(description, EXPIRES_TAG):
            self.log.warning("a policy forbids to untag the endpoint: it expires at %s", tags[EXPIRES_TAG])

    def _is_settled(self, name: str, held: float = 0.0) -> bool:
        """Tell whether an endpoint is not being changed; the call may be held for up to `held` seconds."""
        with holding.asking(self.hook.conn, held):
            found = self._hosting().describe(name)
        return found is None or KIND.phase(found) not in (Phase.ACTIVE, Phase.STOPPING)

    def _endpoint_request(self) -> dict[str, Any]:
        return dict(self.config.get("Endpoint", self.config))

    def _hosting(self) -> Hosting:
        return Hosting(self._caller())

    def _interval(self) -> float:
        return limits.interval(self.check_interval, self._endpoint)

    def _described(self, name: str) -> dict[str, Any]:
        found = self._hosting().describe(name)
        if found is None:
            raise AirflowException(f"endpoint {name} is gone: somebody deleted it")
        return found

    def _goldens(self) -> list[Golden]:
        given = json.loads(self.golden) if isinstance(self.golden, str) else self.golden
        return [Golden.of(value) for value in given]

    def _probe(self, name: str) -> dict[str, Any]:
        try:
            return probe.probe(
                self.hook.client("sagemaker-runtime"),
                name,
                self._goldens(),
                tolerance=self.tolerance,
                latency=self.max_latency_p95,
                requests=self.latency_requests,
            )
        except CallError as error:
            raise base.airflow_error(error, f"endpoint {name} could not be asked") from error

    def _deployed(self, description: Mapping[str, Any], seen: Mapping[str, Any]) -> dict[str, Any]:
        config = self._hosting().config(str(description["EndpointConfigName"])) or {}
        return {
            "EndpointConfig": base.plain(config),
            "Endpoint": base.plain(description),
            "Summary": dict(seen),
        }

    def _delete(self, name: str) -> None:
        interval = min(2.0, self._interval())
        if not self._hosting().delete(name, seconds=self.max_ingestion_time, interval=interval):
            raise AirflowException(f"endpoint {name} is still there after {self.max_ingestion_time} s")

    def _fail(self, name: str, message: str, reason: str | None = None) -> Any:
        """Raise, with the end of the log shown before; `reason` is SageMaker's own, and may allow a retry."""
        self._show_tail(name)
        if reason is None or failures.of_reason(reason) in failures.HOPELESS:
            raise AirflowFailException(f"{message}: {reason}" if reason else message)
        raise AirflowException(f"{message}: {reason or 'no reason given'}")

    def _show_tail(self, name: str) -> None:
        try:
            text = hosting.log_tail(self.hook.logs_hook.conn, name)
        except Exception as error:  # noqa: BLE001 - a log that cannot be read is no reason to fail otherwise
            self.log.warning("the log of endpoint %s cannot be read: %s", name, error)
            return
        hidden = masking.secrets(self.config)
        self.log.error("The log of endpoint %s ends:\n%s", name, masking.masked_text(text, hidden))
