"""Who serves: how each server is started, asked and understood.

Each peer gets its best settings of those that were tried: for one row at high concurrency its batching, else
its plain way, each under a name of its own.
"""

from __future__ import annotations

import functools
import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchmarks import environments, processes

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.models import Trained

PEERS = Path(__file__).parent / "peers"
JSON, CSV = "application/json", "text/csv"
OURS, OURS_USER = "sagelocal", "sagelocal, user handlers, 2 workers"
STACK, STACK_USER = "container stack", "container stack, user handlers"
ECHO = "echo (limit)"


@dataclass(frozen=True, kw_only=True)
class Started:
    """How to start a server: its command line, its environment, and the folder that it runs in."""

    argv: list[str]
    environ: dict[str, str] = field(default_factory=dict)


def _table(rows: Any) -> str:
    return json.dumps(rows.tolist())


def _named(rows: Any) -> str:
    return json.dumps({"rows": rows.tolist()})


@dataclass(frozen=True, kw_only=True)
class Contender:
    """A server of predictions."""

    name: str
    start: Callable[[Trained, int, Path], Started]
    path: str = "/invocations"
    ping: str = ""
    body: Callable[[Any], str] = _table
    labels: Callable[[Any], list[Any]] = list
    has_csv: bool = False
    seconds_to_start: float = 60.0


def ours(trained: Trained, port: int, folder: Path) -> Started:
    """Start sagelocal's model server, as an endpoint's instance does."""
    argv = [sys.executable, "-m", "sagelocal.serving.server", "--socket", str(folder / "model.sock")]
    argv += ["--port", str(port), "--model-dir", str(trained.folder)]
    return Started(argv=argv)


def ours_user(trained: Trained, port: int, folder: Path) -> Started:
    """Start it with the user's own handlers."""
    more = {"SAGEMAKER_SUBMIT_DIRECTORY": str(PEERS), "SAGEMAKER_PROGRAM": "handlers.py"}
    more |= {"SAGEMAKER_MODEL_SERVER_WORKERS": "2"}
    return Started(argv=ours(trained, port, folder).argv, environ=more)


def stack(trained: Trained, port: int, folder: Path, *, workers: int = 2, handlers: str = "") -> Started:
    """Start nginx and gunicorn as the toolkit's `_server.start` does, with its own nginx template."""
    python = environments.ensure("container")
    site = next((python.parents[1] / "lib").glob("python*/site-packages"))
    socket = folder / f"gunicorn-{port}.sock"
    template = (site / "sagemaker_containers" / "etc" / "nginx.conf.template").read_text()
    config = folder / f"nginx-{port}.conf"
    config.write_text(
        template.replace("%NGINX_HTTP_PORT%", f"127.0.0.1:{port}")
        .replace("%NGINX_PROXY_READ_TIMEOUT%", "60")
        .replace("/tmp/gunicorn.sock", str(socket))
        .replace("/tmp/nginx.pid", str(folder / f"nginx-{port}.pid"))
        .replace("/dev/stdout", "/dev/null")
        .replace("/dev/stderr", str(folder / f"nginx-{port}.log"))  # else its retries hide gunicorn's words
    )
    gunicorn = [str(python), "-m", "gunicorn", "--timeout", "60", "-k", "gevent", "-b", f"unix:{socket}"]
    gunicorn += ["--worker-connections", str(1000 * workers), "-w", str(workers), "--log-level", "info"]
    script = f"nginx -c {config} & exec {' '.join(gunicorn)} --pythonpath {PEERS} container_app:app"
    (trained.folder.parent / "code").mkdir(
        exist_ok=True
    )  # the toolkit's workers make it at once, and one fails
    environ = {"SAGEMAKER_BASE_DIR": str(trained.folder.parent), "HANDLERS": handlers}
    return Started(argv=["bash", "-c", script], environ=environ)


def _echo(_trained: Trained, port: int, _folder: Path) -> Started:
    return Started(argv=[sys.executable, str(PEERS / "echo.py"), str(port)])


def _litserve(trained: Trained, port: int, _folder: Path, batched: str = "") -> Started:
    python = environments.ensure("litserve")
    argv = [str(python), str(PEERS / "litserve_app.py"), str(port), str(trained.path)]
    return Started(argv=[*argv, batched] if batched else argv)


