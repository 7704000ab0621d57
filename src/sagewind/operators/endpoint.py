"""Deployments: an endpoint serves what was asked for and answers rightly, or the task is red.

The provider's operator reports success when SageMaker rolled an update back and the old model serves on.
"""

from __future__ import annotations

import datetime as dt
import time
from typing import TYPE_CHECKING, Any

from airflow.providers.amazon.aws.operators import sagemaker as provider
from airflow.providers.common.compat.sdk import AirflowException, AirflowFailException

from sagewind.jobs import deployment, holding, identity, limits, probe, resources
from sagewind.jobs.deployment import Move
from sagewind.jobs.hosting import KIND, Hosting
from sagewind.jobs.kinds import Phase
from sagewind.jobs.service import Caller, CallError
from sagewind.operators import base
from sagewind.operators.live_endpoint import LiveEndpoint
from sagewind.operators.triggers import SageMakerJobTrigger
from sagewind.requests import EXPIRES_TAG

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.sdk import Context

_PATIENCE = 3600
_KILL_SECONDS = 4.0
_BACKSTOP = dt.timedelta(minutes=10)
_Provided = provider.SageMakerEndpointOperator

Plan = dict[str, Any]
"""Where a deployment stands, as plain JSON: `endpoint`, `config`, `stage`, and what is known.

`rehearsed` says that the configuration passed its rehearsal; `before` served before the update, `good` is the
configuration to go back to, and `reason` why.
"""


