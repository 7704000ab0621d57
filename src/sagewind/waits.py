"""How a task waits for SageMaker: the arguments that the provider's operators take.

It waits in the triggerer, as Sagewind's operators do unless told otherwise. How often it asks is the spec's
`poll_seconds`; one second when SageMaker is local, where it costs nothing.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sagewind import spec

LOCAL = "AWS_ENDPOINT_URL_SAGEMAKER"
_GRACE = 1800
"""Seconds beyond a job's own limit: to get and leave its machine."""


def interval(model: spec.Model, environ: Mapping[str, str]) -> int:
    """Return the seconds between two looks."""
    return 1 if environ.get(LOCAL) else model.poll_seconds


def for_job(model: spec.Model, max_runtime: int, environ: Mapping[str, str]) -> dict[str, Any]:
    """Return how to wait for a training or transform job: until a while after its own limit, never less.

    The provider's default gives up after 60 looks and leaves the job running.
    """
    seconds = interval(model, environ)
    longest = max_runtime + _GRACE
    return {
        "check_interval": seconds,
        "max_attempts": math.ceil(longest / seconds),
        "max_ingestion_time": longest,
    }


def for_endpoint(model: spec.Model, environ: Mapping[str, str]) -> dict[str, Any]:
    """Return how to wait for an endpoint: at most an hour.

    The provider takes `max_ingestion_time` for seconds when it defers, and for looks when it does not.
    """
    return {"check_interval": interval(model, environ), "max_ingestion_time": 3600}
