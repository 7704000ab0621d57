"""Airflow plugin of Sagewind: the Models page, the link from each SageMaker task to its job, quick starts.

The one file in this folder: Airflow executes every file here in every process, under its bare name.
"""

import os

from airflow.plugins_manager import AirflowPlugin

from sagewind import preload
from sagewind.operators import marks
from sagewind.ui import guard, lazy, links, notes


class SagewindPlugin(AirflowPlugin):
    """What Airflow finds here; the code is in `sagewind.ui`."""

    name = "sagewind"
    fastapi_apps = [{"app": lazy.application, "url_prefix": links.PREFIX, "name": "Sagewind"}]  # noqa: RUF012
    fastapi_root_middlewares = [  # noqa: RUF012
        {
            "middleware": guard.HostGuard,
            "args": [],
            "kwargs": {"allowed": guard.hosts(os.environ)},
            "name": "Host guard",
        },
        {"middleware": notes.taking, "args": [], "kwargs": {}, "name": "Notes"},
    ]
    external_views = [links.MODELS_VIEW]  # noqa: RUF012
    operator_extra_links = [links.JobLink()]  # noqa: RUF012
    listeners = [preload, marks]  # noqa: RUF012
