"""From a training job's request to what is to be done for it. Pure: data in, data out, nothing read or run.

The configuration files are those of
https://docs.aws.amazon.com/sagemaker/latest/dg/your-algorithms-training-algo-running-container.html
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sagelocal.container import environment
from sagelocal.jobs import preferences, waiting

if TYPE_CHECKING:
    from collections.abc import Mapping

STOP_GRACE_SECONDS = 120.0
"""Between SIGTERM and SIGKILL; documented at API_StopTrainingJob."""
DEFAULT_RUNTIME_SECONDS = 86_400
DEFAULT_CHECKPOINTS = "/opt/ml/checkpoints"
HOMOGENEOUS = "homogeneousCluster"


@dataclass(frozen=True, kw_only=True)
class Channel:
    """One entry of InputDataConfig, with the defaults filled in."""

    name: str
    uri: str
    data_type: str
    """S3Prefix, ManifestFile or AugmentedManifestFile."""
    distribution: str
    """FullyReplicated or ShardedByS3Key."""
    mode: str
    """File, FastFile or Pipe."""
    content_type: str = ""
    compression: str = "None"
    record_wrapper: str = "None"
    attributes: tuple[str, ...] = ()
    shuffle_seed: int | None = None
    groups: tuple[str, ...] = ()
    """The instance groups that get it; none: all."""

    @property
    def config(self) -> dict[str, str]:
        """Its entry in inputdataconfig.json."""
        entry = {
            "TrainingInputMode": self.mode,
            "S3DistributionType": self.distribution,
            "RecordWrapperType": self.record_wrapper,
        }
        return entry | ({"ContentType": self.content_type} if self.content_type else {})


@dataclass(frozen=True, kw_only=True)
class Host:
    """One machine of the job's cluster: here a process with an address of its own on the loopback."""

    name: str
    address: str
    instance_type: str
    group: str


@dataclass(frozen=True, kw_only=True)
class Metric:
    """A metric definition: its name and regular expression."""

    name: str
    regex: str


@dataclass(frozen=True, kw_only=True)
class Checkpoints:
    """Where checkpoints are kept on S3, and where the container has them."""

    uri: str
    path: str


@dataclass(frozen=True, kw_only=True)
class TrainingPlan:
    """What a training job does. JSON-serialisable with `dataclasses.asdict`."""

    name: str
    arn: str
    image: str
    hosts: tuple[Host, ...]
    hyperparameters: dict[str, str]
    channels: tuple[Channel, ...]
    variables: dict[str, str]
    """TRAINING_JOB_NAME and TRAINING_JOB_ARN, the region, and the request's own Environment."""
    output_uri: str
    """Everything of this job goes below it: `<S3OutputPath>/<job>`."""
    compress: bool
    metrics: tuple[Metric, ...]
    max_runtime: float
    stop_grace: float
    entrypoint: tuple[str, ...] = ()
    """ContainerEntrypoint with ContainerArguments; empty: the toolkit runs the script."""
    checkpoints: Checkpoints | None = None
    spot: bool = False
    """Whether the instances may be taken back (EnableManagedSpotTraining)."""
    wait_until: float | None = None
    """When a spot job is stopped whether or not it ran, in seconds since the epoch (MaxWaitTimeInSeconds)."""
    retries: int = 0
    """Further attempts after an error of the platform's (RetryStrategy.MaximumRetryAttempts)."""

    @property
    def source_uri(self) -> str:
        """The source folder's archive; empty when the script comes another way."""
        decoded = environment.decode(self.hyperparameters)
        return str(decoded.get(environment.SUBMIT_DIRECTORY) or "")

    def takers(self, channel: Channel) -> list[Host]:
        """Return the hosts that get a channel."""
        return [host for host in self.hosts if not channel.groups or host.group in channel.groups]

    def input_data_config(self, host: Host) -> dict[str, Any]:
        """Return the content of inputdataconfig.json for one host."""
        return {channel.name: channel.config for channel in self.channels if host in self.takers(channel)}

    def resource_config(self, host: Host) -> dict[str, Any]:
        """Return the content of resourceconfig.json for one host."""
        groups: dict[str, dict[str, Any]] = {}
        for member in self.hosts:
            entry = {"instance_group_name": member.group, "instance_type": member.instance_type, "hosts": []}
            groups.setdefault(member.group, entry)["hosts"].append(member.name)
        return {
            "current_host": host.name,
            "current_instance_type": host.instance_type,
            "current_group_name": host.group,
            "hosts": [member.name for member in self.hosts],
            "instance_groups": list(groups.values()),
            "network_interface_name": "eth0",
        }

    def config_files(self, host: Host) -> dict[str, Any]:
        """Return the files of `/opt/ml/input/config` by name."""
        return {
            "hyperparameters.json": self.hyperparameters,
            "inputdataconfig.json": self.input_data_config(host),
            "resourceconfig.json": self.resource_config(host),
        }


