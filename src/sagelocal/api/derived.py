"""Resources that are kept and not run: their operations, derived from the service model.

The request of a Create becomes the body, and every answer is cut from it by its shape; keys, errors and the
statuses that say that nothing runs come from `conventions` and the table in `recorded`.
"""

from __future__ import annotations

import contextlib
import itertools
import secrets
import string
from typing import TYPE_CHECKING, Any

from sagelocal.api import feature_groups, listing, tags
from sagelocal.api.records import now
from sagelocal.errors import NotSupported, ResourceNotFound, ServiceError, ValidationException
from sagelocal.jobs.store import AlreadyExistsError, MissingError

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterable, Mapping

    from sagelocal.api.account import Account
    from sagelocal.api.conventions import Convention
    from sagelocal.jobs.store import Resource, Store
    from sagelocal.wire.dispatch import Handler
    from sagelocal.wire.message import Call

_LETTERS = string.ascii_lowercase + string.digits
_ID_LENGTH = 12
_REMOVE = "ToRemove"
_PAGING = ("NextToken", "MaxResults", "SortBy", "SortOrder")
_NO_ENDPOINT = "-"
"""In the summary of a definition that watches a batch, where the name of an endpoint is required."""
_DEFINITIONS = {
    "DataQuality": "data-quality-job-definition",
    "ModelQuality": "model-quality-job-definition",
    "ModelBias": "model-bias-job-definition",
    "ModelExplainability": "model-explainability-job-definition",
}
"""The kind of definition that a monitoring schedule names, by its MonitoringType."""
_NOT_KEPT = ("Tags", "ClientToken", "ClientRequestToken")


