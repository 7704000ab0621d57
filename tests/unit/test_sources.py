"""Rows from a DynamoDB export and from a landing prefix: as the training table, and as a day's rows."""

import datetime as dt
import gzip
import json

import pytest

from sagewind import doctor, dynamodb, load, plan, scaffold
from sagewind.objects import Objects
from sagewind.steps import ready, source
from sagewind.testing import Account, client
from sagewind.testing.aws import AwsError
from sagewind.testing.s3 import S3Twin

BUCKET = "sagemaker-us-east-1-123456789012"
UNTIL = "2026-01-05T00:00:00+00:00"
NOW = dt.datetime(2026, 1, 5, 1, tzinfo=dt.UTC)
HOME = "sorter/exports/x/"
EXPORTED = f"{HOME}AWSDynamoDB/0163"
TABLE = "dynamodb: {table: things, attributes: {width: size.width}}"
EXPORT = "dynamodb: {table: things, export: point_in_time}"
STREAM = "landing: {prefix: s3://streams/things/}"
S3 = ("PutObject", "GetObject", "HeadObject", "ListObjectsV2")


class Cloud:
    """S3 in memory, an account, and the answers that a test gives."""

    def __init__(self):
        self.account, self.s3, self.answers = Account(), S3Twin(), {}

    def __call__(self, service):
        who = {"Account": self.account.number, "Arn": "arn:aws:sts::123456789012:assumed-role/R/me"}
        known = {"GetCallerIdentity": lambda _: who, "HeadBucket": lambda _: {}}
        known |= {name: getattr(self.s3, f"_{name}") for name in S3} | self.answers
        return client(service, known, self.account)

    @property
    def objects(self):
        return Objects(self("s3"))


@pytest.fixture
def cloud():
    return Cloud()


@pytest.fixture
def spec(tmp_path):
    """Make a spec whose rows come from elsewhere."""

    def make(data="", score=""):
        scaffold.scaffold(tmp_path, "sorter")
        file = tmp_path / "dags" / "models" / "sorter.yaml"
        text = file.read_text().replace("  target: kind\n", f"  target: kind\n  {data}\n", 1)
        file.write_text(text.replace("  sample_rows: 20", f"  {score}\n  sample_rows: 20", 1))
        return file

    return make


def items(count=40):
    return [
        {
            "id": f"r{n:03d}",
            "size": {"width": 9 - n % 9},
            "height": 1 + n % 9,
            "kind": "flat" if n % 9 < 5 else "tall",
        }
        for n in range(count)
    ]


def place(file, cloud, *, backfill=False, until=UNTIL):
    return source.place(file, until=until, backfill=backfill, now=NOW, clients=cloud)


def test_a_run_trains_on_the_tables_items(spec, cloud):
    file = spec(TABLE)
    cloud.s3.put(BUCKET, f"{HOME}one", b"".join(map(dynamodb.line, items()[:30])))
    cloud.s3.put(BUCKET, f"{HOME}two", b"".join(map(dynamodb.line, items()[30:])))
    told = ready.ready(
        file, data="", run_name="r", until=UNTIL, exported=f"s3://{BUCKET}/{HOME}", clients=cloud
    )
    assert told["rows"] == 40
    train = cloud.s3.body(BUCKET, told["train"].removeprefix(f"s3://{BUCKET}/") + "sorter.csv").decode()
    assert train.splitlines()[0] == "id,width,height,kind"
    assert told["files"] == [f"s3://{BUCKET}/{HOME}"]


def test_an_export_must_be_as_long_as_it_says(spec, cloud):
    model = load.load(spec(TABLE))
    cloud.s3.put(BUCKET, f"{EXPORTED}/data/a.json.gz", _packed(items(3)))
    cloud.s3.put(BUCKET, f"{EXPORTED}/manifest-files.json", "{}")
    for said, whole in ((3, True), (4, False)):
        cloud.s3.put(BUCKET, f"{EXPORTED}/manifest-summary.json", json.dumps({"itemCount": said}))
        uri = f"s3://{BUCKET}/{HOME}"
        if whole:
            assert len(source.exported(model, model.data.dynamodb, cloud.objects, uri).cells) == 3
            continue
        with pytest.raises(source.SourceError, match="has 3 items; its summary says 4"):
            source.exported(model, model.data.dynamodb, cloud.objects, uri)


def test_a_column_that_no_item_has_is_an_error(spec, cloud):
    model = load.load(spec(EXPORT))  # width is size.width there, and nobody says so
    cloud.s3.put(BUCKET, f"{HOME}one", b"".join(map(dynamodb.line, items())))
    with pytest.raises(source.SourceError, match="things: no row of 40 has width, a column of"):
        source.exported(model, model.data.dynamodb, cloud.objects, f"s3://{BUCKET}/{HOME}")


