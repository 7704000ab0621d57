"""The little of Airflow's REST API v2 that the command line needs, over httpx, logged in by password."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Self

import httpx

from sagewind.errors import SagewindError

if TYPE_CHECKING:
    from collections.abc import Mapping

_SECONDS = 120.0  # a busy machine's Airflow may take its time
_PAGE = 100  # the most that Airflow gives by default
_FOLDS = ("::group::", "::endgroup::")  # marks for the log viewer of Airflow's UI
# Of several instances of a mapped task a failed one tells more than one that waits, and that than a good one.
_TELLING = {"success": 0, "skipped": 0, "upstream_failed": 2, "running": 3, "deferred": 3, "failed": 4}
FINISHED_RUN = frozenset({"success", "failed"})
FINISHED_TASK = frozenset({"success", "failed", "skipped", "upstream_failed", "removed"})


class AirflowError(SagewindError):
    """Airflow refused a request; the message has its words."""


@dataclass(frozen=True, kw_only=True)
class Task:
    """One task of a run: its id, its state in Airflow's words (`None` before it is scheduled), its times."""

    name: str
    state: str | None
    try_number: int
    start: datetime | None
    end: datetime | None
    map_index: int = -1
    """Which instance of a mapped task; -1: the task is not mapped."""


@dataclass(frozen=True, kw_only=True)
class Question:
    """What a run asks a person, and has no answer to yet."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    subject: str
    body: str
    options: tuple[str, ...]


class Airflow:
    """A client of one Airflow; a context manager that closes its connections."""

    def __init__(
        self, address: str, *, user: str, password: str, transport: httpx.BaseTransport | None = None
    ) -> None:
        # The environment's proxies are for the world outside; this is the local stack.
        self._http = httpx.Client(base_url=address, timeout=_SECONDS, trust_env=False, transport=transport)
        login = {"username": user, "password": password}
        self.token: str = self._send("POST", "/auth/token", json=login)["access_token"]
        self._http.headers["Authorization"] = f"Bearer {self.token}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def dag_ids(self) -> list[str]:
        """List the ids of the DAGs that it knows."""
        return sorted(dag["dag_id"] for dag in self._all("/dags", "dags"))

    def dag_files(self) -> set[str]:
        """Return the names of the files that it has read DAGs from."""
        return {PurePath(dag["fileloc"]).name for dag in self._all("/dags", "dags")}

    def read_at(self, dag_id: str) -> datetime:
        """Return when it last began to read the DAG's file: of what was written later it knows nothing."""
        dag = self._get(f"/dags/{dag_id}")
        took = timedelta(seconds=dag["last_parse_duration"] or 0)
        return datetime.fromisoformat(dag["last_parsed_time"]) - took

    def read_again(self, dag_id: str) -> None:
        """Have it read the DAG's file before all others."""
        token = self._get(f"/dags/{dag_id}")["file_token"]
        try:
            self._send("PUT", f"/api/v2/parseDagFile/{token}")
        except AirflowError as error:
            if ": 409 " not in str(error):  # somebody has asked for it a moment ago
                raise

    def import_errors(self) -> dict[str, str]:
        """Return the DAG files that could not be read, each with its traceback."""
        errors = self._all("/importErrors", "import_errors")
        return {error["filename"]: error["stack_trace"] for error in errors}

    def unpause(self, dag_id: str) -> None:
        """Let the scheduler run the DAG."""
        self._send("PATCH", f"/api/v2/dags/{dag_id}", json={"is_paused": False})

    def fields(self, dag_id: str) -> dict[str, dict[str, Any]]:
        """Return the fields of a DAG's trigger form, each with its JSON schema."""
        params = self._get(f"/dags/{dag_id}/details")["params"]
        return {name: each["schema"] or {} for name, each in params.items()}

    def trigger(self, dag_id: str, conf: Mapping[str, Any]) -> str:
        """Start a run without a logical date, as the trigger form does; return its id."""
        body = {"logical_date": None, "conf": dict(conf)}
        run_id: str = self._send("POST", f"/api/v2/dags/{dag_id}/dagRuns", json=body)["dag_run_id"]
        return run_id

    def run_state(self, dag_id: str, run_id: str) -> str:
        """Return a run's state: queued, running, success or failed."""
        state: str = self._get(f"/dags/{dag_id}/dagRuns/{run_id}")["state"]
        return state

    def run_seconds(self, dag_id: str, run_id: str) -> float:
        """Return how long a run took that has ended, from when it was asked for."""
        run = self._get(f"/dags/{dag_id}/dagRuns/{run_id}")
        end, asked = (datetime.fromisoformat(run[name]) for name in ("end_date", "queued_at"))
        return (end - asked).total_seconds()

    def task_order(self, dag_id: str) -> list[str]:
        """List a DAG's tasks, each after those that it waits for."""
        waiting = {
            task["task_id"]: task["downstream_task_ids"]
            for task in self._get(f"/dags/{dag_id}/tasks")["tasks"]
        }
        return topological(waiting)

    def tasks(self, dag_id: str, run_id: str) -> dict[str, Task]:
        """Return a run's tasks by id; of a mapped task's instances the one that tells most of it."""
        found = self._all(f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances", "task_instances")
        tasks: dict[str, Task] = {}
        for each in map(_task, found):
            if each.name not in tasks or _telling(each) > _telling(tasks[each.name]):
                tasks[each.name] = each
        return tasks

    def questions(self, dag_id: str) -> list[Question]:
        """List what the DAG's runs ask of a person now."""
        where = f"/dags/{dag_id}/dagRuns/~/hitlDetails"
        found = self._all(where, "hitl_details", response_received="false")
        return [_question(each) for each in found]

    def answer(self, asked: Question, option: str) -> None:
        """Answer a question, as the user who is logged in.

        Raises:
            AirflowError: somebody else has answered, or it is none of the options.

        """
        where = f"/api/v2/dags/{asked.dag_id}/dagRuns/{asked.run_id}/taskInstances/{asked.task_id}"
        body = {"chosen_options": [option], "params_input": {}}
        self._send("PATCH", f"{where}/{asked.map_index}/hitlDetails", json=body)

    def result(self, dag_id: str, run_id: str, task_id: str) -> Any:
        """Return what a task returned (its XCom `return_value`)."""
        where = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/return_value"
        value = self._get(where, deserialize="true")["value"]
        return json.loads(value) if isinstance(value, str) else value

    def log(self, dag_id: str, run_id: str, task: Task) -> list[str]:
        """Return the lines of a task's latest try."""
        where = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task.name}/logs/{max(task.try_number, 1)}"
        content = self._get(where, full_content="true", map_index=task.map_index)["content"]
        return [line for entry in content for line in _lines(entry) if not line.startswith(_FOLDS)]

    def _all(self, path: str, key: str, **query: str) -> list[Any]:
        """Return every entry of a list that Airflow gives page by page."""
        found: list[Any] = []
        while True:
            page = self._get(path, limit=_PAGE, offset=len(found), **query)
            found += page[key]
            if not page[key] or len(found) >= page["total_entries"]:
                return found

    def _get(self, path: str, **query: str | int) -> Any:
        return self._send("GET", f"/api/v2{path}", params=query, headers={"Accept": "application/json"})

    def _send(self, method: str, path: str, **rest: Any) -> Any:
        try:
            answer = self._http.request(method, path, **rest)
        except httpx.HTTPError as error:
            raise AirflowError(f"{method} {self._http.base_url}{path}: {error!r}") from error
        if not answer.is_success:
            raise AirflowError(f"{method} {answer.request.url}: {answer.status_code} {_words(answer)}")
        return answer.json() if answer.content else None


