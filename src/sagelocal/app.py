"""The composition root: every part of the service, put together once."""

from __future__ import annotations

import functools
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sagelocal import __version__, faults, signatures
from sagelocal.api import kinds, operations, unhandled
from sagelocal.api import rest as the_rest
from sagelocal.api.account import Account
from sagelocal.api.calling import Caller
from sagelocal.api.endpoint_configs import EndpointConfigs
from sagelocal.api.endpoints import Endpoints
from sagelocal.api.experiments import Given
from sagelocal.api.feed import Feed
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
from sagelocal.api.trail import Trail
from sagelocal.api.training import TrainingJobs
from sagelocal.api.transform import TransformJobs
from sagelocal.api.tuning_jobs import TuningJobs
from sagelocal.container import images as container_images
from sagelocal.dataplane.control import DataPlane, Identity
from sagelocal.eventbridge import EventBridge
from sagelocal.gateway import Gateway
from sagelocal.holding import Holding
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
    from sagelocal.jobs.supervisors import Supervisors
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
    data_plane: DataPlane
    meters: Meters
    captures: Captures
    queue: Asynchronous
    scaler: Scaler
    pipelines: Runs
    feed: Feed
    treatments: Callable[[], Iterable[Treatment]]
    """What becomes of every operation."""

    def start(self) -> None:
        """Take up what an earlier life of the service left."""
        self.feed.start()
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
        self.hosting.close()
        self.launcher.close()
        self.scaler.close()
        self.queue.close()
        self.data_plane.close()
        self.meters.close()
        self.captures.close()
        self.feed.close()


def build(settings: Settings, environ: Mapping[str, str]) -> App:
    """Put the service together; `environ` is what jobs inherit."""
    ground = _ground(settings, environ)
    held = Holding()
    launcher = Launcher(
        store=ground.store, settings=settings, environ=environ, faults=ground.plan, changed=held.ring
    )
    serving = _serving(ground, launcher.detached, held)
    rest = the_rest.build(ground.services.operations, ground.store, ground.account)
    resources = (*_resources(ground, launcher, serving), *rest.resources)
    # Pipelines call all other operations, so these are put together first.
    dispatch = Dispatch(resources, fallback=unhandled.refuse, derived=rest.derived)
    runs, pipelines = _pipelines(ground, dispatch)
    dispatch = Dispatch((*resources, *pipelines), fallback=unhandled.refuse, derived=rest.derived)
    gateway = Gateway(
        services=ground.services,
        dispatch=dispatch,
        hosts=_hosts(settings),
        version=__version__,
        faults=ground.plan,
        verifier=_verifier(settings),
        planned=serving.data_plane.plan,
        held=held,
    )
    return App(
        settings=settings,
        gateway=gateway,
        launcher=launcher,
        hosting=serving.hosting,
        data_plane=serving.data_plane,
        meters=serving.meters,
        captures=serving.captures,
        queue=serving.queue,
        scaler=serving.scaler,
        pipelines=runs,
        feed=Feed(
            store=ground.store, trail=Trail(store=ground.store, account=ground.account), bus=EventBridge()
        ),
        treatments=functools.partial(
            operations.table, ground.services.operations, own=dispatch.handled, derived=rest.rows
        ),
    )


@dataclass(frozen=True, kw_only=True)
class _Ground:
    """What every part stands on."""

    settings: Settings
    environ: Mapping[str, str]
    store: Store
    account: Account
    services: model.Services
    plan: faults.Faults

    def records(self, kind: kinds.ResourceKind) -> Records:
        """Return the table of a kind of resource."""
        return Records(kind, self.store, self.account)


@dataclass(frozen=True, kw_only=True)
class _Serving:
    """What stands behind endpoints."""

    router: Router
    data_plane: DataPlane
    meters: Meters
    captures: Captures
    queue: Asynchronous
    hosting: EndpointController
    scaler: Scaler


def _ground(settings: Settings, environ: Mapping[str, str]) -> _Ground:
    services = model.load(SERVICES)
    planned = faults.load(Path(settings.faults), services.operations) if settings.faults else ()
    return _Ground(
        settings=settings,
        environ=environ,
        store=Store(settings.data_dir / "state.db"),
        account=Account(number=settings.account, region=settings.region),
        services=services,
        plan=faults.Faults(planned),
    )


