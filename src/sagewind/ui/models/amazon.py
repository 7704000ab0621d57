"""What AWS says of a model: each method is one question, asked for one cell of the page."""

from __future__ import annotations

import contextlib
import itertools
import threading
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from sagewind import aws, chronicle, daily, requests
from sagewind.objects import Address, Objects
from sagewind.partition import SUCCESS
from sagewind.registry import Registry
from sagewind.steps import spending
from sagewind.ui.models import values

if TYPE_CHECKING:
    from collections.abc import Callable

    from sagewind import spec
    from sagewind.chronicle import Chronicle
    from sagewind.cost import Bill
    from sagewind.registry import Version

MOST_VERSIONS = 50


def _now() -> datetime:
    return datetime.now(UTC)


class Amazon:
    """Asks through `clients`, one of each service, which threads share."""

    def __init__(self, clients: aws.Clients = aws.hasty_client, now: Callable[[], datetime] = _now) -> None:
        self._make = clients
        self._now = now
        self._clients: dict[str, Any] = {}
        self._places: dict[spec.Account, aws.Account] = {}
        self._making, self._placing = threading.Lock(), threading.Lock()

    def prepare(self) -> None:
        """Make the clients that the page needs: slow the first time, and nobody is called.

        Without a region there are none; then each cell says so.
        """
        with contextlib.suppress(BotoCoreError):
            for service in ("sts", "sagemaker", "s3"):
                self.client(service)

    def client(self, service: str) -> Any:
        """Return the one client of a service; boto3 must not make two at once."""
        with self._making:
            if service not in self._clients:
                self._clients[service] = self._make(service)
            return self._clients[service]

    def standing(self, model: spec.Model) -> values.Standing:
        """Find the champion in the registry; of a DAG without a gate, the newest model that it verified."""
        if model.gate.has_rules:
            return values.standing(Registry(self.client("sagemaker")).versions(model.name))
        return values.Standing(champion=self._verified(model))

    def versions(self, model: spec.Model) -> tuple[tuple[Version, ...], bool]:
        """Return the newest versions, and whether there are older ones."""
        found = Registry(self.client("sagemaker")).versions(model.name)
        newest = tuple(itertools.islice(found, MOST_VERSIONS))
        return newest, len(newest) == MOST_VERSIONS and next(found, None) is not None

    def version(self, model: spec.Model, number: int) -> Version:
        """Return one version.

        Raises:
            RegistryError: there is none of that number.

        """
        return Registry(self.client("sagemaker")).version(model.name, number)

    def card(self, version: Version) -> bytes:
        """Return a version's card, which is HTML beside its artifact.

        Raises:
            ObjectMissingError: it has none.
            AddressError: the version names no artifact.

        """
        artifact = Address.parse(version.model_data)
        beside = Address(artifact.bucket, artifact.key.rpartition("/")[0])
        return self._objects(None).read(beside / "card.html")

    def endpoint(self, model: spec.Model) -> values.Endpoint | None:
        """Describe the endpoint and what its config serves; None: there is none."""
        sagemaker = self.client("sagemaker")
        try:
            found = sagemaker.describe_endpoint(EndpointName=model.endpoint_name)
        except ClientError as error:
            if "Could not find endpoint" in error.response["Error"]["Message"]:
                return None
            raise
        config = found.get("EndpointConfigName", "")
        variant: dict[str, Any] = {}
        if config:
            described = sagemaker.describe_endpoint_config(EndpointConfigName=config)
            variant = described["ProductionVariants"][0]
        return values.Endpoint(
            name=found["EndpointName"],
            status=found["EndpointStatus"],
            config=config,
            model=variant.get("ModelName", ""),
            artifact=self._artifact(variant.get("ModelName", "")),
            instances=_instances(variant),
            changed=found["LastModifiedTime"],
            failure=found.get("FailureReason", ""),
        )

    def scored(self, model: spec.Model, newest: int) -> tuple[values.Partition, ...]:
        """Return the newest partitions that are whole, the last day first."""
        objects, base = self._objects(model), self._base(model)
        whole = [each for each in objects.list(base / "scores/") if each.address.name == SUCCESS]
        found = []
        for entry in reversed(whole[-newest:]):
            told = objects.read_json(entry.address)
            home = entry.address.key.rpartition("/")[0]
            found.append(
                values.Partition(
                    ds=home.rpartition("ds=")[2],
                    rows=int(told.get("rows", told.get("rows_out", 0))),
                    model=str(told.get("model", "")),
                    at=entry.modified,
                    address=str(Address(entry.address.bucket, f"{home}/")),
                )
            )
        return tuple(found)

    def watched(self, model: spec.Model, newest: int) -> Chronicle:
        """Return what was found on the days watched last; the champions are not in it."""
        return chronicle.read(model.name, (), self._objects(model), self._base(model), newest=newest)

    def cost(self, model: spec.Model) -> Bill:
        """Add up what the model's jobs have cost this month."""
        return spending.month(model, self.client, now=self._now())

    def base(self, model: spec.Model) -> str:
        """Return where the model's files are: `s3://<bucket>/<model>/`."""
        return str(self._base(model) / "")

    def _base(self, model: spec.Model) -> Address:
        """Return `s3://<bucket>/<model>`; who we are is asked once for each account that specs name."""
        with self._placing:
            if model.account not in self._places:
                self._places[model.account] = aws.account(model.account, self.client)
            return Address(self._places[model.account].bucket, model.name)

    def _objects(self, model: spec.Model | None) -> Objects:
        return Objects(self.client("s3"), kms_key=model.account.kms_key if model else "")

    def _artifact(self, model_name: str) -> str:
        """Return the artifact of a SageMaker model; empty when it is gone or has several containers."""
        if not model_name:
            return ""
        try:
            found = self.client("sagemaker").describe_model(ModelName=model_name)
        except ClientError as error:
            if error.response["Error"]["Code"] == "ValidationException":
                return ""
            raise
        return str(found.get("PrimaryContainer", {}).get("ModelDataUrl", ""))

    def _verified(self, model: spec.Model) -> values.Champion | None:
        sagemaker = self.client("sagemaker")
        try:
            name = daily.newest_model(sagemaker, model)
        except daily.NoModelError:
            return None
        found = sagemaker.describe_model(ModelName=name)
        tags = sagemaker.list_tags(ResourceArn=found["ModelArn"])["Tags"]
        at = next(tag["Value"] for tag in tags if tag["Key"] == requests.VERIFIED_TAG)
        artifact = str(found.get("PrimaryContainer", {}).get("ModelDataUrl", ""))
        return values.Champion(
            name=name,
            number=None,
            since=datetime.fromisoformat(at),
            by="",
            metrics=_metrics(sagemaker, artifact),
            artifact=artifact,
        )


def _metrics(sagemaker: Any, artifact: str) -> dict[str, float]:
    """Return what the training job that made an artifact measured: `…/<job>/output/model.tar.gz`."""
    job = artifact.removesuffix("/output/model.tar.gz").rpartition("/")[2]
    try:
        found = sagemaker.describe_training_job(TrainingJobName=job)
    except ClientError as error:
        if error.response["Error"]["Code"] == "ValidationException":
            return {}
        raise
    return {each["MetricName"]: each["Value"] for each in found.get("FinalMetricDataList", [])}


def _instances(variant: dict[str, Any]) -> str:
    if "ServerlessConfig" in variant:
        return "serverless"
    if "InstanceType" not in variant:
        return ""
    return f"{variant.get('InitialInstanceCount', 1)} of {variant['InstanceType']}"
