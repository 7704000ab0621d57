"""Lists of Airflow's REST API are read to their end; a DAG is waited for, and that its file is read again."""

import datetime as dt
import itertools
import json

import httpx
import pytest

from sagewind.airflow_rest import Airflow, AirflowError
from sagewind.cli import demo
from sagewind.stack.launch import StackError

MOST = 100
"""What Airflow gives at once at most: its default of `[api] maximum_page_limit`."""


def instance(number):
    state = "failed" if number == MOST else "success"
    return {
        "task_id": f"task-{number}",
        "state": state,
        "try_number": 1,
        "start_date": None,
        "end_date": None,
        "map_index": -1,
    }


LISTS = {
    "/api/v2/dags": ("dags", [{"dag_id": f"m{n:03d}", "fileloc": f"/dags/{n}.py"} for n in range(MOST + 1)]),
    "/api/v2/importErrors": (
        "import_errors",
        [{"filename": f"{n}.py", "stack_trace": ""} for n in range(2 * MOST)],
    ),
    "/api/v2/dags/d/dagRuns/r/taskInstances": ("task_instances", [instance(n) for n in range(MOST + 1)]),
    "/api/v2/dags/d/dagRuns/~/hitlDetails": ("hitl_details", []),
}


def answer(request):
    """Answer as Airflow does."""
    if request.url.path == "/auth/token":
        return httpx.Response(201, json={"access_token": "t"})
    key, entries = LISTS[request.url.path]
    offset, limit = (int(request.url.params.get(name, default)) for name, default in PAGE.items())
    page = entries[offset : offset + min(limit, MOST)]
    return httpx.Response(200, json={key: page, "total_entries": len(entries)})


PAGE = {"offset": 0, "limit": 50}


def test_every_page_of_a_list_is_read():
    with Airflow("http://airflow", user="u", password="p", transport=httpx.MockTransport(answer)) as airflow:
        assert airflow.dag_ids()[-1] == f"m{MOST}"
        assert len(airflow.dag_files()) == MOST + 1
        assert len(airflow.import_errors()) == 2 * MOST
        assert airflow.tasks("d", "r")[f"task-{MOST}"].state == "failed"
        assert airflow.questions("d") == []


class Reading:
    """An Airflow that cannot read one file, and comes to the DAG at the look `appears`; a look takes 5 s."""

    def __init__(self, appears):
        self.looks = itertools.count()
        self.appears = appears

    def dag_ids(self):
        return ["other", "wanted"] if next(self.looks) >= self.appears else ["other"]

    def import_errors(self):
        return {"broken.py": "ModuleNotFoundError: no_such_module"}

    def read_at(self, _):
        return dt.datetime.now(dt.UTC)


def await_dag(reading):
    clock = itertools.count(0, 5)
    demo.await_dag(reading, "wanted", pause=lambda _: None, now=lambda: next(clock))


def test_a_file_that_cannot_be_read_hides_no_dag_of_another():
    await_dag(Reading(appears=3))
    with pytest.raises(StackError, match=r"(?s)these files .*\sbroken\.py:\sModule"):
        await_dag(Reading(appears=100))


BEGUN = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


class Server:
    """An Airflow with one DAG, whose file it reads again when it is asked to."""

    def __init__(self, again=201):
        self.again, self.read, self.asked, self.given = again, BEGUN, 0, {}
        self.client = Airflow(
            "http://airflow", user="u", password="p", transport=httpx.MockTransport(self.answer)
        )

    def answer(self, request):
        path = request.url.path.removeprefix("/api/v2")
        if path == "/auth/token":
            return httpx.Response(201, json={"access_token": "t"})
        if path == "/dags":
            return httpx.Response(200, json={"dags": [{"dag_id": "m001"}], "total_entries": 1})
        if path.startswith("/parseDagFile/"):
            self.asked += 1
            self.read = BEGUN + dt.timedelta(hours=1)
            return httpx.Response(self.again, json=None if self.again == 201 else {"detail": "no"})
        if path.endswith("/details"):
            types = {"rate": "number", "trees": "integer", "features": "string", "data": ["null", "string"]}
            params = {name: {"schema": {"type": each}} for name, each in types.items()}
            return httpx.Response(200, json={"params": params})
        if path.endswith("/dagRuns"):
            self.given = json.loads(request.content)["conf"]
            return httpx.Response(200, json={"dag_run_id": "run"})
        ended = (self.read + dt.timedelta(seconds=5)).isoformat()
        dag = {"last_parsed_time": ended, "last_parse_duration": 5.0, "file_token": "token"}
        return httpx.Response(200, text=json.dumps(dag))


@pytest.mark.parametrize("again", [201, 409])  # 409: it was asked for already
def test_a_run_waits_until_an_edited_spec_has_been_read(again):
    server = Server(again)
    assert server.client.read_at("m001") == BEGUN
    demo.await_dag(server.client, "m001", edited=BEGUN.timestamp() - 1)
    assert server.asked == 0
    demo.await_dag(server.client, "m001", edited=BEGUN.timestamp() + 1)
    assert server.asked == 1


def test_a_refusal_to_read_is_an_error():
    with pytest.raises(AirflowError, match="403 no"):
        Server(403).client.read_again("m001")


def test_a_field_is_given_what_its_type_is():
    server = Server()
    given = ["rate=1e-3", "trees=20", "features=5", "data=7"]
    assert demo.trigger(server.client, "m001", dict(map(demo.param, given))) == "run"
    assert server.given == {"rate": 0.001, "trees": 20, "features": "5", "data": "7"}
    demo.trigger(server.client, "m001", {"rate": "nan"})
    assert server.given == {"rate": "nan"}  # which Airflow refuses, as it does words


def test_a_field_that_the_form_lacks_is_no_field():
    with pytest.raises(
        demo.ParamError, match="--param leaves: the form of m001 has no such field; it has rate"
    ):
        demo.trigger(Server().client, "m001", {"leaves": "1"})
