"""The provider's transfers and sensors by which a run's rows come, made of a spec.

They are imported only for specs that have use for them: each DAG file pays for its imports.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from sagewind import dynamodb, requests

if TYPE_CHECKING:
    from sagewind import sources, spec

FLUSH_BYTES = 64 << 20
"""How much of a scan goes into one object; the provider's default is a thousand bytes."""


def export(model: spec.Model, source: sources.DynamoDB, placed: str, name: str) -> Any:
    """Make the task that exports a table to `exports/<name>/` of the model.

    `placed` is the id of the task that says into which bucket, and as of when; `name` the template of a name
    that no other attempt has.
    """
    from sagewind.operators.export import DynamoDBExportOperator  # noqa: PLC0415

    key = model.account.kms_key
    return DynamoDBExportOperator(
        task_id="export",
        dynamodb_table_name=source.table,
        s3_bucket_name=requests.returned(placed, "bucket"),
        s3_key_prefix=f"{model.name}/exports/{name}/",
        process_func=dynamodb.line,
        file_size=FLUSH_BYTES,
        point_in_time_export=source.export == "point_in_time",
        export_time=requests.returned(placed, "export_time"),
        export_table_to_point_in_time_kwargs={"S3SseAlgorithm": "KMS", "S3SseKmsKeyId": key} if key else {},
        check_interval=model.poll_seconds,
        max_attempts=math.ceil(source.timeout_hours * 3600 / model.poll_seconds),
    )


def landed(model: spec.Model, source: sources.Landing, until: str) -> list[Any]:
    """Make the tasks that wait until all of an interval has landed, and something of its last hour or day.

    `until` is the template's expression of the interval's end. Both wait in the triggerer. Time is what tells
    that no more will come: the provider's `S3KeysUnchangedTrigger` (9.39.0) asks S3 without a pause, and
    would hold up each backfilled interval for its whole period of quiet.
    """
    from airflow.providers.amazon.aws.sensors.s3 import S3KeySensor  # noqa: PLC0415
    from airflow.providers.standard.sensors.date_time import DateTimeSensorAsync  # noqa: PLC0415

    due = DateTimeSensorAsync(task_id="due", target_time="{{ due(" + until + f", {source.late_seconds}) }}}}")
    come = S3KeySensor(
        task_id="landed",
        bucket_name=source.bucket,
        bucket_key=source.key + "{{ watched(" + until + f", {source.awaits!r}) }}}}*",
        wildcard_match=True,
        deferrable=True,
        poke_interval=model.poll_seconds,
        timeout=source.timeout_hours * 3600,
    )
    return [due, come]