class SageMakerEndpointOperator(LiveEndpoint, _Provided):  # type: ignore[valid-type, misc]
    """Creates or updates an endpoint; green only when it serves what was asked for, rightly and in time.

    Beside the provider's arguments (`operation` no longer matters: create or update is one):

    :param golden: predictions of the offline model: `{"Body", "Expected", "ContentType", "Accept"}` each.
    :param tolerance: by how much a number may differ from the expected one, beside what is due to the
        rounding of the request to float32. Text that is a number, or a truth value, counts as that.
    :param max_latency_p95: bound of the 95th percentile of the answers' time in seconds; refused without
        `golden`, whose requests are those that are timed.
    :param latency_requests: requests to measure it by.
    :param rehearse: try a new configuration on an endpoint of its own before the live one changes; by default
        when there are golden predictions.
    :param wait_for_completion: wait until the endpoint serves; true unless told otherwise. False beside
        `golden` or `rehearse=True` is refused, since nobody would make the checks. An endpoint that somebody
        else is making or changing is waited for all the same: until then nothing can be deployed to it.
    :param deferrable: wait in the triggerer; true unless told otherwise.
    :param check_interval: seconds between two looks; by default 30 on AWS and 1 when SageMaker is local.
    :param worker_seconds: how long it looks in the worker before it defers; by default none on AWS and 3 when
        SageMaker is local.
    :param max_ingestion_time: seconds to wait for one change of an endpoint at most; an hour by default, and
        never longer than `execution_timeout`.
    """

    template_fields: Sequence[str] = (*_Provided.template_fields, "golden")

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
        worker_seconds: float | None = None,
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
        self.worker_seconds = worker_seconds
        self.max_ingestion_time = max_ingestion_time or _PATIENCE
        if objection := self._objection(golden):
            raise ValueError(objection)

    def execute(self, context: Context) -> Any:
        """Make what is missing, and deploy.

        Raises:
            AirflowFailException: the new configuration does not come up or fails its checks.
            AirflowException: AWS refused, or it took too long.

        """
        if objection := self._objection(self._goldens()):
            raise AirflowFailException(objection)
        self.preprocess_config()
        try:
            plan = self._prepare(context)
            return self._settle(context, plan)
        except CallError as error:
            raise base.airflow_error(error, "deployment") from error

    def execute_complete(self, context: Context, event: dict[str, Any] | None = None) -> Any:
        """Go on with the plan that the trigger hands back."""
        told = event or {}
        plan: Plan | None = told.get("plan")
        if plan is None:
            raise AirflowException("the deployment's plan was lost; clear the task to deploy again")
        try:
            if told.get("status") == "timeout":
                self._give_up(plan)
            return self._arrived(context, plan)
        except CallError as error:
            raise base.airflow_error(error, f"deployment of {plan['endpoint']}") from error

    def on_kill(self) -> None:
        """Delete the rehearsal, if there is one; an update of the live endpoint cannot be stopped."""
        name = getattr(self, "_rehearsal", "")
        if not name:
            return
        self.log.info("deleting the rehearsal %s: its task is being killed", name)
        asking = Hosting(Caller(self.hook.client("sagemaker"), patience=_KILL_SECONDS))
        try:
            if not asking.ask_to_delete(name):
                self.log.warning("AWS deletes none that is being made: %s is left, tagged as expiring", name)
        except CallError as error:
            self.log.warning("the rehearsal %s could not be deleted: %s", name, error)

    # Stages.

    def _prepare(self, context: Context) -> Plan:
        """Make model and configuration; return the plan."""
        caller, owner = self._caller(), self._identity(context)
        model, config = self.config.get("Model"), self.config.get("EndpointConfig")
        endpoint = self._endpoint_request()
        base.demand("Endpoint", endpoint, "EndpointName", "EndpointConfigName")
        if config:
            base.demand("EndpointConfig", config, "EndpointConfigName", "ProductionVariants")
        if model:
            base.demand("Model", model, "ModelName")
            name = resources.model(caller, model, owner, self.log.info)
            config = _with_model(config, model["ModelName"], name) if config else None
        wanted = endpoint["EndpointConfigName"]
        if config:
            wanted = resources.endpoint_config(caller, config, owner, self.log.info)
        stand = {"stage": "settle", "rehearsed": False, "before": "", "good": "", "reason": ""}
        return {"endpoint": endpoint["EndpointName"], "config": wanted, **stand}

    def _settle(self, context: Context, plan: Plan) -> Any:
        """Decide what to do about the endpoint as it is, and do it."""
        live = self._hosting().live(plan["endpoint"], context["ti"].dag_id)
        rehearse = self._rehearses() and not plan["rehearsed"]
        move = deployment.next_move(live, plan["config"], rehearse=rehearse)
        self.log.info("endpoint %s is %s: %s", plan["endpoint"], live or "not there", move)
        if move is Move.WAIT:
            return self._await(context, {**plan, "stage": "settle"}, plan["endpoint"])
        if move is Move.REFUSE:
            message = (
                f"endpoint {plan['endpoint']} has failed, and was not made by this DAG: it is left alone"
            )
            raise AirflowFailException(message)
        if move is Move.REPLACE:
            self._delete(plan["endpoint"])
        moves = {Move.CHECK: self._serve, Move.REHEARSE: self._start_rehearsal, Move.UPDATE: self._update}
        return moves.get(move, self._create)(context, plan)

    def _arrived(self, context: Context, plan: Plan) -> Any:
        """Go on where a wait ended."""
        stages = {
            "settle": self._settle,
            "rehearsal": self._judge_rehearsal,
            "serve": self._serve,
            "undo": self._undo,
            "back": self._came_back,
        }
        return stages[plan["stage"]](context, plan)

    def _create(self, context: Context, plan: Plan) -> Any:
        request = self._endpoint_request()
        request |= {"EndpointConfigName": plan["config"], "Tags": self._tags(context, plan)}
        try:
            self._caller().call("create_endpoint", **request)
        except CallError as error:
            if not error.taken:
                raise
            return self._settle(context, plan)
        return self._await(context, {**plan, "stage": "serve"}, plan["endpoint"])

    def _update(self, context: Context, plan: Plan) -> Any:
        request = {key: value for key, value in self._endpoint_request().items() if key != "Tags"}
        plan = {**plan, **self._way_back(plan)}
        begun = self._change({**request, "EndpointConfigName": plan["config"]})
        return self._await(context, {**plan, "stage": "serve" if begun else "settle"}, plan["endpoint"])

    def _way_back(self, plan: Plan) -> Plan:
        """Return what serves and what to go back to; on the endpoint for whoever goes on without the plan."""
        description = self._described(plan["endpoint"])
        tags = self._hosting().tags(description)
        self._set_expiry(description, tags)
        noted, live = self._hosting().noted_good(tags, plan["config"]), _config(description)
        if noted or live == plan["config"]:
            return {"before": live, "good": noted}
        self._note_good(description, live)
        return {"before": live, "good": live}

    def _start_rehearsal(self, context: Context, plan: Plan) -> Any:
        name = self._rehearsal = rehearsal_name(plan)
        self.log.info("rehearsing %s as %s; %s stays as it is", plan["config"], name, plan["endpoint"])
        request = {"EndpointName": name, "EndpointConfigName": plan["config"]}
        try:
            self._caller().call("create_endpoint", **request, Tags=self._tags(context, plan, temporary=True))
        except CallError as error:
            if not error.taken:
                raise
            left = self._hosting().describe(name)
            if left and KIND.phase(left) is Phase.FAILED:
                self.log.info("%s has failed before: it is made anew", name)
                self._delete(name)
                return self._settle(context, plan)
        return self._await(context, {**plan, "stage": "rehearsal"}, name)

    def _judge_rehearsal(self, context: Context, plan: Plan) -> Any:
        name = self._rehearsal = rehearsal_name(plan)
        description = self._hosting().describe(name)
        if description is None:
            self.log.warning("%s is gone: somebody deleted it", name)
            return self._settle(context, plan)
        if KIND.phase(description) in (Phase.ACTIVE, Phase.STOPPING):
            return self._await(context, plan, name)
        try:
            if KIND.phase(description) is not Phase.DONE:
                self._fail(name, f"{plan['config']} does not come up", KIND.reason(description))
            self._probe(name)
        except probe.ProbeError as error:
            self._fail(name, f"{error}; {plan['endpoint']} was left as it is")
        finally:
            self._delete(name)
            self._rehearsal = ""
        return self._settle(context, {**plan, "rehearsed": True})

    def _serve(self, context: Context, plan: Plan) -> Any:
        """Judge the live endpoint."""
        name = plan["endpoint"]
        description = self._described(name)
        phase, live = KIND.phase(description), _config(description)
        if phase in (Phase.ACTIVE, Phase.STOPPING):
            return self._await(context, plan, name)
        reason = KIND.reason(description)
        if phase is not Phase.DONE:
            self._fail(name, f"endpoint {name} is {description['EndpointStatus']}", reason)
        if live != plan["config"]:
            return self._other(plan, description, reason)
        try:
            seen = self._probe(name)
        except probe.ProbeError as error:
            return self._undo(context, {**plan, "reason": str(error)})
        self._note_good(description, plan["config"])
        return self._deployed(description, seen)

    def _other(self, plan: Plan, description: Mapping[str, Any], reason: str) -> Any:
        """Judge an endpoint that serves another configuration: a rollback, or somebody who came after us."""
        name, config, live = plan["endpoint"], plan["config"], _config(description)
        if live in {plan["before"], plan["good"]}:
            self._fail(name, f"the update to {config} was rolled back to {live}", reason)
        if not self._hosting().is_newer(live, config):
            self._fail(name, f"{config} does not serve: {live}, which is not newer, was deployed meanwhile")
        self.log.warning("%s was deployed meanwhile; %s is not checked again", live, config)
        return self._deployed(description, {"SupersededBy": live})

    def _undo(self, context: Context, plan: Plan) -> Any:
        """Take back a configuration that failed its checks, if it is this plan's to take back."""
        name = plan["endpoint"]
        description = self._described(name)
        if KIND.phase(description) in (Phase.ACTIVE, Phase.STOPPING):
            return self._await(context, {**plan, "stage": "undo"}, name)
        if _config(description) != plan["config"] or KIND.phase(description) is not Phase.DONE:
            return self._fail(name, f"{plan['reason']}; endpoint {name} is {_stand(description)}")
        ours = self._hosting()
        good = plan["good"] or ours.noted_good(ours.tags(description), plan["config"])
        if good and good != plan["config"]:
            return self._go_back(context, {**plan, "good": good})
        if not self._hosting().is_unproven(description, self._identity(context)):
            self._fail(name, f"{plan['reason']}; {name} is left as it is: nothing else is noted as good")
        self._show_tail(name)
        self._delete(name)
        message = f"{plan['reason']}; the endpoint was deleted, since nothing good served before"
        raise AirflowFailException(message)

    def _go_back(self, context: Context, plan: Plan) -> Any:
        name = plan["endpoint"]
        self.log.error("%s; going back to %s", plan["reason"], plan["good"])
        begun = self._change({"EndpointName": name, "EndpointConfigName": plan["good"]})
        return self._await(context, {**plan, "stage": "back" if begun else "undo"}, name)

    def _came_back(self, context: Context, plan: Plan) -> Any:
        name, good = plan["endpoint"], plan["good"]
        description = self._described(name)
        phase = KIND.phase(description)
        if phase in (Phase.ACTIVE, Phase.STOPPING):
            return self._await(context, plan, name)
        if phase is Phase.DONE and _config(description) == good:
            return self._fail(name, f"{plan['reason']}; the endpoint serves {good} again")
        message = f"{plan['reason']}; {name} did not go back to {good}: it is {_stand(description)}"
        return self._fail(name, message, KIND.reason(description))

    def _give_up(self, plan: Plan) -> None:
        rehearsing = plan["stage"] == "rehearsal"
        name = rehearsal_name(plan) if rehearsing else plan["endpoint"]
        self._show_tail(name)
        if rehearsing:
            self._delete(name)
        message = f"endpoint {name} did not settle within {self._patience():.0f} s ({plan['stage']})"
        raise AirflowException(f"{plan['reason']}; {message}" if plan["reason"] else message)

    # Pieces.

    def _objection(self, golden: Any) -> str:
        """Return which argument asks for checks that nobody would make; empty when none does."""
        if self.max_latency_p95 is not None and not golden:
            return (
                f"max_latency_p95={self.max_latency_p95} without golden measures nothing, since the requests "
                "that are timed are golden predictions': give golden, or leave it out"
            )
        asking = "rehearse=True" if self.rehearse else "golden" if golden else ""
        if self.wait_for_completion or not asking:
            return ""
        return (
            f"wait_for_completion=False and {asking} exclude each other, since nobody would check what is "
            "deployed: leave one of them out"
        )

    def _await(self, context: Context, plan: Plan, name: str) -> Any:
        """Wait until an endpoint settles, then go on with the plan."""
        if plan["stage"] == "serve" and not self.wait_for_completion:
            return self._deployed(self._described(name), {})
        patience = self._patience()
        deadline = time.time() + patience
        if self.deferrable:
            moment = min(limits.moment(self.worker_seconds, self._endpoint), patience)
            if holding.until(lambda seconds: self._is_settled(name, seconds) or None, moment):
                return self._arrived(context, plan)
            timeout = dt.timedelta(seconds=patience) + _BACKSTOP
            trigger = self._trigger(name, deadline, plan)
            self.defer(trigger=trigger, method_name="execute_complete", timeout=timeout)
        while True:
            if self._is_settled(name):
                return self._arrived(context, plan)
            if time.time() >= deadline:
                self._give_up(plan)
            time.sleep(limits.jittered(self._interval()))

    def _patience(self) -> float:
        """Return the seconds to wait at most: to a deferred task Airflow applies no `execution_timeout`."""
        most = self.execution_timeout
        return min(self.max_ingestion_time, most.total_seconds()) if most else self.max_ingestion_time

    def _trigger(self, name: str, deadline: float, plan: Plan) -> SageMakerJobTrigger:
        return SageMakerJobTrigger(
            kind=KIND.key,
            name=name,
            poll=self._interval(),
            deadline=deadline,
            delete_on_kill=plan["stage"] == "rehearsal",
            plan=plan,
            aws_conn_id=self.aws_conn_id,
            region_name=self.region_name,
            verify=self.verify,
            botocore_config=self.botocore_config,
        )

    def _tags(self, context: Context, plan: Plan, *, temporary: bool = False) -> list[dict[str, str]]:
        """Return an endpoint's tags: those asked for, whose it is, and when a rehearsal is a leftover."""
        tags = {tag["Key"]: tag for tag in self._endpoint_request().get("Tags", [])}
        if temporary:
            expires = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=2 * self.max_ingestion_time)
            tags[EXPIRES_TAG] = {"Key": EXPIRES_TAG, "Value": expires.isoformat(timespec="seconds")}
        tags |= {tag["Key"]: tag for tag in self._identity(context).tags(plan["config"])}
        return list(tags.values())

    def _rehearses(self) -> bool:
        return bool(self._goldens()) if self.rehearse is None else self.rehearse


def rehearsal_name(plan: Plan) -> str:
    """Return the name of the endpoint that rehearses a plan's configuration."""
    what = {key: plan[key] for key in ("endpoint", "config")}
    mark = identity.content(what, ignored=frozenset())[:8]
    return identity.suffixed(plan["endpoint"], f"rehearsal-{mark}", 63)


def _config(description: Mapping[str, Any]) -> str:
    return str(description.get("EndpointConfigName", ""))


def _stand(description: Mapping[str, Any]) -> str:
    return f"{description['EndpointStatus']} and serves {_config(description)}"


def _with_model(config: Mapping[str, Any], given: str, name: str) -> dict[str, Any]:
    """Return an endpoint configuration with a model's real name in place of the one given."""
    variants = [
        {**variant, "ModelName": name} if variant.get("ModelName") == given else variant
        for variant in config["ProductionVariants"]
    ]
    return {**config, "ProductionVariants": variants}