def _serving(ground: _Ground, detached: Supervisors, held: Holding) -> _Serving:
    settings, meters = ground.settings, Meters()
    storage = S3Storage(wait=settings.storage_wait_seconds)
    captures = Captures(S3Storage(wait=0).write)  # they try again themselves
    of_account = functools.partial(
        Router, account=settings.account, region=settings.region, meters=meters, captures=captures
    )
    router = of_account(idle_seconds=settings.serverless_idle_seconds)
    data_plane = DataPlane(identity=_identity(settings), environ=ground.environ, faults=ground.plan)
    router.changed = data_plane.route
    hosting = EndpointController(
        store=ground.store,
        settings=settings,
        router=router,
        detached=detached,
        faults=ground.plan,
        changed=held.ring,
    )
    queue = Asynchronous(
        router=router,
        own=of_account(),
        storage=storage,
        folder=settings.data_dir / "asynchronous",
        bucket=settings.bucket or f"sagemaker-{settings.region}-{settings.account}",
        region=settings.region,
    )
    scaler = Scaler(
        store=ground.store,
        scale=hosting.scale,
        invocations=lambda endpoint, variant: (
            meters.of(endpoint, variant).total + data_plane.total(endpoint, variant)
        ),
    )
    return _Serving(
        router=router,
        data_plane=data_plane,
        meters=meters,
        captures=captures,
        queue=queue,
        hosting=hosting,
        scaler=scaler,
    )


def _resources(ground: _Ground, launcher: Launcher, serving: _Serving) -> tuple[object, ...]:
    """Return the handlers of all resources but pipelines."""
    store, account, records = ground.store, ground.account, ground.records
    models, configs = records(kinds.MODEL), records(kinds.ENDPOINT_CONFIG)
    endpoints, groups = records(kinds.ENDPOINT), records(kinds.MODEL_PACKAGE_GROUP)
    versions, experiments = records(kinds.MODEL_PACKAGE), Given(store)
    changing = threading.Lock()
    packages = ModelPackages(records=versions, groups=groups, account=account, changing=changing)

    def images(image_uri: str) -> None:
        container_images.resolve(image_uri, ground.settings.image_policy)

    return (
        TrainingJobs(
            records=records(kinds.TRAINING_JOB),
            tuning=records(kinds.TUNING_JOB),
            jobs=launcher,
            images=images,
            experiments=experiments,
        ),
        TransformJobs(
            records=records(kinds.TRANSFORM_JOB), models=models, jobs=launcher, experiments=experiments
        ),
        ProcessingJobs(
            records=records(kinds.PROCESSING_JOB), jobs=launcher, images=images, experiments=experiments
        ),
        TuningJobs(
            records=records(kinds.TUNING_JOB),
            jobs=launcher,
            images=images,
            store=store,
            data_dir=ground.settings.data_dir,
        ),
        Models(records=models, images=images, packages=packages),
        packages,
        ModelPackageGroups(records=groups, packages=versions, account=account, changing=changing),
        EndpointConfigs(records=configs, models=models),
        Endpoints(records=endpoints, configs=configs, endpoints=serving.hosting),
        Invocations(invoker=serving.router, queue=serving.queue, account=account),
        Scaling(store=store, endpoints=endpoints, account=account),
        Tags(store),
        Search(store),
    )


def _pipelines(ground: _Ground, others: Dispatch) -> tuple[Runs, tuple[object, ...]]:
    """Return what runs pipelines, and the handlers of their operations."""
    rows = PipelineRecords(ground.store, ground.account)
    objects = S3Storage(wait=ground.settings.storage_wait_seconds)
    caller = Caller(ground.services, others, ground.plan)
    runs = Runs(records=rows, caller=caller, storage=objects, tags=ground.store.tags)
    return runs, (
        Pipelines(
            records=rows, account=ground.account, operations=ground.services.operations, storage=objects
        ),
        PipelineExecutions(records=rows, runs=runs, account=ground.account),
    )


def _identity(settings: Settings) -> Identity:
    return Identity(
        account=settings.account,
        region=settings.region,
        hosts=_hosts(settings),
        version=__version__,
        credentials=settings.credentials,
    )


def _hosts(settings: Settings) -> frozenset[str]:
    return frozenset(name.strip().lower() for name in settings.hosts.split(",") if name.strip())


def _verifier(settings: Settings) -> signatures.Verifier | None:
    key, _, secret = settings.credentials.partition(":")
    return signatures.Verifier(key, secret) if key else None
