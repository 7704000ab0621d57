"""The environment of the stack's programs, as data: Airflow's configuration and the AWS SDKs' addresses.

Every listener is on loopback; nothing of the user's own AWS or Airflow settings gets in, so that nothing
here can reach a real account.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from sagewind.stack import home as homes
from sagewind.stack import ports, postgres
from sagewind.stack.home import Executor

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sagewind.stack.home import Home, Memory

ACCOUNT = "123456789012"
REGION = "us-east-1"
BUCKET = f"sagemaker-{REGION}-{ACCOUNT}"
# Opens nothing but the emulator on loopback; long enough for Airflow to mask it in logs.
ACCESS_KEY = "sagewind-local"
SECRET_KEY = "sagewind-local-secret"  # noqa: S105

PARALLELISM = 4
_NOT_INHERITED = ("AWS_", "AIRFLOW", "PYTHONDONTWRITEBYTECODE")
_SAGEMAKER = (
    *("SAGEMAKER", "SAGEMAKER_RUNTIME", "SAGEMAKER_METRICS", "SAGEMAKER_FEATURESTORE_RUNTIME"),
    "APPLICATION_AUTO_SCALING",
)


def of_programs(
    home: Home,
    memory: Memory,
    environ: Mapping[str, str],
    *,
    cron: bool = True,
    executor: Executor = Executor.LOCAL,
) -> dict[str, str]:
    """Build the environment that every program of the stack is started with.

    Without `cron` the scheduler starts no run by itself: with it, a DAG that is new gets a run for its latest
    interval at once, and whoever triggers one by hand waits behind that.
    """
    inherited = {name: value for name, value in environ.items() if not name.startswith(_NOT_INHERITED)}
    hosts = ",".join(filter(None, (environ.get("NO_PROXY"), ports.HOST, "localhost")))
    return {
        **inherited,
        "NO_PROXY": hosts,
        "no_proxy": hosts,
        "PYTHONUNBUFFERED": "1",
        **aws(memory),
        **_sagelocal(home, memory),
        **_airflow(home, memory, cron=cron, executor=executor),
    }


def aws(memory: Memory) -> dict[str, str]:
    """Build what points an AWS SDK at this stack and at nothing else."""
    sagelocal = memory.address("sagelocal")
    return {
        "AWS_ENDPOINT_URL": memory.address("emulator"),
        **{f"AWS_ENDPOINT_URL_{service}": sagelocal for service in _SAGEMAKER},
        "AWS_ACCESS_KEY_ID": ACCESS_KEY,
        "AWS_SECRET_ACCESS_KEY": SECRET_KEY,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }


def _sagelocal(home: Home, memory: Memory) -> dict[str, str]:
    return {
        "SAGELOCAL_PORT": str(memory.ports["sagelocal"]),
        "SAGELOCAL_DATA_DIR": str(home.sagelocal),
        "SAGELOCAL_ACCOUNT": ACCOUNT,
        "SAGELOCAL_BUCKET": BUCKET,
        "SAGELOCAL_ON_EXIT": "stop",
    }


def _airflow(home: Home, memory: Memory, *, cron: bool, executor: Executor) -> dict[str, str]:
    address = memory.address("airflow")
    options = {
        "core": {
            "executor": executor.value,
            "parallelism": str(PARALLELISM),
            "min_serialized_dag_update_interval": "1",  # so that a spec that was edited twice is seen
            "dags_folder": str(home.project / "dags"),
            "plugins_folder": str(home.project / "plugins"),
            "load_examples": "False",
            "dags_are_paused_at_creation": "False",
            "fernet_key": memory.fernet_key,
            "simple_auth_manager_users": f"{homes.USER}:admin",
            "simple_auth_manager_passwords_file": str(passwords_file(home)),
            "execution_api_server_url": f"{address}/execution/",
        },
        "database": {
            "sql_alchemy_conn": postgres.uri(home.sockets, "psycopg2"),
            "sql_alchemy_conn_async": postgres.uri(home.sockets, "asyncpg"),
        },
        "api": {
            "host": ports.HOST,
            "port": str(memory.ports["airflow"]),
            "base_url": address,
            "workers": "1",
            "secret_key": memory.session_secret,
        },
        "celery": {
            "broker_url": f"redis+socket://{home.broker}",
            "result_backend": f"db+{postgres.uri(home.sockets, 'psycopg2')}",
            "worker_concurrency": str(PARALLELISM),
        },
        "api_auth": {"jwt_secret": memory.jwt_secret},
        "logging": {"base_log_folder": str(home.airflow / "logs")},
        "dag_processor": {"refresh_interval": "10", "min_file_process_interval": "10"},
        "scheduler": {
            **_SCHEDULER,
            "scheduler_idle_sleep_time": _NAPS[executor],
            "use_job_schedule": str(cron),
        },
        "workers": _WORKERS,
        "sdk": _SDK,
        "usage_data_collection": {"enabled": "False"},
    }
    return {
        "AIRFLOW_HOME": str(home.airflow),
        "AIRFLOW_CONN_AWS_DEFAULT": connection(),
        "SAGEWIND_ALLOWED_HOSTS": f"{ports.HOST},localhost",
        **{
            f"AIRFLOW__{section.upper()}__{option.upper()}": value
            for section, values in options.items()
            for option, value in values.items()
        },
    }


# A chain of short tasks is paced by the scheduler's naps; an executor that naps itself is woken by what ends.
_NAPS = {Executor.LOCAL: "0", Executor.CELERY: "0.1"}

# With the defaults the tasks of a scheduler that died are found after five minutes, with these within ten
# seconds. Python 3.14 no longer forks by itself, and whoever runs a task would import everything anew.
_SCHEDULER = {
    "mp_start_method": "fork",
    "job_heartbeat_sec": "5",
    "scheduler_health_check_threshold": "15",
    "orphaned_tasks_check_interval": "15",
    "task_instance_heartbeat_timeout": "20",
}

# So long a task that a person marks or clears runs on.
_WORKERS = {"min_heartbeat_interval": "1"}

# Airflow's own way may take that long to notice that a task's process is gone.
_SDK = {
    "coordinators": json.dumps({"prompt": {"classpath": "sagewind.coordinator.PromptCoordinator"}}),
    "queue_to_coordinator": json.dumps({"default": "prompt"}),
}


def connection() -> str:
    """Build Airflow's `aws_default`: where it leads is left to `AWS_ENDPOINT_URL*`, which reach every client.

    boto's default retries are too few for a wait of hours.
    """
    retries = {"mode": "standard", "total_max_attempts": 30}
    return json.dumps(
        {
            "conn_type": "aws",
            "login": ACCESS_KEY,
            "password": SECRET_KEY,
            "extra": {"region_name": REGION, "config_kwargs": {"retries": retries}},
        }
    )


def passwords_file(home: Home) -> os.PathLike[str]:
    """Where Airflow's SimpleAuthManager reads the login from."""
    return home.airflow / "passwords.json"
