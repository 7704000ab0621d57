"""Is the endpoint what was asked for, and does it answer? A deployment is green only when both are true."""

from __future__ import annotations

import datetime as dt
import json
import time
from typing import TYPE_CHECKING, Any

from sagewind import aws, load, requests, table
from sagewind.errors import SagewindError
from sagewind.objects import Address, Objects

if TYPE_CHECKING:
    from pathlib import Path

SAMPLES = 5


class VerifyError(SagewindError):
    """The endpoint is not what was asked for, or does not answer as it should."""


def verify(
    spec_file: Path | str,
    *,
    endpoint: str,
    endpoint_config: str,
    model_name: str,
    data: str,
    clients: aws.Clients = aws.client,
) -> dict[str, Any]:
    """Check the live endpoint and ask it for a few rows of the table at the S3 address `data`.

    A later run may have put its own config there meanwhile; an older one there means that the update was
    rolled back. The model is then tagged as verified, which is what scoring looks for.

    Raises:
        VerifyError: not in service, rolled back, an answer of another length, or an unknown label.

    """
    started = time.monotonic()
    model = load.load(spec_file)
    sagemaker = clients("sagemaker")
    live = _live_config(sagemaker, endpoint, endpoint_config)
    rows = table.parse(Objects(clients("s3")).read(Address.parse(data)), model.data.target, data)
    predictions = _predict(clients("sagemaker-runtime"), endpoint, rows)
    if live == endpoint_config:
        _tag(sagemaker, model_name)
    return {
        "endpoint": endpoint,
        "endpoint_config": live,
        "columns": list(rows.columns),  # apart: the database that keeps XCom reorders an object's keys
        "predictions": predictions,
        "seconds": round(time.monotonic() - started, 2),
    }


def _live_config(sagemaker: Any, endpoint: str, wanted: str) -> str:
    found = sagemaker.describe_endpoint(EndpointName=endpoint)
    if found["EndpointStatus"] not in ("InService", "Updating"):
        reason = found.get("FailureReason", "no reason given")
        raise VerifyError(f"endpoint {endpoint} is {found['EndpointStatus']}, not InService: {reason}")
    live: str = found["EndpointConfigName"]
    if live == wanted:
        return live
    made = sagemaker.describe_endpoint_config(EndpointConfigName=wanted)["CreationTime"]
    other = sagemaker.describe_endpoint_config(EndpointConfigName=live)["CreationTime"]
    if other <= made:
        reason = found.get("FailureReason", "no reason given")
        raise VerifyError(
            f"endpoint {endpoint} serves {live}, not {wanted}: the update was rolled back: {reason}"
        )
    return live


def _predict(runtime: Any, endpoint: str, rows: table.Table) -> list[dict[str, Any]]:
    chosen = rows.sample(SAMPLES)
    asked = tuple(rows.features[row] for row in chosen)
    answer = runtime.invoke_endpoint(
        EndpointName=endpoint,
        ContentType="text/csv",
        Accept="application/json",
        Body=table.to_csv(asked),
    )
    predicted = _labels(answer["Body"].read(), endpoint, len(asked))
    strangers = sorted(set(predicted) - set(rows.truth))
    if strangers:
        known = ", ".join(sorted(set(rows.truth)))
        raise VerifyError(f"endpoint {endpoint} predicts {strangers[0]!r}; the data has {known}")
    return [
        {
            "features": list(asked[index]),
            "predicted": predicted[index],
            "truth": rows.truth[row],
        }
        for index, row in enumerate(chosen)
    ]


def _labels(body: bytes, endpoint: str, count: int) -> list[str]:
    try:
        answer = json.loads(body)
    except ValueError as error:
        raise VerifyError(f"endpoint {endpoint} answers no JSON: {body[:200]!r}") from error
    if not isinstance(answer, list) or len(answer) != count:
        raise VerifyError(f"endpoint {endpoint} answers {answer!r}; a list of {count} is needed")
    return [str(label) for label in answer]


def _tag(sagemaker: Any, model_name: str) -> None:
    arn = sagemaker.describe_model(ModelName=model_name)["ModelArn"]
    now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
    sagemaker.add_tags(ResourceArn=arn, Tags=[{"Key": requests.VERIFIED_TAG, "Value": now}])
