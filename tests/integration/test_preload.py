"""Before the stack's scheduler begins: the API that its tasks talk to must answer."""

from __future__ import annotations

import http.server
import threading
from http import HTTPStatus

import pytest

from sagewind import preload


class Job:
    """What Airflow's listeners are told of a program that starts."""

    def __init__(self, job_type: str) -> None:
        self.job_type = job_type


class Api(http.server.BaseHTTPRequestHandler):
    """An API that is not ready when it is asked first."""

    answers: list[HTTPStatus]

    def do_GET(self) -> None:
        self.send_response(self.answers.pop(0))
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def api(monkeypatch):
    Api.answers = [HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.NOT_FOUND, HTTPStatus.OK]
    with http.server.HTTPServer(("127.0.0.1", 0), Api) as server:
        monkeypatch.setenv(preload.AWAITED, f"http://127.0.0.1:{server.server_port}/execution/health")
        yield server


def test_the_scheduler_begins_when_the_api_answers(api):
    serving = threading.Timer(0.3, api.serve_forever)  # till then nobody accepts
    serving.start()
    preload.on_starting(Job("SchedulerJob"))
    assert Api.answers == []
    api.shutdown()
    serving.join()


def test_others_begin_at_once(api):
    preload.on_starting(Job("DagProcessorJob"))
    assert len(Api.answers) == 3
