"""Airflow plugin of Sagewind: the link from each SageMaker task to its job, and the job's page.

The one file in this folder: Airflow executes every file here in every process, under its bare name.
"""

from airflow.plugins_manager import AirflowPlugin

from sagewind.ui import lazy, links


class SagewindPlugin(AirflowPlugin):
    """What Airflow finds here; the code is in `sagewind.ui`."""

    name = "sagewind"
    fastapi_apps = [{"app": lazy.application, "url_prefix": links.PREFIX, "name": "Sagewind"}]  # noqa: RUF012
    operator_extra_links = [links.JobLink()]  # noqa: RUF012
