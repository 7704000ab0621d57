"""The table of programs, its supervisord configuration, and the environment of the programs."""

from __future__ import annotations

import configparser
import json
import shlex
from pathlib import Path

import pytest

from sagewind.stack import environment, postgres, programs
from sagewind.stack.home import Executor, Home, Memory
from sagewind.stack.ports import HOST

HOME = Home(root=Path("/srv/100% mine"), project=Path("/srv/project"))
MEMORY = Memory(ports={"airflow": 1001, "sagelocal": 1002, "emulator": 1003})
TABLE = programs.table(HOME, MEMORY)


@pytest.fixture(scope="module")
def configuration() -> configparser.RawConfigParser:
    parser = configparser.RawConfigParser(delimiters=("=",), strict=True)
    parser.read_string(programs.configuration(HOME, TABLE))
    return parser


def variables(**environ: str) -> dict[str, str]:
    return environment.of_programs(HOME, MEMORY, environ)


def test_every_program_has_a_section_and_a_group(configuration: configparser.RawConfigParser) -> None:
    grouped = {
        name for group in programs.GROUPS for name in configuration[f"group:{group}"]["programs"].split(",")
    }
    sections = {
        name.removeprefix("program:") for name in configuration.sections() if name.startswith("program:")
    }
    assert grouped == sections == {program.name for program in TABLE}


def test_no_process_of_a_program_outlives_it(configuration: configparser.RawConfigParser) -> None:
    for program in TABLE:
        section = configuration[f"program:{program.name}"]
        assert section["killasgroup"] == section["autorestart"] == "true"
        # The triggerer ends its runner itself.
        assert section["stopasgroup"] == ("false" if program.name == "triggerer" else "true")


def test_airflow_waits_for_its_database(configuration: configparser.RawConfigParser) -> None:
    waiting = {p.name for p in TABLE if configuration[f"program:{p.name}"]["autostart"] == "false"}
    assert waiting == {"api-server", "scheduler", "dag-processor", "triggerer"}


def test_the_scheduler_waits_for_the_api() -> None:
    (group,) = {program.group for program in TABLE if program.name == "api-server"}
    assert [program.name for program in TABLE if program.group == programs.SCHEDULER] == ["scheduler"]
    assert programs.GROUPS.index(group) < programs.GROUPS.index(programs.SCHEDULER)


def test_stores_start_first_and_stop_last(configuration: configparser.RawConfigParser) -> None:
    priorities = [int(configuration[f"group:{group}"]["priority"]) for group in programs.GROUPS]
    assert priorities == sorted(priorities)
    assert programs.GROUPS[0] == programs.STORES


def test_percent_signs_survive_supervisords_expansion(configuration: configparser.RawConfigParser) -> None:
    assert configuration["program:postgres"]["directory"] == "/srv/100%% mine"
    assert shlex.split(configuration["program:postgres"]["command"])[3] == "/srv/100%% mine/postgres/data"


def test_no_log_server_is_started() -> None:
    for program in TABLE:
        if program.name in {"scheduler", "triggerer"}:
            assert "--skip-serve-logs" in program.argv


def test_every_listener_is_on_loopback() -> None:
    given = variables()
    assert given["AIRFLOW__API__HOST"] == HOST
    addresses = [value for name, value in given.items() if name.startswith("AWS_ENDPOINT_URL")]
    assert addresses
    assert all(address.startswith(f"http://{HOST}:") for address in addresses)
    assert postgres.SETTINGS["listen_addresses"] == ""


@pytest.mark.parametrize(
    "name",
    [
        "AWS_PROFILE",  # would name real credentials
        "AWS_SESSION_TOKEN",
        "AWS_ENDPOINT_URL_S3",  # would lead elsewhere
        "AIRFLOW__CORE__EXECUTOR",
        "AIRFLOW_CONN_AWS_OTHER",
        "PYTHONDONTWRITEBYTECODE",  # doubles the time of imports
    ],
)
def test_what_is_the_users_own_does_not_get_in(name: str) -> None:
    assert variables(**{name: "theirs"}).get(name) != "theirs"


def test_the_demos_scheduler_starts_nothing_by_itself() -> None:
    assert variables()["AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE"] == "True"
    demo = environment.of_programs(HOME, MEMORY, {}, cron=False)
    assert demo["AIRFLOW__SCHEDULER__USE_JOB_SCHEDULE"] == "False"


def test_the_rest_of_the_environment_gets_in() -> None:
    assert variables(PATH="/bin", HTTPS_PROXY="http://proxy")["HTTPS_PROXY"] == "http://proxy"


def test_the_proxy_is_not_asked_for_loopback() -> None:
    assert variables(NO_PROXY="corp")["NO_PROXY"] == "corp,127.0.0.1,localhost"


def test_a_login_is_needed_and_tokens_are_signed_with_the_homes_secret() -> None:
    given = variables()
    assert given["AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS"] == "admin:admin"
    assert not [name for name in given if "ALL_ADMINS" in name]
    assert given["AIRFLOW__API_AUTH__JWT_SECRET"] == MEMORY.jwt_secret


def test_the_connection_retries_long_and_leaves_addresses_to_the_environment() -> None:
    connection = json.loads(variables()["AIRFLOW_CONN_AWS_DEFAULT"])
    assert connection["extra"]["config_kwargs"]["retries"] == {"mode": "standard", "total_max_attempts": 30}
    assert "endpoint_url" not in connection["extra"]
    assert min(len(connection["login"]), len(connection["password"])) >= 5  # shorter ones are not masked


def test_the_database_is_reached_through_the_homes_socket() -> None:
    assert (
        postgres.uri(Path("/a b/run"), "asyncpg") == "postgresql+asyncpg://airflow@/postgres?host=/a%20b/run"
    )


@pytest.mark.parametrize(("executor", "nap"), [(Executor.LOCAL, "0"), (Executor.CELERY, "0.1")])
def test_the_scheduler_naps_by_itself_only_where_its_executor_does_not(executor: Executor, nap: str) -> None:
    told = environment.of_programs(HOME, MEMORY, {}, executor=executor)
    assert told["AIRFLOW__CORE__EXECUTOR"] == executor.value
    assert told["AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME"] == nap
