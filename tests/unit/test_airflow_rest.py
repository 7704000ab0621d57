"""Lists of Airflow's REST API are read to their end, and a DAG is waited for whatever else is broken."""

import itertools

import httpx
import pytest

from sagewind.airflow_rest import Airflow
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


def await_dag(reading):
    clock = itertools.count(0, 5)
    demo.await_dag(reading, "wanted", pause=lambda _: None, now=lambda: next(clock))


def test_a_file_that_cannot_be_read_hides_no_dag_of_another():
    await_dag(Reading(appears=3))
    with pytest.raises(StackError, match=r"(?s)these files .*\sbroken\.py:\sModule"):
        await_dag(Reading(appears=100))
