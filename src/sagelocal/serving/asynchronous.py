"""Asynchronous invocations: input and output on S3, a queue between them that outlives the service.

A request is a file from the moment that it is accepted until its output (or failure) is on S3. A thread with
an event loop of its own works the files off, as many at a time as the endpoint's instances take.
https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference.html
"""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import threading
import time
import uuid
from collections import Counter
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sagelocal import errors
from sagelocal import storage as storing

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from sagelocal.serving.endpoints import Router
    from sagelocal.serving.traffic import Traffic
    from sagelocal.storage import Storage

PER_INSTANCE = 4
"""Requests that an instance has at the same time, when the configuration does not say."""
TTL_SECONDS = 6 * 3600
INVOCATION_SECONDS = 900.0
LONGEST_INPUT = 2**30
_LOOK_SECONDS = 0.5
_PASSED = ("ContentType", "Accept", "CustomAttributes", "InferenceId")

_log = logging.getLogger(__name__)


class Asynchronous:
    """The queue of all asynchronous endpoints. `submit` is for any thread."""

    def __init__(
        self,
        *,
        router: Router,
        own: Router,
        storage: Storage,
        folder: Path,
        bucket: str,
        region: str,
        publish: Callable[[str, str], None] | None = None,
    ) -> None:
        self._router = router
        self._own = own  # the connections of a router belong to one event loop
        self._routes: dict[str, Traffic] = {}
        self._storage = storage
        self._folder = folder
        self._bucket = bucket
        self._region = region
        self._publish = publish or _publish
        self._running: dict[Path, asyncio.Task[None]] = {}
        self._busy: Counter[str] = Counter()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._bell: asyncio.Event | None = None
        self._closing = False
        self._thread = threading.Thread(target=self._work, name="asynchronous invocations", daemon=True)

    def start(self) -> None:
        """Work off what an earlier life left, and what comes."""
        self._thread.start()

    def close(self) -> None:
        """End; what is not done is done by the next life."""
        self._closing = True
        self._ring()
        if self._thread.is_alive():
            self._thread.join()

    def submit(self, endpoint: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """Accept a request; return the members of the InvokeEndpointAsync answer.

        Raises:
            LookupError: no such endpoint is in service.
            errors.RuntimeValidationError: the endpoint is not asynchronous, or there is not one input.

        """
        traffic = self._router.traffic(endpoint)
        if traffic is None:
            raise LookupError(endpoint)
        if traffic.asynchronous is None:
            raise errors.RuntimeValidationError(
                f"Endpoint {endpoint} is not asynchronous: its configuration has no AsyncInferenceConfig"
            )
        if ("InputLocation" in request) == bool(request.get("Body")):
            raise errors.RuntimeValidationError(
                "InvokeEndpointAsync needs either InputLocation or Body, and not both"
            )
        item = self._item(endpoint, request, traffic.asynchronous["OutputConfig"])
        folder = self._folder / endpoint
        folder.mkdir(parents=True, exist_ok=True)
        draft = folder / f".{uuid.uuid4()}"
        draft.write_text(json.dumps(item))
        draft.rename(folder / f"{time.time_ns()}-{uuid.uuid4()}.json")
        self._ring()
        answer = {"InferenceId": item["id"], "OutputLocation": item["output"]}
        return answer | ({"FailureLocation": item["failure"]} if item["failure"] else {})

    def _item(self, endpoint: str, request: Mapping[str, Any], output: Mapping[str, Any]) -> dict[str, Any]:
        own = str(uuid.uuid4())
        kept = {name: value for name, value in request.items() if name != "Body"}
        if request.get("Body"):
            kept["Inline"] = base64.b64encode(request["Body"]).decode()
        root = output.get("S3OutputPath") or f"s3://{self._bucket}/async-endpoint-outputs/{endpoint}"
        failed = output.get("S3FailurePath", "")
        parts = [request["S3OutputPathExtension"]] if "S3OutputPathExtension" in request else []
        return {
            "id": request.get("InferenceId", own),
            "request": kept,
            "received": time.time(),
            "output": storing.parse(root).join(*parts, request.get("Filename", f"{own}.out")).uri,
            "failure": storing.parse(failed).join(*parts, f"{own}-error.out").uri if failed else "",
            "topics": output.get("NotificationConfig", {}),
        }

    def _ring(self) -> None:
        if self._loop is not None and self._bell is not None:
            try:
                self._loop.call_soon_threadsafe(self._bell.set)
            except RuntimeError:
                return  # it has ended

    def _work(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop, self._bell = asyncio.get_running_loop(), asyncio.Event()
        while not self._closing:
            self._bell.clear()
            try:
                self._begin()
            except OSError as error:
                _log.warning("the queue of asynchronous invocations cannot be read: %s", error)
            try:
                # Without a bell only what waits for an instance, or for its turn, makes a look worthwhile.
                async with asyncio.timeout(_LOOK_SECONDS):
                    await self._bell.wait()
            except TimeoutError:
                continue

    def _begin(self) -> None:
        """Begin as many requests as the instances take, oldest first."""
        for folder in self._folder.glob("*") if self._folder.is_dir() else ():
            traffic = self._router.traffic(folder.name)
            waiting = sorted(each for each in folder.glob("*.json") if each not in self._running)
            if traffic is None or traffic.asynchronous is None:
                for path in waiting:
                    path.unlink()  # as on AWS, the queue goes with the endpoint
                continue
            room = limit(traffic) - self._busy[folder.name]
            for path in waiting[: max(0, room)]:
                self._busy[folder.name] += 1
                self._running[path] = asyncio.create_task(self._run(folder.name, traffic, path))

    async def _run(self, endpoint: str, traffic: Traffic, path: Path) -> None:
        try:
            if await self._carry_out(endpoint, traffic, json.loads(path.read_text())):  # noqa: ASYNC240  (small)
                path.unlink(missing_ok=True)  # noqa: ASYNC240
        except Exception:  # noqa: BLE001  (the queue must go on without this request, which is kept aside)
            _log.exception("endpoint %s: asynchronous invocation %s", endpoint, path.name)
            path.rename(path.with_suffix(".stuck"))  # noqa: ASYNC240
        finally:
            self._running.pop(path)
            self._busy[endpoint] -= 1
            self._ring()

    async def _carry_out(self, endpoint: str, traffic: Traffic, item: Mapping[str, Any]) -> bool:
        """Ask the model and put its answer on S3; False when no instance is there to be asked."""
        try:
            reply = await self._ask(endpoint, traffic, item)
            await asyncio.to_thread(
                self._storage.write, item["output"], reply["Body"], reply.get("ContentType", "")
            )
            outcome, words = reply, ""
        except errors.ServiceUnavailable:
            await asyncio.sleep(_LOOK_SECONDS)
            return False  # its turn comes again when an instance answers
        except (errors.ServiceError, LookupError, storing.StorageError, storing.AddressError) as error:
            outcome, words = {}, str(error)
            _log.info("endpoint %s: asynchronous invocation %s failed: %s", endpoint, item["id"], error)
            await self._tell_failure(item, words)
        await asyncio.to_thread(self._notify, endpoint, item, outcome, words)
        return True

    async def _ask(self, endpoint: str, traffic: Traffic, item: Mapping[str, Any]) -> dict[str, Any]:
        given = dict(item["request"])
        if time.time() - item["received"] > given.get("RequestTTLSeconds", TTL_SECONDS):
            raise errors.RuntimeValidationError("The request waited longer than its RequestTTLSeconds")
        if "Inline" in given:
            body = base64.b64decode(given["Inline"])
        else:
            body = await asyncio.to_thread(storing.read, self._storage, given["InputLocation"])
            if "ContentType" not in given:
                # The SDK's predictors send none, but give one to the object.
                kind = await asyncio.to_thread(self._storage.content_type, given["InputLocation"])
                given |= {"ContentType": kind} if kind else {}
        if len(body) > LONGEST_INPUT:
            raise errors.RuntimeValidationError(
                f"{given['InputLocation']} has {len(body)} bytes; at most {LONGEST_INPUT} are allowed"
            )
        if self._routes.get(endpoint) != traffic:
            self._own.set(endpoint, traffic)
            self._routes[endpoint] = traffic
        seconds = float(given.get("InvocationTimeoutSeconds", INVOCATION_SECONDS))
        passed = {name: given[name] for name in _PASSED if name in given}
        return await self._own.queued(endpoint, passed | {"Body": body, "Seconds": seconds})

    async def _tell_failure(self, item: Mapping[str, Any], words: str) -> None:
        if item["failure"]:
            try:
                await asyncio.to_thread(
                    self._storage.write, item["failure"], words.encode(), "text/plain; charset=utf-8"
                )
            except storing.StorageError as error:
                _log.warning("asynchronous invocation %s: %s", item["id"], error)

    def _notify(self, endpoint: str, item: Mapping[str, Any], reply: Mapping[str, Any], words: str) -> None:
        topic = item["topics"].get("ErrorTopic" if words else "SuccessTopic")
        if topic:
            message = notification(endpoint, item, reply, words, self._region)
            try:
                self._publish(topic, json.dumps(message))
            except Exception as error:  # noqa: BLE001  (whatever boto3 raises: the output is on S3)
                _log.warning("SNS did not take the notification of %s: %s", item["id"], error)


def limit(traffic: Traffic) -> int:
    """Return how many requests an endpoint's instances take at the same time."""
    config = (traffic.asynchronous or {}).get("ClientConfig", {})
    instances = sum(len(each.instances) for each in traffic.variants)
    return instances * int(config.get("MaxConcurrentInvocationsPerInstance", PER_INSTANCE))


def notification(
    endpoint: str, item: Mapping[str, Any], reply: Mapping[str, Any], words: str, region: str
) -> dict[str, Any]:
    """Return the message to an SNS topic.

    https://docs.aws.amazon.com/sagemaker/latest/dg/async-inference-check-predictions.html
    """
    given = item["request"]
    asked = {"endpointName": endpoint}
    for member, name in (("ContentType", "contentType"), ("InputLocation", "inputLocation")):
        if member in given:
            asked[name] = given[member]
    message: dict[str, Any] = {
        "awsRegion": region,
        "eventTime": _moment(time.time()),
        "receivedTime": _moment(item["received"]),
        "invocationStatus": "Failed" if words else "Completed",
        "requestParameters": asked,
        "inferenceId": item["id"],
        "eventVersion": "1.0",
        "eventSource": "aws:sagemaker",
        "eventName": "InferenceResult",
    }
    if words:
        answered = {"outputLocation": item["failure"]} if item["failure"] else {}
        return message | {"failureReason": words, "responseParameters": answered}
    return message | {
        "responseParameters": {
            "contentType": reply.get("ContentType", ""),
            "outputLocation": item["output"],
        }
    }


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _publish(topic: str, message: str) -> None:
    from sagelocal import aws  # noqa: PLC0415  (heavy; this package is also copied into images, which lack it)

    aws.client("sns").publish(TopicArn=topic, Message=message)