class Derived:
    """The operations of one kind of resource.

    `changing` is held by whoever changes a resource that another may need: what is found is still there when
    it is changed, and nothing is made of what is being deleted.
    """

    def __init__(
        self, convention: Convention, store: Store, account: Account, changing: threading.RLock
    ) -> None:
        self._convention = convention
        self.row = convention.row
        self._kind = convention.kind
        self._store = store
        self._account = account
        self._changing = changing
        self._parts = _parts(convention)
        made = convention.operations["Create"].input
        self._needed = frozenset(made.required_members if made else ())

    def handlers(self) -> dict[str, Handler]:
        """Return operation → handler, of the operations that the model has."""
        by_verb: dict[str, Handler] = {
            "Create": self.create,
            "Describe": self.describe,
            "List": self.list,
            "Update": self.update,
            "Delete": self.delete,
            "Start": self.run,
            "Stop": self.run,
        }
        return {operation.name: by_verb[verb] for verb, operation in self._convention.operations.items()}

    def create(self, call: Call, **more: Any) -> dict[str, Any]:
        """Keep a resource with `more` members, when its parents exist; or refuse it with the row's reason."""
        request = call.parameters
        if self.row.refused:
            raise NotSupported(f"{call.operation} is refused: {self.row.reason}")
        given_tags = tags.parse(request.get("Tags", []))
        name, arn, members = self._identify(request)
        moment = now()
        kept = {key: value for key, value in request.items() if key not in _NOT_KEPT}
        body = {key: value for key, value in kept.items() if value != {} or key in self._needed}
        body |= members | dict(self._convention.failed) | more
        body |= {"CreationTime": moment, "LastModifiedTime": moment, "CreatedBy": self._account.owner}
        body |= {self._convention.arn_member: arn}
        body |= self._extra(body)
        with self._changing:
            for member, word in self.row.parents:
                self._check_parent(member, word, request)
            try:
                self._store.create(self.row.word, name, arn, body, given_tags)
            except AlreadyExistsError as error:
                raise self._kind.already_exists(self._account, name) from error
        return body

    def describe(self, call: Call) -> dict[str, Any]:
        """Describe a resource, by its name or ARN."""
        resource = self.find(call.parameters)
        if self.row.other_with in resource.body:
            raise self._convention.not_found(f"{resource.arn} is not one that {call.operation} describes")
        return resource.body | {"LastModifiedTime": resource.modified}

    def list(self, call: Call) -> dict[str, Any]:
        """List resources by the filters of the request: each is a rule of the list, or a member's value."""
        return self.listed(call.parameters, self._store.list(self.row.word))

    def listed(self, request: Mapping[str, Any], resources: Iterable[Resource]) -> dict[str, Any]:
        """Return the List answer, of some resources."""
        rules = {key: value for key, value in request.items() if key in _PAGING or listing.is_rule(key)}
        rest = {key: value for key, value in request.items() if key not in rules}
        found = [
            each for each in resources if all(self._has(each, key, wanted) for key, wanted in rest.items())
        ]
        page = listing.page(self._kind, found, rules)
        return {
            self._kind.listed: [each.body | {"LastModifiedTime": each.modified} for each in page.resources],
            "NextToken": page.next_token,
        }

    def update(self, call: Call) -> dict[str, Any]:
        """Replace the members that the request gives, and take away what it asks to remove."""
        request = call.parameters

        def change(body: dict[str, Any]) -> None:
            removed = [each for each in request if each.endswith(_REMOVE)]
            others = {*self._convention.key, *_NOT_KEPT, *removed, *_DISASSOCIATED, _DELETED}
            given = {_RENEWED.get(key, key): value for key, value in request.items() if key not in others}
            merged = {*self._parts, *_MERGED.get(self.row.noun, ())}
            body |= given | {key: body[key] | given[key] for key in merged if key in body and key in given}
            for key in removed:
                member = key.removesuffix(_REMOVE)
                left = {k: v for k, v in body.get(member, {}).items() if k not in request[key]}
                body.update({member: left})
            for member in _taken_away(request):
                body.pop(member, None)
            body |= {"LastModifiedTime": now(), "LastModifiedBy": self._account.owner}
            body |= self._extra(body)
            for member in [each for each, value in body.items() if value == {} and each not in self._needed]:
                del body[member]

        with self._changing:
            return self._store.update(self.row.word, self.find(request).name, change).body

    def delete(self, call: Call) -> dict[str, Any]:
        """Forget a resource that no other needs."""
        with self._changing:
            resource = self.find(call.parameters)
            for word, member in _CHILDREN.get(self.row.word, ()):
                names = (resource.name, resource.arn)
                held = [each for each in self._store.list(word) if each.body.get(member) in names]
                if held:
                    raise self._convention.in_use(
                        f"{resource.arn} cannot be deleted: {held[0].arn} belongs to it"
                    )
            return self._store.delete(self.row.word, resource.name).body

    def run(self, call: Call) -> dict[str, Any]:
        """Refuse to start or stop what does not run; what is not there is said first."""
        resource = self.find(call.parameters)
        status = resource.body.get(self._kind.status, "")
        raise ValidationException(
            f"Status ({status}) of {resource.arn} does not allow {call.operation}: it has already reached a "
            f"terminal state. {self.row.reason}"
        )

    def find(self, request: Mapping[str, Any]) -> Resource:
        """Return the resource that a request names.

        Raises:
            ServiceError: the model's own for what is not there.

        """
        name = self._name(request)
        try:
            is_arn = name.startswith("arn:")
            found = self._store.find(name) if is_arn else self._store.get(self.row.word, name)
        except MissingError as error:
            raise self._convention.not_found(self._absent(name)) from error
        if found.kind != self.row.word:
            raise self._convention.not_found(self._absent(name))
        return found

    def _absent(self, name: str) -> str:
        arn = name if name.startswith("arn:") else self._account.arn(self.row.word, name)
        return self._kind.missing.format(name=name.rpartition("/")[2], arn=arn)

    def _name(self, request: Mapping[str, Any]) -> str:
        if self.row.noun == "Artifact" and "ArtifactArn" not in request:
            return self._artifact_of(request.get("Source", {}))
        values = [str(request[member]) for member in self._convention.key if member in request]
        if not values:
            raise ValidationException(f"{' or '.join(self._convention.key)} is needed")
        return values[0] if len(values) == 1 else "/".join(values)

    def _artifact_of(self, source: Mapping[str, Any]) -> str:
        for each in self._store.list(self.row.word):
            if each.body["Source"] == source:
                return each.arn
        raise ResourceNotFound(f"Artifact with Source {source} does not exist")

    def _identify(self, request: Mapping[str, Any]) -> tuple[str, str, dict[str, Any]]:
        """Return a new resource's name in the store, its ARN, and the members that hold its identifier."""
        if not self.row.prefix:
            name = self._name(request)
            return name, self._account.arn(self.row.word, name), {}
        letters = "".join(secrets.choice(_LETTERS) for _ in range(_ID_LENGTH))
        identifier = self.row.prefix.lstrip("-") + letters
        members = {self.row.id_member: identifier} if self.row.id_member else {}
        # A name that the caller chose is unique; otherwise the identifier is the name.
        chosen = self._convention.key[0] in request
        name = self._name(request) if chosen else identifier
        in_arn = name if chosen and self.row.id_member else identifier
        return name, self._account.arn(self.row.word, in_arn), members

    def _check_parent(self, member: str, word: str, request: Mapping[str, Any]) -> None:
        if member not in request:
            return
        name = request[member].rpartition("/")[2]
        try:
            self._store.get(word, name)
        except MissingError as error:
            is_declared = "ResourceNotFound" in self._convention.operations["Create"].errors
            kind: type[ServiceError] = ResourceNotFound if is_declared else ValidationException
            arn = self._account.arn(word, name)
            raise kind(f"{member} {name!r} does not exist ({arn})") from error

    def _extra(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return what the answers tell beside what was asked for."""
        if self.row.noun == "MonitoringSchedule":
            return _schedule(body, self._store)
        return _EXTRA.get(self.row.noun, _nothing)(body)

    def _has(self, resource: Resource, key: str, wanted: Any) -> bool:
        if key.endswith("Contains"):
            return str(wanted) in str(resource.body.get(key.removesuffix("Contains"), ""))
        member = key.removesuffix("Equals")
        if member == "SourceUri":
            return bool(resource.body.get("Source", {}).get("SourceUri") == wanted)
        return bool(resource.body.get(member) == wanted)


def _parts(convention: Convention) -> tuple[str, ...]:
    """Return the members of an Update that have a shape of their own: what that lacks stays as it is."""
    made, changed = (
        operation.input.members if operation is not None and operation.input is not None else {}
        for operation in map(convention.operations.get, ("Create", "Update"))
    )
    return tuple(
        name
        for name, shape in changed.items()
        if shape.type_name == "structure" and name in made and made[name].name != shape.name
    )


def _taken_away(request: Mapping[str, Any]) -> list[str]:
    """Return the members that an Update takes away whole."""
    flags = [members for flag, members in _DISASSOCIATED.items() if request.get(flag)]
    return [*itertools.chain.from_iterable(flags), *request.get(_DELETED, [])]


def _nothing(_: Mapping[str, Any]) -> dict[str, Any]:
    return {}


def _definition(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a monitoring job definition is called in its summary."""
    inputs = [value for key, value in body.items() if key.endswith("JobInput")]
    endpoint = inputs[0].get("EndpointInput", {}).get("EndpointName") if inputs else None
    return {
        "MonitoringJobDefinitionName": body["JobDefinitionName"],
        "MonitoringJobDefinitionArn": body["JobDefinitionArn"],
        "EndpointName": endpoint or _NO_ENDPOINT,
    }


def _schedule(body: Mapping[str, Any], store: Store) -> dict[str, Any]:
    """Return what a monitoring schedule watches, by its own definition or by the one that it names."""
    config = body.get("MonitoringScheduleConfig", {})
    name = config.get("MonitoringJobDefinitionName")
    inputs = config.get("MonitoringJobDefinition", {}).get("MonitoringInputs", [])
    found = {
        "MonitoringType": config.get("MonitoringType"),
        "MonitoringJobDefinitionName": name,
        "EndpointName": inputs[0].get("EndpointInput", {}).get("EndpointName") if inputs else None,
    }
    if name:
        word = _DEFINITIONS.get(config.get("MonitoringType", ""), "")
        with contextlib.suppress(MissingError):
            found["EndpointName"] = store.get(word, name).body["EndpointName"]
    return {key: value for key, value in found.items() if value and value != _NO_ENDPOINT}


def _cluster(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return what every cluster's description has: its groups, and how its scaling stands."""
    found: dict[str, Any] = {"InstanceGroups": body.get("InstanceGroups", [])}
    if "AutoScaling" in body:
        found["AutoScaling"] = {"Status": "Failed"} | body["AutoScaling"]
    return found


def _renamed(**names: str) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
    """Return what copies members under the names that the answers give to them."""

    def rename(body: Mapping[str, Any]) -> dict[str, Any]:
        return {new: body[old] for new, old in names.items() if old in body}

    return rename


_EXTRA: dict[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "DataQualityJobDefinition": _definition,
    "ModelBiasJobDefinition": _definition,
    "ModelExplainabilityJobDefinition": _definition,
    "ModelQualityJobDefinition": _definition,
    "Cluster": _cluster,
    "FeatureGroup": feature_groups.members,
    "AutoMLJob": _renamed(EndTime="CreationTime", AutoMLJobInputDataConfig="InputDataConfig"),
    "AutoMLJobV2": _renamed(EndTime="CreationTime", InputDataConfig="AutoMLJobInputDataConfig"),
    "NotebookInstance": _renamed(
        SecurityGroups="SecurityGroupIds", NotebookInstanceLifecycleConfigName="LifecycleConfigName"
    ),
    "Experiment": _renamed(ExperimentSource="Source"),
    "Trial": _renamed(TrialSource="Source"),
    "TrialComponent": _renamed(TrialComponentSource="Source"),
}

_MERGED = {
    "TrialComponent": ("Parameters", "InputArtifacts", "OutputArtifacts"),
    "Domain": ("DomainSettings",),
}
"""Members that an Update adds to, where AWS documents so: other members are replaced."""
_RENEWED = {"DomainSettingsForUpdate": "DomainSettings"}
"""Members of an Update that change one of another name."""
_DISASSOCIATED = {
    "DisassociateLifecycleConfig": ("LifecycleConfigName", "NotebookInstanceLifecycleConfigName"),
    "DisassociateDefaultCodeRepository": ("DefaultCodeRepository",),
    "DisassociateAdditionalCodeRepositories": ("AdditionalCodeRepositories",),
    "DisassociateAcceleratorTypes": ("AcceleratorTypes",),
}
"""Members of an Update that take others away when they are true."""
_DELETED = "DeleteProperties"
"""That names those which it takes away."""
_ASSOCIATED = (("association", "SourceArn"), ("association", "DestinationArn"))
_CHILDREN = {
    "experiment": (("experiment-trial", "ExperimentName"),),
    "domain": (("user-profile", "DomainId"), ("space", "DomainId"), ("app", "DomainId")),
    "experiment-trial": (("trial-membership", "TrialArn"),),
    "experiment-trial-component": (("trial-membership", "TrialComponentArn"), *_ASSOCIATED),
    "artifact": _ASSOCIATED,
    "action": _ASSOCIATED,
    "context": _ASSOCIATED,
    "notebook-instance-lifecycle-config": (("notebook-instance", "NotebookInstanceLifecycleConfigName"),),
}
"""Resources that keep another from being deleted: their words in ARNs, and the member that names it."""
