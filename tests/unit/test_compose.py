"""What the schema of compose files cannot see of docker-compose.yaml.

No Docker engine runs here, so what can be known without one is: names that refer to each other, files that
are mounted, where ports are bound, and that each command is one that is started elsewhere too.
"""

import itertools
import re
import sys
from pathlib import Path

import pytest
import yaml

from sagewind.stack import ports, programs
from sagewind.stack.home import Executor, Home, Memory

ROOT = Path(__file__).parents[2]
PINNED = re.search(r"^apache-airflow==(\S+)", (ROOT / "requirements" / "main.in").read_text(), re.MULTILINE)


@pytest.fixture(scope="module")
def compose():
    return yaml.safe_load((ROOT / "docker-compose.yaml").read_text())


@pytest.fixture(scope="module")
def services(compose):
    return compose["services"]


def test_what_a_service_waits_for_exists_and_can_be_waited_for(services):
    for name, service in services.items():
        for other, how in service.get("depends_on", {}).items():
            assert other in services, f"{name} waits for {other}"
            if how["condition"] == "service_healthy":
                assert "healthcheck" in services[other], f"{name} waits for the health of {other}"


def test_every_lasting_service_has_a_health_check(services):
    lasting = {name for name, service in services.items() if service["restart"] != "no"}
    assert {name for name in lasting if "healthcheck" not in services[name]} == set()


def test_volumes_are_declared_and_mounted_files_exist(compose, services):
    for service in services.values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("."):
                assert (ROOT / source).exists(), source
            else:
                assert source in compose["volumes"], source


def test_ports_are_bound_to_loopback(services):
    ports = [port for service in services.values() for port in service.get("ports", [])]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports), ports


def test_images_are_built_from_files_that_exist_with_the_airflow_that_is_pinned(services):
    built = [service for service in services.values() if "build" in service]
    for service in built:
        assert (ROOT / service["build"]["dockerfile"]).is_file()
    airflow = {s["build"]["args"]["AIRFLOW_VERSION"] for s in built if "args" in s["build"]}
    tags = {s["image"].partition(":")[2] for s in built if s["image"].startswith("sagewind-airflow")}
    text = (ROOT / "docker" / "airflow.Dockerfile").read_text()
    default = re.search(r"AIRFLOW_VERSION=(\S+)", text)[1]
    assert airflow == tags == {default} == {PINNED[1]}


def test_no_image_floats(services):
    for service in services.values():
        if "build" not in service:
            assert re.search(r":\d", service["image"]), service["image"]


def test_variables_are_in_the_example_and_no_secret_is_in_the_file(compose):
    text = (ROOT / "docker-compose.yaml").read_text()
    used = set(re.findall(r"(?<!\$)\$\{([A-Z_]+)", text))
    example = (ROOT / ".env.example").read_text()
    assert used == set(re.findall(r"^([A-Z_]+)=", example, re.MULTILINE))
    for name in used - {"AIRFLOW_USER"}:
        assert re.search(rf"^{name}=$", example, re.MULTILINE), f"{name} has a value in .env.example"
    assert ".env" in (ROOT / ".gitignore").read_text().split()


def test_airflows_settings_have_the_form_that_airflow_reads(services):
    for service in services.values():
        for name, value in service.get("environment", {}).items():
            assert re.fullmatch(
                r"AIRFLOW__[A-Z0-9_]+__[A-Z0-9_]+|(AWS|SAGE|POSTGRES|REDIS|DUMB)[A-Z0-9_]*", name
            )
            assert isinstance(value, str), f"{name} is {value!r}; compose wants text"


def test_every_command_is_one_that_is_started_elsewhere(services, tmp_path):
    started = [*local_commands(tmp_path), programs.MIGRATE]
    for service in services.values():
        command = service.get("command")
        if command is None:
            continue
        words = tuple(itertools.takewhile(lambda word: not word.startswith("-"), command))
        assert any(other[: len(words)] == words for other in started), command


def local_commands(folder):
    """Yield the words of each of the local stack's programs, behind the interpreter and the tether."""
    home = Home(root=folder, project=ROOT)
    memory = Memory(ports=dict.fromkeys(ports.CUSTOMARY, 1))
    for program in programs.table(home, memory, Executor.CELERY):
        wrapped = " ".join(program.argv).replace(sys.executable, "")
        yield tuple(word for word in wrapped.split() if word not in {"-m", "sagewind.stack.tether"})
