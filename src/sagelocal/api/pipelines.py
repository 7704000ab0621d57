"""Pipelines and the versions of their definitions.

Every definition that is put in place is a version, with a number that only rises; an execution goes by the
version that it was started with. A definition that could not run here is refused when it is put in place.

Rules: https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreatePipeline.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sagelocal import storage as objects
from sagelocal.api import listing, tags
from sagelocal.api.kinds import PIPELINE, ResourceKind
from sagelocal.api.records import now
from sagelocal.errors import ConflictException, NotSupported, ServiceError, ValidationException
from sagelocal.pipelines import definition as defining
from sagelocal.pipelines import steps
from sagelocal.pipelines.progress import ENDED
from sagelocal.wire.dispatch import operation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sagelocal.api.account import Account
    from sagelocal.api.pipeline_records import PipelineRecords
    from sagelocal.storage import Storage
    from sagelocal.wire.message import Call
    from sagelocal.wire.model import Operation

_KEPT = ("PipelineDisplayName", "PipelineDescription", "RoleArn", "ParallelismConfiguration")
_VERSION_KEPT = ("PipelineVersionDisplayName", "PipelineVersionDescription")
_OVERRIDDEN = {"RegisterModel": ("CertifyForMarketplace",)}
"""Members that SageMaker takes from nobody in a step's arguments."""

VERSION = ResourceKind(
    kind="pipeline-version",
    noun="PipelineVersion",
    listed="PipelineVersionSummaries",
    exists="Pipeline version {name} already exists",
    missing="Pipeline version {name} does not exist",
)


