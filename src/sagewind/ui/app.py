"""The FastAPI application under `/sagewind`. Each route asks Airflow whether the user may see it."""

from __future__ import annotations

from functools import partial

from airflow.api_fastapi.core_api.security import GetUserDep  # noqa: TC002 - FastAPI evaluates annotations
from fastapi import FastAPI
from fastapi.responses import HTMLResponse

from sagewind.ui import job, page, rights
from sagewind.ui.kinds import KINDS
from sagewind.ui.models.amazon import Amazon
from sagewind.ui.models.asking import Asking
from sagewind.ui.models.collect import Collector
from sagewind.ui.models.routes import Pages, of_runs

_PATIENCE_SECONDS = 6.0
"""How long a page waits for whoever does not answer."""


def create() -> FastAPI:
    """Make the application; AWS is not asked before a page is."""
    app = FastAPI(title="Sagewind", docs_url=None, redoc_url=None, openapi_url=None)
    app.get("/jobs/{kind}/{name}", response_class=HTMLResponse)(show)
    amazon, asking = Amazon(), Asking(seconds=_PATIENCE_SECONDS)
    amazon.prepare()  # before somebody's patience is counted
    collector = Collector(amazon=amazon, asking=asking, runs=of_runs)
    app.include_router(Pages(amazon=amazon, asking=asking, collector=collector).router())
    return app


def show(kind: str, name: str, user: GetUserDep) -> HTMLResponse:
    """Show a job; 404 when there is none, or the user may not see the tasks of its DAG."""
    if kind not in KINDS:
        known = ", ".join(KINDS)
        return _answer(page.message("Unknown kind", f"{kind!r} is no kind of job; known are {known}"), 404)
    try:
        found = job.look(KINDS[kind], name, may_see=partial(rights.sees_tasks, user))
    except job.JobMissingError as error:
        return _answer(page.message("No such job", str(error)), 404)
    return _answer(page.job(found), 200)


def _answer(html: str, status: int) -> HTMLResponse:
    return HTMLResponse(html, status_code=status, headers=page.HEADERS)
