"""The first commands of somebody who has an empty folder, no stack and no AWS: files, or one clear line."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture
def sagewind(tmp_path):
    """Call `sagewind` in an empty folder, without AWS."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AWS", "AIRFLOW"))}
    environ = kept | {"HOME": str(tmp_path / "nobody"), "AWS_EC2_METADATA_DISABLED": "true"}
    folder = tmp_path / "empty"
    folder.mkdir()

    def call(*arguments):
        program = Path(sys.executable).with_name("sagewind")
        return subprocess.run(
            [program, *arguments], cwd=folder, env=environ, capture_output=True, text=True, check=False
        )

    return call


def test_a_model_is_begun_linted_and_planned(sagewind):
    begun = sagewind("init", "sorter")
    assert begun.returncode == 0, begun.stderr
    assert "dags/models/sorter.yaml" in begun.stdout.splitlines()
    assert "dags/from_specs.py" in begun.stdout.splitlines()
    second = sagewind("init", "other")
    assert "dags/from_specs.py" not in second.stdout
    linted = sagewind("lint", "dags/models")
    assert (linted.returncode, linted.stdout) == (0, "0 error(s), 0 warning(s)\n")
    planned = sagewind("plan", "sorter")
    assert "train.job: sagemaker CreateTrainingJob" in planned.stdout


@pytest.mark.parametrize("command", ["timeline", "cost", "rollback"])
def test_where_nothing_answers_two_lines_say_what_was_asked_and_what_to_do(sagewind, command):
    sagewind("init", "sorter")
    asked = sagewind(command, "sorter")
    assert asked.returncode == 1
    first, second = asked.stderr.splitlines()
    assert first.startswith("AWS: ")
    assert "no stack runs in" in second
    assert "sagewind up" in second


@pytest.mark.parametrize("command", ["plan", "doctor", "run", "timeline", "cost", "rollback"])
def test_a_model_that_is_not_there_is_one_line_that_names_those_that_are(sagewind, command):
    sagewind("init", "sorter")
    asked = sagewind(command, "sortre")
    assert asked.returncode == 1
    [said] = asked.stderr.splitlines()
    assert "models here are sorter; `sagewind init sortre` begins one" in said


def test_a_home_that_cannot_be_made_is_one_line_that_names_it(sagewind):
    sagewind("init", "sorter")
    asked = sagewind("--home", "dags/models/sorter.yaml/home", "up")
    assert asked.returncode == 1
    [said] = asked.stderr.splitlines()
    assert said.endswith("dags/models/sorter.yaml/home: Not a directory")


def test_airflows_own_commands_need_a_stack(sagewind):
    sagewind("init", "sorter")
    asked = sagewind("airflow", "dags", "list")
    assert asked.returncode == 1
    assert asked.stderr.endswith("start one (sagewind up)\n")
