"""The FastAPI application under `/sagewind`. Each route asks Airflow whether the user may see it."""

from __future__ import annotations

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import requires_access_dag
from fastapi import Depends, FastAPI
from fastapi.responses import HTMLResponse

from sagewind.ui import job, page
from sagewind.ui.kinds import KINDS
from sagewind.ui.models.amazon import Amazon
from sagewind.ui.models.asking import Asking
from sagewind.ui.models.collect import Collector
from sagewind.ui.models.routes import Pages, of_runs

_MAY_SEE_TASKS = [Depends(requires_access_dag("GET", DagAccessEntity.TASK_INSTANCE))]
_PATIENCE_SECONDS = 6.0
"""How long a page waits for whoever does not answer."""


def create() -> FastAPI:
    """Make the application; AWS is not asked before a page is."""
    app = FastAPI(title="Sagewind", docs_url=None, redoc_url=None, openapi_url=None)
    app.get("/jobs/{kind}/{name}", dependencies=_MAY_SEE_TASKS, response_class=HTMLResponse)(show)
    amazon, asking = Amazon(), Asking(seconds=_PATIENCE_SECONDS)
    amazon.prepare()  # before somebody's patience is counted
    collector = Collector(amazon=amazon, asking=asking, runs=of_runs)
    app.include_router(Pages(amazon=amazon, asking=asking, collector=collector).router())
    return app


def show(kind: str, name: str) -> HTMLResponse:
    """Show a job; 404 when there is none."""
    if kind not in KINDS:
        known = ", ".join(KINDS)
        return _answer(page.message("Unknown kind", f"{kind!r} is no kind of job; known are {known}"), 404)
    try:
        found = job.look(KINDS[kind], name)
    except job.JobMissingError as error:
        return _answer(page.message("No such job", str(error)), 404)
    return _answer(page.job(found), 200)


def _answer(html: str, status: int) -> HTMLResponse:
    return HTMLResponse(html, status_code=status, headers=page.HEADERS)
