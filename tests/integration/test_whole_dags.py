"""Whole DAGs by `dag.test()`: Airflow without a scheduler, which runs the triggers that tasks wait for, too.

A temporary endpoint is there for the tasks that use it, and gone when one of them fails; rows come from a
DynamoDB table and from what Firehose landed; drift is told once.
"""

import contextlib
import datetime as dt
import io
import json

import pytest
from tests.integration import training_jobs as jobs
from tests.integration import whole_dags
from tests.integration.operators import hosting

from sagewind import profile, scaffold

DAG_FILE = '''
"""Airflow DAG: parts of a model's life, run by themselves."""
import dataclasses, json, os
from pathlib import Path

from airflow.sdk import DAG, task
from sagewind import aws, groups, load, sources

plain = load.load(os.environ["SPEC"], environ={})
name, bucket = os.environ["NAME"], os.environ["BUCKET"]

def changed(section, **values):
    return dataclasses.replace(plain, **{section: dataclasses.replace(getattr(plain, section), **values)})

@task
def judged():
    return {"golden": [{"Body": "1,2\\n", "Expected": [1.0]}]}

@task(retries=0)
def use():
    found = aws.client("sagemaker").describe_endpoint(EndpointName=name)
    raise RuntimeError("used while it was " + found["EndpointStatus"])

def part(made):
    return groups.Part(first=made, last=made, result=made, ids=(made.operator.task_id,))

with DAG("temporary", schedule=None) as temporary:
    trained = groups.Part(first=None, last=None, ids=("", "", name))
    model = changed("endpoint", name=name, temporary=True)
    groups.deploy(model, trained, part(judged())).during(part(use()))

def ready(dag_id, path, **source):
    """A spec is read again when its task runs: so it is written down."""
    file = plain.path.with_name(path)
    text = plain.path.read_text()
    [(key, value)] = source.items()
    file.write_text(text.replace("data:\\n", "data:\\n  " + key + ": " + json.dumps(value) + "\\n", 1))
    with DAG(dag_id, schedule=None, params={"data": ""}) as dag:
        groups.ready(load.load(file, environ={}))
    return dag

stream = {"prefix": f"s3://{bucket}/{name}/", "awaits": "day", "late_seconds": 0}
exported = ready("exported", "table.yaml", dynamodb={"table": name})
landed = ready("landed", "stream.yaml", landing=stream)

@task
def scored():
    return json.loads(os.environ["SCORED"])

with DAG("moved", schedule=None) as moved:
    groups.monitor(plain, part(scored()))

if __name__ == "__main__":
    from airflow.utils.db import initdb
    initdb()
    told = {}
    for dag in (temporary, exported, landed, moved):
        run = dag.test()
        states = {each.task_id: each.state for each in run.get_task_instances()}
        told[dag.dag_id] = {"run": run.state, **states}
    chosen = exported.test(run_conf={"data": os.environ["TABLE"]})
    told["chosen"] = {each.task_id: each.state for each in chosen.get_task_instances()}
    told["moved again"] = {each.task_id: each.state for each in moved.test().get_task_instances()}
    Path(os.environ["TOLD"]).write_text(json.dumps(told))
'''


def rows(count=40):
    for number in range(count):
        height = number % 9
        yield {"id": f"r{number:03d}", "width": 9 - height, "height": height, "kind": _kind(height)}


def _kind(height):
    return "flat" if height < 5 else "tall"


