"""A batch transform job: a model server of its own, objects from S3 through it, results to S3.

Each object becomes `<S3OutputPath>/<its path>.out`, whole or not at all; when one fails, the job goes on
with the others and fails at its end, and the reason names object and record. Rules:
https://docs.aws.amazon.com/sagemaker/latest/dg/batch-transform.html and API_CreateTransformJob.
"""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import os
import signal
import time
from dataclasses import dataclass
from functools import partial
from typing import IO, TYPE_CHECKING, Any, cast

from sagelocal import errors, logs, settings
from sagelocal import storage as objects
from sagelocal.jobs import access, failure, inputs, modelserver, planned_faults, preloading, progress
from sagelocal.jobs.kinds import JOB_KINDS, LONGEST_REASON
from sagelocal.jobs.status import JobStatus
from sagelocal.jobs.store import MissingError
from sagelocal.serving import batch, client, dataprocessing, jsonpath, memory

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from sagelocal.jobs.supervisor import Job
    from sagelocal.storage import Storage

DEFAULT_MEGABYTES = 6
DEFAULT_TIMEOUT_SECONDS = 600
DEFAULT_RETRIES = 3
RETRY_PAUSE_SECONDS = 0.2
PROGRESS_SECONDS = 5.0
MAKING_WAY = 10
"""Niceness: where cores are scarce, endpoints (see `instance`) go before a batch, which nobody waits for."""
STOP_SECONDS = 3.0
"""For the model server to end: it has nothing to answer any more, or nobody wants the answer."""
_UNAVAILABLE = 503


class _StoppedError(Exception):
    """A stop was asked for."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """A CreateTransformJob request with its defaults."""

    input_uri: str
    data_type: str
    content_type: str
    is_gzip: bool
    output_uri: str
    accept: str
    timeout: float
    retries: int
    plan: batch.Plan


def parse(body: Mapping[str, Any], cores: int) -> Request:
    """Read a request; what it leaves open is the payload of 6 MB, many records in each, one request per core.

    Raises:
        jsonpath.PathError, dataprocessing.ProcessingError: DataProcessing is not as SageMaker knows it.

    """
    given, result, client_config = (
        body["TransformInput"],
        body["TransformOutput"],
        body.get("ModelClientConfig", {}),
    )
    content_type = given.get("ContentType", "")
    megabytes = body.get("MaxPayloadInMB", DEFAULT_MEGABYTES)
    return Request(
        input_uri=given["DataSource"]["S3DataSource"]["S3Uri"],
        data_type=given["DataSource"]["S3DataSource"]["S3DataType"],
        content_type=content_type,
        is_gzip=given.get("CompressionType") == "Gzip",
        output_uri=result["S3OutputPath"],
        accept=result.get("Accept", ""),
        timeout=client_config.get("InvocationsTimeoutInSeconds", DEFAULT_TIMEOUT_SECONDS),
        retries=client_config.get("InvocationsMaxRetries", DEFAULT_RETRIES),
        plan=batch.Plan(
            split_type=given.get("SplitType", "None"),
            several=body.get("BatchStrategy", "MultiRecord") == "MultiRecord",
            limit=megabytes * batch.MEGABYTE or None,
            # Unset and 0 mean that SageMaker chooses.
            concurrency=body.get("MaxConcurrentTransforms") or cores,
            assemble_with=result.get("AssembleWith", "None"),
            processing=dataprocessing.parse(body.get("DataProcessing", {}), content_type),
        ),
    )


def variables(body: Mapping[str, Any]) -> dict[str, str]:
    """Return what a transform job adds to its container's environment; limits only when they were set."""
    found = {"SAGEMAKER_BATCH": "true"}
    if "MaxPayloadInMB" in body:
        found["SAGEMAKER_MAX_PAYLOAD_IN_MB"] = str(body["MaxPayloadInMB"])
    if "BatchStrategy" in body:
        found["SAGEMAKER_BATCH_STRATEGY"] = {"MultiRecord": "MULTI_RECORD", "SingleRecord": "SINGLE_RECORD"}[
            body["BatchStrategy"]
        ]
    if "MaxConcurrentTransforms" in body:
        found["SAGEMAKER_MAX_CONCURRENT_TRANSFORMS"] = str(body["MaxConcurrentTransforms"])
    return found | dict(body.get("Environment", {}))