def _words(answer: httpx.Response) -> str:
    """Return why Airflow refuses: the first line of its detail, behind which is the schema."""
    try:
        detail = answer.json()["detail"]
    except (ValueError, KeyError, TypeError):
        detail = answer.text
    return (detail.splitlines() or [""])[0][:500] if isinstance(detail, str) else str(detail)[:500]


def topological(downstream: Mapping[str, list[str]]) -> list[str]:
    """Order the keys so that each comes before its downstream ones."""
    ordered: list[str] = []
    left = dict(downstream)
    while left:
        behind = {name for names in left.values() for name in names}
        first = sorted(name for name in left if name not in behind)
        if not first:
            raise ValueError(f"these wait for each other: {', '.join(sorted(left))}")
        ordered += first
        left = {name: names for name, names in left.items() if name not in first}
    return ordered


def _task(entry: dict[str, Any]) -> Task:
    return Task(
        name=entry["task_id"],
        state=entry["state"],
        try_number=entry["try_number"],
        start=_moment(entry["start_date"]),
        end=_moment(entry["end_date"]),
        map_index=entry.get("map_index", -1),
    )


def _telling(task: Task) -> int:
    return _TELLING.get(task.state or "", 1)


def _question(entry: dict[str, Any]) -> Question:
    task = entry["task_instance"]
    return Question(
        dag_id=task["dag_id"],
        run_id=task["dag_run_id"],
        task_id=task["task_id"],
        map_index=task["map_index"],
        subject=entry["subject"],
        body=entry["body"] or "",
        options=tuple(entry["options"]),
    )


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None


def _lines(entry: Any) -> list[str]:
    """Return the text of a log entry; a reason or exceptions that it carries are added as lines."""
    if isinstance(entry, str):
        return entry.splitlines()
    lines = str(entry.get("event", "")).splitlines()
    if reason := entry.get("reason"):
        lines.append(str(reason))
    for error in entry.get("error_detail") or []:
        lines += [
            f'  File "{frame["filename"]}", line {frame["lineno"]}, in {frame["name"]}'
            for frame in error["frames"]
        ]
        lines.append(f"{error['exc_type']}: {error['exc_value']}")
    return lines