def training(body: Mapping[str, Any], *, region: str, stop_grace: float = STOP_GRACE_SECONDS) -> TrainingPlan:
    """Return the plan for a DescribeTrainingJob body."""
    algorithm = body["AlgorithmSpecification"]
    name, arn = body["TrainingJobName"], body["TrainingJobArn"]
    output = body["OutputDataConfig"]
    own = {"TRAINING_JOB_NAME": name, "TRAINING_JOB_ARN": arn, "AWS_REGION": region}
    return TrainingPlan(
        name=name,
        arn=arn,
        image=algorithm["TrainingImage"],
        hosts=_hosts(body["ResourceConfig"]),
        hyperparameters=dict(body.get("HyperParameters", {})),
        channels=tuple(
            _channel(entry, algorithm.get("TrainingInputMode", "File"))
            for entry in body.get("InputDataConfig", [])
        ),
        variables={**own, "AWS_DEFAULT_REGION": region, **body.get("Environment", {})},
        output_uri=f"{output['S3OutputPath'].rstrip('/')}/{name}",
        compress=output.get("CompressionType", "GZIP") == "GZIP",
        metrics=tuple(
            Metric(name=entry["Name"], regex=entry["Regex"])
            for entry in algorithm.get("MetricDefinitions", [])
        ),
        max_runtime=float(
            body.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", DEFAULT_RUNTIME_SECONDS)
        ),
        stop_grace=stop_grace,
        entrypoint=(
            *algorithm.get("ContainerEntrypoint", []),
            *(algorithm.get("ContainerArguments", []) if algorithm.get("ContainerEntrypoint") else []),
        ),
        checkpoints=_checkpoints(body.get("CheckpointConfig")),
        spot=body.get("EnableManagedSpotTraining", False),
        wait_until=waiting.spot(body),
        retries=body.get("RetryStrategy", {}).get("MaximumRetryAttempts", 0),
    )


def defaults(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return those members of a request that Describe has whether they were given or not."""
    members = ("EnableNetworkIsolation", "EnableInterContainerTrafficEncryption", "EnableManagedSpotTraining")
    return {
        "StoppingCondition": {
            "MaxRuntimeInSeconds": DEFAULT_RUNTIME_SECONDS,
            **request.get("StoppingCondition", {}),
        },
        "OutputDataConfig": {"KmsKeyId": "", **request["OutputDataConfig"]},
        **{key: request.get(key, False) for key in members},
    }


def _hosts(resources: Mapping[str, Any]) -> tuple[Host, ...]:
    groups = resources.get("InstanceGroups") or [
        {
            "InstanceGroupName": HOMOGENEOUS,
            "InstanceType": preferences.instance_type(resources) or "local",
            "InstanceCount": preferences.instance_count(resources),
        }
    ]
    members = [group for group in groups for _ in range(group["InstanceCount"])]
    return tuple(
        Host(
            name=f"algo-{number}",
            address=f"127.0.0.{number}" if len(members) == 1 else f"127.0.1.{number}",
            instance_type=group["InstanceType"],
            group=group["InstanceGroupName"],
        )
        for number, group in enumerate(members, start=1)
    )


def _channel(entry: Mapping[str, Any], default_mode: str) -> Channel:
    source = entry["DataSource"]["S3DataSource"]
    return Channel(
        name=entry["ChannelName"],
        uri=source["S3Uri"],
        data_type=source["S3DataType"],
        distribution=source.get("S3DataDistributionType", "FullyReplicated"),
        mode=entry.get("InputMode", default_mode),
        content_type=entry.get("ContentType", ""),
        compression=entry.get("CompressionType", "None"),
        record_wrapper=entry.get("RecordWrapperType", "None"),
        attributes=tuple(source.get("AttributeNames", [])),
        shuffle_seed=entry.get("ShuffleConfig", {}).get("Seed"),
        groups=tuple(source.get("InstanceGroupNames", [])),
    )


def _checkpoints(config: Mapping[str, Any] | None) -> Checkpoints | None:
    if not config:
        return None
    return Checkpoints(uri=config["S3Uri"], path=config.get("LocalPath", DEFAULT_CHECKPOINTS))