def run(job: Job) -> None:
    """Carry out the job; called by the supervisor on its main thread."""
    os.nice(MAKING_WAY)
    memory.give_back_large()
    instance = f"i-{hashlib.sha256(job.name.encode()).hexdigest()[:17]}"
    container_log = planned_faults.sink(
        job, logs.CloudWatchLogs, logs.TRANSFORM_GROUP, f"{job.name}/{instance}"
    )
    data_log = planned_faults.sink(
        job, logs.CloudWatchLogs, logs.TRANSFORM_GROUP, f"{job.name}/{instance}/data-log"
    )
    with job.folder.container_log.open("a", buffering=1, errors="replace") as lines:

        def say(line: str) -> None:
            lines.write(line + "\n")
            container_log.write(line)

        outcome, reason = _carry_out(job, say, data_log.write)
    objects.in_parallel(
        [partial(_close, sink, job.folder.supervisor_log) for sink in (container_log, data_log)]
    )
    kind = JOB_KINDS[job.kind]
    job.finish(lambda body: kind.end(body, outcome, reason))


def _close(sink: logs.LogSink, note: Path) -> None:
    """Deliver the rest of a log's lines; what cannot be delivered is noted."""
    try:
        sink.close()
    except logs.LogsLostError as error:
        with note.open("a") as lines:
            lines.write(f"{error}\n")


def _carry_out(job: Job, say: Callable[[str], None], tell: Callable[[str], None]) -> tuple[JobStatus, str]:
    """Return how the job ended, and why if it failed."""
    job.update(lambda body: body.update(TransformStartTime=time.time()))
    server = None
    try:
        request = parse(job.body, os.cpu_count() or 1)
        storage = job.storage()
        found = inputs.sources(storage, request.input_uri, request.data_type)
        server = _server(job, storage, say, _most_requests(request, found))
        _start(job, server)
        failures = asyncio.run(_Run(job, request, storage, server, tell).all(found))
    except _StoppedError:
        return JobStatus.STOPPED, ""
    except (inputs.InputError, jsonpath.PathError, dataprocessing.ProcessingError) as error:
        return JobStatus.FAILED, f"{failure.fault(error)}: {error}"
    except modelserver.ModelServerError as error:
        tail = server.tail if server is not None else ""
        return JobStatus.FAILED, modelserver.reason(_headline(error), str(error), tail, LONGEST_REASON)
    except (objects.StorageError, errors.ServiceError, MissingError) as error:
        return JobStatus.FAILED, f"{failure.fault(error)}: {error}"
    finally:
        if server is not None:
            server.stop(STOP_SECONDS)
    return (JobStatus.FAILED, _reason(failures)) if failures else (JobStatus.COMPLETED, "")


def _start(job: Job, server: modelserver.ModelServer) -> None:
    server.prepare()
    if job.stopping:
        raise _StoppedError
    job.mark_started()
    server.start()
    if not server.ready(stopping=lambda: job.stopping):
        raise _StoppedError


def _headline(error: modelserver.ModelServerError) -> str:
    """Return whose fault it is that there is no model server: the platform's when S3 does not answer."""
    cause = failure.fault(error.__cause__)
    return f"{cause if cause == failure.PLATFORM else 'AlgorithmError'}:"


def _reason(failures: list[str]) -> str:
    more = f" (and {len(failures) - 1} more objects; see the job's data-log)" if len(failures) > 1 else ""
    return failures[0][: LONGEST_REASON - len(more)] + more


def _most_requests(request: Request, found: list[inputs.Source]) -> int:
    """Return how many requests there can be at once: more worker processes are of no use."""
    plan = request.plan
    if request.is_gzip or not all(source.size for source in found):
        return plan.concurrency
    return max(1, min(plan.concurrency, sum(plan.payloads(source.size) for source in found)))


def _server(job: Job, storage: Storage, say: Callable[[str], None], workers: int) -> modelserver.ModelServer:
    model = job.store.get("model", job.body["ModelName"]).body
    container = dict(modelserver.container_of(model))
    container["Environment"] = container.get("Environment", {}) | variables(job.body)
    role, arn = model.get("ExecutionRoleArn", ""), job.body.get("TransformJobArn", "")
    return modelserver.ModelServer(
        folder=job.folder.root,
        container=container,
        settings=settings.from_json(job.settings),
        storage=storage,
        environ=access.variables(job.environ, role_arn=role, job_arn=arn),
        say=say,
        preloading=lambda made, image: preloading.Preloading.of_job(job, made, image, say),
        workers=workers,
    )