def _bentoml(trained: Trained, port: int, folder: Path, service: str = "Plain") -> Started:
    python = environments.ensure("bentoml")
    argv = [str(python), "-m", "bentoml", "serve", f"bentoml_app:{service}", "--working-dir", str(PEERS)]
    environ = {"MODEL": str(trained.path), "BENTOML_HOME": str(folder), "BENTOML_DO_NOT_TRACK": "True"}
    return Started(argv=[*argv, "--host", "127.0.0.1", "--port", str(port)], environ=environ)


def _mlserver(trained: Trained, port: int, folder: Path, batch: int = 0) -> Started:
    python = environments.ensure("mlserver")
    own = folder / f"mlserver-{port}"
    own.mkdir()
    model: dict[str, Any] = {"name": "m", "implementation": "mlserver_sklearn.SKLearnModel"}
    model["parameters"] = {"uri": str(trained.path)}
    if batch:
        model |= {"max_batch_size": batch, "max_batch_time": 0.002}
    (own / "model-settings.json").write_text(json.dumps(model))
    settings = {"host": "127.0.0.1", "http_port": port, "grpc_port": processes.free_port()}
    settings |= {"metrics_port": processes.free_port(), "parallel_workers": 0, "debug": False}
    (own / "settings.json").write_text(json.dumps(settings))
    return Started(argv=[str(python.parent / "mlserver"), "start", str(own)])


def _v2(rows: Any) -> str:
    tensor = {"name": "x", "shape": list(rows.shape), "datatype": "FP32", "data": rows.reshape(-1).tolist()}
    return json.dumps({"inputs": [tensor]})


def _mlflow(trained: Trained, port: int, folder: Path) -> Started:
    python = environments.ensure("mlflow")
    model = folder / f"mlflow-{port}"
    environ = processes.environment()
    argv = [str(python), str(PEERS / "mlflow_model.py"), str(trained.path), str(model)]
    subprocess.run(argv, check=True, capture_output=True, env=environ, cwd=folder)
    path = f"{python.parent}:{environ['PATH']}"
    argv = [str(python), "-m", "mlflow", "models", "serve", "-m", str(model), "-p", str(port)]
    return Started(argv=[*argv, "--env-manager", "local", "-h", "127.0.0.1"], environ={"PATH": path})


def _ray(trained: Trained, port: int, _folder: Path) -> Started:
    python = environments.ensure("ray")
    argv = [str(python), str(PEERS / "ray_app.py"), str(port), str(trained.path)]
    return Started(argv=argv, environ={"RAY_USAGE_STATS_ENABLED": "0"})


QUICK = (
    Contender(name=OURS, start=ours, has_csv=True),
    Contender(name=STACK, start=stack, has_csv=True),
    Contender(name=ECHO, start=_echo, path="/", labels=lambda answer: answer),
)
USERS = (
    Contender(name=OURS_USER, start=ours_user),
    Contender(name=STACK_USER, start=functools.partial(stack, handlers="user")),
)
PEERS_OF_ALL = (
    Contender(
        name="MLServer",
        start=_mlserver,
        path="/v2/models/m/infer",
        body=_v2,
        labels=lambda answer: answer["outputs"][0]["data"],
    ),
    Contender(
        name="MLServer, batching",
        start=functools.partial(_mlserver, batch=32),
        path="/v2/models/m/infer",
        body=_v2,
        labels=lambda answer: answer["outputs"][0]["data"],
    ),
    Contender(
        name="BentoML",
        start=_bentoml,
        path="/predict",
        body=_named,
    ),
    Contender(
        name="BentoML, batching",
        start=functools.partial(_bentoml, service="Batched"),
        path="/predict",
        body=_named,
    ),
    Contender(
        name="LitServe",
        start=_litserve,
        path="/predict",
        body=_named,
    ),
    Contender(
        name="LitServe, batching",
        start=functools.partial(_litserve, batched="batch"),
        path="/predict",
        body=_named,
    ),
    Contender(
        name="mlflow models serve",
        start=_mlflow,
        body=lambda rows: json.dumps({"inputs": rows.tolist()}),
        labels=lambda answer: answer["predictions"],
    ),
    Contender(name="Ray Serve", start=_ray, path="/"),
)
