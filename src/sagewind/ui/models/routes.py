"""The addresses of the Models page. Each asks Airflow whether the user may see the model's DAG."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import GetUserDep, requires_access_dag
from botocore.exceptions import BotoCoreError, ClientError
from fastapi import APIRouter, Depends, Path, Request
from fastapi.responses import HTMLResponse

from sagewind.errors import SagewindError
from sagewind.ui import page, rights
from sagewind.ui.links import PREFIX
from sagewind.ui.models import render, runs, specs, values
from sagewind.ui.models.asking import Ask
from sagewind.ui.models.values import Unanswered

if TYPE_CHECKING:
    from sagewind import spec
    from sagewind.ui.models.amazon import Amazon
    from sagewind.ui.models.asking import Asking
    from sagewind.ui.models.collect import Collector

_FOLDERS_SECONDS = 60.0
_FOLDERS = ("folders",)
_MAY_SEE_RUNS = [Depends(requires_access_dag("GET", DagAccessEntity.RUN))]
"""Of the DAG that the address names as `dag_id`; a model's name is its DAG's."""
_Number = Annotated[int, Path(ge=1)]


class Pages:
    """Answers requests of the Models page."""

    def __init__(self, *, amazon: Amazon, asking: Asking, collector: Collector) -> None:
        self._amazon = amazon
        self._asking = asking
        self._collector = collector

    def router(self) -> APIRouter:
        """Return the routes, each with its question to Airflow."""
        router = APIRouter(default_response_class=HTMLResponse)
        router.get("/models")(self.overview)
        for path, answer in (
            ("/models/{dag_id}", self.model),
            ("/models/{dag_id}/versions/{number}", self.version),
            ("/models/{dag_id}/versions/{number}/card", self.card),
        ):
            router.get(path, dependencies=_MAY_SEE_RUNS)(answer)
        return router

    def overview(self, request: Request, user: GetUserDep) -> HTMLResponse:
        """List the models whose DAGs the user may see."""
        found = self._specs()
        if isinstance(found, Unanswered):
            html = render.overview((), (), links=_links(request), now=datetime.now(UTC), unread=found)
            return _answer(html)
        seen = rights.whose_runs(user, [*found.models, *(each.name for each in found.broken)])
        models = [each for name, each in found.models.items() if name in seen]
        broken = [each for each in found.broken if each.name in seen]
        summaries = self._collector.summaries(models)
        return _answer(render.overview(summaries, broken, links=_links(request), now=datetime.now(UTC)))

    def model(self, request: Request, dag_id: str, user: GetUserDep) -> HTMLResponse:
        """Show one model."""
        found = self._model(dag_id, user)
        if isinstance(found, HTMLResponse):
            return found
        detail, base = self._collector.detail(found)
        html = render.model(detail, base=base, links=_links(request), now=datetime.now(UTC))
        return _answer(html)

    def version(self, request: Request, dag_id: str, number: _Number, user: GetUserDep) -> HTMLResponse:
        """Show one version."""
        found = self._model(dag_id, user)
        if isinstance(found, HTMLResponse):
            return found
        version = self._told(partial(self._amazon.version, found, number))
        if isinstance(version, HTMLResponse):
            return version
        [shown] = values.show((version,))
        return _answer(render.version(found, shown, links=_links(request), now=datetime.now(UTC)))

    def card(self, dag_id: str, number: _Number, user: GetUserDep) -> HTMLResponse:
        """Send a version's card as it is on S3, in a sandbox."""
        found = self._model(dag_id, user)
        if isinstance(found, HTMLResponse):
            return found
        card = self._told(lambda: self._amazon.card(self._amazon.version(found, number)))
        if isinstance(card, HTMLResponse):
            return card
        return HTMLResponse(card, headers=render.card_headers())

    def _specs(self) -> specs.Specs | Unanswered:
        asked = {_FOLDERS: Ask(question=specs.of_bundles, keep=_FOLDERS_SECONDS)}
        folders = self._asking.ask(asked)[_FOLDERS]
        return folders if isinstance(folders, Unanswered) else specs.read(folders)

    def _model(self, name: str, user: Any) -> spec.Model | HTMLResponse:
        found = self._specs()
        if isinstance(found, Unanswered):
            return _sorry("Specs cannot be read", found.why, 503)
        if name in found.models:
            return found.models[name]
        broken = next((each.why for each in found.broken if each.name == name), "")
        if broken:
            return _sorry(f"The spec of {name} is broken", broken, 200)
        seen = rights.whose_runs(user, found.models)
        known = ", ".join(each for each in found.models if each in seen) or "none"
        return _sorry("No such model", f"There is no spec of {name!r}; there are: {known}.", 404)

    def _told(self, question: Any) -> Any:
        """Return the answer, or a page that says why there is none."""
        try:
            return question()
        except SagewindError as error:
            return _sorry("Not found", str(error), 404)
        except (BotoCoreError, ClientError) as error:
            return _sorry("AWS does not answer", str(error), 502)


def of_runs(names: tuple[str, ...], newest: int) -> dict[str, values.Airflow]:
    """Return what Airflow's database says of models' DAGs."""
    return runs.of_models(names, newest=newest)


def _links(request: Request) -> render.Links:
    root = request.scope.get("root_path", "").removesuffix(PREFIX)
    return render.Links(root=root, environ=os.environ)


def _answer(html: str) -> HTMLResponse:
    return HTMLResponse(html, headers=render.headers())


def _sorry(title: str, text: str, status: int) -> HTMLResponse:
    return HTMLResponse(page.message(title, text), status_code=status, headers=page.HEADERS)