class _Run:
    """The objects of a job on their way through its model server."""

    def __init__(
        self,
        job: Job,
        request: Request,
        storage: Storage,
        server: modelserver.ModelServer,
        tell: Callable[[str], None],
    ) -> None:
        self._job = job
        self._request = request
        self._storage = storage
        self._server = server
        self._tell = tell
        self._client = client.Client(server.socket)
        self._room = asyncio.Semaphore(request.plan.concurrency)
        self._rows = self._left = 0
        self._read = self._bytes = 0
        self._begin = self._told = time.monotonic()

    async def all(self, found: list[inputs.Source]) -> list[str]:
        """Transform every object, as many at a time as requests are allowed; return the reasons of failures.

        Raises:
            _StoppedError: a stop was asked for; objects that were not whole have left nothing.

        """
        plan = self._request.plan
        strategy = "MULTI_RECORD" if plan.several else "SINGLE_RECORD"
        limit = (plan.limit or 0) // batch.MEGABYTE
        self._tell(
            f"[sagemaker logs]: MaxConcurrentTransforms={plan.concurrency}, MaxPayloadInMB={limit}, "
            f"BatchStrategy={strategy}"
        )
        waiting, self._left = iter(found), len(found)
        sizes = [source.size for source in found]
        self._bytes = sum(sizes) if all(sizes) else 0
        failures: list[str] = []
        workers = [
            asyncio.create_task(self._work(waiting, failures))
            for _ in range(min(plan.concurrency, len(found)))
        ]
        stop = asyncio.create_task(self._stop_asked())
        work = asyncio.ensure_future(asyncio.gather(*workers))
        await asyncio.wait({work, stop}, return_when=asyncio.FIRST_COMPLETED)  # type: ignore[type-var]
        if work.done():
            stop.cancel()
            await work
            self._say_progress()
            return failures
        work.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        raise _StoppedError

    async def _stop_asked(self) -> None:
        """Wait for a stop. The loop's handler replaces the supervisor's, which cannot wake the loop."""
        asked = asyncio.Event()

        def stop() -> None:
            self._job.folder.ask_to_stop()
            asked.set()

        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, stop)
        if not self._job.stopping:
            await asked.wait()

    async def _work(self, waiting: Iterator[inputs.Source], failures: list[str]) -> None:
        for source in waiting:
            try:
                await self._object(source)
            except batch.TransformError as error:
                place = source.uri.removeprefix("s3://")
                self._tell(f"[sagemaker logs]: {place}: {error.cause}: {error}")
                failures.append(f"{error.cause}: {source.uri}: {error}")

    async def _object(self, source: inputs.Source) -> None:
        folder = self._job.folder.root / "results"
        folder.mkdir(exist_ok=True)
        path = folder / hashlib.sha256(source.uri.encode()).hexdigest()
        target_uri = objects.parse(self._request.output_uri).join(f"{source.path}.out").uri
        try:
            stream = await asyncio.to_thread(self._storage.open, source.uri)
            counted = cast("IO[bytes]", progress.Counted(stream, self._took))
            with stream, path.open("wb") as target:
                given = (
                    cast("IO[bytes]", gzip.GzipFile(fileobj=counted)) if self._request.is_gzip else counted
                )
                await batch.transform(self._request.plan, given, target, self._invoke, self._progress)
            self._answered()
            await asyncio.to_thread(self._storage.upload, path, target_uri, self._request.accept)
        except objects.StorageError as error:
            raise batch.TransformError(failure.fault(error), str(error)) from error
        finally:
            path.unlink(missing_ok=True)

    def _answered(self) -> None:
        """Count an object whose records are answered; after the last the server ends, beside the upload."""
        self._left -= 1
        if not self._left and self._server.process is not None:
            self._server.process.terminate()

    async def _invoke(self, body: bytes) -> batch.Result:
        headers = {"Content-Type": self._request.content_type, "Accept": self._request.accept}
        headers = {name: value for name, value in headers.items() if value}
        async with self._room:
            return await self._try(headers, body)

    async def _try(self, headers: Mapping[str, str], body: bytes) -> batch.Result:
        """Ask the model, and ask again when it is out of order, as often as ModelClientConfig says."""
        words = ""
        for attempt in range(self._request.retries + 1):
            if attempt:
                await asyncio.sleep(RETRY_PAUSE_SECONDS * attempt)
            try:
                reply = await self._client.post("/invocations", headers, body, self._request.timeout)
            except TimeoutError:
                words = f"no answer within {self._request.timeout} s"
                continue
            except client.UnreachableError as error:
                words = str(error)
                continue
            if reply.status != _UNAVAILABLE or attempt == self._request.retries:
                return batch.Result(reply.status, reply.headers.get("content-type", ""), reply.body)
        raise batch.TransformError("AlgorithmError", f"the model server does not answer: {words}")

    def _progress(self, count: int) -> None:
        self._rows += count
        if time.monotonic() - self._told > PROGRESS_SECONDS:
            self._say_progress()

    def _took(self, count: int) -> None:
        self._read += count

    def _say_progress(self) -> None:
        self._told = time.monotonic()
        seconds = max(1e-6, self._told - self._begin)
        left = progress.left(seconds, done=self._read, whole=self._bytes)
        rate = f"{self._rows / seconds:.0f} records/s"
        self._tell(f"[sagemaker logs]: {self._rows} records transformed, {rate}{left}")
