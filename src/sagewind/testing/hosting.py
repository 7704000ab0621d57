"""What of SageMaker the janitor sees, in memory: endpoints, configs, models, running jobs, and tags."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sagewind.testing.aws import Account, AwsError, client

_KINDS = {
    "Endpoint": ("endpoint", "Endpoints"),
    "EndpointConfig": ("endpoint-config", "EndpointConfigs"),
    "Model": ("model", "Models"),
    "TrainingJob": ("training-job", "TrainingJobSummaries"),
    "ProcessingJob": ("processing-job", "ProcessingJobSummaries"),
    "TransformJob": ("transform-job", "TransformJobSummaries"),
}


@dataclass(kw_only=True)
class HostingTwin:
    """Resources by (kind, name), as Describe answers them; `refuses` are names that cannot be deleted."""

    account: Account = field(default_factory=Account)
    resources: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    tags: dict[str, dict[str, str]] = field(default_factory=dict)
    refuses: set[str] = field(default_factory=set)

    def add(self, kind: str, name: str, tags: dict[str, str] | None = None, **body: Any) -> None:
        """Add a resource (`kind` as in `Endpoint`, `TrainingJob`), created now."""
        arn = self.account.arn(_KINDS[kind][0], name)
        made = {f"{kind}Name": name, f"{kind}Arn": arn, "CreationTime": self.account.now}
        self.resources[kind, name] = made | body
        self.tags[arn] = tags or {}

    def names(self, kind: str) -> list[str]:
        """Return the names of a kind that are there."""
        return sorted(name for (each, name) in self.resources if each == kind)

    def client(self) -> Any:
        """Make a boto3 SageMaker client on this twin."""
        handlers = {"ListTags": self._list_tags}
        for kind in _KINDS:
            handlers[f"List{kind}s"] = self._lister(kind)
            handlers[f"Describe{kind}"] = self._describer(kind)
            handlers[f"Delete{kind}"] = handlers[f"Stop{kind}"] = self._remover(kind)
        return client("sagemaker", handlers, self.account)

    def _list_tags(self, params: dict[str, Any]) -> dict[str, Any]:
        tags = self.tags[params["ResourceArn"]]
        return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}

    def _lister(self, kind: str) -> Any:
        def answer(params: dict[str, Any]) -> dict[str, Any]:
            found = [body for (each, _), body in self.resources.items() if each == kind]
            newest = params.get("SortOrder") == "Descending"
            return {_KINDS[kind][1]: sorted(found, key=lambda each: each["CreationTime"], reverse=newest)}

        return answer

    def _describer(self, kind: str) -> Any:
        def answer(params: dict[str, Any]) -> dict[str, Any]:
            return self.resources[kind, params[f"{kind}Name"]]

        return answer

    def _remover(self, kind: str) -> Any:
        def answer(params: dict[str, Any]) -> dict[str, Any]:
            name = params[f"{kind}Name"]
            if name in self.refuses:
                raise AwsError("ValidationException", f"Cannot delete {name}")
            del self.resources[kind, name]
            return {}

        return answer