def put_table(dynamodb, name):
    dynamodb.create_table(
        TableName=name,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    for row in rows():
        item = {
            key: {"S": value} if isinstance(value, str) else {"N": str(value)} for key, value in row.items()
        }
        dynamodb.put_item(TableName=name, Item=item)


def put_objects(s3, name):
    day = (dt.datetime.now(dt.UTC) - dt.timedelta(days=1)).strftime("%Y/%m/%d")
    body = "".join(map(json.dumps, rows()))
    s3.put_object(Bucket=jobs.BUCKET, Key=f"{name}/{day}/07/stream-1", Body=body.encode())


def put_scored(s3, name):
    """Put a day's rows, all wider than the baseline says; return what scoring them told."""
    s3.create_bucket(Bucket=name)
    table = [(row["width"], row["height"]) for row in rows()]
    columns = {"width": [str(w) for w, _ in table], "height": [str(h) for _, h in table]}
    baseline = json.dumps(profile.to_statistics(profile.profile(columns)))
    s3.upload_fileobj(io.BytesIO(baseline.encode()), name, "baseline.json")
    text = "width,height\n" + "".join(f"{w + 50},{h}\n" for w, h in table)
    s3.upload_fileobj(io.BytesIO(text.encode()), name, "rows.csv")
    return {
        "partition": {
            "root": f"s3://{name}/sorter/scores",
            "ds": "2026-03-01",
            "features": ["width", "height"],
        },
        "source": f"s3://{name}/rows.csv",
        "statistics": f"s3://{name}/baseline.json",
        "evaluation": "",
        "version": 1,
    }


@pytest.fixture(scope="module")
def ended(sagelocal_service, aws, tmp_path_factory):
    """Run the DAGs in a process of their own; return a name, how tasks ended, and what was said."""
    project = tmp_path_factory.mktemp("project")
    scaffold.scaffold(project, "sorter")
    file = project / "dags" / "parts.py"
    file.write_text(DAG_FILE)
    name, s3 = jobs.unique("part"), aws("s3")
    with contextlib.suppress(s3.exceptions.BucketAlreadyOwnedByYou):
        s3.create_bucket(Bucket=jobs.BUCKET)
    aws("sagemaker").create_model(**hosting.model_request(s3, name, answer=1.0))
    put_table(aws("dynamodb"), name)
    put_objects(s3, name)
    s3.upload_file(str(project / "dags" / "data" / "sorter.csv"), jobs.BUCKET, f"{name}.csv")
    told, said = whole_dags.run(
        file,
        project,
        sagelocal_service,
        SPEC=str(project / "dags" / "models" / "sorter.yaml"),
        NAME=name,
        BUCKET=jobs.BUCKET,
        SCORED=json.dumps(put_scored(s3, name)),
        TABLE=f"s3://{jobs.BUCKET}/{name}.csv",
    )
    return name, told, said


def test_a_temporary_endpoint_is_gone_when_the_run_has_failed(ended, aws):
    name, states, said = ended
    assert states["temporary"] == {
        "run": "failed",
        "judged": "success",
        "deploy.endpoint": "success",
        "use": "failed",
        "deploy.teardown": "success",
    }, said[-5000:]
    assert "used while it was InService" in said
    assert aws("sagemaker").list_endpoints(NameContains=name)["Endpoints"] == []


def test_rows_come_from_a_table_and_from_a_stream(ended):
    _, states, said = ended
    for dag_id, ids in {"exported": ["place", "export"], "landed": ["place", "due", "landed"]}.items():
        wanted = {f"data.{task_id}": "success" for task_id in ids}
        assert states[dag_id] == wanted | {"run": "success", "ready": "success"}, said[-5000:]


def test_a_table_that_a_person_chose_goes_before(ended):
    states = ended[1]["chosen"]
    assert states == {"data.place": "skipped", "data.export": "skipped", "ready": "success"}


def test_drift_is_told_when_its_event_is_out_and_not_again(ended, aws):
    name, states, said = ended
    first, again = states["moved"], states["moved again"]
    monitor = {f"monitor.{task_id}": "success" for task_id in ("watch", "drifted", "told")}
    assert first == monitor | {"run": "success", "scored": "success"}, said[-5000:]
    told = monitor | {"monitor.drifted": "skipped", "monitor.told": "skipped"}
    assert again == told | {"scored": "success"}, said[-5000:]
    mark = aws("s3").get_object(Bucket=name, Key="sorter/monitor/ds=2026-03-01/drift_told.json")["Body"]
    assert json.loads(mark.read()) == {"version": 1, "drifted": ["width"]}
