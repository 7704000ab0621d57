"""Experiments' trials and their components: which belong together, and the metrics that a component logs.

Rules: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_AssociateTrialComponent.html and
https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_metrics_BatchPutMetrics.html
"""

from __future__ import annotations

import contextlib
import statistics
from typing import TYPE_CHECKING, Any

from sagelocal.api.records import now
from sagelocal.errors import ResourceNotFound
from sagelocal.jobs.store import AlreadyExistsError, MissingError
from sagelocal.wire.dispatch import operation

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Mapping, Sequence

    from sagelocal.api.derived import Derived
    from sagelocal.jobs.store import Resource, Store
    from sagelocal.wire.message import Call

EXPERIMENT = "experiment"
TRIAL, COMPONENT, MEMBERSHIP = "experiment-trial", "experiment-trial-component", "trial-membership"
SERIES = "trial-component-metrics"
_SECONDS = {"OneMinute": 60, "FiveMinute": 300, "OneHour": 3600, "IterationNumber": 1}
_STATISTICS: dict[str, Callable[[Sequence[float]], float]] = {
    "Min": min,
    "Max": max,
    "Avg": statistics.fmean,
    "Count": len,
    "StdDev": statistics.pstdev,
    "Last": lambda values: values[-1],
}


class Experiments:
    """Trials' components and components' metrics."""

    def __init__(
        self,
        *,
        experiments: Derived,
        trials: Derived,
        components: Derived,
        store: Store,
        changing: threading.RLock,
    ) -> None:
        self._experiments = experiments
        self._trials = trials
        self._components = components
        self._store = store
        self._changing = changing

    @operation("AssociateTrialComponent")
    def associate(self, call: Call) -> dict[str, Any]:
        """Make a component one of a trial's; doing it again changes nothing."""
        with self._changing:
            pair = self._pair(call)
            join(self._store, trial=pair["TrialArn"], component=pair["TrialComponentArn"])
        return pair

    @operation("DisassociateTrialComponent")
    def disassociate(self, call: Call) -> dict[str, Any]:
        """Take a component out of a trial."""
        pair = self._pair(call)
        try:
            self._store.delete(MEMBERSHIP, _membership(pair))
        except MissingError as error:
            raise ResourceNotFound(
                f"{pair['TrialComponentArn']} is not associated with {pair['TrialArn']}"
            ) from error
        return pair

    @operation("ListTrials")
    def list_trials(self, call: Call) -> dict[str, Any]:
        """List trials: all, an experiment's, or those of a component."""
        request = dict(call.parameters)
        component, experiment = request.pop("TrialComponentName", None), request.pop("ExperimentName", None)
        found = self._store.list(TRIAL) if experiment is None else self._of_experiment(experiment)
        if component is not None:
            arn = self._components.find({"TrialComponentName": component}).arn
            members = self._members("TrialArn", TrialComponentArn={arn})
            found = [each for each in found if each.arn in members]
        return self._trials.listed(request, found)

    @operation("ListTrialComponents")
    def list_components(self, call: Call) -> dict[str, Any]:
        """List components: all, a trial's, an experiment's, or those made by a job."""
        request = dict(call.parameters)
        trial, experiment = request.pop("TrialName", None), request.pop("ExperimentName", None)
        source = request.pop("SourceArn", None)
        found: Sequence[Resource] = self._store.list(COMPONENT)
        if trial is not None or experiment is not None:
            trials = (
                {self._trials.find({"TrialName": trial}).arn}
                if trial is not None
                else {each.arn for each in self._of_experiment(experiment)}
            )
            members = self._members("TrialComponentArn", TrialArn=trials)
            found = [each for each in found if each.arn in members]
        if source is not None:
            found = [each for each in found if each.body.get("Source", {}).get("SourceArn") == source]
        return self._components.listed(request, found)

    @operation("DeleteTrialComponent")
    def delete_component(self, call: Call) -> dict[str, Any]:
        """Delete a component that belongs to no trial, and with it what it logged."""
        with self._changing:
            name = self._components.find(call.parameters).name
            deleted = self._components.delete(call)
            with contextlib.suppress(MissingError):
                self._store.delete(SERIES, name)
        return deleted

    @operation("BatchPutMetrics")
    def put_metrics(self, call: Call) -> dict[str, Any]:
        """Add values to a component's metrics; Describe tells their summaries."""
        data = call.parameters["MetricData"]

        def add(body: dict[str, Any]) -> None:
            for each in data:
                body.setdefault(each["MetricName"], []).append(
                    [each.get("Step", 0), each["Timestamp"], each["Value"]]
                )

        with self._changing:
            component = self._components.find(call.parameters)
            with contextlib.suppress(AlreadyExistsError):
                self._store.create(SERIES, component.name, f"{SERIES}:{component.name}", {})
            series = self._store.update(SERIES, component.name, add).body
            told = [_summary(name, component.arn, each) for name, each in series.items()]

            def summarize(body: dict[str, Any]) -> None:
                body["Metrics"] = merged(body.get("Metrics", []), told)

            self._store.update(COMPONENT, component.name, summarize)
        return {}

    @operation("BatchGetMetrics")
    def get_metrics(self, call: Call) -> dict[str, Any]:
        """Return metrics as they went, by iteration or by time."""
        return {"MetricQueryResults": [self._query(each) for each in call.parameters["MetricQueries"]]}

    def _query(self, query: dict[str, Any]) -> dict[str, Any]:
        name = query["ResourceArn"].rpartition("/")[2]
        try:
            rows = self._store.get(SERIES, name).body.get(query["MetricName"], [])
        except MissingError:
            rows = []
        by_step = query["XAxisType"] == "IterationNumber"
        width = 1 if by_step else _SECONDS[query["Period"]]
        points: dict[int, list[float]] = {}
        for step, moment, value in rows:
            place = int(step if by_step else moment // width * width)
            if query.get("Start", place) <= place <= query.get("End", place):
                points.setdefault(place, []).append(value)
        reduce = _STATISTICS[query["MetricStat"]]
        return {
            "Status": "Complete",
            "XAxisValues": sorted(points),
            "MetricValues": [float(reduce(points[place])) for place in sorted(points)],
        }

    def _of_experiment(self, name: str) -> Sequence[Resource]:
        experiment = self._experiments.find({"ExperimentName": name}).name
        return [each for each in self._store.list(TRIAL) if each.body["ExperimentName"] == experiment]

    def _pair(self, call: Call) -> dict[str, Any]:
        component = self._components.find({"TrialComponentName": call.parameters["TrialComponentName"]})
        trial = self._trials.find({"TrialName": call.parameters["TrialName"]})
        return {"TrialComponentArn": component.arn, "TrialArn": trial.arn}

    def _members(self, wanted: str, **given: set[str]) -> set[str]:
        ((member, arns),) = given.items()
        return {each.body[wanted] for each in self._store.list(MEMBERSHIP) if each.body[member] in arns}


def merged(
    summaries: Sequence[Mapping[str, Any]], newer: Sequence[Mapping[str, Any]]
) -> list[Mapping[str, Any]]:
    """Return metrics' summaries: the newer ones, and those of other metrics."""
    names = {each["MetricName"] for each in newer}
    return [*(each for each in summaries if each["MetricName"] not in names), *newer]


def join(store: Store, *, trial: str, component: str) -> None:
    """Make a component one of a trial's, by their ARNs; doing it again changes nothing."""
    pair = {"TrialComponentArn": component, "TrialArn": trial}
    name = _membership(pair)
    with contextlib.suppress(AlreadyExistsError):
        store.create(MEMBERSHIP, name, f"{MEMBERSHIP}:{name}", {"CreationTime": now()} | pair)


class Given:
    """Sees to it that the experiment and trial of a job's ExperimentConfig are there."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def check(self, request: Mapping[str, Any]) -> None:
        """Refuse an ExperimentConfig that names what is not there.

        Raises:
            ResourceNotFound: there is no such experiment or trial.

        """
        config = request.get("ExperimentConfig", {})
        for kind, member in ((EXPERIMENT, "ExperimentName"), (TRIAL, "TrialName")):
            if member not in config:
                continue
            try:
                self._store.get(kind, config[member])
            except MissingError as error:
                raise ResourceNotFound(
                    f"{member} {config[member]!r} of ExperimentConfig does not exist"
                ) from error


def _membership(pair: dict[str, Any]) -> str:
    return f"{pair['TrialArn']} {pair['TrialComponentArn']}"


def _summary(name: str, arn: str, rows: list[list[float]]) -> dict[str, Any]:
    """Return a TrialComponentMetricSummary."""
    values = [value for _, _, value in rows]
    found = {key: float(reduce(values)) for key, reduce in _STATISTICS.items() if key != "Count"}
    return found | {
        "MetricName": name,
        "SourceArn": arn,
        "TimeStamp": max(moment for _, moment, _ in rows),
        "Count": len(values),
    }
