"""Deployments: an endpoint serves the configuration that was asked for and answers rightly, or the task is red.

The provider's operator reports success when SageMaker rolled an update back and the old model serves on.
"""

from __future__ import annotations

import datetime as dt
import json
import time
from typing import TYPE_CHECKING, Any

from airflow.providers.amazon.aws.operators import sagemaker as provider
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from sagewind.jobs import deployment, failures, identity, kinds, limits, masking, tail
from sagewind.jobs.deployment import Live, Move
from sagewind.jobs.golden import Golden
from sagewind.jobs.kinds import Phase
from sagewind.jobs.service import CallError, drive
from sagewind.operators import base, probe, resources
from sagewind.operators.triggers import SageMakerJobTrigger

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.sdk import Context

GOOD_TAG = "sagewind:good-config"
"""The configuration that passed its checks last: what a deployment goes back to."""

_PATIENCE = 3600
_BACKSTOP = dt.timedelta(minutes=10)
_TAIL = 40
_KIND = kinds.ENDPOINT

Plan = dict[str, Any]
"""Where a deployment stands, as plain JSON: `endpoint`, `config`, `stage`, `good`, `reason`."""


class SageMakerEndpointOperator(base.SagewindOperator, provider.SageMakerEndpointOperator):
    """Creates or updates an endpoint; green only when it serves the requested configuration, rightly and in time.

    Beside the provider's arguments (`operation` no longer matters: create or update is one):

    :param golden: predictions of the offline model: `{"Body", "Expected", "ContentType", "Accept"}` each.
    :param tolerance: by how much a number may differ from the expected one.
    :param max_latency_p95: bound of the 95th percentile of the answers' time in seconds.
    :param latency_requests: requests to measure it by.
    :param rehearse: try a new configuration on an endpoint of its own before the live one changes; by default
        when there are golden predictions.
    :param deferrable: wait in the triggerer; true unless told otherwise.
    :param check_interval: seconds between two looks; by default 30 on AWS and 1 when SageMaker is local.
    """

    template_fields: Sequence[str] = (*provider.SageMakerEndpointOperator.template_fields, "golden")
    template_fields_renderers = {
        **provider.SageMakerEndpointOperator.template_fields_renderers,
        "golden": "json",
    }  # noqa: RUF012

    def __init__(
        self,
        *,
        golden: Sequence[Mapping[str, Any]] | str = (),
        tolerance: float = 1e-6,
        max_latency_p95: float | None = None,
        latency_requests: int = 50,
        rehearse: bool | None = None,
        deferrable: bool = True,
        check_interval: float | None = None,
        max_ingestion_time: int | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.golden = golden
        self.tolerance = tolerance
        self.max_latency_p95 = max_latency_p95
        self.latency_requests = latency_requests
        self.rehearse = rehearse
        self.deferrable = deferrable
        self.check_interval = check_interval
        self.max_ingestion_time = max_ingestion_time or _PATIENCE

    def execute(self, context: Context) -> Any:
        """Make what is missing, and deploy.

        Raises:
            AirflowFailException: the new configuration does not come up or fails its checks.
            AirflowException: AWS refused, or it took too long.

        """
        self.preprocess_config()
        try:
            plan = self._prepare(context)
            return self._settle(context, plan)
        except CallError as error:
            raise base.airflow_error(error, "deployment") from error

    def execute_complete(
        self, context: Context, event: dict[str, Any] | None = None, plan: Plan | None = None
    ) -> Any:
        """Go on after a wait."""
        told = event or {}
        if plan is None:
            raise AirflowException("the deployment's plan was lost; clear the task to deploy again")
        try:
            if told.get("status") == "timeout":
                self._give_up(context, plan)
            return self._arrived(context, plan)
        except CallError as error:
            raise base.airflow_error(error, f"deployment of {plan['endpoint']}") from error

    def resume_execution(self, next_method: str, next_kwargs: dict[str, Any] | None, context: Context) -> Any:
        """Resume after the trigger; when the trigger itself broke, wait here instead."""
        if next_method != "__fail__":
            return super().resume_execution(next_method, next_kwargs, context)
        self.log.warning("the trigger ended with an error; waiting in the worker")
        self.deferrable = False
        return self.execute(context)

    def on_kill(self) -> None:
        """Delete the rehearsal, if there is one; an update of the live endpoint cannot be stopped."""
        name = getattr(self, "_rehearsal", "")
        if name:
            self.log.info("deleting the rehearsal %s: its task is being killed", name)
            self.hook.client("sagemaker").delete_endpoint(EndpointName=name)

    # Stages.

    def _prepare(self, context: Context) -> Plan:
        """Make model and configuration; return the plan."""
        caller, owner = self._caller(), self._identity(context)
        model, config = self.config.get("Model"), self.config.get("EndpointConfig")
        endpoint = dict(self.config.get("Endpoint", self.config))
        if model:
            name = resources.model(caller, model, owner, self.log.info)
            if config:
                config = _with_model(config, model["ModelName"], name)
        if config:
            endpoint["EndpointConfigName"] = resources.endpoint_config(caller, config, owner, self.log.info)
        name, wanted = endpoint["EndpointName"], endpoint["EndpointConfigName"]
        return {"endpoint": name, "config": wanted, "stage": "settle", "good": None, "reason": None}

    def _settle(self, context: Context, plan: Plan) -> Any:
        """Decide what to do about the endpoint as it is, and do it."""
        live = self._live(plan["endpoint"], context["ti"].dag_id)
        move = deployment.next_move(live, plan["config"], rehearse=self._rehearses())
        self.log.info("endpoint %s is %s: %s", plan["endpoint"], live, move)
        if move is Move.WAIT:
            return self._await(context, {**plan, "stage": "settle"}, plan["endpoint"])
        if move is Move.REFUSE:
            raise AirflowFailException(
                f"endpoint {plan['endpoint']} has failed, and was not made by this DAG"
            )
        if move is Move.CHECK:
            return self._serve(context, plan)
        if move is Move.REHEARSE:
            return self._start_rehearsal(context, plan)
        if move is Move.UPDATE:
            return self._update(context, plan)
        if move is Move.REPLACE:
            self._delete(plan["endpoint"])
        return self._create(context, plan)

    def _arrived(self, context: Context, plan: Plan) -> Any:
        """Go on where a wait ended."""
        stages = {
            "settle": self._settle,
            "rehearsal": self._judge_rehearsal,
            "serve": self._serve,
            "back": self._came_back,
        }
        return stages[plan["stage"]](context, plan)

    def _create(self, context: Context, plan: Plan) -> Any:
        request = dict(self.config.get("Endpoint", self.config))
        owner = self._identity(context)
        tags = {tag["Key"]: tag for tag in [*request.get("Tags", []), *owner.tags(plan["config"])]}
        request |= {"EndpointConfigName": plan["config"], "Tags": list(tags.values())}
        try:
            self._caller().call("create_endpoint", **request)
        except CallError as error:
            if not error.taken:
                raise
            return self._settle(context, plan)
        return self._await(context, {**plan, "stage": "serve"}, plan["endpoint"])

    def _update(self, context: Context, plan: Plan) -> Any:
        request = {k: v for k, v in self.config.get("Endpoint", self.config).items() if k != "Tags"}
        request |= {"EndpointConfigName": plan["config"]}
        good = self._last_good(plan["endpoint"])
        try:
            self._caller().call("update_endpoint", **request)
        except CallError as error:
            if "in-progress" not in error.message:
                raise
            self.log.info("%s; waiting for it to settle", error.message)
            return self._await(context, {**plan, "stage": "settle"}, plan["endpoint"])
        return self._await(context, {**plan, "stage": "serve", "good": good}, plan["endpoint"])

    def _start_rehearsal(self, context: Context, plan: Plan) -> Any:
        name = rehearsal_name(plan)
        self.log.info(
            "rehearsing %s on the endpoint %s; %s stays as it is", plan["config"], name, plan["endpoint"]
        )
        self._rehearsal = name
        tags = self._identity(context).tags(plan["config"])
        try:
            self._caller().call(
                "create_endpoint", EndpointName=name, EndpointConfigName=plan["config"], Tags=tags
            )
        except CallError as error:
            if not error.taken:
                raise
        return self._await(context, {**plan, "stage": "rehearsal"}, name)

    def _judge_rehearsal(self, context: Context, plan: Plan) -> Any:
        name = self._rehearsal = rehearsal_name(plan)
        try:
            description = self._described(name)
            if _KIND.phase(description) is not Phase.DONE:
                self._fail(name, f"{plan['config']} does not come up: {_KIND.reason(description)}")
            self._probe(name)
        except probe.ProbeError as error:
            self._fail(name, f"{error}; {plan['endpoint']} was left as it is")
        finally:
            self._delete(name)
            self._rehearsal = ""
        return self._update(context, plan)

    def _serve(self, context: Context, plan: Plan) -> Any:
        """Judge the live endpoint."""
        description = self._described(plan["endpoint"])
        phase, live = _KIND.phase(description), description.get("EndpointConfigName")
        reason = _KIND.reason(description)
        if phase is Phase.ACTIVE:
            return self._await(context, plan, plan["endpoint"])
        if phase is not Phase.DONE:
            self._fail(
                plan["endpoint"], f"endpoint {plan['endpoint']} is {description['EndpointStatus']}: {reason}"
            )
        if live != plan["config"]:
            newer = self._newer(str(live), plan["config"])
            if not newer:
                self._fail(
                    plan["endpoint"],
                    f"the update was rolled back: {live} serves, not {plan['config']}: {reason}",
                )
            self.log.warning("%s was deployed meanwhile; %s is not checked again", live, plan["config"])
            return self._deployed(description, {"SupersededBy": live})
        try:
            seen = self._probe(plan["endpoint"])
        except probe.ProbeError as error:
            return self._roll_back(context, {**plan, "reason": str(error)})
        self._mark_good(description)
        return self._deployed(description, seen)

    def _roll_back(self, context: Context, plan: Plan) -> Any:
        if not plan["good"] or plan["good"] == plan["config"]:
            self.log.error("%s; there is no earlier configuration: the endpoint is deleted", plan["reason"])
            self._show_tail(plan["endpoint"])
            self._delete(plan["endpoint"])
            raise AirflowFailException(
                f"{plan['reason']}; the endpoint was deleted, as nothing good served before"
            )
        self.log.error("%s; going back to %s", plan["reason"], plan["good"])
        self._caller().call("update_endpoint", EndpointName=plan["endpoint"], EndpointConfigName=plan["good"])
        return self._await(context, {**plan, "stage": "back"}, plan["endpoint"])

    def _came_back(self, context: Context, plan: Plan) -> Any:
        description = self._described(plan["endpoint"])
        if _KIND.phase(description) is Phase.ACTIVE:
            return self._await(context, plan, plan["endpoint"])
        live = description.get("EndpointConfigName")
        self._fail(plan["endpoint"], f"{plan['reason']}; the endpoint serves {live} again")
        return None

    def _give_up(self, context: Context, plan: Plan) -> None:
        name = rehearsal_name(plan) if plan["stage"] == "rehearsal" else plan["endpoint"]
        self._show_tail(name)
        if plan["stage"] == "rehearsal":
            self._delete(name)
        del context
        raise AirflowException(
            f"endpoint {name} did not settle within {self.max_ingestion_time} s ({plan['stage']})"
        )

    # Pieces.

    def _await(self, context: Context, plan: Plan, name: str) -> Any:
        """Wait until an endpoint settles, then go on with the plan."""
        if not self.wait_for_completion:
            return self._deployed(self._described(name), {})
        deadline = time.time() + self.max_ingestion_time
        trigger = SageMakerJobTrigger(
            kind=_KIND.key,
            name=name,
            poll=limits.interval(self.check_interval, self._endpoint),
            deadline=deadline,
            delete_on_kill=plan["stage"] == "rehearsal",
            aws_conn_id=self.aws_conn_id,
            region_name=self.region_name,
            verify=self.verify,
            botocore_config=self.botocore_config,
        )
        if self.deferrable:
            timeout = dt.timedelta(seconds=self.max_ingestion_time) + _BACKSTOP
            self.defer(
                trigger=trigger, method_name="execute_complete", kwargs={"plan": plan}, timeout=timeout
            )
        while True:
            found = resources.describe(self._caller(), _KIND.method, EndpointName=name)
            if found is None or _KIND.phase(found) not in (Phase.ACTIVE, Phase.STOPPING):
                return self._arrived(context, plan)
            if time.time() >= deadline:
                self._give_up(context, plan)
            time.sleep(limits.jittered(trigger.poll))

    def _live(self, name: str, dag_id: str) -> Live | None:
        caller = self._caller()
        found = resources.describe(caller, _KIND.method, EndpointName=name)
        if found is None:
            return None
        phase = _KIND.phase(found)
        owned = phase is Phase.FAILED and resources.owned(caller, _KIND.arn(found), dag_id)
        return Live(phase=phase, config=str(found.get("EndpointConfigName", "")), owned=owned)

    def _described(self, name: str) -> dict[str, Any]:
        found = resources.describe(self._caller(), _KIND.method, EndpointName=name)
        if found is None:
            raise AirflowException(f"endpoint {name} is gone: somebody deleted it")
        return found

    def _rehearses(self) -> bool:
        return bool(self._goldens()) if self.rehearse is None else self.rehearse

    def _goldens(self) -> list[Golden]:
        given = json.loads(self.golden) if isinstance(self.golden, str) else self.golden
        return [Golden.of(value) for value in given]

    def _probe(self, name: str) -> dict[str, Any]:
        return probe.probe(
            self.hook.client("sagemaker-runtime"),
            name,
            self._goldens(),
            tolerance=self.tolerance,
            latency=self.max_latency_p95,
            requests=self.latency_requests,
        )

    def _last_good(self, name: str) -> str:
        """Return the configuration to go back to: the one that passed its checks, else the one that serves."""
        caller = self._caller()
        description = self._described(name)
        good = (resources.tags_of(caller, _KIND.arn(description)) or {}).get(GOOD_TAG)
        if good and resources.describe(caller, "endpoint_config", EndpointConfigName=good):
            return good
        return str(description["EndpointConfigName"])

    def _mark_good(self, description: Mapping[str, Any]) -> None:
        tag = {"Key": GOOD_TAG, "Value": description["EndpointConfigName"]}
        try:
            self._caller().call("add_tags", ResourceArn=_KIND.arn(description), Tags=[tag])
        except CallError as error:
            if error.cause is not failures.Cause.DENIED:
                raise
            self.log.warning("the endpoint cannot be tagged: %s", error)

    def _newer(self, live: str, wanted: str) -> bool:
        caller = self._caller()
        one = resources.describe(caller, "endpoint_config", EndpointConfigName=live)
        other = resources.describe(caller, "endpoint_config", EndpointConfigName=wanted)
        return bool(one and other and one["CreationTime"] > other["CreationTime"])

    def _deployed(self, description: Mapping[str, Any], seen: Mapping[str, Any]) -> dict[str, Any]:
        config = self._caller().call(
            "describe_endpoint_config", EndpointConfigName=description["EndpointConfigName"]
        )
        return {
            "EndpointConfig": base.plain(config),
            "Endpoint": base.plain(description),
            "Summary": dict(seen),
        }

    def _delete(self, name: str) -> None:
        """Delete an endpoint and wait until it is gone."""
        caller = self._caller()
        try:
            caller.call("delete_endpoint", EndpointName=name)
        except CallError as error:
            if not error.absent:
                raise
        end = time.monotonic() + self.max_ingestion_time
        while resources.describe(caller, _KIND.method, EndpointName=name) and time.monotonic() < end:
            time.sleep(min(2.0, limits.interval(self.check_interval, self._endpoint)))

    def _fail(self, name: str, message: str) -> None:
        self._show_tail(name)
        raise AirflowFailException(message)

    def _show_tail(self, name: str) -> None:
        where = _KIND.logs(name)
        if where is None:
            return
        try:
            lines = drive(self.hook.logs_hook.conn, tail.last_lines(*where, _TAIL))
        except Exception as error:  # noqa: BLE001 - a log that cannot be read is no reason to fail otherwise
            self.log.warning("the log of endpoint %s cannot be read: %s", name, error)
            return
        hidden = masking.secrets(self.config)
        self.log.error(
            "The log of endpoint %s ends:\n%s", name, masking.masked_text("\n".join(lines), hidden)
        )


def rehearsal_name(plan: Plan) -> str:
    """Return the name of the endpoint that rehearses a plan's configuration."""
    return identity.suffixed(
        plan["endpoint"], f"rehearsal-{identity.content(plan, ignored=_VOLATILE)[:8]}", 63
    )


_VOLATILE = frozenset({"stage", "good", "reason"})


def _with_model(config: Mapping[str, Any], given: str, name: str) -> dict[str, Any]:
    """Return an endpoint configuration with a model's real name in place of the one given."""
    variants = [
        {**variant, "ModelName": name} if variant.get("ModelName") == given else variant
        for variant in config["ProductionVariants"]
    ]
    return {**config, "ProductionVariants": variants}
