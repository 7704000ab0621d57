"""Rows from DynamoDB and from Firehose by the provider's own transfer and sensor, on the emulator."""

import datetime as dt
from decimal import Decimal

import pytest
from airflow.sdk.exceptions import TaskDeferred
from tests.integration import training_jobs as jobs

from sagewind import arrivals, load, scaffold
from sagewind.objects import Objects
from sagewind.sources import DynamoDB, Landing
from sagewind.steps import source

COUNT = 700
PADDING = "x" * 2000
"""So that the table is more than a page of a scan: 1 MB."""


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    project = tmp_path_factory.mktemp("project")
    scaffold.scaffold(project, "sorter")
    return load.load(project / "dags" / "models" / "sorter.yaml", environ={})


@pytest.fixture(scope="module")
def table(aws):
    """A table whose numbers a float cannot hold."""
    dynamodb, name = aws("dynamodb"), jobs.unique("things")
    dynamodb.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    for start in range(0, COUNT, 25):
        written = [{"PutRequest": {"Item": item(number)}} for number in range(start, start + 25)]
        dynamodb.batch_write_item(RequestItems={name: written})
    yield name
    dynamodb.delete_table(TableName=name)


def item(number):
    return {
        "id": {"S": f"r{number:04d}"},
        "width": {"N": str(Decimal(number) + Decimal("0.12345678901234567891"))},
        "height": {"N": "1"},
        "kind": {"S": "flat"},
        "padding": {"S": PADDING},
    }


def export(model, table, attempt, **rendered):
    """Run the task as it is in a model's DAG, with its templates rendered."""

    def make():
        operator = arrivals.export(model, table, "data.place", "sorter-data-export-1")
        for field, value in rendered.items():
            setattr(operator, field, value)
        return operator

    return attempt(make, task_id="data.export").run()


# The provider leaves the file of the last object to the garbage collector.
@pytest.mark.filterwarnings("ignore:Implicitly cleaning up:ResourceWarning")
def test_a_table_is_scanned_to_s3_and_its_items_are_rows(model, table, attempt, s3, aws, monkeypatch):
    monkeypatch.setattr(arrivals, "FLUSH_BYTES", 100_000)  # several objects
    prefix = f"{jobs.unique('exports')}/"
    wanted = DynamoDB(table=table)
    uri = export(model, wanted, attempt, s3_bucket_name=jobs.BUCKET, s3_key_prefix=prefix, export_time="")
    assert uri == f"s3://{jobs.BUCKET}/{prefix}"
    assert len(s3.list_objects_v2(Bucket=jobs.BUCKET, Prefix=prefix)["Contents"]) > 1
    rows = source.exported(model, wanted, Objects(s3), uri)
    assert len(rows.cells) == COUNT
    assert rows.cells[7] == ("r0007", "7.12345678901234567891", "1", "flat")


def test_a_point_in_time_export_is_of_the_intervals_end(model, table, attempt, aws, environment):
    wanted = DynamoDB(table=table, export="point_in_time")
    until = (dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)).replace(microsecond=0)
    uri = export(
        model,
        wanted,
        attempt,
        s3_bucket_name=jobs.BUCKET,
        s3_key_prefix="sorter/exports/1/",
        export_time=until.isoformat(),
        check_interval=1,
    )
    assert uri == f"s3://{jobs.BUCKET}/sorter/exports/1/"
    dynamodb = aws("dynamodb")
    [made] = dynamodb.list_exports()["ExportSummaries"]
    told = dynamodb.describe_export(ExportArn=made["ExportArn"])["ExportDescription"]
    assert (told["ExportStatus"], told["ExportTime"], told["S3Prefix"]) == (
        "COMPLETED",
        until,
        "sorter/exports/1/",
    )


def test_what_firehose_lands_is_waited_for_and_read(model, attempt, s3, aws):
    prefix = f"{jobs.unique('stream')}/"
    wanted = Landing(prefix=f"s3://{jobs.BUCKET}/{prefix}", timeout_hours=0.05)
    # With the hour that it is now, and the next, which the test may see begin.
    until = (dt.datetime.now(dt.UTC) + dt.timedelta(hours=2)).isoformat()

    def sensor():
        _, made = arrivals.landed(model, wanted, "until")
        made.bucket_key, made.poke_interval = f"{prefix}*", 0.2
        return made

    waiting = attempt(sensor, task_id="landed")
    deferred = waiting.start()
    assert isinstance(deferred, TaskDeferred)
    deliver(aws("firehose"), prefix)
    waiting.finish(deferred)
    rows = source.landed(model, wanted, Objects(s3), until)
    assert sorted(rows.cells) == [("a", "1.50", "2", "flat"), ("b", "3", "9", "tall")]


def deliver(firehose, prefix):
    name = prefix.rstrip("/")
    firehose.create_delivery_stream(
        DeliveryStreamName=name,
        ExtendedS3DestinationConfiguration={
            "RoleARN": jobs.ROLE,
            "BucketARN": f"arn:aws:s3:::{jobs.BUCKET}",
            "Prefix": prefix,
        },
    )
    records = [
        b'{"id":"a","width":1.50,"height":2,"kind":"flat"}',
        b'{"id":"b","width":3,"height":9,"kind":"tall"}',
        b'{"id":"b","width":3,"height":9,"kind":"tall"}',  # delivered twice
    ]
    firehose.put_record_batch(DeliveryStreamName=name, Records=[{"Data": each} for each in records])