def test_an_empty_table_is_an_error(spec, cloud):
    model = load.load(spec(TABLE))
    cloud.s3.put(BUCKET, f"{HOME}one", b"")
    with pytest.raises(source.SourceError, match="table things: has no items"):
        source.exported(model, model.data.dynamodb, cloud.objects, f"s3://{BUCKET}/{HOME}")


def test_an_export_is_of_the_intervals_end_once_it_can_be(spec, cloud):
    file = spec(EXPORT)
    assert place(file, cloud, backfill=True) == {"bucket": BUCKET, "export_time": UNTIL}
    just_now = (NOW - dt.timedelta(minutes=1)).isoformat()
    assert place(file, cloud, until=just_now) == {"bucket": BUCKET, "export_time": ""}


def test_a_backfill_does_not_scan_todays_table(spec, cloud):
    file = spec(TABLE)
    assert place(file, cloud) == {"bucket": BUCKET, "export_time": ""}
    with pytest.raises(source.SourceError, match="a backfill needs point_in_time"):
        place(file, cloud, backfill=True)


def records(*, days=("04",), hours=("00", "23")):
    """Objects of ten records each; every record has the day and hour that it landed in."""
    rows = {
        f"things/2026/01/{day}/{hour}/stream-1": [
            {"id": f"{day}{hour}{n}", "width": n, "height": 9 - n, "kind": "flat" if n < 5 else "tall"}
            for n in range(10)
        ]
        for day in days
        for hour in hours
    }
    return {key: "".join(map(json.dumps, each)) for key, each in rows.items()}


def test_a_run_trains_on_what_had_landed_by_its_intervals_end(spec, cloud):
    file = spec(f"{STREAM}\n  window_days: 2")
    for key, body in records(days=("02", "03", "04", "05")).items():
        cloud.s3.put("streams", key, body)
    told = ready.ready(file, data="", run_name="r", until=UNTIL, clients=cloud)
    assert told["rows"] == 40  # of the 3rd and the 4th
    with pytest.raises(source.SourceError, match="nothing has landed in YYYY/MM/DD/HH/ of the 2 day"):
        ready.ready(file, data="", run_name="r", until="2026-01-01T00:00:00+00:00", clients=cloud)


def test_a_day_is_scored_by_what_landed_on_it(spec, cloud):
    file = spec(score=STREAM)
    for key, body in records(days=("03", "04")).items():
        cloud.s3.put("streams", key, body)
    told = source.land(file, day="2026-01-04", clients=cloud)
    assert told == {
        "uri": f"s3://{BUCKET}/sorter/incoming/ds=2026-01-04/rows.csv",
        "rows": 20,
        "day": "2026-01-04",
    }
    rows = cloud.s3.body(BUCKET, "sorter/incoming/ds=2026-01-04/rows.csv").decode().splitlines()
    assert rows[:2] == ["id,width,height", "04000,0,9"]  # without the truth


def test_a_plan_shows_the_transfer(spec):
    def asked(file):
        calls = plan.plan(load.load(file), "us-east-1")
        return {each.task: (each.operation, each.parameters) for each in calls}

    told = asked(spec(EXPORT, STREAM))
    operation, parameters = told["data.export"]
    assert (operation, parameters["ExportTime"]) == ("ExportTableToPointInTime", "<the interval's end>")
    prefix = {"Bucket": "streams", "Prefix": "things/<YYYY/MM/DD/HH>/"}
    assert told["score.landed"] == ("ListObjectsV2", prefix)


def test_the_doctor_looks_at_the_table(spec, cloud):
    model = load.load(spec(EXPORT))

    def found():
        [about] = [each for each in doctor.checks(model, cloud) if each.name == "data"]
        return about.verdict, about.says

    def missing(_):
        raise AwsError("ResourceNotFoundException", "Requested resource not found")

    others = {"GetRole": lambda _: {"Role": {}}, "ListServiceQuotas": lambda _: {"Quotas": []}}
    cloud.answers = others | {"DescribeTable": missing}
    assert found() == (doctor.Verdict.FAILED, "there is no DynamoDB table things, data.dynamodb.table")
    cloud.answers |= {"DescribeTable": lambda _: {}, "DescribeContinuousBackups": _recovery("DISABLED")}
    assert found()[0] is doctor.Verdict.FAILED
    cloud.answers["DescribeContinuousBackups"] = _recovery("ENABLED")
    assert found() == (doctor.Verdict.OK, "DynamoDB table things, with point-in-time recovery")


def _recovery(status):
    kept = {"PointInTimeRecoveryDescription": {"PointInTimeRecoveryStatus": status}}
    return lambda _: {"ContinuousBackupsDescription": kept}


def _packed(rows):
    return gzip.compress(b"".join(map(dynamodb.line, rows)))