class Pipelines:
    """Create, Describe, List, Update and DeletePipeline; ListPipelineVersions, UpdatePipelineVersion."""

    def __init__(
        self,
        *,
        records: PipelineRecords,
        account: Account,
        operations: Mapping[str, Operation],
        storage: Storage,
    ) -> None:
        self._records = records
        self._account = account
        self._operations = operations
        self._storage = storage

    @operation("CreatePipeline")
    def create(self, call: Call) -> dict[str, Any]:
        """Store a pipeline; a request that is repeated with its token makes no second one."""
        request, name = call.parameters, call.parameters["PipelineName"]
        text = self._definition(request)
        if text is None:
            raise ValidationException(
                "CreatePipeline needs PipelineDefinition or PipelineDefinitionS3Location"
            )
        given_tags = tags.parse(request.get("Tags", []))
        moment = now()
        body = {key: request[key] for key in _KEPT if key in request} | {
            "PipelineName": name,
            "PipelineArn": self._records.arn(name),
            "PipelineStatus": "Active",
            "PipelineDisplayName": request.get("PipelineDisplayName", name),
            "CreationTime": moment,
            "LastModifiedTime": moment,
            "CreatedBy": self._account.owner,
            "LastModifiedBy": self._account.owner,
            "LastVersion": 1,
            "Token": request["ClientRequestToken"],
        }
        with self._records.changing:
            known = self._token_of(name)
            if known == request["ClientRequestToken"]:
                return {"PipelineArn": self._records.arn(name)}
            if known is not None:
                raise PIPELINE.already_exists(self._account, name)
            self._records.put_version(name, 1, self._version(name, 1, text))
            self._records.create(name, body, given_tags)
        return {"PipelineArn": body["PipelineArn"]}

    @operation("DescribePipeline", quick=True)
    def describe(self, call: Call) -> dict[str, Any]:
        """Describe a pipeline, with its last definition or a given version of it."""
        pipeline = self._records.get(call.parameters["PipelineName"])
        number = call.parameters.get("PipelineVersionId", pipeline.body["LastVersion"])
        version = self._records.version(pipeline.name, number).body
        shown = {key: version[key] for key in ("PipelineDefinition", *_VERSION_KEPT) if key in version}
        return pipeline.body | shown

    @operation("ListPipelines")
    def list(self, call: Call) -> dict[str, Any]:
        """List pipelines."""
        prefix = call.parameters.get("PipelineNamePrefix", "")
        found = [each for each in self._records.all() if each.name.startswith(prefix)]
        page = listing.page(PIPELINE, found, call.parameters)
        summaries = [
            each.body | {"LastExecutionTime": each.body.get("LastRunTime")} for each in page.resources
        ]
        return {PIPELINE.listed: summaries, "NextToken": page.next_token}

    @operation("UpdatePipeline")
    def update(self, call: Call) -> dict[str, Any]:
        """Change a pipeline; a definition becomes its next version. Executions go on as they were."""
        request, name = call.parameters, call.parameters["PipelineName"]
        self._records.get(name)
        text = self._definition(request)
        with self._records.changing:
            number = self._records.get(name).body["LastVersion"]
            if text is not None:
                number += 1
                self._records.put_version(name, number, self._version(name, number, text))

            def change(body: dict[str, Any]) -> None:
                body |= {key: request[key] for key in _KEPT if key in request}
                body |= {"LastVersion": number, "LastModifiedTime": now()}

            self._records.update(name, change)
        return {"PipelineArn": self._records.arn(name), "PipelineVersionId": number}

    @operation("DeletePipeline")
    def delete(self, call: Call) -> dict[str, Any]:
        """Delete a pipeline with its executions, when none of them runs; what they made stays."""
        name = call.parameters["PipelineName"]
        with self._records.changing:
            self._records.get(name)
            running = [
                each
                for each in self._records.executions(name)
                if each.body["PipelineExecutionStatus"] not in ENDED
            ]
            if running:
                raise ConflictException(
                    f"Pipeline {self._records.arn(name)} cannot be deleted: {running[0].arn} is "
                    f"{running[0].body['PipelineExecutionStatus']}; stop it first"
                )
            self._records.remove(name)
        return {"PipelineArn": self._records.arn(name)}

    @operation("ListPipelineVersions")
    def list_versions(self, call: Call) -> dict[str, Any]:
        """List the versions of a pipeline, the newest first unless asked otherwise."""
        pipeline = self._records.get(call.parameters["PipelineName"])
        last = {each.body["PipelineVersionId"]: each.arn for each in self._records.executions(pipeline.name)}
        page = listing.page(VERSION, self._records.versions(pipeline.name), call.parameters)
        summaries = [
            each.body | {"LastExecutionPipelineExecutionArn": last.get(each.body["PipelineVersionId"])}
            for each in page.resources
        ]
        return {VERSION.listed: summaries, "NextToken": page.next_token}

    @operation("UpdatePipelineVersion")
    def update_version(self, call: Call) -> dict[str, Any]:
        """Name or describe a version."""
        request = call.parameters
        pipeline = self._records.get(request["PipelineArn"])
        number = request["PipelineVersionId"]

        def change(body: dict[str, Any]) -> None:
            body |= {key: request[key] for key in _VERSION_KEPT if key in request}

        self._records.update_version(pipeline.name, number, change)
        return {"PipelineArn": pipeline.arn, "PipelineVersionId": number}

    def _token_of(self, name: str) -> str | None:
        try:
            return str(self._records.get(name).body["Token"])
        except ServiceError:
            return None

    def _version(self, name: str, number: int, text: str) -> dict[str, Any]:
        return {
            "PipelineArn": self._records.arn(name),
            "PipelineVersionId": number,
            "PipelineDefinition": text,
            "CreationTime": now(),
        }

    def _definition(self, request: Mapping[str, Any]) -> str | None:
        """Return the definition that a request gives, checked; None when it gives none."""
        text: str | None = request.get("PipelineDefinition")
        place = request.get("PipelineDefinitionS3Location")
        if text is not None and place is not None:
            raise ValidationException(
                "PipelineDefinition and PipelineDefinitionS3Location cannot both be given"
            )
        if place is not None:
            text = self._read(place)
        if text is not None:
            self._check(text)
        return text

    def _read(self, place: Mapping[str, str]) -> str:
        if "VersionId" in place:
            raise NotSupported("sagelocal cannot read an earlier version of an object; give no VersionId")
        uri = f"s3://{place['Bucket']}/{place['ObjectKey']}"
        try:
            with self._storage.open(uri) as stream:
                return stream.read().decode()
        except (objects.StorageError, UnicodeDecodeError) as error:
            raise ValidationException(f"PipelineDefinitionS3Location cannot be read: {error}") from error

    def _check(self, text: str) -> None:
        try:
            definition = defining.parse(text)
        except defining.UnsupportedError as error:
            raise NotSupported(str(error)) from error
        except defining.DefinitionError as error:
            raise ValidationException(f"Unable to parse pipeline definition. {error}") from error
        for step in definition.steps.values():
            self._check_arguments(step)

    def _check_arguments(self, step: defining.Step) -> None:
        """Refuse arguments that the step's operation does not have."""
        kind = steps.KINDS.get(step.type)
        if kind is None:
            return
        shape = self._operations[f"Create{kind.noun}"].input
        known = set(shape.members) if shape is not None else set()
        strangers = sorted(set(step.arguments) - (known - set(_OVERRIDDEN.get(step.type, ()))))
        if strangers:
            raise ValidationException(
                f"Unable to parse pipeline definition. Step {step.name!r} of type {step.type} has the "
                f"argument {strangers[0]!r}, which it cannot have"
            )
