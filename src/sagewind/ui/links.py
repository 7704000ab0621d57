"""The link from a SageMaker task to its job, and the one to the Models page in Airflow's left bar.

A link that a plugin registers is evaluated in the API server, where a task's XCom is read from the database
(`XComModel`), not through the task runner.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote

from airflow.sdk import BaseOperatorLink

from sagewind import naming
from sagewind.ui.kinds import KINDS, OURS, PROVIDER, Kind, of_operator

if TYPE_CHECKING:
    from collections.abc import Mapping

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


def name_of(kind: Kind, result: object, ti_key: Any) -> str:
    """Return the job's name: as the task's result has it; while there is none yet, as `naming` makes it."""
    part = result.get(kind.result[0]) if isinstance(result, dict) else None
    name = part.get(kind.result[1]) if isinstance(part, dict) else None
    if isinstance(name, str):
        return name
    return "" if kind.slug in _NAMED_OTHERWISE else naming.for_task(ti_key)


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
        kind = of_operator(operator.task_type)
        name = name_of(kind, _result(ti_key), ti_key)
        return url(kind, name, os.environ) if name else ""


def _result(ti_key: Any) -> object:
    from airflow.models.xcom import XComModel  # noqa: PLC0415 - only in the API server
    from airflow.utils.session import create_session  # noqa: PLC0415

    query = XComModel.get_many(
        run_id=ti_key.run_id,
        key="return_value",
        task_ids=ti_key.task_id,
        dag_ids=ti_key.dag_id,
        map_indexes=ti_key.map_index,
        limit=1,
    )
    with create_session() as session:
        row = session.scalars(query).first()
        return XComModel.deserialize_value(row) if row is not None else None
