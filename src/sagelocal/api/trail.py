"""The lineage that SageMaker itself records: where a job's data came from, and where its results went.

A job has a trial component, and an artifact for its image and for each place of its data: what it reads
`ContributedTo` it, what it writes it `Produced`. A model package has an artifact, to which those of its
containers contributed, and an `Approval` action for each approval status that it had; it is `AssociatedWith`
the context of its group. An endpoint has a context, with which a `ModelDeployment` action for each of its
configurations is associated; models, images and packages contributed to that.

There is one artifact for each URI. Rules:
https://docs.aws.amazon.com/sagemaker/latest/dg/lineage-tracking-auto-creation.html; types and names are those
that the SageMaker SDK's `sagemaker.lineage` asks for.
"""

from __future__ import annotations

import contextlib
import hashlib
from typing import TYPE_CHECKING, Any

from sagelocal.api import experiments, job_trails
from sagelocal.api.lineage import associate
from sagelocal.jobs.store import AlreadyExistsError, MissingError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from sagelocal.api.account import Account
    from sagelocal.jobs.changes import Change
    from sagelocal.jobs.store import Store

_CONTRIBUTED, _PRODUCED, _ASSOCIATED = "ContributedTo", "Produced", "AssociatedWith"
_LETTERS = 32
_MAPS = ("Parameters", "InputArtifacts", "OutputArtifacts")


