"""The composition root: every part of the service, put together once."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sagelocal import __version__, faults, signatures, storage
from sagelocal.api import kinds, operations, unhandled
from sagelocal.api import rest as the_rest
from sagelocal.api.account import Account
from sagelocal.api.calling import Caller
from sagelocal.api.endpoint_configs import EndpointConfigs
from sagelocal.api.endpoints import Endpoints
from sagelocal.api.invocations import Invocations
from sagelocal.api.model_package_groups import ModelPackageGroups
from sagelocal.api.model_packages import ModelPackages
from sagelocal.api.models import Models
from sagelocal.api.pipeline_executions import PipelineExecutions
from sagelocal.api.pipeline_records import PipelineRecords
from sagelocal.api.pipeline_runs import Runs
from sagelocal.api.pipelines import Pipelines
from sagelocal.api.processing_jobs import ProcessingJobs
from sagelocal.api.records import Records
from sagelocal.api.scaling import Scaling
from sagelocal.api.search import Search
from sagelocal.api.tags import Tags
from sagelocal.api.training import TrainingJobs
from sagelocal.api.transform import TransformJobs
from sagelocal.api.tuning_jobs import TuningJobs
from sagelocal.container import images as container_images
from sagelocal.events import EventBridge
from sagelocal.gateway import Gateway
from sagelocal.jobs.hosting import EndpointController
from sagelocal.jobs.launcher import Launcher
from sagelocal.jobs.scaling import Scaler
from sagelocal.jobs.store import Store
from sagelocal.serving.asynchronous import Asynchronous
from sagelocal.serving.capture import Captures
from sagelocal.serving.endpoints import Router
from sagelocal.serving.meters import Meters
from sagelocal.storage import S3Storage
from sagelocal.wire import model
from sagelocal.wire.dispatch import Dispatch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from sagelocal.api.operations import Treatment
    from sagelocal.settings import Settings

SERVICES = (
    *("sagemaker", "sagemaker-runtime", "sagemaker-metrics", "sagemaker-featurestore-runtime"),
    "application-autoscaling",
)
"""What the service speaks, by botocore's names."""


@dataclass(frozen=True, kw_only=True)
class App:
    """The parts of the service that have a life of their own."""

    settings: Settings
    gateway: Gateway
    launcher: Launcher
    hosting: EndpointController
    meters: Meters
    captures: Captures
    queue: Asynchronous
    scaler: Scaler
    pipelines: Runs
    treatments: Callable[[], Iterable[Treatment]]
    """What becomes of every operation."""

    def start(self) -> None:
        """Take up what an earlier life of the service left."""
        self.launcher.start()
        self.hosting.start()
        self.meters.start()
        self.captures.start()
        self.queue.start()
        self.scaler.start()
        self.pipelines.start()

    def stop(self) -> None:
        """End as the settings ask: leave jobs and model servers running, or stop them and wait."""
        if self.settings.on_exit == "stop":
            self.pipelines.stop_all()
            self.launcher.stop_all()
            self.hosting.stop_all()
        self.pipelines.close()
        self.launcher.close()
        self.scaler.close()
        self.queue.close()
        self.hosting.close()
        self.meters.close()
        self.captures.close()


def build(settings: Settings, environ: Mapping[str, str]) -> App:
    """Put the service together; `environ` is what jobs inherit."""
    store = Store(settings.data_dir / "state.db")
    account = Account(number=settings.account, region=settings.region)
    services = model.load(SERVICES)
    plan = faults.Faults(faults.load(Path(settings.faults), services.operations) if settings.faults else ())
    launcher = Launcher(store=store, settings=settings, environ=environ, faults=plan)
    meters, captures = Meters(), Captures(S3Storage().write)
    router = Router(
        account=settings.account,
        region=settings.region,
        meters=meters,
        captures=captures,
        idle_seconds=settings.serverless_idle_seconds,
    )
    queue = Asynchronous(
        router=router,
        own=Router(account=settings.account, region=settings.region, meters=meters, captures=captures),
        storage=S3Storage(),
        folder=settings.data_dir / "asynchronous",
        bucket=settings.bucket or f"sagemaker-{settings.region}-{settings.account}",
        region=settings.region,
    )
    hosting = EndpointController(store=store, settings=settings, router=router, environ=environ, faults=plan)

    training_jobs = Records(kinds.TRAINING_JOB, store, account)
    transform_jobs = Records(kinds.TRANSFORM_JOB, store, account)
    processing_jobs = Records(kinds.PROCESSING_JOB, store, account)
    tuning_jobs = Records(kinds.TUNING_JOB, store, account)
    models = Records(kinds.MODEL, store, account)
    configs = Records(kinds.ENDPOINT_CONFIG, store, account)
    endpoints = Records(kinds.ENDPOINT, store, account)

    groups = Records(kinds.MODEL_PACKAGE_GROUP, store, account)
    package_records = Records(kinds.MODEL_PACKAGE, store, account)
    packages = ModelPackages(records=package_records, groups=groups, account=account, events=EventBridge())

    def images(image_uri: str) -> None:
        container_images.resolve(image_uri, settings.image_policy)

    rest = the_rest.build(services.operations, store, account)
    resources = (
        TrainingJobs(records=training_jobs, jobs=launcher, images=images),
        TransformJobs(records=transform_jobs, models=models, jobs=launcher),
        ProcessingJobs(records=processing_jobs, jobs=launcher, images=images),
        TuningJobs(
            records=tuning_jobs, jobs=launcher, images=images, store=store, data_dir=settings.data_dir
        ),
        Models(records=models, images=images, packages=packages),
        packages,
        ModelPackageGroups(records=groups, packages=package_records, account=account),
        EndpointConfigs(records=configs, models=models),
        Endpoints(records=endpoints, configs=configs, endpoints=hosting),
        Invocations(invoker=router, queue=queue, account=account),
        Scaling(store=store, endpoints=endpoints, account=account),
        Tags(store),
        Search(store),
        *rest.resources,
    )
    # Pipelines call all other operations, so these are put together first.
    rows, objects = PipelineRecords(store, account), storage.S3Storage()
    caller = Caller(services, Dispatch(resources, fallback=unhandled.refuse, derived=rest.derived), plan)
    runs = Runs(records=rows, caller=caller, storage=objects, tags=store.tags)
    pipelines = (
        Pipelines(records=rows, account=account, operations=services.operations, storage=objects),
        PipelineExecutions(records=rows, runs=runs, account=account),
    )
    dispatch = Dispatch((*resources, *pipelines), fallback=unhandled.refuse, derived=rest.derived)
    gateway = Gateway(
        services=services,
        dispatch=dispatch,
        hosts=frozenset(name.strip().lower() for name in settings.hosts.split(",") if name.strip()),
        version=__version__,
        faults=plan,
        verifier=_verifier(settings),
    )
    return App(
        settings=settings,
        gateway=gateway,
        launcher=launcher,
        hosting=hosting,
        meters=meters,
        captures=captures,
        queue=queue,
        scaler=Scaler(
            store=store,
            scale=hosting.scale,
            invocations=lambda endpoint, variant: meters.of(endpoint, variant).total,
        ),
        pipelines=runs,
        treatments=functools.partial(
            operations.table, services.operations, own=dispatch.handled, derived=rest.rows
        ),
    )


def _verifier(settings: Settings) -> signatures.Verifier | None:
    key, _, secret = settings.credentials.partition(":")
    return signatures.Verifier(key, secret) if key else None
