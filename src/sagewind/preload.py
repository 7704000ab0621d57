"""Airflow listener: the operators imported once, before the forks that parse DAG files and run tasks.

The dag processor forks for each file that it parses, the scheduler's local executor for each task, and each
of these would import the Amazon provider and boto3 anew: most of the time that a short task or a small DAG
file takes. Airflow itself imports what a DAG file names of `airflow.*` before it forks; this does ours.
"""

from __future__ import annotations

import importlib
import logging
import tempfile
from pathlib import Path

from airflow.configuration import conf
from airflow.listeners import hookimpl

MODULES = (
    "sagewind.operators.sagemaker",
    *(f"sagewind.{part}" for part in ("form", "report", "tasks", "upload", "verify", "waits")),
)
"""What DAG files import."""

AIRFLOWS = ("airflow.dag_processing.bundles.local", "airflow.sdk.definitions.asset.metadata")
"""What Airflow imports in each task's process anew."""

SERVICES = ("sagemaker", "sagemaker-runtime", "s3", "logs", "sts", "iam")
"""What tasks call."""

_READS_NO_DAGS = ("TriggererJob",)
_log = logging.getLogger(__name__)


@hookimpl
def on_starting(component: object) -> None:
    """Import what DAG files and tasks will, in a process that is to fork them.

    Airflow calls this with a `Job` in the scheduler, the dag processor and the triggerer, and with a marker
    in each task's process, which has no use for more than its own DAG file imports. The class is told by its
    name: to import it would cost a task more than it is to save.
    """
    if type(component).__name__ == "Job":
        prepare()
        if getattr(component, "job_type", "") not in _READS_NO_DAGS:
            keep_dags()


def prepare() -> None:
    """Import what DAG files do, make the DAGs of a spec once, read what AWS's APIs are, make clients.

    That fills Airflow's caches, Jinja's and ours.
    """
    for module in MODULES + AIRFLOWS:
        importlib.import_module(module)
    from sagewind import aws, descriptions, lives, scaffold  # noqa: PLC0415 - only in these processes
    from sagewind.operators import hook  # noqa: PLC0415

    descriptions.read(SERVICES)
    aws.keep(SERVICES)
    hook.keep_clients()
    with tempfile.TemporaryDirectory() as folder:
        scaffold.scaffold(Path(folder), "rehearsal")
        made = lives.dags(Path(folder) / "dags" / "models")
    for dag in made.values():
        dag.get_template_env().from_string("{{ ds | upper }}").render(ds="a day")


def keep_dags() -> None:
    """Make the DAGs of the specs in Airflow's DAG folder, for the forks that read it."""
    from sagewind import lives  # noqa: PLC0415 - as above

    try:
        lives.keep(Path(conf.get_mandatory_value("core", "dags_folder")) / "models")
    except Exception:  # noqa: BLE001 - a spec must not keep Airflow from its start
        _log.exception("the DAGs of the specs were not made ahead")
