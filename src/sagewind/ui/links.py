"""The link from a SageMaker task to its job, and the one to the Models page in Airflow's left bar.

A link that a plugin registers is evaluated in the API server, where a task's XCom is read from the database
(`XComModel`), not through the task runner.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote

from airflow.sdk import BaseOperatorLink

from sagewind import naming
from sagewind.operators import memory
from sagewind.ui.kinds import KINDS, OURS, PROVIDER, Kind, of_operator

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sqlalchemy.orm import Session

PREFIX = "/sagewind"
_ICON = (
    "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 24 24' fill='{fill}' stroke='{stroke}' "
    "stroke-width='1.7' stroke-linecap='round' stroke-linejoin='round'>"
    "<path d='M12 2.5 20.5 7.2v9.6L12 21.5 3.5 16.8V7.2Z'/>"
    "<path fill='none' d='m3.8 7.4 8.2 4.5 8.2-4.5M12 12v9.3'/></svg>"
)


def _icon(stroke: str, fill: str) -> str:
    return "data:image/svg+xml," + quote(_ICON.format(stroke=stroke, fill=fill), safe="")


MODELS_VIEW = {
    "name": "Models",  # of at most ten letters: Airflow cuts longer ones
    "href": f"{PREFIX}/models",
    "destination": "nav",
    "url_route": "sagewind-models",
    "nav_top_level": True,
    "icon": _icon("#2f5288", "#ffffffb0"),  # seen on the bar, and on the blue of the page that is open
    "icon_dark_mode": _icon("#d4d4d8", "none"),
}
"""The Models page, in a frame of Airflow's at `/plugin/sagewind-models`."""
_LOCAL = "AWS_ENDPOINT_URL_SAGEMAKER"
_DOMAINS = {"cn-": "amazonaws.cn", "us-gov-": "amazonaws-us-gov.com"}
_NAMED_OTHERWISE = {"endpoint"}


def url(kind: Kind, name: str, environ: Mapping[str, str]) -> str:
    """Return where a job is shown: on Sagewind's page when SageMaker is local, else in the AWS console."""
    safe = quote(name, safe="")
    if is_local(environ):
        return f"{PREFIX}/jobs/{kind.slug}/{safe}"
    region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION") or "us-east-1"
    domain = next((d for start, d in _DOMAINS.items() if region.startswith(start)), "aws.amazon.com")
    return f"https://{region}.console.{domain}/sagemaker/home?region={region}#/{kind.console}/{safe}"


def is_local(environ: Mapping[str, str]) -> bool:
    """Whether SageMaker is not Amazon's: then jobs are shown on Sagewind's own page."""
    return bool(environ.get(_LOCAL))


def job_name(session: Session, kind: Kind, ti_key: Any) -> str:
    """Return the job's name as the task's result has it; while there is none, as the task asked for it.

    Of the provider's operators only the request is known then, and not even that where it was too long for
    Airflow's table. What is left is the name that `naming` makes.
    """
    return (
        _named(kind, _result(session, ti_key))
        or _asked(session, ti_key)
        or _named(kind, _request(session, ti_key))
        or ("" if kind.slug in _NAMED_OTHERWISE else naming.for_task(ti_key))
    )


def _stand_ins() -> list[type]:
    """Return classes that are to Airflow's matching what the operators are: a name and a module."""
    return [
        type(kind.operator, (), {"__module__": module})
        for kind in KINDS.values()
        for module in (PROVIDER, *OURS)
    ]


class JobLink(BaseOperatorLink):
    """The button *SageMaker* among a task's details."""

    name = "SageMaker"
    operators: ClassVar[list[type]] = _stand_ins()

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Return the job's address, or nothing when the task has not named it yet."""
        from airflow.utils.session import create_session  # noqa: PLC0415 - only in the API server

        kind = of_operator(operator.task_type)
        with create_session() as session:
            name = job_name(session, kind, ti_key)
        return url(kind, name, os.environ) if name else ""


def _named(kind: Kind, told: object) -> str:
    """Return the job's name in a result or a request, which may hold it in the part that is about the job."""
    if not isinstance(told, dict):
        return ""
    part, key = kind.result
    name = told[part].get(key) if isinstance(told.get(part), dict) else told.get(key)
    return name if isinstance(name, str) else ""


def _result(session: Session, ti_key: Any) -> object:
    from airflow.models.xcom import XComModel  # noqa: PLC0415 - only in the API server
    from sqlalchemy import select  # noqa: PLC0415

    query = select(XComModel).filter_by(key="return_value", **_where(ti_key))
    row = session.scalars(query).first()
    return XComModel.deserialize_value(row) if row is not None else None


def _asked(session: Session, ti_key: Any) -> str:
    """Return the job that one of our operators has asked for last."""
    try:
        from airflow.state import TaskScope, get_state_backend  # noqa: PLC0415 - as above
    except ImportError:  # Airflow before 3.3
        return ""
    kept = json.loads(
        get_state_backend().get(TaskScope(**_where(ti_key)), memory.KEY, session=session) or "[]"
    )
    return str(kept[0]) if kept else ""


def _request(session: Session, ti_key: Any) -> object:
    from airflow.models.renderedtifields import RenderedTaskInstanceFields as Rendered  # noqa: PLC0415
    from sqlalchemy import select  # noqa: PLC0415

    query = select(Rendered.rendered_fields).filter_by(**_where(ti_key))
    fields = session.scalars(query).first() or {}
    return fields.get("config")


def _where(ti_key: Any) -> dict[str, Any]:
    return {name: getattr(ti_key, name) for name in ("dag_id", "run_id", "task_id", "map_index")}