class Trail:
    """Records lineage; what is recorded already is not recorded twice."""

    def __init__(self, *, store: Store, account: Account) -> None:
        self._store = store
        self._account = account

    def record(self, change: Change) -> None:
        """Record what a change of status brings."""
        if change.kind in job_trails.TRAILS:
            self._record_job(change)
        elif change.kind == "model-package":
            self._record_package(change)
        elif change.kind == "endpoint" and change.body["EndpointStatus"] == "InService":
            self._record_endpoint(change)

    # -- jobs

    def _record_job(self, change: Change) -> None:
        trail = job_trails.TRAILS[change.kind](change.body)
        name = f"{change.name}-aws-{change.kind}"
        component = self._account.arn(experiments.COMPONENT, name)
        members = trail.component | {"Source": trail.source(change.arn)}
        members["TrialComponentSource"] = members["Source"]
        if not self._make(experiments.COMPONENT, name, "TrialComponent", change, members):
            self._store.update(experiments.COMPONENT, name, lambda body: _renew(body, change, members))
        for place in trail.inputs:
            self._link(self._artifact(place.uri, place.type, change), component, _CONTRIBUTED)
        for place in trail.outputs:
            self._link(component, self._artifact(place.uri, place.type, change), _PRODUCED)
        if not change.before:
            self._join_trial(change, component)

    def _join_trial(self, change: Change, component: str) -> None:
        """Make the component one of the trial's that the job was created for: a new one, if none is named."""
        config = change.body.get("ExperimentConfig", {})
        experiment, trial = config.get("ExperimentName"), config.get("TrialName")
        if trial is None and experiment is not None:
            trial = f"{change.name}-aws-trial"
            self._make(experiments.TRIAL, trial, "Trial", change, {"ExperimentName": experiment})
        if trial is not None:
            with contextlib.suppress(MissingError):  # it was deleted since the job was created
                found = self._store.get(experiments.TRIAL, trial).arn
                experiments.join(self._store, trial=found, component=component)

    # -- packages

    def _record_package(self, change: Change) -> None:
        body = change.body
        package = self._artifact(change.arn, "Model", change)
        for arn in self._of_containers(body.get("InferenceSpecification", {}).get("Containers", []), change):
            self._link(arn, package, _CONTRIBUTED)
        group = body.get("ModelPackageGroupName")
        if group is None:
            return
        status = body.get("ModelApprovalStatus")
        if status != change.before.get("ModelApprovalStatus"):
            name = f"{change.name.replace('/', '-')}-{status}-{change.number}-aws-model-package"
            told = {"ActionType": "Approval", "Status": status, "Source": {"SourceUri": change.arn}}
            if "ApprovalDescription" in body:
                told["Description"] = body["ApprovalDescription"]
            self._link(self._made("action", name, "Action", change, told), package, _CONTRIBUTED)
        context = self._group(group, change)
        self._link(package, context, _ASSOCIATED)

    def _group(self, group: str, change: Change) -> str:
        source = {"SourceUri": self._account.arn("model-package-group", group)}
        told: dict[str, Any] = {"ContextType": "ModelGroup", "Source": source}
        maker = change.body.get("MetadataProperties", {}).get("GeneratedBy", "")
        if ":pipeline/" in maker:
            told["Properties"] = {"PipelineExecutionArn": maker}
        return self._made("context", f"{group}-aws-model-package-group", "Context", change, told)

    # -- endpoints

    def _record_endpoint(self, change: Change) -> None:
        source = {"SourceUri": change.arn}
        told = {"ContextType": "Endpoint", "Source": source}
        context = self._made("context", f"{change.name}-aws-endpoint", "Context", change, told)
        config = change.body["EndpointConfigName"]
        name = f"{change.name}-{_digest(config)[:8]}-aws-endpoint"
        told = {"ActionType": "ModelDeployment", "Status": "Completed", "Source": source}
        action = self._made("action", name, "Action", change, told)
        self._link(action, context, _ASSOCIATED)
        for arn in self._deployed(config, change):
            self._link(arn, action, _CONTRIBUTED)

    def _deployed(self, config: str, change: Change) -> Iterator[str]:
        """Yield the artifacts that a configuration deploys; what was deleted meanwhile is left out."""
        with contextlib.suppress(MissingError):
            variants = self._store.get("endpoint-config", config).body["ProductionVariants"]
            for model in {each["ModelName"]: None for each in variants if "ModelName" in each}:
                resource = self._store.get("model", model)
                yield self._artifact(resource.arn, "Model", change)
                main = [resource.body["PrimaryContainer"]] if "PrimaryContainer" in resource.body else []
                yield from self._of_containers([*main, *resource.body.get("Containers", [])], change)

    # -- entities

    def _of_containers(self, containers: Iterable[Mapping[str, Any]], change: Change) -> Iterator[str]:
        for container in containers:
            for member, artifact_type in (("Image", "Image"), ("ModelDataUrl", "Model")):
                if member in container:
                    yield self._artifact(container[member], artifact_type, change)
            if package := container.get("ModelPackageName"):
                is_arn = package.startswith("arn:")
                arn = package if is_arn else self._account.arn("model-package", package)
                yield self._artifact(arn, "Model", change)

    def _artifact(self, uri: str, artifact_type: str, change: Change) -> str:
        """Return the ARN of a URI's artifact; it is made when there is none."""
        for found in self._store.artifacts(uri):
            return found.arn
        members = {"ArtifactType": artifact_type, "Source": {"SourceUri": uri}}
        return self._made("artifact", _digest(uri)[:_LETTERS], "", change, members)

    def _made(self, kind: str, name: str, noun: str, change: Change, members: Mapping[str, Any]) -> str:
        """Make an entity, when it is not there yet, and return its ARN."""
        self._make(kind, name, noun, change, members)
        return self._account.arn(kind, name)

    def _make(self, kind: str, name: str, noun: str, change: Change, members: Mapping[str, Any]) -> bool:
        """Make an entity, and tell whether it is new."""
        arn = self._account.arn(kind, name)
        body = {
            f"{noun or 'Artifact'}Arn": arn,
            **({f"{noun}Name": name} if noun else {}),
            "CreationTime": change.moment,
            "LastModifiedTime": change.moment,
            "CreatedBy": self._account.owner,
        }
        try:
            self._store.create(kind, name, arn, body | dict(members))
        except AlreadyExistsError:
            return False
        return True

    def _link(self, source: str, destination: str, association: str) -> None:
        with contextlib.suppress(AlreadyExistsError, MissingError):
            associate(
                self._store,
                source=self._store.find(source),
                destination=self._store.find(destination),
                association=association,
                owner=self._account.owner,
            )


def _renew(body: dict[str, Any], change: Change, members: Mapping[str, Any]) -> None:
    """Bring a job's component up to date; what others have logged in it stays."""
    if not change.before and change.moment != body["CreationTime"]:
        for member in job_trails.OF_A_RUN:  # left by a job of this name that was deleted
            body.pop(member, None)
    for member, value in members.items():
        if member in _MAPS:
            body[member] = body.get(member, {}) | value
        elif member == "Metrics":
            body[member] = experiments.merged(body.get(member, []), value)
        elif member != "DisplayName" or member not in body:
            body[member] = value


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
